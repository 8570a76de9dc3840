package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/linkloop/linkloop/adapter/gateway"
)

func auditCommand() *cobra.Command {
	c := &client{}
	var since, before, actor, action, entity, output string
	var limit int
	cmd := &cobra.Command{Use: "audit", Short: "Who did what to what, and when, newest first", Args: cobra.NoArgs,
		Long: "Reads the audit trail of a running linkloop. That it was read is written down in it too.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "text" && output != "json" {
				return errors.New("--output is text or json")
			}
			q := url.Values{}
			for name, text := range map[string]string{"since": since, "until": before} {
				if text == "" {
					continue
				}
				at, err := timeOf(text)
				if err != nil {
					return err
				}
				q.Set(name, at.UTC().Format(time.RFC3339))
			}
			for name, text := range map[string]string{"actor": actor, "action": action, "entity": entity} {
				if text != "" {
					q.Set(name, text)
				}
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
			if output == "text" {
				fmt.Fprintln(w, "TIME\tACTOR\tACTION\tENTITY\tVERSION\tOUTCOME")
			}
			// A page may hold less than was asked for, because one look is bounded.
			for left, next := limit, int64(-1); left > 0 && next != 0; {
				q.Set("limit", fmt.Sprint(min(left, 1000)))
				var page gateway.AuditView
				if err := c.call(cmd.Context(), http.MethodGet, "/admin/audit?"+q.Encode(), &page); err != nil {
					return err
				}
				for _, l := range page.Lines {
					if err := writeAuditLine(w, cmd.OutOrStdout(), l, output); err != nil {
						return err
					}
				}
				left, next = left-len(page.Lines), page.Next
				q.Set("before", fmt.Sprint(next))
			}
			return w.Flush()
		}}
	c.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&since, "since", "", "only from this day or time on, such as 2026-03-01 or 2026-03-01T09:30:00Z; days begin at midnight UTC")
	f.StringVar(&before, "before", "", "only before this day or time")
	f.StringVar(&actor, "actor", "", "only of this client or sender")
	f.StringVar(&action, "action", "", "only this action, such as update")
	f.StringVar(&entity, "entity", "", "only about this, such as Task/123 or delivery/42")
	f.IntVar(&limit, "limit", 100, "how many at most")
	f.StringVar(&output, "output", "text", "text, or json for one object a line")
	return cmd
}

func writeAuditLine(table, out io.Writer, l gateway.AuditLineView, output string) error {
	if output == "json" {
		return json.NewEncoder(out).Encode(l)
	}
	version := ""
	if l.Version > 0 {
		version = fmt.Sprint(l.Version)
	}
	_, err := fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", l.At.Format("2006-01-02 15:04:05.000"), l.Actor, l.Action, l.Entity, version, l.Outcome)
	return err
}

// timeOf reads a day or a time.
func timeOf(text string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no day such as 2026-03-01 and no time such as 2026-03-01T09:30:00Z", text)
}
