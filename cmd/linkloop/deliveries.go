package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/linkloop/linkloop/adapter/gateway"
	"github.com/linkloop/linkloop/adapter/store"
)

func deliveriesCommand() *cobra.Command {
	c := &client{}
	cmd := &cobra.Command{Use: "deliveries", Short: "What is owed to patient records: list, show, retry, hold, close, stop, not-taken, report, recall"}
	c.flags(cmd)

	var stateFlag, practice, task string
	var limit int
	var before int64
	list := &cobra.Command{Use: "list", Short: "List deliveries, newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{"limit": {fmt.Sprint(limit)}}
			for k, v := range map[string]string{"state": stateFlag, "practice": practice, "task": task} {
				if v != "" {
					q.Set(k, v)
				}
			}
			if before > 0 {
				q.Set("before", fmt.Sprint(before))
			}
			var out []gateway.DeliveryView
			if err := c.call(cmd.Context(), http.MethodGet, "/admin/deliveries?"+q.Encode(), &out); err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "ID\tOWED SINCE\tPRACTICE\tTASK\tSTATE\tATTEMPTS\tREASON")
			for _, d := range out {
				fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%d\t%s\n", d.ID, d.Created.Format("2006-01-02 15:04:05"), d.Practice, d.Task, d.State, d.Attempts, strings.Join(slices.DeleteFunc([]string{d.Waits, d.Reason}, func(s string) bool { return s == "" }), "; "))
			}
			return w.Flush()
		}}
	list.Flags().StringVar(&stateFlag, "state", "", "only these: owed, leased, sent, delivered, proven, dead, held, withheld or closed")
	list.Flags().StringVar(&practice, "practice", "", "only for this ODS code")
	list.Flags().StringVar(&task, "task", "", "only of this Task id")
	list.Flags().IntVar(&limit, "limit", 50, "how many, at most 1000")
	list.Flags().Int64Var(&before, "before", 0, "only those older than this id, for the next page")

	var content bool
	show := &cobra.Command{Use: "show ID", Short: "Show one delivery with every attempt", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return showDelivery(cmd, c, args[0], content) }}
	show.Flags().BoolVar(&content, "content", false, "the payload and the peer's answers (hold patient data)")

	act := func(verb, short string) *cobra.Command {
		return &cobra.Command{Use: verb + " ID...", Short: short, Args: cobra.MinimumNArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				for _, id := range args {
					var out struct{ State string }
					if err := c.call(cmd.Context(), http.MethodPost, "/admin/deliveries/"+url.PathEscape(id)+"/"+verb, &out); err != nil {
						return fmt.Errorf("delivery %s: %w", id, err)
					}
					fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", id, out.State)
				}
				return nil
			}}
	}
	cmd.AddCommand(list, show, act("retry", "Send dead, held or withheld deliveries again"), act("hold", "Stop owed deliveries until they are retried"), letterCommand(c),
		closeDeliveries(c), stopPractice(c), startPractice(c), listStops(c), notTaken(c), report(c), recallCommand(c))
	return cmd
}

func showDelivery(cmd *cobra.Command, c *client, id string, content bool) error {
	var d gateway.DeliveryView
	if err := c.call(cmd.Context(), http.MethodGet, "/admin/deliveries/"+url.PathEscape(id)+asContent(content), &d); err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "delivery  %d to practice %s by %s\nabout     Task/%s\nkey       %s\nstate     %s %s\nowed      %s\n",
		d.ID, d.Practice, d.Channel, d.Task, d.Key, d.State, d.Stage, d.Created.Format("2006-01-02 15:04:05 MST"))
	if d.Reason != "" {
		fmt.Fprintf(out, "reason    %s\n", d.Reason)
	}
	if d.Waits != "" {
		fmt.Fprintf(out, "waits     %s\n", d.Waits)
	}
	switch due := d.Due.Format("2006-01-02 15:04:05 MST"); {
	case d.State == string(store.Sent):
		fmt.Fprintf(out, "awaits    an acknowledgement until %s\n", due)
	case d.State == string(store.Owed) && d.Attempts > 0:
		fmt.Fprintf(out, "next      not before %s\n", due)
	}
	for _, a := range d.History {
		fmt.Fprintf(out, "attempt %d %s: %s by %s%s\n", a.Number, a.Started.Format("2006-01-02 15:04:05.000"), a.State, a.Channel, said(a))
		if content && a.Evidence != "" {
			fmt.Fprintf(out, "  answer: %s\n", a.Evidence)
		}
	}
	if content && len(d.Payload) > 0 {
		var b bytes.Buffer
		if err := json.Indent(&b, d.Payload, "", "  "); err != nil {
			return err
		}
		fmt.Fprintf(out, "\n-- payload --\n%s\n", b.String())
	}
	return nil
}

// said is what an attempt brought beside its state: the status of an answer over
// HTTP, and the reason.
func said(a gateway.AttemptView) string {
	text := ""
	if a.Status != 0 {
		text = fmt.Sprintf(", status %d", a.Status)
	}
	if a.Reason != "" {
		text += ", " + a.Reason
	}
	return text
}
