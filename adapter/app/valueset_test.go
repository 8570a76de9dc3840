package app_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestValueSetsOfSearches: :in goes by what a value set says now, and what
// searches list them from is bounded, by themselves as in a transaction.
func TestValueSetsOfSearches(t *testing.T) {
	h := open(t, nil)
	write := func(id, more string) {
		t.Helper()
		h.want(h.call("PUT", "/fhir/ValueSet/"+id, fmt.Appendf(nil, `{"resourceType":"ValueSet","id":%q,"status":"active","url":"urn:%s",%s}`, id, id, more), "Content-Type", fhirJSON), 201)
	}
	concept := func(code string) string {
		return fmt.Sprintf(`"compose":{"include":[{"system":"urn:s","concept":[{"code":%q}]}]}`, code)
	}
	for _, code := range []string{"old", "new"} {
		h.want(h.call("PUT", "/fhir/Observation/"+code, fmt.Appendf(nil,
			`{"resourceType":"Observation","id":%q,"status":"final","code":{"coding":[{"system":"urn:s","code":%q}]}}`, code, code), "Content-Type", fhirJSON), 201)
	}
	write("stale", concept("new")+`,"expansion":{"timestamp":"2020-01-01","contains":[{"system":"urn:s","code":"old"}]}`)
	for modifier, want := range map[string]string{"in": "new", "not-in": "old"} {
		list := h.want(h.call("GET", "/fhir/Observation?code:"+modifier+"=urn:stale", nil), 200).value(t).List("entry")
		if len(list) != 1 || list[0].TextAt("resource.id") != want {
			t.Errorf(":%s by a definition that is newer than the expansion: %d found", modifier, len(list))
		}
	}

	var codes, sets []string
	for i := range 9000 {
		codes = append(codes, fmt.Sprintf(`{"code":"c%d"}`, i))
	}
	write("many", `"compose":{"include":[{"system":"urn:s","concept":[`+strings.Join(codes, ",")+`]}]}`)
	write("again", `"compose":{"include":[`+strings.Join(times(300, `{"valueSet":["urn:many"]}`), ",")+`]}`)
	for i := range 17 {
		id := fmt.Sprintf("long%d", i)
		write(id, fmt.Sprintf(`"description":%q,`, strings.Repeat("x", 1_000_000))+concept(id))
		sets = append(sets, "urn:"+id)
	}
	for name, query := range map[string]string{
		"one within another 300 times": "code:in=urn:again",
		"17 MB of definitions":         "code:in=" + strings.Join(sets, ","),
	} {
		h.refused(h.call("GET", "/fhir/Observation?"+query, nil), 413, "too-costly", "")
		h.refused(h.call("GET", "/fhir?_type=Observation,Condition&"+query, nil), 413, "too-costly", "")
		r := h.post("transaction", ask("POST", "Patient", "", canarybird), ask("GET", "Observation?"+query, "", ""))
		h.refused(r, 413, "too-costly", "")
		if !strings.HasPrefix(r.value(t).TextAt("issue.expression"), "Bundle.entry[1]") {
			t.Errorf("%s: %s", name, r.body)
		}
	}
	// Each by itself is not too much, and in a transaction one is read once.
	list := answers(t, h.post("transaction", times(50, ask("GET", "Observation?code:in="+sets[0]+","+sets[0], "", ""))...), "transaction-response",
		strings.Fields(strings.Repeat("200 ", 50))...)
	if len(list) != 50 || h.patients() != 0 {
		t.Errorf("%d answers, %d Patients", len(list), h.patients())
	}
	h.want(h.call("GET", "/fhir/Observation?code:in=urn:many,urn:many", nil), 200)
}
