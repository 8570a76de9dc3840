package app_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
)

const asked = `{"type":{"text":"Activity"},"valueCodeableConcept":{"coding":[{"system":"http://snomed.info/sct","code":"871731000000106"}]}}`

// TestHazardWrongCodeOnceAtTheAPI: the code that leaves once in an episode is
// refused when a second Task of the referral asks for it, and when one Task says
// it twice; left out, the Task ends without it.
func TestHazardWrongCodeOnceAtTheAPI(t *testing.T) {
	h := open(t, nil)
	first := h.unowned(921)
	made := h.want(h.call("GET", "/fhir/Task/"+first, nil), 200).value(t)
	made.Remove("id")
	made.Remove("meta")
	made.Remove("identifier")
	second := h.want(h.call("POST", "/fhir/Task", made.JSON(), "Content-Type", fhirJSON), 201).value(t).ID()
	for _, task := range []string{first, second} {
		h.want(h.change(task, claimBy("a")), 200)
	}
	procedure := func() string {
		return h.held(fmt.Sprintf(`{"resourceType":"Procedure","status":"completed","subject":{"reference":%q},
			"code":{"coding":[{"system":"http://snomed.info/sct","code":"871731000000106"}]}}`, made.TextAt("for.reference")))
	}
	named := func(reference string) string {
		return fmt.Sprintf(`{"type":{"text":"Activity"},"valueReference":{"reference":%q}}`, reference)
	}
	h.refused(h.change(first, outputs(named(procedure()), named(procedure()))), 422, "code-invalid", "this Task says it twice")
	h.want(h.change(first, outputs(asked)), 200)
	h.refused(h.change(second, outputs(asked)), 422, "code-invalid", "left for this referral before; leave it out. Allowed here: 871711000000103")
	if n := len(h.deliveries(second)); n != 0 {
		t.Errorf("%d deliveries are owed by the second Task", n)
	}
	h.want(h.change(second, outputs(`{"type":{"text":"Outcome"},"valueString":"Goes to the choir."}`)), 200)
	for task, want := range map[string]bool{first: true, second: false} {
		owed := h.deliveries(task)
		if len(owed) != 1 || strings.Contains(string(owed[0].Get("payload").JSON()), "871731000000106") != want {
			t.Errorf("Task %s owes %d deliveries, want one, with the code: %t", task, len(owed), want)
		}
	}
}

// TestHazardWrongCodeOfAStatusThatIsOver: why a Task was on hold is not why it is
// completed, though the tool sends it back with everything else.
func TestHazardWrongCodeOfAStatusThatIsOver(t *testing.T) {
	h := open(t, nil)
	task := h.unowned(923)
	h.want(h.change(task, claimBy("a")), 200)
	h.want(h.change(task, func(v *element.Value) {
		v.SetString("status", "on-hold")
		v.Set("statusReason", element.NewObject(element.F("coding", element.NewArray(element.NewObject(
			element.S("system", "http://snomed.info/sct"), element.S("code", "281399006"), element.S("display", "Did not attend"))))))
	}), 200)
	h.want(h.change(task, outputs(`{"type":{"text":"Outcome"},"valueString":"Goes to the choir."}`)), 200)
	if owed := h.deliveries(task); len(owed) != 1 || strings.Contains(string(owed[0].Get("payload").JSON()), "281399006") {
		t.Errorf("of a Task that was completed leaves why it was on hold: %d deliveries", len(owed))
	}
}

// TestHazardWrongCodeByAnyDoor: the rules hold however a Task ends: by an update,
// a patch, a transaction, or made as ended.
func TestHazardWrongCodeByAnyDoor(t *testing.T) {
	const unlisted = `{"type":{"text":"Activity"},"valueCodeableConcept":{"coding":[{"system":"http://snomed.info/sct","code":"22298006","display":"Myocardial infarction"}]}}`
	h := open(t, nil)
	task := h.unowned(922)
	h.want(h.change(task, claimBy("a")), 200)
	ends := func(name string, r response) {
		t.Helper()
		if r.status != 422 && r.status != 400 || !strings.Contains(string(r.body), "not on the list of outcomes") {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
		if n := len(h.deliveries(task)); n != 0 {
			t.Errorf("%s: %d deliveries are owed", name, n)
		}
	}
	ends("update", h.change(task, outputs(unlisted)))
	ends("patch", h.call("PATCH", "/fhir/Task/"+task, []byte(`[{"op":"add","path":"/output","value":[`+unlisted+`]},{"op":"replace","path":"/status","value":"completed"}]`),
		"Content-Type", "application/json-patch+json"))
	v := h.want(h.call("GET", "/fhir/Task/"+task, nil), 200).value(t)
	outputs(unlisted)(v)
	ends("transaction", h.call("POST", "/fhir", []byte(`{"resourceType":"Bundle","type":"transaction","entry":[{"resource":`+string(v.JSON())+`,"request":{"method":"PUT","url":"Task/`+task+`"}}]}`),
		"Content-Type", fhirJSON))
	v.Remove("id")
	v.Remove("meta")
	v.Remove("identifier")
	if r := h.call("POST", "/fhir/Task", v.JSON(), "Content-Type", fhirJSON); r.status != 422 {
		t.Errorf("made as ended: %d %s", r.status, r.body)
	}
	for name, edit := range map[string]func(*element.Value){
		"rejected for a reason outside the list": func(v *element.Value) {
			v.SetString("status", "failed")
			reason, err := element.Parse([]byte(`{"coding":[{"system":"http://snomed.info/sct","code":"22298006"}]}`), element.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			v.Set("statusReason", reason)
		},
		"a code outside among good ones": outputs(`{"type":{"text":"Outcome"},"valueString":"fine"}`, unlisted),
		"two codes for one thing": outputs(`{"type":{"text":"Activity"},"valueCodeableConcept":{"coding":[
			{"system":"http://snomed.info/sct","code":"975131000000104"},{"system":"http://snomed.info/sct","code":"418043000"}]}}`),
	} {
		ends(name, h.change(task, edit))
	}
	h.refused(h.change(task, outputs(`{"type":{"coding":[{"system":"http://snomed.info/sct","code":"718466001"}]},"valueQuantity":{"value":21,"unit":"%","system":"http://unitsofmeasure.org","code":"%"}}`)),
		422, "code-invalid", "a score has no unit")
}
