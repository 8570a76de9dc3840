package mapping_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/linkloop/linkloop/adapter/mapping"
)

// TestDeletionAsked: an update that sends the HL7 null where a rule reads says
// so, once for each place; where no rule reads, and in a new referral, it is
// nothing.
func TestDeletionAsked(t *testing.T) {
	const rules = "mapping: m\ntitle: t\nversion: 1.0.0\nformat: hl7v2\naccepts: [REF^I12]\nintention: INTENTION\nresources:\n  p:\n    resourceType: Patient\n" +
		"    gender: <- PID-8 | lower\n    birthDate: <- PID-7 or PID-6 | date\n    name:\n      - family: <- PID-5.1\n        given: <- PID-5.2 and PID-5.3\n" +
		"    telecom:\n      - $each: PID-13\n        $needs: value\n        value: <- .1 or .4\n        use: <- .2 | default(home)\n    language: <- PID-8 | lower\n"
	for _, c := range []struct{ intention, pid, want string }{
		{"modify", `||||X^A|||F|||||0113`, ""},
		{"modify", `||||X^A||""|F`, "PID-7 Patient.birthDate"},
		{"modify", `||||X^A||""|""`, "PID-8 Patient.gender, PID-7 Patient.birthDate"},
		{"modify", `||||X^""^""|||F`, "PID-5.2 Patient.name[0].given"},
		{"modify", `||||X^A|||F|||||""`, "PID-13 Patient.telecom[0]"},
		{"modify", `||||X^A|||F|||||0113~""^""`, "PID-13[2] Patient.telecom[0]"},
		{"modify", `||||X^A|||F|||||0113^""`, ""},
		{"modify", `||||X^A|||F|||||""^PRN`, "PID-13.1 Patient.telecom[0].value"},
		{"modify", `||||X^A|||F|||""`, ""},
		{"new", `||||X^A||""|""|||||""`, ""},
	} {
		m, err := mapping.Compile(fstest.MapFS{"m/mapping.yaml": {Data: []byte(strings.Replace(rules, "INTENTION", c.intention, 1))}}, "m")
		if err != nil {
			t.Fatal(err)
		}
		res, err := m.Apply(decoded(t, "MSH|^~\\&|A|B|C|D|20260302091500+0000||REF^I12|1|P|2.5\rPID|"+c.pid+"\r"), mapping.Context{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range res.Findings {
			if f.Code != "delete-asked" {
				t.Errorf("%s: %v", c.pid, f)
			}
			got = append(got, f.Address+" "+f.Path)
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s %s: %q, want %q", c.intention, c.pid, got, c.want)
		}
	}
}
