package app_test

import (
	"bytes"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
)

// pair is a ServiceRequest and its Tasks, by what is read over HTTP.
type pair struct {
	h       *house
	request string
	tasks   []string
}

// pairOf is the referral of a Task with as many more Tasks for its request.
func (h *house) pairOf(task string, more int) *pair {
	h.t.Helper()
	v := h.want(h.call("GET", "/fhir/Task/"+task, nil), 200).value(h.t)
	p := &pair{h, strings.TrimPrefix(v.TextAt("focus.reference"), "ServiceRequest/"), []string{task}}
	for range more {
		twin := v.Clone()
		twin.Remove("meta")
		twin.Remove("owner")
		twin.SetString("status", "requested")
		made := h.want(h.call("POST", "/fhir/Task", twin.JSON(), "Content-Type", fhirJSON), 201)
		p.tasks = append(p.tasks, made.value(h.t).ID())
	}
	return p
}

// states are the statuses of the request and of its Tasks.
func (p *pair) states() string {
	p.h.t.Helper()
	out := []string{p.h.want(p.h.call("GET", "/fhir/ServiceRequest/"+p.request, nil), 200).value(p.h.t).Str("status")}
	for _, id := range p.tasks {
		v := p.h.want(p.h.call("GET", "/fhir/Task/"+id, nil), 200).value(p.h.t)
		out = append(out, v.Str("status"))
		if s := v.Str("status"); s == "cancelled" && v.TextAt("statusReason.text") == "" {
			p.h.t.Errorf("a cancelled Task does not say why")
		}
	}
	return strings.Join(out, " ")
}

func (p *pair) want(what, states string) {
	p.h.t.Helper()
	if got := p.states(); got != states {
		p.h.t.Errorf("%s: %s, want %s", what, got, states)
	}
}

// set changes the status of the request.
func (p *pair) set(status string) response {
	p.h.t.Helper()
	r := p.h.want(p.h.call("GET", "/fhir/ServiceRequest/"+p.request, nil), 200)
	v := r.value(p.h.t)
	v.SetString("status", status)
	return p.h.call("PUT", "/fhir/ServiceRequest/"+p.request, v.JSON(), "Content-Type", fhirJSON, "If-Match", r.header.Get("ETag"))
}

// move changes the status of a Task.
func (p *pair) move(i int, status string) response {
	p.h.t.Helper()
	return p.h.change(p.tasks[i], func(v *element.Value) {
		v.SetString("status", status)
		v.Set("statusReason", object("text", "because"))
		if status == "accepted" {
			v.Set("owner", object("reference", "Organization/a"))
		}
		if status == "completed" {
			v.Append("output", element.NewObject(element.F("type", object("text", "Outcome")), element.S("valueString", "done")))
		}
	})
}

// TestRequestEndsItsTasks: nobody goes on working on what was revoked.
func TestRequestEndsItsTasks(t *testing.T) {
	h := open(t, nil)
	for i, c := range []struct {
		moves  []string // of the first of two Tasks
		status string   // of the request
		code   int
		want   string
	}{
		{nil, "revoked", 200, "revoked cancelled cancelled"},
		{[]string{"accepted", "in-progress"}, "revoked", 200, "revoked cancelled cancelled"},
		{[]string{"rejected"}, "revoked", 200, "revoked rejected cancelled"},
		{[]string{"accepted"}, "entered-in-error", 200, "entered-in-error entered-in-error entered-in-error"},
		{[]string{"accepted", "completed"}, "entered-in-error", 200, "entered-in-error entered-in-error entered-in-error"},
		{[]string{"accepted"}, "completed", 422, "active accepted requested"},
		{nil, "on-hold", 200, "on-hold requested requested"},
	} {
		t.Run(fmt.Sprint(c.moves, " and ", c.status), func(t *testing.T) {
			h := &house{t: t, app: h.app, base: h.base}
			p := h.pairOf(h.unowned(200+i), 1)
			for _, s := range c.moves {
				h.want(p.move(0, s), 200)
			}
			h.want(p.set(c.status), c.code)
			p.want("after "+c.status, c.want)
		})
	}
}

