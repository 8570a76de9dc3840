package app_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
)

// worked is a Task at version 3: claimed by a, and then contacted.
func (h *house) worked(n int) (task string, versions []*element.Value) {
	h.t.Helper()
	task = h.unowned(n)
	read := func() { versions = append(versions, h.want(h.call("GET", "/fhir/Task/"+task, nil), 200).value(h.t)) }
	read()
	h.want(h.change(task, claimBy("a")), 200)
	read()
	h.want(h.change(task, func(v *element.Value) {
		v.Set("businessStatus", object("text", "contacted"))
		v.Append("note", object("text", "rang at ten"))
	}), 200)
	read()
	return task, versions
}

// TestStaleCopyRevertsNothing: a whole Task sent back from a cached copy
// without If-Match changes what its author changed and nothing else, or is
// refused; with If-Match it is refused.
func TestStaleCopyRevertsNothing(t *testing.T) {
	h := open(t, nil)
	task, versions := h.worked(120)
	first, second, current := versions[0], versions[1], versions[2]
	put := func(v *element.Value, headers ...string) response {
		return h.call("PUT", "/fhir/Task/"+task, v.JSON(), append([]string{"Content-Type", fhirJSON}, headers...)...)
	}
	edited := func(v *element.Value, edit func(*element.Value)) *element.Value {
		v = v.Clone()
		edit(v)
		return v
	}
	note := func(text string) func(*element.Value) {
		return func(v *element.Value) { v.Append("note", object("text", text)) }
	}
	unversioned := func(v *element.Value) { v.Remove("meta") }
	stays := func(what, etag string, notes ...string) {
		t.Helper()
		r := h.want(h.call("GET", "/fhir/Task/"+task, nil), 200)
		v := r.value(t)
		if r.header.Get("ETag") != etag || v.Str("status") != "accepted" || v.TextAt("owner.reference") != "Organization/a" || v.TextAt("businessStatus.text") != "contacted" {
			t.Errorf("%s: %s, %s, owned by %q, %q", what, r.header.Get("ETag"), v.Str("status"), v.TextAt("owner.reference"), v.TextAt("businessStatus.text"))
		}
		var got []string
		for _, n := range v.All("note.text") {
			got = append(got, n.Text)
		}
		if !strings.HasSuffix(strings.Join(got, "; "), strings.Join(notes, "; ")) {
			t.Errorf("%s: the notes are %q", what, got)
		}
	}

	t.Run("the same copy again changes nothing", func(t *testing.T) {
		for _, v := range []*element.Value{first, second, edited(first, claimBy("a"))} {
			r := h.want(put(v), 200)
			if r.header.Get("ETag") != `W/"3"` || r.value(t).TextAt("businessStatus.text") != "contacted" {
				t.Errorf("answered with %s", r.header.Get("ETag"))
			}
		}
		stays("after copies", `W/"3"`, "rang at ten")
	})
	t.Run("both are kept", func(t *testing.T) {
		h.want(put(edited(second, note("met at noon"))), 200)
		stays("a note from version 2", `W/"4"`, "rang at ten", "met at noon")
		// Some clients send when, and not which; JavaScript has milliseconds.
		h.want(put(edited(second, func(v *element.Value) {
			note("spoke to a carer")(v)
			meta := v.Get("meta")
			meta.Remove("versionId")
			meta.SetString("lastUpdated", meta.Str("lastUpdated")[:len("2026-01-01T00:00:00.000")]+"Z")
		})), 200)
		stays("by its time", `W/"5"`, "rang at ten", "met at noon", "spoke to a carer")
	})
	t.Run("what both changed is refused", func(t *testing.T) {
		r := put(edited(second, func(v *element.Value) { v.Set("businessStatus", object("text", "not reached")) }))
		h.refused(r, 412, "conflict", "version 5 is current, the change was made to version 2, and both changed this element")
		if got := r.value(t).TextAt("issue.expression"); got != "Task.businessStatus" {
			t.Errorf("the refusal names %q", got)
		}
		h.refused(put(edited(first, claimBy("b"))), 409, "conflict", "claimed by another")
	})
	t.Run("If-Match is insisted on", func(t *testing.T) {
		h.refused(put(edited(first, claimBy("b")), "If-Match", `W/"1"`), 409, "conflict", "claimed by another")
		for _, tag := range []string{`W/"2"`, `"2"`, `2`, `W/2`} {
			h.refused(put(edited(second, note("too late")), "If-Match", tag), 412, "conflict", "version 2")
		}
	})
	t.Run("a copy that says nothing of itself", func(t *testing.T) {
		for _, v := range []*element.Value{first, edited(second, note("no version")), edited(first, note("no version"))} {
			h.refused(put(edited(v, unversioned)), 412, "conflict", "If-Match")
		}
		h.want(put(edited(second, unversioned)), 200) // repeats some, leaves out the rest
		h.refused(put(edited(first, func(v *element.Value) { unversioned(v); claimBy("b")(v) })), 409, "conflict", "claimed by another")
		stays("after refusals", `W/"5"`, "spoke to a carer")
		now := h.want(h.call("GET", "/fhir/Task/"+task, nil), 200).value(t)
		h.want(put(edited(now, func(v *element.Value) { unversioned(v); note("current")(v) })), 200)
		stays("of the current version", `W/"6"`, "spoke to a carer", "current")
	})
	t.Run("a version that never was", func(t *testing.T) {
		h.refused(put(edited(current, func(v *element.Value) { v.Get("meta").SetString("versionId", "99") })), 412, "conflict", "version 6 is current")
	})
}

