package app_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
)

func claimBy(owner string) func(*element.Value) {
	return func(v *element.Value) {
		v.SetString("status", "accepted")
		v.Set("owner", element.NewObject(element.S("reference", "Organization/"+owner)))
	}
}

// unowned makes a referral to nobody in particular and returns its Task.
func (h *house) unowned(n int) string {
	h.t.Helper()
	h.want(h.call("POST", "/intake/hl7v2-ref", referral(n, "9990000379")), 200)
	return h.task(n)
}

// TestClaimRace: of many that claim one Task at once, with and without
// If-Match, exactly one wins.
func TestClaimRace(t *testing.T) {
	h := open(t, nil)
	for round, header := range []string{"If-Match", "X-None"} {
		task := h.unowned(100 + round)
		r := h.want(h.call("GET", "/fhir/Task/"+task, nil), 200)
		var won atomic.Int32
		var wg sync.WaitGroup
		for i := range 8 {
			v := r.value(t)
			claimBy(fmt.Sprintf("org-%d", i))(v)
			if header == "X-None" {
				v.Remove("meta")
			}
			wg.Go(func() {
				a, err := h.try("PUT", "/fhir/Task/"+task, v.JSON(), "Content-Type", fhirJSON, header, r.header.Get("ETag"))
				switch {
				case err != nil:
					t.Error(err)
				case a.status == 200:
					won.Add(1)
				case a.status != 409 && a.status != 412:
					t.Errorf("a lost claim is answered with %d", a.status)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%s: %d claims won", header, won.Load())
		}
	}
}

// TestIllegalMove names the allowed ones and changes nothing.
func TestIllegalMove(t *testing.T) {
	h := open(t, nil)
	task := h.unowned(110)
	h.refused(h.change(task, func(v *element.Value) {
		v.SetString("status", "completed")
		v.Append("output", element.NewObject(element.F("type", element.NewObject(element.S("text", "x"))), element.S("valueString", "y")))
	}), 422, "business-rule", "accepted, rejected, cancelled")
	if got := h.call("GET", "/fhir/Task/"+task, nil).header.Get("ETag"); got != `W/"1"` {
		t.Errorf("a refused change made version %s", got)
	}
}

// TestReadsAndHistory: stored bytes, versions, conditional reads.
func TestReadsAndHistory(t *testing.T) {
	h := open(t, nil)
	task := h.unowned(130)
	h.want(h.change(task, claimBy("a")), 200)
	now := h.want(h.call("GET", "/fhir/Task/"+task, nil), 200)
	if now.header.Get("ETag") != `W/"2"` || now.header.Get("Last-Modified") == "" {
		t.Error("a read has no ETag or Last-Modified")
	}
	first := h.want(h.call("GET", "/fhir/Task/"+task+"/_history/1", nil), 200).value(t)
	if first.Str("status") != "requested" || first.TextAt("meta.versionId") != "1" {
		t.Error("version 1 is not what was made first")
	}
	h.want(h.call("GET", "/fhir/Task/"+task, nil, "If-None-Match", `W/"2"`), 304)
	hist := h.want(h.call("GET", "/fhir/Task/"+task+"/_history", nil), 200).value(t)
	if n := len(hist.List("entry")); n != 2 || hist.TextAt("entry.resource.meta.versionId") != "2" {
		t.Errorf("%d entries, newest is version %s", n, hist.TextAt("entry.resource.meta.versionId"))
	}
	h.refused(h.call("GET", "/fhir/Task/"+task+"/_history/9", nil), 404, "not-found", "")
}

// TestWorklistSearch is what a link-worker tool asks, with paging and includes.
func TestWorklistSearch(t *testing.T) {
	h := open(t, nil)
	for n := 140; n < 145; n++ {
		h.unowned(n)
	}
	h.want(h.change(h.task(140), claimBy("a")), 200)
	count := func(query string) int {
		t.Helper()
		return len(h.want(h.call("GET", "/fhir/Task?"+query, nil), 200).value(t).List("entry"))
	}
	for query, want := range map[string]int{
		"owner:missing=true&status=requested":                   4,
		"owner=Organization/a&status=accepted":                  1,
		"owner=a":                                               1,
		"status=requested,accepted":                             5,
		"status=completed":                                      0,
		"code=http://hl7.org/fhir/CodeSystem/task-code|fulfill": 5,
		"authored-on=ge2026-03-02&authored-on=lt2026-03-03":     5,
		"authored-on=lt2026-03-02":                              0,
		"_lastUpdated=gt2100-01-01T00:00:00Z":                   0,
	} {
		if got := count(query); got != want {
			t.Errorf("Task?%s: %d, want %d", query, got, want)
		}
	}
	seen := map[string]bool{}
	next := "/fhir/Task?status=requested&_sort=-_lastUpdated&_count=2&_include=Task:patient"
	for pages := 0; next != ""; pages++ {
		if pages > 5 {
			t.Fatal("paging does not end")
		}
		v := h.want(h.call("GET", next, nil), 200).value(t)
		patients := 0
		for _, e := range v.List("entry") {
			if e.TextAt("search.mode") == "include" {
				patients++
				continue
			}
			if id := e.TextAt("resource.id"); seen[id] {
				t.Error("a Task stands on two pages")
			} else {
				seen[id] = true
			}
		}
		if patients != 1 {
			t.Errorf("%d included Patients, want the one they share", patients)
		}
		next = ""
		for _, l := range v.List("link") {
			if l.Str("relation") == "next" {
				next = strings.TrimPrefix(l.Str("url"), h.base)
			}
		}
	}
	if len(seen) != 4 {
		t.Errorf("%d Tasks over all pages, want 4", len(seen))
	}
	h.refused(h.call("GET", "/fhir/Task?statu=requested", nil), 400, "invalid", "status")
	form := h.want(h.call("POST", "/fhir/Task/_search", []byte("status=accepted"), "Content-Type", "application/x-www-form-urlencoded"), 200).value(t)
	if len(form.List("entry")) != 1 {
		t.Error("a posted search is not the same as a GET")
	}
}

// TestTrailingSlash: clients write [base]/ and [base]/Task/ too.
func TestTrailingSlash(t *testing.T) {
	h := open(t, nil)
	for _, p := range []string{"/fhir/metadata/", "/fhir/Task/", "/fhir/Task"} {
		h.want(h.call("GET", p, nil), 200)
	}
}

// TestCreateUpdate over the API, with the id and version rules of R4.
func TestCreateUpdate(t *testing.T) {
	h := open(t, nil)
	r := h.want(h.call("POST", "/fhir/Procedure", []byte(`{"resourceType":"Procedure","id":"mine","status":"completed","subject":{"reference":"Patient/1"}}`), "Content-Type", fhirJSON), 201)
	v := r.value(t)
	if v.ID() == "mine" || !strings.HasSuffix(r.header.Get("Location"), "/fhir/Procedure/"+v.ID()+"/_history/1") {
		t.Errorf("id %q, Location %q", v.ID(), r.header.Get("Location"))
	}
	v.SetString("status", "stopped")
	h.want(h.call("PUT", "/fhir/Procedure/"+v.ID(), v.JSON(), "Content-Type", fhirJSON), 200)
	h.refused(h.call("PUT", "/fhir/Procedure/other", v.JSON(), "Content-Type", fhirJSON), 400, "value", "id")
	h.refused(h.call("POST", "/fhir/Procedure", []byte(`{"resourceType":"Procedure","status":"live","subjct":{}}`), "Content-Type", fhirJSON), 422, "", "")
	h.refused(h.call("POST", "/fhir/Task", []byte(`{"resourceType":"Task","status":"requested","intent":"order"}`), "Content-Type", fhirJSON), 422, "required", "required")
}

// TestDemographicsConflictHoldsWriteBack: the flag survives a client that sends
// the Task back without meta, and nothing goes into a record before a human
// has looked.
func TestDemographicsConflictHoldsWriteBack(t *testing.T) {
	h := open(t, nil)
	h.unowned(150)
	other := bytes.ReplaceAll(referral(151, "9990000379"), []byte("19700611"), []byte("19810101"))
	h.want(h.call("POST", "/intake/hl7v2-ref", other), 200)
	task := h.task(151)
	step := func(edit func(*element.Value)) {
		t.Helper()
		v := h.want(h.call("GET", "/fhir/Task/"+task, nil), 200).value(t)
		v.Remove("meta")
		edit(v)
		h.want(h.call("PUT", "/fhir/Task/"+task, v.JSON(), "Content-Type", fhirJSON), 200)
	}
	step(claimBy("a"))
	step(func(v *element.Value) {
		v.SetString("status", "completed")
		v.Append("output", element.NewObject(element.F("type", object("text", "Outcome")), element.S("valueString", "done")))
	})
	list := h.want(h.call("GET", "/admin/deliveries?task="+task, nil), 200).value(t)
	if len(list.Items) != 1 || list.Items[0].Str("state") != "held" || !strings.Contains(list.Items[0].Str("reason"), "confirm the person") {
		t.Errorf("deliveries %s, want one that is held", list.JSON())
	}
}

// TestOutcomeIsCheckedFirst: a code outside the list is refused with those
// that are allowed, before anything is owed or the Task is over.
func TestOutcomeIsCheckedFirst(t *testing.T) {
	h := open(t, nil)
	task := h.unowned(160)
	h.want(h.change(task, claimBy("a")), 200)
	finish := func(code string) response {
		return h.change(task, func(v *element.Value) {
			v.SetString("status", "completed")
			v.Append("output", element.NewObject(element.F("type", object("text", "Activity")),
				element.F("valueCodeableConcept", element.NewObject(element.F("coding", element.NewArray(
					element.NewObject(element.S("system", "http://snomed.info/sct"), element.S("code", code))))))))
		})
	}
	h.refused(finish("33553000"), 422, "code-invalid", "975131000000104 Signposting")
	h.refused(finish("1659111000000100"), 422, "code-invalid", "truncated")
	list := h.want(h.call("GET", "/admin/deliveries", nil), 200).value(t)
	if len(list.Items) != 0 {
		t.Error("something is owed for a refused outcome")
	}
	h.want(finish("975131000000104"), 200)
	request := h.want(h.call("GET", "/fhir/ServiceRequest?identifier=SP-160", nil), 200).value(t)
	if got := request.TextAt("entry.resource.status"); got != "completed" {
		t.Errorf("the ServiceRequest is %s, want completed", got)
	}
}

// TestOwnAddressIsRelative: a reference written with our own base is found by
// the short form and by the long one.
func TestOwnAddressIsRelative(t *testing.T) {
	h := open(t, nil)
	body := `{"resourceType":"Procedure","status":"completed","subject":{"reference":"` + h.base + `/fhir/Patient/p1"}}`
	h.want(h.call("POST", "/fhir/Procedure", []byte(body), "Content-Type", fhirJSON), 201)
	for _, query := range []string{"p1", "Patient/p1", h.base + "/fhir/Patient/p1"} {
		found := h.want(h.call("GET", "/fhir/Procedure?patient="+query, nil), 200).value(t)
		if len(found.List("entry")) != 1 {
			t.Errorf("patient=%s finds %d", query, len(found.List("entry")))
		}
	}
}
