package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/config"
)

// TestFailedAndSentAgain: a failed message says that a later one of its id was
// accepted, and says nothing while there is none.
func TestFailedAndSentAgain(t *testing.T) {
	a := house(t)
	server := "--server=" + a.BaseURL()
	body := samples["hl7"].body
	send(t, a, "hl7v2-ref", strings.Replace(body, "Quillfeather^Zebedee", "", 1))
	list := func() string {
		t.Helper()
		out, err := run(t, "messages", "list", "--status", "failed", server)
		if err != nil || !strings.Contains(out, "M-1") {
			t.Fatalf("%v\n%s", err, out)
		}
		return out
	}
	send(t, a, "hl7v2-ref", strings.NewReplacer("M-1", "M-2", "SP-1", "SP-2").Replace(body))
	if out := list(); strings.Contains(out, "accepted since") {
		t.Errorf("another message counts as its correction:\n%s", out)
	}
	send(t, a, "hl7v2-ref", body)
	if out := list(); !strings.Contains(out, "[accepted since as message 3]") {
		t.Errorf("nothing says that it was sent again:\n%s", out)
	}
}

// TestFailedBeforeItsReferral: where messages have the number of their referral
// for an id, a failed update or cancellation is not done with the referral that
// came after it, and a cancellation is done with another one.
func TestFailedBeforeItsReferral(t *testing.T) {
	a := house(t)
	message := func(event, born string) {
		t.Helper()
		send(t, a, "hl7v2-ref", strings.NewReplacer("REF^I12", "REF^"+event, "19510703", born).Replace(samples["hl7"].body))
	}
	message("I14", "19510703") // message 1 cancels what is not here
	message("I13", "19510703") // 2 changes it
	message("I12", "19510703") // 3
	message("I13", "19510704") // 4 changes it to something else
	list := func(want string, times int) {
		t.Helper()
		out, err := run(t, "messages", "list", "--status", "failed", "--server="+a.BaseURL())
		if err != nil || strings.Count(out, "not-found") != 2 {
			t.Fatalf("%v\n%s", err, out)
		}
		if strings.Count(out, "[accepted since") != times || !strings.Contains(out, want) {
			t.Errorf("%d hints, %q are wanted:\n%s", times, want, out)
		}
	}
	list("", 0)
	message("I14", "1951070") // 5 cancels it, without a birth date that can be read
	list("[accepted since as message 5] ", 1)
}

// TestMessagesClose: what will never be right leaves the failed messages, is
// shown with its reason, and comes back by its id.
func TestMessagesClose(t *testing.T) {
	a := house(t)
	server := "--server=" + a.BaseURL()
	send(t, a, "hl7v2-ref", refused)
	messages := func(args ...string) (string, error) {
		t.Helper()
		return run(t, append(append([]string{"messages"}, args...), server)...)
	}
	if _, err := messages("close", "1"); err == nil || !strings.Contains(err.Error(), `"reason" not set`) {
		t.Errorf("closed without a reason: %v", err)
	}
	if _, err := messages("close", "1", "--reason", "two\nlines"); err == nil || !strings.Contains(err.Error(), "one line") {
		t.Errorf("closed for lines: %v", err)
	}
	if _, err := messages("close", "7", "--reason", "a test"); err == nil || !strings.Contains(err.Error(), "message 7: 404") {
		t.Errorf("nothing is closed: %v", err)
	}
	for _, tc := range []struct {
		args []string
		says string
		not  string
	}{
		{[]string{"list", "--closed"}, "REASON", "M-1"},
		{[]string{"close", "1", "--reason", "a test by the supplier"}, "1: closed", ""},
		{[]string{"list", "--closed"}, "closed (unmappable)  closed: a test by the supplier (and 1 more)", ""},
		{[]string{"list", "--status", "failed"}, "REASON", "M-1"},
		{[]string{"list"}, "closed (unmappable)", ""},
		{[]string{"show", "1"}, "reason    closed: a test by the supplier\nreason    PID-5", ""},
		{[]string{"replay", "--failed"}, "0 replayed", ""},
	} {
		out, err := messages(tc.args...)
		if err != nil {
			t.Fatalf("%v: %v", tc.args, err)
		}
		says(t, out, tc.says)
		if tc.not != "" && strings.Contains(out, tc.not) {
			t.Errorf("%v: %s", tc.args, out)
		}
	}
	if out, err := messages("replay", "1"); !errors.As(err, &quietError{}) || !strings.Contains(out, "1: unmappable") {
		t.Errorf("%v: %s", err, out)
	}
	out, err := messages("list", "--status", "failed")
	if err != nil {
		t.Fatal(err)
	}
	says(t, out, "M-1")
	if out, err = run(t, "audit", "--action", "message closed", server); err != nil {
		t.Fatal(err)
	}
	says(t, out, "message/1")
}

// TestCloseASet: failed messages are closed by what they have in common, tried
// first; others stay.
func TestCloseASet(t *testing.T) {
	a := house(t, func(c *config.Config) {
		c.Senders = []config.Sender{{Name: "gp", Mapping: "hl7v2-ref"}, {Name: "other", Mapping: "hl7v2-ref"}}
	})
	send(t, a, "gp", refused)
	send(t, a, "gp", strings.Replace(refused, "M-1", "M-2", 1))
	send(t, a, "other", refused)
	send(t, a, "gp", strings.NewReplacer("REF^I12", "REF^I14").Replace(samples["hl7"].body))
	closing := func(args ...string) (string, error) {
		t.Helper()
		return run(t, append([]string{"messages", "close", "--reason", "a test", "--server=" + a.BaseURL()}, args...)...)
	}
	set := []string{"--failed", "--sender", "gp", "--kind", "unmappable", "--since", "2026-01-01"}
	for _, tc := range []struct {
		args []string
		says []string
	}{
		{append(set, "--dry-run"), []string{"2: would be closed: unmappable: ", "1: would be closed", "\n      2 would be closed, nothing was changed\n"}},
		{append(set, "--until", "2026-01-02"), []string{"      0 closed"}},
		{set, []string{"2: closed\n1: closed\n      2 closed\n"}},
		{set, []string{"      0 closed"}},
		{[]string{"--failed", "--dry-run"}, []string{"4: would be closed: not-found", "3: would be closed", "      2 would"}},
	} {
		out, err := closing(tc.args...)
		if err != nil {
			t.Fatalf("%v: %v", tc.args, err)
		}
		says(t, out, tc.says...)
	}
	for _, tc := range []struct {
		args []string
		want string
	}{
		{nil, "or --failed for a set"},
		{[]string{"--failed", "3"}, "not both"},
		{[]string{"--dry-run", "3"}, "add --failed"},
		{[]string{"--failed", "--since", "yesterday"}, "2026-11-01"},
	} {
		if _, err := closing(tc.args...); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v: %v", tc.args, err)
		}
	}
}
