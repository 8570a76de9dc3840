package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/gateway"
	"github.com/linkloop/linkloop/adapter/store"
)

// replaySet is which failed messages to replay, as the flags say.
type replaySet struct {
	failed                     bool
	sender, kind, since, until string
	after                      int64
	page                       int
	dry, all                   bool
}

func replayCommand(c *client) *cobra.Command {
	var set replaySet
	cmd := &cobra.Command{Use: "replay ID... | --failed", Short: "Take failed messages through the house again, by id or as a set",
		Long: "Take failed messages through the house again, with the mappings as they are now.\n\n" +
			"With ids, these; with --failed, all failed messages that the other flags select, oldest first. " +
			"A message that was accepted makes nothing when it is replayed. " +
			"The status is 1 while any of them still fails. " +
			"A set that was interrupted goes on with --after, which its last line says.",
		RunE: func(cmd *cobra.Command, ids []string) error {
			switch {
			case set.failed && len(ids) > 0:
				return errors.New("either ids or --failed, not both")
			case set.failed:
				return set.run(cmd, c)
			case len(ids) == 0:
				return errors.New("say which messages: their ids, or --failed for a set")
			}
			for _, name := range []string{"sender", "kind", "since", "until", "after", "all"} {
				if cmd.Flags().Changed(name) {
					return fmt.Errorf("--%s selects from the failed messages: add --failed and leave the ids out", name)
				}
			}
			return replayIDs(cmd, c, ids, set.dry)
		}}
	f := cmd.Flags()
	f.BoolVar(&set.failed, "failed", false, "replay failed messages; the flags below select among them")
	f.StringVar(&set.sender, "sender", "", "only of this sender, or of the senders with this mapping")
	f.StringVar(&set.kind, "kind", "", "only those that failed with this kind, such as unmappable")
	f.StringVar(&set.since, "since", "", "only those received at or after this date or time, such as 2026-11-01")
	f.StringVar(&set.until, "until", "", "only those received before this date or time")
	f.Int64Var(&set.after, "after", 0, "go on behind this id, where an interrupted replay stopped")
	f.IntVar(&set.page, "page", 100, "messages of one request, at most 500")
	f.BoolVar(&set.all, "all", false, "name every message that still fails, not only the first three of each kind")
	f.BoolVar(&set.dry, "dry-run", false, "only say what would come of it; each message is judged as if it were replayed alone")
	return cmd
}

func replayIDs(cmd *cobra.Command, c *client, ids []string, dry bool) error {
	query := ""
	if dry {
		query = "?dry=true"
	}
	var failing error
	for _, id := range ids {
		var r gateway.ReplayView
		if err := c.call(cmd.Context(), http.MethodPost, "/admin/messages/"+url.PathEscape(id)+"/replay"+query, &r); err != nil {
			return fmt.Errorf("message %s: %w", id, err)
		}
		fmt.Fprintln(cmd.OutOrStdout(), replayed(r, dry))
		for _, more := range r.Reasons[min(1, len(r.Reasons)):] {
			fmt.Fprintf(cmd.OutOrStdout(), "    %s\n", reasonText(more))
		}
		if r.Result != string(store.Accepted) && r.Result != fault.Duplicate.String() {
			failing = quietError{}
		}
	}
	return failing
}

// replayed words what came of a message, with the first reason of a failure.
func replayed(r gateway.ReplayView, dry bool) string {
	switch {
	case r.Result == string(store.Accepted) && dry:
		return fmt.Sprintf("%d: would be accepted%s", r.ID, flagged(r.Flags))
	case r.Result == string(store.Accepted) || r.Result == fault.Duplicate.String():
		line := fmt.Sprintf("%d: %s", r.ID, r.Result)
		if r.Task != "" {
			line += ", Task/" + r.Task
		}
		return line + flagged(r.Flags)
	case len(r.Reasons) > 0:
		return fmt.Sprintf("%d: %s: %s", r.ID, r.Result, reasonText(r.Reasons[0]))
	}
	return fmt.Sprintf("%d: %s", r.ID, r.Result)
}

