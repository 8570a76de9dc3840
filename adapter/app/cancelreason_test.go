package app_test

import (
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
)

// TestReasonOfACancellation: where the mapping gives none, the notes of the
// message are it, but not the story of the referral sent again.
func TestReasonOfACancellation(t *testing.T) {
	const story = `"notes":"Would like company."`
	for _, c := range []struct{ more, reason, note string }{
		{"", "Cancelled by the sender, who gave no reason", ""},
		{"," + story, "Cancelled by the sender, who gave no reason", ""},
		{`,"notes":"Has moved away."`, "Has moved away.", "Has moved away."},
		{`,"notes":"Has moved away.","cancelReason":"Asked to stop."`, "Asked to stop.", "Has moved away."},
	} {
		h := open(t, nil)
		h.want(h.json(jsonReferral("new", "1", monday, "", ","+story)), 200)
		h.want(h.json([]byte(`{"type":"referral","action":"cancel","id":"2","referralNumber":"SP-1"`+c.more+`}`)), 200)
		task := h.one("Task")
		if got := task.TextAt("statusReason.text"); got != c.reason {
			t.Errorf("%s: reason %q, want %q", c.more, got, c.reason)
		}
		var notes []string
		for _, n := range task.List("note") {
			if who := n.Str("authorString"); strings.HasPrefix(who, "sender ") && !strings.Contains(n.Str("text"), "took this referral back") {
				notes = append(notes, n.Str("text"))
			}
		}
		if strings.Join(notes, "|") != c.note {
			t.Errorf("%s: notes %q of %s", c.more, notes, element.Canonical(task))
		}
	}
}
