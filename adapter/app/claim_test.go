package app_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/config"
)

// owned are the Parameters of a claim by an organisation, under a key if one is
// given.
func owned(organization, key string) []byte {
	more := ""
	if key != "" {
		more = fmt.Sprintf(`,{"name":"key","valueString":%q}`, key)
	}
	return fmt.Appendf(nil, `{"resourceType":"Parameters","parameter":[{"name":"owner","valueReference":{"reference":"Organization/%s"}}%s]}`, organization, more)
}

// TestClaimOperation: one wins, its repeat is answered as before, the others
// are told that the Task is taken and nothing about the patient or the winner.
func TestClaimOperation(t *testing.T) {
	h := open(t, nil)
	task := h.unowned(1)
	at := "/fhir/Task/" + task
	claim := func(organization, key string, headers ...string) response {
		return h.call("POST", at+"/$claim", owned(organization, key), append([]string{"Content-Type", fhirJSON}, headers...)...)
	}
	h.refused(claim("a", "", "If-Match", `W/"7"`), 412, "conflict", "version 1 is current")
	won := h.want(claim("a", ""), 200)
	if v := won.value(t); v.Str("status") != "accepted" || v.TextAt("owner.reference") != "Organization/a" || won.header.Get("ETag") != `W/"2"` {
		t.Errorf("claimed: %s, owner %q, %s", v.Str("status"), v.TextAt("owner.reference"), won.header.Get("ETag"))
	}
	again := h.want(claim("a", "", "If-Match", `W/"1"`), 200)
	if string(again.body) != string(won.body) {
		t.Error("the repeat of the winner is answered in another way")
	}
	lost := claim("b", "")
	h.refused(lost, 409, "conflict", "claimed by another")
	for _, secret := range []string{"Organization/a", "Canarybird", "Zebedee", "9990000379", "Patient/"} {
		if strings.Contains(string(lost.body), secret) {
			t.Errorf("the loser is told %q", secret)
		}
	}
	h.want(h.change(task, func(v *element.Value) { v.SetString("status", "in-progress") }), 200)
	if r := h.want(claim("a", ""), 200); r.value(t).Str("status") != "in-progress" || r.header.Get("ETag") != `W/"3"` {
		t.Error("a late repeat of the winner changed the Task")
	}

	release := func(body string, headers ...string) response {
		return h.call("POST", at+"/$release", []byte(body), append([]string{"Content-Type", fhirJSON}, headers...)...)
	}
	h.refused(release(string(owned("b", ""))), 409, "conflict", "owned by another")
	h.refused(release("", "If-Match", `W/"2"`), 412, "conflict", "version 3 is current")
	reason := `{"resourceType":"Parameters","parameter":[{"name":"reason","valueCodeableConcept":{"text":"no capacity"}}]}`
	back := h.want(release(reason), 200)
	if v := back.value(t); v.Str("status") != "requested" || v.Get("owner") != nil || v.TextAt("statusReason.text") != "no capacity" {
		t.Errorf("released: %s", v.JSON())
	}
	if r := h.want(release(reason), 200); string(r.body) != string(back.body) {
		t.Error("the repeat of a release is answered in another way")
	}
	if n := len(h.want(h.call("GET", "/fhir/Task?owner:missing=true&status=requested", nil), 200).value(t).List("entry")); n != 1 {
		t.Errorf("%d Tasks can be claimed after the release, want 1", n)
	}
	if v := h.want(claim("b", ""), 200).value(t); v.Get("statusReason") != nil {
		t.Errorf("why it was given back is the reason of the new owner: %s", v.Get("statusReason").JSON())
	}
	h.refused(release(string(owned("a", ""))), 409, "conflict", "owned by another")

	h.want(h.change(task, func(v *element.Value) {
		v.SetString("status", "failed")
		v.Set("statusReason", object("text", "moved away"))
	}), 200)
	h.refused(release(""), 422, "business-rule", "failed is not given back")
	h.refused(claim("a", ""), 409, "conflict", "claimed by another")
	if r := h.want(claim("b", ""), 200); r.value(t).Str("status") != "failed" {
		t.Error("the repeat of the winner changed what is over")
	}
	lines := ""
	for _, e := range h.want(h.call("GET", "/referrals/"+task+"/timeline", nil), 200).value(t).All("what") {
		lines += e.Text + "; "
	}
	if !strings.Contains(lines, "Task accepted; Task in-progress; Task requested") {
		t.Errorf("the timeline says %s", lines)
	}
}