// shown bounds how many messages of one kind are listed with their reason,
// unless all are asked for.
const shown = 3

// run replays the set page by page; nothing is held but counts.
func (set *replaySet) run(cmd *cobra.Command, c *client) error {
	q := url.Values{"limit": {strconv.Itoa(set.page)}}
	for name, v := range map[string]string{"sender": set.sender, "kind": set.kind, "since": set.since, "until": set.until} {
		if v != "" {
			q.Set(name, v)
		}
	}
	if set.dry {
		q.Set("dry", "true")
	}
	sum := replaySummary{dry: set.dry, all: set.all, failing: map[string]int{}}
	out := cmd.OutOrStdout()
	for after := set.after; ; {
		q.Set("after", strconv.FormatInt(after, 10))
		var page gateway.ReplayPage
		err := c.call(cmd.Context(), http.MethodPost, "/admin/messages/replay?"+q.Encode(), &page)
		if err == nil && page.Stopped != "" {
			err = errors.New(page.Stopped)
		}
		for _, r := range page.Replayed {
			sum.add(out, r)
		}
		if err != nil {
			sum.print(out)
			return fmt.Errorf("%w\nThe replay goes on with: --after %d", err, cmp.Or(page.Next, after))
		}
		if after = page.Next; after == 0 {
			sum.print(out)
			if sum.stillFailing() > 0 {
				return quietError{}
			}
			return nil
		}
	}
}

type replaySummary struct {
	dry, all                   bool
	replayed, accepted, before int
	failing                    map[string]int // by fault kind
}

// add counts a message, and shows it when it is accepted, or among the first few
// of its kind that still fail.
func (s *replaySummary) add(w io.Writer, r gateway.ReplayView) {
	s.replayed++
	switch r.Result {
	case string(store.Accepted):
		s.accepted++
		fmt.Fprintln(w, replayed(r, s.dry))
	case fault.Duplicate.String():
		s.before++
	default:
		if s.failing[r.Result]++; s.failing[r.Result] > shown && !s.all {
			return
		}
		fmt.Fprintln(w, replayed(r, s.dry))
	}
}

// flagged words the codes of flags: ", 3 flags: unknown-code (2), not-a-date".
func flagged(codes []string) string {
	if len(codes) == 0 {
		return ""
	}
	counts := map[string]int{}
	for _, c := range codes {
		counts[c]++
	}
	var words []string
	for _, c := range slices.Sorted(maps.Keys(counts)) {
		if n := counts[c]; n > 1 {
			c += fmt.Sprintf(" (%d)", n)
		}
		words = append(words, c)
	}
	what := "flags"
	if len(codes) == 1 {
		what = "flag"
	}
	return fmt.Sprintf(", %d %s: %s", len(codes), what, strings.Join(words, ", "))
}

func (s *replaySummary) stillFailing() int { return s.replayed - s.accepted - s.before }

func (s *replaySummary) print(w io.Writer) {
	words := []string{"replayed", "accepted now", "still failing"}
	if s.dry {
		words = []string{"tried, nothing was changed", "would be accepted", "would still fail"}
	}
	failing := s.stillFailing()
	fmt.Fprintf(w, "%7d %s\n%7d %s\n", s.replayed, words[0], s.accepted, words[1])
	if s.before > 0 {
		fmt.Fprintf(w, "%7d accepted by another way before\n", s.before)
	}
	fmt.Fprintf(w, "%7d %s\n", failing, words[2])
	for _, kind := range slices.Sorted(maps.Keys(s.failing)) {
		fmt.Fprintf(w, "%9d %s", s.failing[kind], kind)
		if more := s.failing[kind] - shown; more > 0 && !s.all {
			fmt.Fprintf(w, " (%d above, and %d more: --all names them)", shown, more)
		}
		fmt.Fprintln(w)
	}
}
