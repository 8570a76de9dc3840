package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/gateway"
	"github.com/linkloop/linkloop/adapter/intake"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/store"
)

func messagesCommand() *cobra.Command {
	c := &client{}
	cmd := &cobra.Command{Use: "messages", Short: "Messages as received: list, show, replay, close"}
	c.flags(cmd)

	var status, sender string
	var limit int
	var before int64
	var closed bool
	list := &cobra.Command{Use: "list", Short: "List messages, newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{"limit": {fmt.Sprint(limit)}, "since": {"true"}}
			if closed {
				status = string(store.ClosedMessage)
			}
			if status != "" {
				q.Set("status", status)
			}
			if sender != "" {
				q.Set("sender", sender)
			}
			if before > 0 {
				q.Set("before", fmt.Sprint(before))
			}
			var out []gateway.MessageView
			if err := c.call(cmd.Context(), http.MethodGet, "/admin/messages?"+q.Encode(), &out); err != nil {
				return err
			}
			rows, err := c.rows(cmd.Context(), out)
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "ID\tRECEIVED\tSENDER\tMESSAGE\tSTATUS\tREASON")
			for _, m := range out {
				name := m.MessageID
				if row := rows[m.ID]; row != "" {
					name = strings.TrimSpace(name + " (" + row + ")")
				}
				fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\n", m.ID, m.Received.Format("2006-01-02 15:04:05"), m.Sender, name, state(m), acceptedSince(m)+firstReason(m.Reasons))
			}
			return w.Flush()
		}}
	list.Flags().StringVar(&status, "status", "", "only these: accepted, failed or closed")
	list.Flags().BoolVar(&closed, "closed", false, "only those that were closed: the same as --status closed")
	list.MarkFlagsMutuallyExclusive("status", "closed")
	list.Flags().StringVar(&sender, "sender", "", "only of this sender")
	list.Flags().IntVar(&limit, "limit", 50, "how many, at most 1000")
	list.Flags().Int64Var(&before, "before", 0, "only those older than this id, for the next page")

	var explain, content bool
	show := &cobra.Command{Use: "show ID", Short: "Show one message: what became of it and why", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return showMessage(cmd, c, args[0], explain, content) }}
	show.Flags().BoolVar(&explain, "explain", false, "how each element came out of the message (holds patient data)")
	show.Flags().BoolVar(&content, "content", false, "the message and the answer themselves (holds patient data)")

	cmd.AddCommand(list, show, replayCommand(c), closeMessages(c))
	return cmd
}

func showMessage(cmd *cobra.Command, c *client, id string, explain, content bool) error {
	out := cmd.OutOrStdout()
	var m gateway.MessageView
	var steps []mapping.Step
	var unmapped []string
	if explain {
		var e struct {
			Message  gateway.MessageView
			Steps    []mapping.Step
			Unmapped []string
		}
		if err := c.call(cmd.Context(), http.MethodGet, "/admin/messages/"+url.PathEscape(id)+"?explain=true", &e); err != nil {
			return err
		}
		m, steps, unmapped = e.Message, e.Steps, e.Unmapped
	} else if err := c.call(cmd.Context(), http.MethodGet, "/admin/messages/"+url.PathEscape(id)+asContent(content), &m); err != nil {
		return err
	}
	name := m.MessageID
	if name == "" {
		name = "without an id"
	}
	fmt.Fprintf(out, "message   %d (%s, of sender %s, format %s)\nreceived  %s\nstatus    %s\nmapping   sha256 %s\n",
		m.ID, name, m.Sender, m.Format, m.Received.Format("2006-01-02 15:04:05 MST"), state(m), m.Mapping)
	rows, err := c.rows(cmd.Context(), []gateway.MessageView{m})
	if err != nil {
		return err
	}
	if row := rows[m.ID]; row != "" {
		fmt.Fprintf(out, "file      %s\n", row)
	}
	if m.Task != "" {
		fmt.Fprintf(out, "made      Task/%s, ServiceRequest/%s\n", m.Task, m.Request)
	}
	for _, r := range reasons(m.Reasons) {
		fmt.Fprintf(out, "reason    %s\n", reasonText(r))
	}
	if content {
		fmt.Fprintf(out, "\n-- message --\n%s\n-- answer --\n%s\n", strings.ReplaceAll(m.Body, "\r", "\n"), strings.ReplaceAll(m.Reply, "\r", "\n"))
	}
	if explain {
		fmt.Fprintln(out)
		if err := mapping.WriteExplanation(out, steps); err != nil {
			return err
		}
		for _, u := range unmapped {
			fmt.Fprintln(out, "not used:", u)
		}
	}
	return nil
}

func state(m gateway.MessageView) string {
	if m.Kind != "" {
		return m.Status + " (" + m.Kind + ")"
	}
	return m.Status
}

// acceptedSince says of a failed message what was accepted in its place.
func acceptedSince(m gateway.MessageView) string {
	if m.Since == 0 {
		return ""
	}
	return fmt.Sprintf("[accepted since as message %d] ", m.Since)
}

func reasons(raw json.RawMessage) []fault.Issue {
	var out []fault.Issue
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &out); err != nil {
			return []fault.Issue{{Text: "the reasons cannot be read"}}
		}
	}
	return out
}

func firstReason(raw json.RawMessage) string {
	rs := reasons(raw)
	if len(rs) == 0 {
		return ""
	}
	text := reasonText(rs[0])
	if len(rs) > 1 {
		text += fmt.Sprintf(" (and %d more)", len(rs)-1)
	}
	return text
}

func reasonText(r fault.Issue) string {
	if r.Code == intake.CodeClosed {
		return "closed: " + r.Text
	}
	parts := []string{}
	for _, p := range []string{r.Place, r.Expression} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(append(parts, r.Text), ": ")
}
