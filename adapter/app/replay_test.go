package app_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
)

// everything is every version of every resource and every delivery, by name.
func (h *house) everything() string {
	h.t.Helper()
	var b strings.Builder
	for _, typ := range []string{"Patient", "Organization", "Practitioner", "PractitionerRole", "ServiceRequest", "Consent", "Task", "Provenance"} {
		for _, e := range h.want(h.call("GET", "/fhir/"+typ+"/_history?_count=200", nil), 200).value(h.t).List("entry") {
			fmt.Fprintln(&b, e.TextAt("fullUrl"), e.TextAt("resource.meta.versionId"))
		}
	}
	for _, d := range h.want(h.call("GET", "/admin/deliveries?limit=500", nil), 200).value(h.t).Items {
		fmt.Fprintln(&b, "delivery", d.Str("key"))
	}
	return b.String()
}

// TestReplayNeverDuplicates: whatever was accepted is replayed and sent again,
// many times at once, and not one version of anything is made.
func TestReplayNeverDuplicates(t *testing.T) {
	h := open(t, nil)
	var bodies []struct {
		w    wire
		body []byte
	}
	for _, w := range wires {
		for i, m := range []struct{ intention, sent string }{{"new", monday}, {"modify", tuesday}, {"status", tuesday}, {"cancel", thursday}} {
			body := w.message(m.intention, i, m.sent, "urgent")
			h.want(h.send(w, body), 200)
			if m.intention != "status" { // which is answered anew each time
				bodies = append(bodies, struct {
					w    wire
					body []byte
				}{w, body})
			}
		}
	}
	h.settled()
	before := h.everything()
	messages := h.want(h.call("GET", "/admin/messages?limit=100", nil), 200).value(h.t).Items
	if len(messages) != 8 {
		t.Fatalf("%d messages, want 8", len(messages))
	}
	var wg sync.WaitGroup
	for _, m := range messages {
		for range 3 {
			wg.Go(func() {
				r, err := h.try("POST", "/admin/messages/"+m.TextAt("id")+"/replay", nil)
				if err != nil || r.status != 200 || !bytes.Contains(r.body, []byte("duplicate")) {
					t.Errorf("replay: %d, %v: %s", r.status, err, r.body)
				}
			})
		}
	}
	for _, b := range bodies {
		wg.Go(func() {
			if r, err := h.try("POST", "/intake/"+b.w.sender, b.body); err != nil || r.status != 200 {
				t.Errorf("repeat: %d, %v", r.status, err)
			}
		})
	}
	wg.Go(func() {
		if r, err := h.try("POST", "/admin/messages/replay", nil); err != nil || r.status != 200 {
			t.Errorf("replay of the failed: %d, %v", r.status, err)
		}
	})
	wg.Wait()
	if after := h.everything(); after != before {
		t.Errorf("something was made by what was accepted before:\n%s\nbefore:\n%s", after, before)
	}
	if n := len(h.want(h.call("GET", "/admin/messages?limit=100", nil), 200).value(h.t).Items); n != 8 {
		t.Errorf("%d messages after the replay, want 8", n)
	}
}

// TestReplayOfFailed goes through the failed messages in pages, oldest first,
// so that a referral is taken before its update, each once however many replay
// at the same time; a page that was lost is made up for.
func TestReplayOfFailed(t *testing.T) {
	h := open(t, nil)
	w := wires[1]
	const n = 6
	for i := range n { // updates before their referral
		body := bytes.ReplaceAll(w.message("modify", 100+i, tuesday, "urgent"), []byte("SP-1"), fmt.Appendf(nil, "SP-%d", 200+i))
		h.want(h.send(w, body), 404)
	}
	for i := range n {
		body := bytes.ReplaceAll(w.message("new", 300+i, monday, "routine"), []byte("SP-1"), fmt.Appendf(nil, "SP-%d", 200+i))
		h.want(h.send(w, body), 200)
	}
	before := h.everything()
	dry := h.want(h.call("POST", "/admin/messages/replay?dry=true", nil), 200).value(t)
	if list := dry.List("replayed"); len(list) != n || list[0].Str("result") != "accepted" || h.everything() != before {
		t.Errorf("trying %d messages, the first %s, changed something or found others", len(list), list[0].Str("result"))
	}
	first := h.want(h.call("POST", "/admin/messages/replay?limit=2", nil), 200).value(t)
	if len(first.List("replayed")) != 2 || first.TextAt("next") == "" || first.TextAt("next") != first.List("replayed")[1].TextAt("id") {
		t.Errorf("the first page holds %d and goes on at %q", len(first.List("replayed")), first.TextAt("next"))
	}
	var wg sync.WaitGroup
	accepted := make(chan int, 4)
	for range 4 {
		wg.Go(func() {
			sum := 0
			for after := first.TextAt("next"); ; {
				r, err := h.try("POST", "/admin/messages/replay?limit=1&after="+after, nil)
				if err != nil || r.status != 200 {
					t.Errorf("replay: %d, %v", r.status, err)
					break
				}
				page, err := element.Parse(r.body, element.Limits{})
				if err != nil {
					t.Error(err)
					break
				}
				for _, m := range page.List("replayed") {
					if m.Str("result") == "accepted" {
						sum++
					}
				}
				if after = page.TextAt("next"); after == "" {
					break
				}
			}
			accepted <- sum
		})
	}
	wg.Wait()
	close(accepted)
	total := 0
	for a := range accepted {
		total += a
	}
	if total != n-2 {
		t.Errorf("%d of %d messages were accepted, counted over all who replayed", total, n-2)
	}
	for i := range n {
		v := h.one(fmt.Sprintf("ServiceRequest?identifier=SP-%d", 200+i))
		if v.Str("priority") != "urgent" || v.TextAt("meta.versionId") != "2" {
			t.Errorf("request %d: %s, version %s", i, v.Str("priority"), v.TextAt("meta.versionId"))
		}
	}
	if r := h.call("POST", "/admin/messages/replay?sendr=x", nil); r.status != 400 {
		t.Errorf("a misspelt filter is answered %d, want 400", r.status)
	}
	for _, path := range []string{"?since=yesterday", "?after=x", "?limit=0", "?limit=501", "?dry=maybe"} {
		if r := h.call("POST", "/admin/messages/replay"+path, nil); r.status != 400 {
			t.Errorf("%s is answered %d, want 400", path, r.status)
		}
	}
}
