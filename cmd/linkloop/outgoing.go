package main

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/linkloop/linkloop/adapter/gateway"
	"github.com/linkloop/linkloop/adapter/recall"
	"github.com/linkloop/linkloop/adapter/reconciliation"
)

// reasoned makes a command that needs --reason.
func reasoned(cmd *cobra.Command, reason *string, what string) *cobra.Command {
	cmd.Flags().StringVar(reason, "reason", "", what+", without patient data")
	_ = cmd.MarkFlagRequired("reason")
	return cmd
}

func closeDeliveries(c *client) *cobra.Command {
	var reason string
	cmd := &cobra.Command{Use: "close ID...", Short: "Say that a human saw to deliveries by other means, such as a letter", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, id := range args {
				var out struct{ State string }
				if err := c.send(cmd.Context(), http.MethodPost, "/admin/deliveries/"+url.PathEscape(id)+"/close", map[string]string{"reason": reason}, &out); err != nil {
					return fmt.Errorf("delivery %s: %w", id, err)
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", id, out.State)
			}
			return nil
		}}
	return reasoned(cmd, &reason, "how it was seen to")
}

func stopPractice(c *client) *cobra.Command {
	var reason string
	cmd := &cobra.Command{Use: "stop PRACTICE", Short: "Send nothing more to a practice, or to all, from now on", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var out gateway.StopView
			if err := c.send(cmd.Context(), http.MethodPut, "/admin/stops/"+url.PathEscape(args[0]), map[string]string{"reason": reason}, &out); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: stopped since %s\n", out.Practice, out.Since.Format("2006-01-02 15:04:05 MST"))
			if out.Unknown {
				fmt.Fprintf(cmd.OutOrStdout(), "Nothing was ever owed to %s: if you meant another practice, stop that one, and start this one again.\n", out.Practice)
			}
			return nil
		}}
	return reasoned(cmd, &reason, "why, for whoever starts it again")
}

func startPractice(c *client) *cobra.Command {
	return &cobra.Command{Use: "start PRACTICE", Short: "Send to a practice, or to all, again", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var out struct{ Practice string }
			if err := c.call(cmd.Context(), http.MethodDelete, "/admin/stops/"+url.PathEscape(args[0]), &out); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: started\n", out.Practice)
			return nil
		}}
}

func listStops(c *client) *cobra.Command {
	return &cobra.Command{Use: "stops", Short: "List the practices that get nothing", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var out []gateway.StopView
			if err := c.call(cmd.Context(), http.MethodGet, "/admin/stops", &out); err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "PRACTICE\tSINCE\tBY\tREASON")
			for _, s := range out {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s.Practice, s.Since.Format("2006-01-02 15:04:05"), s.By, s.Reason)
			}
			return w.Flush()
		}}
}

func notTaken(c *client) *cobra.Command {
	var again bool
	cmd := &cobra.Command{Use: "not-taken [PRACTICE CHANNEL]", Short: "List the channels that practices were found not to take, or with --again let one be tried again",
		Args: func(_ *cobra.Command, args []string) error {
			if again && len(args) != 2 || !again && len(args) > 1 {
				return errors.New("a practice at most is expected, and with --again a practice and a channel")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if again {
				var out gateway.NotTakenView
				if err := c.call(cmd.Context(), http.MethodDelete, "/admin/not-taken/"+url.PathEscape(args[0])+"/"+url.PathEscape(args[1]), &out); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: %s is tried again\n", out.Practice, out.Channel)
				return nil
			}
			q := url.Values{}
			if len(args) == 1 {
				q.Set("practice", args[0])
			}
			var out []gateway.NotTakenView
			if err := c.call(cmd.Context(), http.MethodGet, "/admin/not-taken?"+q.Encode(), &out); err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "PRACTICE\tCHANNEL\tSAID LAST")
			for _, n := range out {
				fmt.Fprintf(w, "%s\t%s\t%s\n", n.Practice, n.Channel, n.Since.Format("2006-01-02 15:04:05"))
			}
			return w.Flush()
		}}
	cmd.Flags().BoolVar(&again, "again", false, "the practice takes the channel now; the next delivery tries it")
	return cmd
}

func report(c *client) *cobra.Command {
	var since, until string
	cmd := &cobra.Command{Use: "report", Short: "Owed, sent, proven, overdue: by practice, for yesterday or the days given", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := url.Values{}
			for k, v := range map[string]string{"since": since, "until": until} {
				if v != "" {
					q.Set(k, v)
				}
			}
			var rec reconciliation.Report
			if err := c.call(cmd.Context(), http.MethodGet, "/admin/reconciliation?"+q.Encode(), &rec); err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "from %s to %s\n", rec.Since.In(reconciliation.London).Format(time.DateOnly), rec.Until.In(reconciliation.London).Format(time.DateOnly))
			reconciliation.Table(out, rec)
			return nil
		}}
	cmd.Flags().StringVar(&since, "since", "", "first day, such as 2026-03-01; without it, yesterday")
	cmd.Flags().StringVar(&until, "until", "", "day after the last one; without it, one day")
	return cmd
}