// TestClaimByKey: those who share an owner tell their claims apart.
func TestClaimByKey(t *testing.T) {
	h := open(t, nil)
	at := "/fhir/Task/" + h.unowned(2)
	claim := func(key string) response {
		return h.call("POST", at+"/$claim", owned("a", key), "Content-Type", fhirJSON)
	}
	won := h.want(claim("ann-1"), 200)
	h.refused(claim("bob-1"), 409, "conflict", "another of the same owner")
	h.refused(claim("bob-1"), 409, "conflict", "another of the same owner")
	if again := h.want(claim("ann-1"), 200); string(again.body) != string(won.body) {
		t.Error("the repeat of the winner is answered in another way")
	}
	h.want(h.call("POST", at+"/$release", nil), 200)
	h.refused(claim("ann-1"), 409, "conflict", "given back since")
	h.want(claim("bob-2"), 200)
}

// TestClaimRefused: what a claim cannot be.
func TestClaimRefused(t *testing.T) {
	h := open(t, nil)
	task := h.unowned(3)
	post := func(path, body string) response {
		return h.call("POST", "/fhir/"+path, []byte(body), "Content-Type", fhirJSON)
	}
	parameters := func(list string) string { return `{"resourceType":"Parameters","parameter":[` + list + `]}` }
	h.refused(post("Task/none/$claim", string(owned("a", ""))), 404, "not-found", "")
	h.refused(post("Patient/none/$claim", ""), 404, "not-supported", "one of Task")
	h.refused(post("Task/"+task+"/$clam", ""), 404, "not-supported", "[base]/Task/[id]/$claim")
	h.refused(h.call("GET", "/fhir/Task/"+task+"/$claim", nil), 405, "not-supported", "POST")
	h.refused(post("Task/"+task+"/$claim", ""), 400, "structure", "names its owner")
	h.refused(post("Task/"+task+"/$claim", `{"resourceType":"Task"}`), 400, "invalid", "a resource of the type Parameters")
	h.refused(post("Task/"+task+"/$claim", `{`), 400, "structure", "")
	h.refused(post("Task/"+task+"/$claim", parameters(`{"name":"owners","valueString":"x"}`)), 400, "invalid", "owner, key")
	h.refused(post("Task/"+task+"/$claim", parameters(`{"name":"owner","valueString":"x"}`)), 400, "invalid", "valueReference")
	h.refused(post("Task/"+task+"/$claim", parameters(`{"name":"key","valueString":"x"},{"name":"key","valueString":"x"}`)), 400, "invalid", "once")
	h.refused(post("Task/"+task+"/$claim", parameters(`{"name":"key","valueString":"`+strings.Repeat("x", 300)+`"}`)), 400, "invalid", "200")
	h.refused(h.call("POST", "/fhir/Task/"+task+"/$claim", owned("a", ""), "Content-Type", "text/plain"), 415, "", "")
	h.want(h.change(task, func(v *element.Value) {
		v.SetString("status", "cancelled")
		v.Set("statusReason", object("text", "moved away"))
	}), 200)
	h.refused(post("Task/"+task+"/$claim", string(owned("a", ""))), 422, "business-rule", "cancelled is not claimed")
	h.refused(post("Task/"+task+"/$release", ""), 422, "business-rule", "cancelled is not given back")
}