// TestCrudePutLeavesOut: a tool that knows few elements sends only these. What
// it leaves out stays where it says no version, and where it may not change it.
func TestCrudePutLeavesOut(t *testing.T) {
	h := open(t, nil)
	task, versions := h.worked(121)
	put := func(body string, headers ...string) response {
		return h.call("PUT", "/fhir/Task/"+task, []byte(strings.ReplaceAll(body, "ID", task)), append([]string{"Content-Type", fhirJSON}, headers...)...)
	}
	same := func(r response, status string, but ...string) {
		t.Helper()
		v := h.want(r, 200).value(t)
		for _, f := range versions[2].Fields {
			now := v.Get(f.Name)
			switch {
			case f.Name == "meta" || f.Name == "status":
			case slices.Contains(but, f.Name):
				if now != nil {
					t.Errorf("%s is still there", f.Name)
				}
			case !element.Equal(f.Value, now):
				t.Errorf("%s was lost or changed", f.Name)
			}
		}
		if v.Str("status") != status {
			t.Errorf("the Task is %s", v.Str("status"))
		}
	}
	same(put(`{"resourceType":"Task","id":"ID","status":"in-progress","intent":"order"}`), "in-progress")
	same(put(`{"resourceType":"Task","id":"ID","status":"in-progress"}`), "in-progress")
	same(put(`{"resourceType":"Task","id":"ID","status":"on-hold","statusReason":{"text":"away"}}`), "on-hold")
	// With a version, what the caller may change and leaves out is taken away.
	r := put(`{"resourceType":"Task","id":"ID","status":"in-progress","intent":"order","owner":{"reference":"Organization/a"}}`, "If-Match", `W/"5"`)
	same(r, "in-progress", "businessStatus", "note", "priority", "restriction", "identifier")
	// What is broken is still broken.
	h.refused(put(`{"resourceType":"Task","id":"ID","status":"in-progress","priority":"whenever"}`), 422, "", "")
	h.refused(put(`{"resourceType":"Task","id":"ID"}`, "If-Match", `W/"6"`), 422, "required", "required")
	h.refused(put(`{"resourceType":"Task","id":"ID","status":"in-progress","intent":"plan"}`), 422, "", "")
}

// TestOwnerFields over HTTP with configured clients: what the owner may not
// change is refused by name, what it merely leaves out or repeats is not.
func TestOwnerFields(t *testing.T) {
	h, as := town(t)
	h.want(as("gp", "POST", "/intake/hl7v2-ref", referral(1, "9990000379")), 200)
	task := h.want(as("ours", "GET", "/fhir/Task", nil), 200).value(t).List("entry")[0].TextAt("resource.id")
	at := "/fhir/Task/" + task
	claimed := h.want(as("ours", "POST", at+"/$claim", nil), 200).value(t)
	put := func(token string, edit func(*element.Value)) response {
		v := h.want(as(token, "GET", at, nil), 200).value(t)
		edit(v)
		return as(token, "PUT", at, v.JSON())
	}
	for name, edit := range map[string]func(*element.Value){
		"priority":    func(v *element.Value) { v.SetString("priority", "stat") },
		"description": func(v *element.Value) { v.SetString("description", "another") },
		"restriction": func(v *element.Value) {
			v.Set("restriction", element.NewObject(element.F("repetitions", element.NewNumber("2"))))
		},
	} {
		r := put("ours", edit)
		h.refused(r, 422, "business-rule", "rule owner_changes")
		if got := r.value(t).TextAt("issue.expression"); got != "Task."+name {
			t.Errorf("the refusal of %s names %s", name, got)
		}
		h.want(put("practice", edit), 200)
	}
	for _, name := range []string{"for", "focus", "requester"} {
		for _, token := range []string{"ours", "practice"} {
			h.refused(put(token, func(v *element.Value) { v.Set(name, object("reference", "Patient/other")) }), 422, "business-rule", "rule immutable")
		}
	}
	r := h.want(as("ours", "PUT", at, []byte(`{"resourceType":"Task","id":"`+task+`","meta":{"versionId":"5"},"status":"in-progress","intent":"order","owner":`+string(claimed.Get("owner").JSON())+`,
		"note":[{"text":"started"}],"businessStatus":{"text":"contacted"},"executionPeriod":{"start":"2026-03-03T09:00:00Z"}}`)), 200)
	v := r.value(t)
	if v.Str("priority") != "stat" || v.Str("description") != "another" || v.TextAt("for.reference") != claimed.TextAt("for.reference") || v.TextAt("executionPeriod.start") == "" {
		t.Errorf("what the owner left out was lost: %s", v.JSON())
	}
	h.refused(put("theirs", func(v *element.Value) { v.SetString("status", "on-hold") }), 403, "forbidden", "only the requester and the owner")
}
