package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/linkloop/linkloop/adapter/referral"
	"github.com/linkloop/linkloop/adapter/worklist"
)

func timelineCommand() *cobra.Command {
	c := &client{}
	cmd := &cobra.Command{Use: "timeline TASK", Short: "Tell what happened to one referral", Args: cobra.ExactArgs(1),
		Long: "Tell what happened to one referral: the id of its Task, or, for operators, its ServiceRequest (ServiceRequest/ID),\n" +
			"a delivery or message of it (delivery/42, message/7), or a number that its sender gave it. Where several referrals have the number, their Tasks are listed.",
		RunE: func(cmd *cobra.Command, args []string) error {
			events, err := c.timeline(cmd.Context(), args[0])
			var several severalTasks
			if errors.As(err, &several) {
				several.write(cmd.OutOrStdout())
			}
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
			for _, e := range events {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", e.At.Format("2006-01-02 15:04:05.000"), e.What, e.Who, e.Ref)
			}
			return w.Flush()
		}}
	c.flags(cmd)
	return cmd
}

// timeline is that of a Task, or of the only one that a referral has by another
// of its names.
func (c *client) timeline(ctx context.Context, name string) ([]referral.Event, error) {
	id := strings.TrimPrefix(name, "Task/")
	if kind, number, _ := strings.Cut(name, "/"); kind == "delivery" || kind == "message" {
		var of struct{ Task string }
		path := map[string]string{"delivery": "/admin/deliveries/", "message": "/admin/messages/"}[kind] + url.PathEscape(number)
		if err := c.call(ctx, http.MethodGet, path, &of); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if of.Task == "" {
			return nil, fmt.Errorf("%s belongs to no Task", name)
		}
		return c.timelineOf(ctx, of.Task)
	}
	if !strings.Contains(id, "/") {
		events, err := c.timelineOf(ctx, id)
		if no := (*refusedError)(nil); !errors.As(err, &no) || no.code != http.StatusNotFound || id != name {
			return events, err
		}
	}
	var found []worklist.Found
	if err := c.call(ctx, http.MethodGet, "/admin/tasks?"+url.Values{"of": {name}}.Encode(), &found); err != nil {
		return nil, fmt.Errorf("%q is the id of no Task, and no referral could be looked for by it: %w", name, err)
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("%q is neither the id of a Task, nor a ServiceRequest, nor a number of a referral here: "+
			"linkloop messages show and deliveries show say which Task a message made and a delivery is about", name)
	case 1:
		return c.timelineOf(ctx, found[0].Task)
	}
	return nil, severalTasks(found)
}

func (c *client) timelineOf(ctx context.Context, task string) (events []referral.Event, err error) {
	err = c.call(ctx, http.MethodGet, "/referrals/"+url.PathEscape(task)+"/timeline", &events)
	return events, err
}

// severalTasks are those that a name of a referral stands for.
type severalTasks []worklist.Found

func (s severalTasks) Error() string {
	return fmt.Sprintf("%d Tasks are meant by this: say which", len(s))
}

func (s severalTasks) write(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "TASK\tSTATUS\tAUTHORED\tSERVICEREQUEST")
	for _, f := range s {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", f.Task, f.Status, f.Created, f.Request)
	}
	_ = t.Flush() // as all output to a terminal
}
