package main

import (
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/config"
)

// TestOperatorsLists: the audit trail by its filters, older pages of the lists,
// and the channels that practices do not take.
func TestOperatorsLists(t *testing.T) {
	a := house(t, func(c *config.Config) { c.Senders = []config.Sender{{Name: "tpp", Mapping: "tpp-srreferralout"}} })
	server := "--server=" + a.BaseURL()
	for range 2 {
		send(t, a, "tpp", "nothing that is known "+time.Now().String())
	}
	today := time.Now().UTC().Format(time.DateOnly)
	for _, tc := range []struct {
		args  []string
		words []string
		not   string
	}{
		{[]string{"deliveries", "not-taken", server}, []string{"PRACTICE", "CHANNEL"}, ""},
		{[]string{"deliveries", "list", "--before", "1", server}, []string{"PRACTICE"}, "A8"},
		{[]string{"messages", "list", "--before", "1", server}, []string{"SENDER"}, "tpp"},
		{[]string{"audit", server}, []string{"ACTOR", "OUTCOME"}, ""},
		{[]string{"audit", "--since", today, server}, []string{"read audit trail"}, ""},
		{[]string{"audit", "--before", "2020-01-01", server}, []string{"ACTOR"}, "read audit trail"},
		{[]string{"audit", "--actor", "nobody", server}, []string{"ACTOR"}, "read audit trail"},
		{[]string{"audit", "--action", "read audit trail", "--limit", "1", "--output", "json", server}, []string{`"action":"read audit trail"`}, "ACTOR"},
	} {
		out, err := run(t, tc.args...)
		if err != nil {
			t.Fatalf("%v: %v", tc.args, err)
		}
		says(t, out, tc.words...)
		if tc.not != "" && strings.Contains(out, tc.not) {
			t.Errorf("%v: %s", tc.args, out)
		}
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"audit", "--since", "yesterday", server}, "no day such as"},
		{[]string{"audit", "--output", "pdf", server}, "text or json"},
		{[]string{"deliveries", "not-taken", "--again", "A81001", server}, "a practice and a channel"},
		{[]string{"deliveries", "not-taken", "--again", "A81001", "hook", server}, "404"},
	} {
		if _, err := run(t, c.args...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c.args, err, c.want)
		}
	}
}
