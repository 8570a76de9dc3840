package mapping_test

import (
	"strings"
	"testing"
)

// TestFindingsOfAlternatives: what a later alternative of $first could use is
// no finding; what it left where it was, still is.
func TestFindingsOfAlternatives(t *testing.T) {
	const day = `<- at | dateTime("dd/MM/yyyy HH:mm")`
	for _, c := range []struct{ name, rules, body, want string }{
		{"the same place", "issued: {$first: ['" + day + "', <- at | dateTime]}", `{"at":"2026-03-02T10:15:00Z"}`, ""},
		{"in an array", "issued: [{$first: ['" + day + "', <- at | dateTime]}]", `{"at":"2026-03-02T10:15:00Z"}`, ""},
		{"in an object", "a: {$first: [{s: '" + day + "', t: x}, {s: <- at | dateTime}]}", `{"at":"2026-03-02T10:15:00Z"}`, ""},
		{"as words", "a: {$first: [{s: '" + day + "', t: x}, {t: <- at}]}", `{"at":"soon"}`, ""},
		{"several values", "issued: {$first: ['<- each at | date', '<- each at | text']}", `{"at":["soon","later"]}`, ""},
		{"the third", "issued: {$first: ['" + day + "', <- at | instant, <- at | dateTime]}", `{"at":"2026-03"}`, ""},
		{"another place", "issued: {$first: ['" + day + "', <- on | dateTime]}", `{"at":"soon","on":"2026"}`, "not-a-date at at"},
		{"a constant", "issued: {$first: ['" + day + "', none]}\ntext: <- on", `{"at":"soon","on":"x"}`, "not-a-date at at"},
		{"only asked for", "issued: {$first: ['" + day + "', {$when: <- at, t: x}]}\ntext: <- on", `{"at":"soon","on":"x"}`, "not-a-date at at"},
		{"none of them", "issued: {$first: ['" + day + "', <- at | dateTime]}\ntext: <- on", `{"at":"soon","on":"x"}`, "not-a-date at at"},
		{"another rule", "text: {s: <- at | date, t: <- on}\nissued: {$first: ['" + day + "', <- at]}", `{"at":"soon","on":"x"}`, "not-a-date at at"},
		{"one that won stumbles too", "a: {$first: [{s: '" + day + "', t: x}, {s: <- at | dateTime, t: <- at}]}", `{"at":"soon"}`, "not-a-date at at"},
		{"an expression", `issued: {$first: ['= date(src("at"))', <- at]}`, `{"at":"soon"}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, r := document(t, "resources:\n  p:\n    resourceType: Observation\n"+indent(c.rules), c.body)
			if len(r.Resources) != 1 {
				t.Fatal("nothing came of it")
			}
			var got []string
			for _, f := range r.Findings {
				got = append(got, f.Code+" at "+f.Address)
			}
			if s := strings.Join(got, ", "); s != c.want {
				t.Errorf("findings %q, want %q", s, c.want)
			}
		})
	}
}
