package mapping_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/mapping"
)

// TestChanges: what differs between two mappings of a message is named element
// by element; items that moved within a list are no change.
func TestChanges(t *testing.T) {
	const older = "resources: {p: {resourceType: Patient, gender: <- PID-8, birthDate: <- PID-7 | date, name: [{$each: PID-5, family: <- .1, given: [<- .2]}]}}"
	msg := msh + "PID|1||||Ash^Ida~Birch^Una||19700102|F\n"
	for _, tc := range []struct{ name, from, to, want string }{
		{"none", "", "", ""},
		{"value", "gender: <- PID-8", "gender: <- PID-8 | lower", "Patient.gender: F, f"},
		{"gone", "gender: <- PID-8, ", "", "Patient.gender: F, -"},
		{"new", "gender: <- PID-8", "gender: <- PID-8, language: <- PID-1", "Patient.language: -, 1"},
		{"moved", "name: [{$each: PID-5", "name: [{family: '<- PID-5[2].1', given: ['<- PID-5[2].2']}, {family: '<- PID-5[1].1', given: ['<- PID-5[1].2']}, {$each: 'PID-5[3]'", ""},
		{"in a list", "family: <- .1", "family: <- .1 | upper", "Patient.name[0].family: Ash, ASH; Patient.name[1].family: Birch, BIRCH"},
		{"shape", "given: [<- .2]", "text: <- .2", "Patient.name[0].given[0]: Ida, -; Patient.name[0].text: -, Ida; Patient.name[1].given[0]: Una, -; Patient.name[1].text: -, Una"},
		{"finding", "PID-7 | date", "PID-8 | date", "Patient.birthDate: 1970-01-02, -; finding of Patient.birthDate: -, not-a-date at PID-8"},
		{"finding of no element", "resources: {", "let: {d: '<- PID-8 | date'}\nresources: {", "finding not-a-date: -, not-a-date at PID-8"},
		{"resource", "resources: {", "resources: {o: {resourceType: Organization, name: Ours}, ", "Organization.resourceType: -, Organization; Organization.name: -, Ours"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var results []*mapping.Result
			for _, body := range []string{older, strings.Replace(older, tc.from, tc.to, 1)} {
				m, err := mapping.Compile(files(head+body), "m")
				if err != nil {
					t.Fatal(err)
				}
				tree, _, err := decodeHL7("", []byte(msg))
				if err != nil {
					t.Fatal(err)
				}
				res, err := m.Apply(tree, mapping.Context{})
				if err != nil {
					t.Fatal(err)
				}
				results = append(results, res)
			}
			var got []string
			for _, c := range mapping.Changes(results[0], results[1]) {
				side := func(s string) string {
					if s == "" {
						return "-"
					}
					return s
				}
				got = append(got, fmt.Sprintf("%s: %s, %s", c.Path, side(c.Old), side(c.New)))
			}
			if strings.Join(got, "; ") != tc.want {
				t.Errorf("got  %s\nwant %s", strings.Join(got, "; "), tc.want)
			}
		})
	}
}

// TestUsage: rules that never gave a value are named with their line.
func TestUsage(t *testing.T) {
	m, err := mapping.Compile(files(head+"resources:\n  p:\n    resourceType: Patient\n    gender: <- PID-8\n    birthDate: <- PID-7 | date\n    maritalStatus: {$when: <- PID-2, text: <- PID-16}\n"), "m")
	if err != nil {
		t.Fatal(err)
	}
	u := mapping.NewUsage(m)
	for _, pid := range []string{"PID|1|||||||F\n", "PID|1||||||nonsense|M\n"} {
		tree, _, err := decodeHL7("", []byte(msh+pid))
		if err != nil {
			t.Fatal(err)
		}
		res, err := m.Apply(tree, mapping.Context{})
		if err != nil {
			t.Fatal(err)
		}
		u.Add(res)
	}
	var got []string
	for _, r := range u.Rules() {
		got = append(got, fmt.Sprintf("%s x%d", r, r.Messages))
	}
	want := []string{"m/mapping.yaml:8: Patient.resourceType: Patient x2", "m/mapping.yaml:9: Patient.gender: <- PID-8 x2", "m/mapping.yaml:10: Patient.birthDate: <- PID-7 | date x1", "m/mapping.yaml:11: Patient.maritalStatus.text: <- PID-16 x0"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if used, all := mapping.Covered(u.Rules()); used != 3 || all != 4 || mapping.Percent(used, all) != 75 {
		t.Errorf("%d of %d", used, all)
	}
}