// TestTaskEndsItsRequest: and no request waits for work that is over.
func TestTaskEndsItsRequest(t *testing.T) {
	h := open(t, nil)
	for i, c := range []struct {
		first, second []string
		want          string
	}{
		{[]string{"cancelled"}, nil, "active cancelled requested"},
		{[]string{"cancelled"}, []string{"cancelled"}, "revoked cancelled cancelled"},
		{[]string{"accepted", "completed"}, []string{"rejected"}, "completed completed rejected"},
		{[]string{"rejected"}, []string{"accepted", "completed"}, "completed rejected completed"},
		{[]string{"entered-in-error"}, nil, "active entered-in-error requested"},
		{[]string{"entered-in-error"}, []string{"accepted", "completed"}, "completed entered-in-error completed"},
		{[]string{"entered-in-error"}, []string{"entered-in-error"}, "entered-in-error entered-in-error entered-in-error"},
	} {
		t.Run(fmt.Sprint(c.first, c.second), func(t *testing.T) {
			h := &house{t: t, app: h.app, base: h.base}
			p := h.pairOf(h.unowned(230+i), 1)
			for _, s := range c.first {
				h.want(p.move(0, s), 200)
			}
			for _, s := range c.second {
				h.want(p.move(1, s), 200)
			}
			p.want("at the end", c.want)
		})
	}
}

// TestEndedRequestStays: what is over is not taken up again, nor worked on.
func TestEndedRequestStays(t *testing.T) {
	h := open(t, nil)
	p := h.pairOf(h.unowned(250), 0)
	h.want(p.set("revoked"), 200)
	h.settled()
	h.refused(p.set("active"), 422, "business-rule", "taken up again")
	h.refused(p.move(0, "accepted"), 422, "business-rule", "cancelled")
	twin := h.want(h.call("GET", "/fhir/Task/"+p.tasks[0], nil), 200).value(t)
	twin.Remove("meta")
	twin.SetString("status", "requested")
	h.refused(h.call("POST", "/fhir/Task", twin.JSON(), "Content-Type", fhirJSON), 422, "business-rule", "the request is over")
	h.want(p.set("entered-in-error"), 200)
	p.want("an error that was found later", "entered-in-error entered-in-error")
	lone := h.want(h.call("POST", "/fhir/ServiceRequest", wanted("lone", "x"), "Content-Type", fhirJSON), 201).value(t).ID()
	q := &pair{h: h, request: lone}
	h.want(q.set("revoked"), 200)
	h.want(q.set("active"), 200) // nobody has worked on it
}

// TestOneCommit: both ends have the same commit, so that nobody sees the one
// without the other.
func TestOneCommit(t *testing.T) {
	h := open(t, nil)
	// What becomes of a delivery is written on the Task, by a commit of its own.
	h.want(h.call("PUT", "/admin/stops/all", []byte(`{"reason":"a test of something else"}`)), 200)
	for i, end := range []func(p *pair) response{
		func(p *pair) response { return p.set("revoked") },
		func(p *pair) response { return p.move(0, "cancelled") },
	} {
		p := h.pairOf(h.unowned(260+i), 0)
		h.want(end(p), 200)
		request := h.want(h.call("GET", "/fhir/ServiceRequest/"+p.request, nil), 200).value(t)
		task := h.want(h.call("GET", "/fhir/Task/"+p.tasks[0], nil), 200).value(t)
		// Versions of one commit are a microsecond apart, and nothing else ran.
		since := url.QueryEscape(min(request.TextAt("meta.lastUpdated"), task.TextAt("meta.lastUpdated")))
		if a, b := request.TextAt("meta.lastUpdated"), task.TextAt("meta.lastUpdated"); a[:len(a)-6] != b[:len(b)-6] {
			t.Errorf("written at %s and %s", a, b)
		}
		for _, typ := range []string{"Task", "ServiceRequest"} {
			n := len(h.want(h.call("GET", "/fhir/"+typ+"/_history?_since="+since, nil), 200).value(t).List("entry"))
			if n != 1 {
				t.Errorf("%d versions of %s for one change", n, typ)
			}
		}
	}
}

