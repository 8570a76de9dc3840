package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/config"
)

// TestReplayOfASet: cancellations that came before their referrals are tried,
// then replayed once the referrals are there, page by page.
func TestReplayOfASet(t *testing.T) {
	a := house(t, func(c *config.Config) {
		c.Senders = []config.Sender{{Name: "gp", Mapping: "hl7v2-ref"}, {Name: "other", Mapping: "hl7v2-ref"}}
	})
	post := func(sender, body string) {
		t.Helper()
		res, err := http.Post(a.BaseURL()+"/intake/"+sender, "x-application/hl7-v2+er7", strings.NewReader(strings.ReplaceAll(body, "\n", "\r")))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
	cancel := func(n int) string {
		return fmt.Sprintf("MSH|^~\\&|GP|Z00001|B|C|20260303||REF^I14|C-%d|P|2.4\nRF1||||||R-%d\n", n, n)
	}
	for n := range 5 {
		post("gp", cancel(n))
	}
	post("gp", refused)
	post("other", cancel(9))

	server := "--server=" + a.BaseURL()
	set := []string{"messages", "replay", "--failed", "--sender", "gp", "--since", "2026-01-01", "--page", "2", server}
	failing := func(err error) {
		t.Helper()
		if !errors.As(err, &quietError{}) {
			t.Fatalf("the status of a replay that leaves failures: %v", err)
		}
	}
	out, err := run(t, append(set, "--dry-run")...)
	failing(err)
	says(t, out, "6 tried, nothing was changed", "0 would be accepted", "5 not-found (3 above, and 2 more: --all names them)\n", "1 unmappable\n")
	if n := strings.Count(out, ": not-found: "); n != 3 {
		t.Errorf("%d of not-found are named", n)
	}
	out, err = run(t, append(set, "--dry-run", "--all")...)
	failing(err)
	if n := strings.Count(out, ": not-found: "); n != 5 || strings.Contains(out, "more") {
		t.Errorf("--all names %d of not-found:\n%s", n, out)
	}
	// By id the reason stands there as well, and --dry-run changes nothing.
	out, err = run(t, "messages", "replay", "1", "6", "--dry-run", server)
	failing(err)
	says(t, out, "1: not-found: ", "no referral", "6: unmappable: ", "PID-5")
	out, err = run(t, "messages", "replay", "1", server)
	failing(err)
	says(t, out, "1: not-found: ", "no referral")
	for n := range 4 {
		post("gp", fmt.Sprintf("MSH|^~\\&|GP|Z00001|B|C|20260302||REF^I12|N-%d|P|2.4\nRF1||||||R-%d\nPID|1||||Quill^Jo\n", n, n))
	}
	out, err = run(t, append(set, "--dry-run", "--kind", "not-found")...)
	failing(err)
	says(t, out, "5 tried", "4 would be accepted", "1 not-found")
	if n := strings.Count(out, ": would be accepted\n"); n != 4 {
		t.Errorf("%d are named that would be accepted:\n%s", n, out)
	}
	for range 2 {
		if out, err = run(t, "messages", "replay", "1", "--dry-run", server); err != nil || out != "1: would be accepted\n" {
			t.Errorf("tried: %v: %s", err, out)
		}
	}
	out, err = run(t, set...)
	failing(err)
	says(t, out, ": accepted, Task/", "6 replayed", "4 accepted now", "2 still failing", "1 not-found", "1 unmappable", "PID-5")
	out, err = run(t, set...)
	failing(err)
	says(t, out, "2 replayed", "0 accepted now")
	out, err = run(t, "messages", "replay", "--failed", server)
	failing(err)
	says(t, out, "3 replayed") // the other sender's too
	out, err = run(t, "messages", "replay", "--failed", "--sender", "hl7v2-ref", server)
	failing(err)
	says(t, out, "3 replayed") // by the name of the mapping
	if out, err = run(t, "messages", "replay", "--failed", "--sender", "gp", "--kind", "transient", server); err != nil {
		t.Fatalf("nothing failed: %v", err)
	}
	says(t, out, "0 replayed")

	// What would be accepted with flags says with which, tried and done.
	post("other", "MSH|^~\\&|GP|Z00001|B|C|20260303||REF^I13|U-1|P|2.4\nRF1||||||R-50\nPID|1||9990000010^^^NHS^NH||Quill^Jo||31021951\n")
	post("other", "MSH|^~\\&|GP|Z00001|B|C|20260302||REF^I12|U-2|P|2.4\nRF1||||||R-50\nPID|1||||Quill^Jo\n")
	out, err = run(t, "messages", "replay", "--failed", "--sender", "other", "--dry-run", server)
	failing(err)
	says(t, out, ": would be accepted, 2 flags: nhs-number-check-digit, not-a-date\n")
	out, err = run(t, "messages", "replay", "--failed", "--sender", "other", server)
	failing(err)
	says(t, out, ": accepted, Task/", ", 2 flags: nhs-number-check-digit, not-a-date\n")

	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{}, "--failed"},
		{[]string{"--failed", "7"}, "not both"},
		{[]string{"--sender", "gp", "7"}, "add --failed"},
		{[]string{"--failed", "--since", "yesterday"}, "2026-11-01"},
		{[]string{"--failed", "--page", "5000"}, "1 to 500"},
		{[]string{"--failed", "--sender", "pg"}, "the senders are gp, other"},
	} {
		if _, err := run(t, append(append([]string{"messages", "replay"}, tc.args...), server)...); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v: %v, want %q", tc.args, err, tc.want)
		}
	}
}
