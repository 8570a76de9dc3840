package app_test

import (
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
)

// TestOldFlawsStopNoSender: what an older version took, under rules that did not
// have it yet, keeps no sender from changing the referral or taking it back.
func TestOldFlawsStopNoSender(t *testing.T) {
	h := open(t, nil)
	first := referral(460, "9990000379")
	h.want(h.call("POST", "/intake/hl7v2-ref", first), 200)
	id := h.task(460)
	task := h.want(h.call("GET", "/fhir/Task/"+id, nil), 200).value(t)
	request := h.want(h.call("GET", "/fhir/"+task.TextAt("focus.reference"), nil), 200).value(t)
	for _, v := range []*element.Value{task, request} {
		v.Set("contained", element.NewArray(element.NewObject(element.S("resourceType", "Basic"), element.S("id", "b"),
			element.F("code", object("text", "referred to by nothing")))))
	}
	if err := h.app.Hold(t.Context(), []*element.Value{task, request}); err != nil {
		t.Fatal(err)
	}
	again := func(event string) []byte {
		later := time.Now().UTC().Add(time.Minute).Format("20060102150405")
		return []byte(strings.NewReplacer("20260302091500", later, "REF^I12^REF_I12|MSG-460", "REF^"+event+"^REF_I12|MSG-460-"+event, "Would like company.", "Would like to walk.").Replace(string(first)))
	}
	h.want(h.call("POST", "/intake/hl7v2-ref", again("I13")), 200)
	h.want(h.call("POST", "/intake/hl7v2-ref", again("I14")), 200)
	if got := h.want(h.call("GET", "/fhir/Task/"+id, nil), 200).value(t).Str("status"); got != "cancelled" {
		t.Errorf("the Task is %s", got)
	}
}