// TestSenderTakesAllBack: a cancellation by message ends the request and every
// Task of it.
func TestSenderTakesAllBack(t *testing.T) {
	h := open(t, nil)
	p := h.pairOf(h.unowned(270), 1)
	h.want(p.move(1, "accepted"), 200)
	cancel := bytes.ReplaceAll(referral(270, "9990000379"), []byte("REF^I12^REF_I12|MSG-270"), []byte("REF^I14^REF_I12|MSG-270-C"))
	cancel = bytes.ReplaceAll(cancel, []byte("20260302091500"), []byte("20991231091500"))
	r := h.want(h.call("POST", "/intake/hl7v2-ref", cancel), 200)
	if !bytes.Contains(r.body, []byte("MSA|AA")) {
		t.Fatalf("the cancellation was answered with %s", bytes.ReplaceAll(r.body, []byte("\r"), []byte("\n")))
	}
	p.want("after the cancellation", "revoked cancelled cancelled")
}

// TestSenderTakesBackWhatGoesOn: also when the Task of the message is over and
// another one was made for the request.
func TestSenderTakesBackWhatGoesOn(t *testing.T) {
	h := open(t, nil)
	for i, first := range []string{"rejected", "cancelled"} {
		n := 290 + i
		p := h.pairOf(h.unowned(n), 1)
		h.want(p.move(0, first), 200)
		h.want(p.move(1, "accepted"), 200)
		cancel := bytes.ReplaceAll(referral(n, "9990000379"), fmt.Appendf(nil, "REF^I12^REF_I12|MSG-%d", n), fmt.Appendf(nil, "REF^I14^REF_I12|MSG-%d-C", n))
		cancel = bytes.ReplaceAll(cancel, []byte("20260302091500"), []byte("20991231091500"))
		for range 2 {
			r := h.want(h.call("POST", "/intake/hl7v2-ref", cancel), 200)
			if !bytes.Contains(r.body, []byte("MSA|AA")) {
				t.Fatalf("the cancellation was answered with %s", bytes.ReplaceAll(r.body, []byte("\r"), []byte("\n")))
			}
			p.want("after the cancellation", "revoked "+first+" cancelled")
		}
	}
}

// TestBothInOneTransaction: a tool that ends both says so for both, in either
// order and with the versions it knows.
func TestBothInOneTransaction(t *testing.T) {
	h := open(t, nil)
	for i, first := range []string{"Task", "ServiceRequest"} {
		p := h.pairOf(h.unowned(280+i), 0)
		entries := map[string]string{}
		for typ, id := range map[string]string{"Task": p.tasks[0], "ServiceRequest": p.request} {
			r := h.want(h.call("GET", "/fhir/"+typ+"/"+id, nil), 200)
			v := r.value(t)
			if typ == "Task" {
				v.SetString("status", "cancelled")
				v.Set("statusReason", object("text", "moved away"))
			} else {
				v.SetString("status", "revoked")
			}
			entries[typ] = ask("PUT", typ+"/"+id, fmt.Sprintf(`"ifMatch":%q`, r.header.Get("ETag")), `"resource":`+string(v.JSON()))
		}
		second := map[string]string{"Task": "ServiceRequest", "ServiceRequest": "Task"}[first]
		answers(t, h.post("transaction", entries[first], entries[second]), "transaction-response", "200", "200")
		p.want(first+" first", "revoked cancelled")
		v := h.want(h.call("GET", "/fhir/Task/"+p.tasks[0], nil), 200).value(t)
		if got := v.TextAt("statusReason.text"); got != "moved away" {
			t.Errorf("%s first: the reason is %q", first, got)
		}
	}
}
