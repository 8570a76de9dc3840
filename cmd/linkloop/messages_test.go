package main

import (
	"strings"
	"testing"
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