// TestClaimParties: one claims for oneself, and only a link worker does.
func TestClaimParties(t *testing.T) {
	h, as := town(t)
	h.want(as("gp", "POST", "/intake/hl7v2-ref", referral(1, "9990000379")), 200)
	at := "/fhir/Task/" + h.want(as("ours", "GET", "/fhir/Task", nil), 200).value(t).List("entry")[0].TextAt("resource.id")
	h.refused(as("practice", "POST", at+"/$claim", nil), 403, "forbidden", "")
	h.refused(as("gp", "POST", at+"/$claim", nil), 403, "forbidden", "")
	h.refused(as("ours", "POST", at+"/$claim", owned("somebody", "")), 403, "forbidden", "oneself")
	patch := func(path, value string) response {
		return h.call("PATCH", at, []byte(`[{"op":"replace","path":"`+path+`","value":`+value+`}]`),
			"Content-Type", "application/json-patch+json", "Authorization", "Bearer ours")
	}
	h.refused(patch("/status", `"accepted"`), 403, "forbidden", "claim it first")
	h.want(as("ours", "POST", at+"/$claim", nil), 200)
	h.refused(patch("/owner", `{"reference":"Organization/colleagues"}`), 409, "conflict", "handed over by $release")
	h.want(as("ours", "POST", at+"/$claim", nil), 200)
	h.refused(as("theirs", "POST", at+"/$claim", nil), 409, "conflict", "claimed by another")
	h.refused(as("theirs", "POST", at+"/$release", nil), 409, "conflict", "owned by another")
	h.refused(as("practice", "POST", at+"/$release", nil), 403, "forbidden", "owner")
	h.want(as("ours", "POST", at+"/$release", nil), 200)
	h.want(as("theirs", "POST", at+"/$claim", nil), 200)
}

// TestClaimTogether: of many who claim at once, over every instance, one wins.
func TestClaimTogether(t *testing.T) {
	houses := instances(t)
	for n := 1; n <= 4; n++ {
		path := "/fhir/Task/" + houses[0].unowned(10+n) + "/$claim"
		all := make([]response, callers)
		var wg sync.WaitGroup
		for i := range callers {
			wg.Go(func() {
				var err error
				if all[i], err = houses[i%len(houses)].try("POST", path, owned(fmt.Sprintf("org-%d", i), ""), "Content-Type", fhirJSON); err != nil {
					t.Errorf("claim: %T", err)
				}
			})
		}
		wg.Wait()
		if count(all, 200) != 1 || count(all, 409) != callers-1 {
			t.Errorf("round %d: %d won and %d lost, want 1 and %d", n, count(all, 200), count(all, 409), callers-1)
		}
	}
}

// TestOperationDefinitions: the operations are described where the
// CapabilityStatement says.
func TestOperationDefinitions(t *testing.T) {
	h := open(t, func(c *config.Config) {})
	statement := h.want(h.call("GET", "/fhir/metadata", nil), 200).value(t)
	for _, name := range []string{"claim", "release"} {
		d := h.want(h.call("GET", "/fhir/OperationDefinition/"+name, nil), 200).value(t)
		if d.Str("code") != name || d.TextAt("resource") != "Task" || d.At("instance") == nil {
			t.Errorf("%s is defined as %q on %q", name, d.Str("code"), d.TextAt("resource"))
		}
		found := h.want(h.call("GET", "/fhir/OperationDefinition?url="+d.Str("url"), nil), 200).value(t)
		if len(found.List("entry")) != 1 {
			t.Errorf("%d definitions are found by the url of %s", len(found.List("entry")), name)
		}
		claimed := false
		for _, r := range statement.All("rest.resource") {
			for _, o := range r.List("operation") {
				claimed = claimed || r.Str("type") == "Task" && o.Str("name") == name && o.Str("definition") == d.Str("url")
			}
		}
		if !claimed {
			t.Errorf("the CapabilityStatement does not have $%s of Task", name)
		}
	}
}
