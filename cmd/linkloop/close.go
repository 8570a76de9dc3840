package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/linkloop/linkloop/adapter/gateway"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// closeSet is which failed messages to close, as the flags say.
type closeSet struct {
	failed, dry                bool
	sender, kind, since, until string
}

func closeMessages(c *client) *cobra.Command {
	var reason string
	var set closeSet
	cmd := &cobra.Command{Use: "close ID... | --failed", Short: "Say of failed messages that they will never be right and need nobody, such as a test",
		Long: "Say of failed messages that they will never be right and need nobody, such as a test or the last row of a file with totals.\n" +
			"They stay and can be read, but are not among the failed ones and not replayed with them. replay ID opens one again.\n" +
			"With ids, these; with --failed, all failed messages that the other flags select: look at them with --dry-run first.",
		RunE: func(cmd *cobra.Command, ids []string) error {
			switch {
			case set.failed && len(ids) > 0:
				return errors.New("either ids or --failed, not both")
			case !set.failed && len(ids) == 0:
				return errors.New("say which messages: their ids, or --failed for a set")
			case set.failed:
				return set.run(cmd, c, reason)
			}
			for _, name := range []string{"sender", "kind", "since", "until", "dry-run"} {
				if cmd.Flags().Changed(name) {
					return fmt.Errorf("--%s is for a set of failed messages: add --failed and leave the ids out", name)
				}
			}
			for _, id := range ids {
				if err := c.closeMessage(cmd.Context(), id, reason); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", id, store.ClosedMessage)
			}
			return nil
		}}
	f := cmd.Flags()
	f.BoolVar(&set.failed, "failed", false, "close failed messages; the flags below select among them")
	f.StringVar(&set.sender, "sender", "", "only of this sender")
	f.StringVar(&set.kind, "kind", "", "only those that failed with this kind, such as unmappable")
	f.StringVar(&set.since, "since", "", "only those received at or after this date or time, such as 2026-11-01")
	f.StringVar(&set.until, "until", "", "only those received before this date or time")
	f.BoolVar(&set.dry, "dry-run", false, "only say which would be closed")
	return reasoned(cmd, &reason, "why nobody needs them")
}

func (c *client) closeMessage(ctx context.Context, id, reason string) error {
	var out struct{ Status string }
	if err := c.send(ctx, http.MethodPost, "/admin/messages/"+url.PathEscape(id)+"/close", map[string]string{"reason": reason}, &out); err != nil {
		return fmt.Errorf("message %s: %w", id, err)
	}
	return nil
}

// run closes what was there to be closed when it began: what fails meanwhile
// was seen by nobody.
func (set *closeSet) run(cmd *cobra.Command, c *client, reason string) error {
	list, err := set.messages(cmd.Context(), c)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	for n, m := range list {
		if set.dry {
			fmt.Fprintf(out, "%d: would be closed: %s: %s\n", m.ID, m.Kind, firstReason(m.Reasons))
			continue
		}
		if err := c.closeMessage(cmd.Context(), strconv.FormatInt(m.ID, 10), reason); err != nil {
			return fmt.Errorf("%w\n%d were closed before it", err, n)
		}
		fmt.Fprintf(out, "%d: %s\n", m.ID, store.ClosedMessage)
	}
	words := "closed"
	if set.dry {
		words = "would be closed, nothing was changed"
	}
	fmt.Fprintf(out, "%7d %s\n", len(list), words)
	return nil
}

// messages are those of the set, newest first.
func (set *closeSet) messages(ctx context.Context, c *client) (out []gateway.MessageView, err error) {
	since, err := moment("since", set.since)
	if err != nil {
		return nil, err
	}
	until, err := moment("until", set.until)
	if err != nil {
		return nil, err
	}
	const page = 1000
	q := url.Values{"status": {string(store.Failed)}, "limit": {strconv.Itoa(page)}}
	if set.sender != "" {
		q.Set("sender", set.sender)
	}
	for {
		var list []gateway.MessageView
		if err := c.call(ctx, http.MethodGet, "/admin/messages?"+q.Encode(), &list); err != nil {
			return nil, err
		}
		for _, m := range list {
			if (set.kind == "" || m.Kind == set.kind) && !m.Received.Before(since) && (until.IsZero() || m.Received.Before(until)) {
				out = append(out, m)
			}
		}
		if len(list) < page {
			return out, nil
		}
		q.Set("before", strconv.FormatInt(list[len(list)-1].ID, 10))
	}
}

// moment reads a date or a time; a date is its first moment, in UTC, and the
// empty text no time.
func moment(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	first, _, ok := resource.Interval(text)
	if !ok {
		return time.Time{}, fmt.Errorf("--%s: a date such as 2026-11-01 or a time such as 2026-11-01T09:00:00Z is expected", flag)
	}
	return first, nil
}
