package main

import (
	"fmt"
	"net/http"
	"net/url"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/linkloop/linkloop/adapter/batch"
	"github.com/linkloop/linkloop/adapter/gateway"
)

func receiptsCommand() *cobra.Command {
	c := &client{}
	cmd := &cobra.Command{Use: "receipts", Short: "What became of files of many messages: list, show"}
	c.flags(cmd)

	var sender string
	var limit int
	list := &cobra.Command{Use: "list", Short: "List receipts, newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{"limit": {fmt.Sprint(limit)}}
			if sender != "" {
				q.Set("sender", sender)
			}
			var out []gateway.ReceiptView
			if err := c.call(cmd.Context(), http.MethodGet, "/admin/receipts?"+q.Encode(), &out); err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "ID\tRECEIVED\tSENDER\tSTATUS\tREAD\tACCEPTED\tREPEATED\tREFUSED")
			for _, r := range out {
				counts := "-\t-\t-\t-" // a receipt of before there were any
				if n := r.Counts; n != nil {
					counts = fmt.Sprintf("%d\t%d\t%d\t%d", n.Read, n.Accepted, n.Repeated, n.Refused)
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.ID, r.Received.Format("2006-01-02 15:04:05"), r.Sender, r.Status, counts)
			}
			return w.Flush()
		}}
	list.Flags().StringVar(&sender, "sender", "", "only of this sender")
	list.Flags().IntVar(&limit, "limit", 50, "how many, at most 1000")

	var rows bool
	show := &cobra.Command{Use: "show ID", Short: "Show one receipt: which rows were refused, and why", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var r batch.Receipt
			if err := c.call(cmd.Context(), http.MethodGet, "/admin/receipts/"+url.PathEscape(args[0]), &r); err != nil {
				return err
			}
			if rows {
				return r.WriteCSV(cmd.OutOrStdout())
			}
			return r.WriteJSON(cmd.OutOrStdout())
		}}
	show.Flags().BoolVar(&rows, "csv", false, "as rows, one for each reason")

	cmd.AddCommand(list, show)
	return cmd
}