func recallCommand(c *client) *cobra.Command {
	var o recall.Order
	var since, until, folder string
	var yes bool
	cmd := &cobra.Command{Use: "recall NAME", Short: "Find what went out with a code, a list or a mapping, and take it back or correct it", Args: cobra.ExactArgs(1),
		Long: "Shows what it would do. With --yes it owes the corrections, by the channels that the outcomes took.\nThe same name again does nothing twice; for something else take another name.",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.ID, o.DryRun, o.Letters = args[0], !yes, folder != ""
			for _, day := range []struct {
				text string
				into *time.Time
			}{{since, &o.Query.Since}, {until, &o.Query.Until}} {
				if day.text == "" {
					continue
				}
				t, err := time.Parse("2006-01-02", day.text)
				if err != nil {
					return fmt.Errorf("%q is no day such as 2026-03-01", day.text)
				}
				*day.into = t
			}
			var rep recall.Report
			if err := c.sendWithin(cmd.Context(), time.Hour, http.MethodPost, "/admin/recalls", o, &rep); err != nil {
				return err
			}
			return showRecall(cmd, rep, folder)
		}}
	f := cmd.Flags()
	f.StringVar(&o.Query.Code, "code", "", "SNOMED CT code that went out")
	f.StringVar(&o.Query.List, "list", "", "SHA-256 of the list of codes it was made with, as linkloop codes verify shows it")
	f.StringVar(&o.Query.Mapping, "mapping", "", "SHA-256 of the mapping of its referral, as linkloop messages show says it")
	f.StringVar(&o.Query.Practice, "practice", "", "only to this ODS code")
	f.StringVar(&since, "since", "", "only owed from this day on, such as 2026-03-01; days begin at midnight UTC")
	f.StringVar(&until, "until", "", "only owed before this day")
	f.StringVar(&o.Replace.Code, "replace", "", "code of the approved list that takes its place, of the same kind; without it, it is taken back only")
	f.StringVar(&o.Replace.Display, "display", "", "display of that code, to be checked; left out, that of the list")
	f.StringVar(&folder, "letters", "", "folder to write a letter for each practice into (they hold NHS numbers)")
	f.BoolVar(&yes, "yes", false, "do it")
	return reasoned(cmd, &o.Reason, "why, as the practices are told")
}

func showRecall(cmd *cobra.Command, rep recall.Report, folder string) error {
	out := cmd.OutOrStdout()
	what := "done"
	if rep.DryRun {
		what = "would be done (nothing was changed)"
	}
	fmt.Fprintf(out, "%d outcomes found at %d practices; %s:", rep.Found, len(rep.Practices), what)
	for _, action := range []string{recall.Correct, recall.Recall, recall.Known, recall.Nothing} {
		if n := rep.Actions[action]; n > 0 {
			fmt.Fprintf(out, " %s %d", action, n)
		}
	}
	fmt.Fprintln(out)
	if rep.Found == 0 {
		fmt.Fprintln(out, "Nothing was owed that all of these hold of. Look at each of them again before you conclude that nothing left.")
	}
	for _, why := range slices.Sorted(maps.Keys(rep.Unsaid)) {
		fmt.Fprintf(out, "%d of them are only taken back, or without a letter that tells them anew: %s\n", rep.Unsaid[why], why)
	}
	if rep.Rests > 0 {
		fmt.Fprintf(out, "%d of them waited, and nobody knows whether they had arrived: what nothing is wrong with in them is a delivery of its own in front of a human (RIGHT)\n", rep.Rests)
	}
	for ods, text := range rep.Letters {
		file := filepath.Join(folder, "recall-"+rep.ID+"-"+filepath.Base(ods)+".txt")
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return err
		}
		fmt.Fprintln(out, "letter", file)
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "DELIVERY\tPRACTICE\tTASK\tOWED SINCE\tSTATE\tACTION\tCORRECTION\tRIGHT\tLEFT OUT")
	for _, i := range rep.Items {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\n", i.Delivery, i.Practice, i.Task, i.Owed.Format("2006-01-02 15:04:05"), i.State, i.Action, i.By, i.Rest, i.Unsaid)
	}
	return w.Flush()
}
