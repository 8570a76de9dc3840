package mapping_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/mapping"
)

const byPractice = `constants:
  system: urn:default
  team: nobody
constantsBy:
  value: <- who.2 or PID-3 | ods
  cases:
    A81001: {system: 'urn:a'}
    B82002: {system: 'urn:b', team: walkers}
let:
  who: <- NK1-2
resources:
  p:
    resourceType: Patient
    language: = system
    id: = team + "!"
`

func TestConstantsBy(t *testing.T) {
	m := compile(t, head+byPractice)
	for _, tc := range []struct {
		segments, want string
		set            map[string]string
	}{
		{"PID|||a81001", "urn:a nobody!", nil},
		{"PID|||A81001\nNK1||x^B82002", "urn:b walkers!", nil},
		{"PID|||C83003", "urn:default nobody!", nil},
		{"PID|1", "urn:default nobody!", nil},
		{"PID|||C83003", "urn:sender nobody!", map[string]string{"system": "urn:sender"}},
		{"PID|||A81001", "urn:a set!", map[string]string{"system": "urn:sender", "team": "set"}},
		{"PID|||A81001", "urn:mine nobody!", map[string]string{mapping.ConstantKey("system", "A81001"): "urn:mine", "system": "urn:sender"}},
		{"PID|||C83003", "urn:c nobody!", map[string]string{mapping.ConstantKey("system", "C83003"): "urn:c"}},
	} {
		r, err := m.Apply(decode(t, tc.segments), mapping.Context{Constants: tc.set})
		if err != nil {
			t.Fatal(err)
		}
		root := r.Get("p").Root
		if got := root.Str("language") + " " + root.Str("id"); got != tc.want {
			t.Errorf("%s with %v: %s, want %s", tc.segments, tc.set, got, tc.want)
		}
	}
}

func TestConstantsByProblems(t *testing.T) {
	for from, tc := range map[string]struct{ to, want string }{
		"value: <- who.2 or PID-3 | ods": {"value: x", "the case would always be the same"},
		"A81001: {system:":               {"A81001: {sistem:", `mapping.yaml:12:14: "sistem" is not one of the constants (did you mean system?)`},
		"who: <- NK1-2":                  {"who: = system", "system depends on constantsBy"},
		"  value: <- who.2 or PID-3":     {"  valeu: <- PID-3", `unknown key "valeu" in constantsBy (did you mean value?)`},
	} {
		_, err := mapping.Compile(files(head+strings.Replace(byPractice, from, tc.to, 1)), "m")
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got\n%v\nwant ...%s...", tc.to, err, tc.want)
		}
	}
}

func TestIgnores(t *testing.T) {
	body := "resources: {p: {resourceType: Patient, gender: <- PID-8}}\n"
	msg := decode(t, "EVN|A01|2026\nPID|||1^^^X~2||SMITH||||\nZZZ|x^y&z")
	unmapped := func(yaml string) []string {
		m := compile(t, head+yaml+body)
		r, err := m.Apply(msg, mapping.Context{})
		if err != nil {
			t.Fatal(err)
		}
		return slices.DeleteFunc(m.Unmapped(msg, r), func(s string) bool { return strings.HasPrefix(s, "MSH") })
	}
	all := []string{"EVN-1", "EVN-2", "PID-3[1].1", "PID-3[1].4", "PID-3[2]", "PID-5", "ZZZ-1.1", "ZZZ-1.2.1", "ZZZ-1.2.2"}
	if got := unmapped(""); !slices.Equal(got, all) {
		t.Errorf("without ignores %v, want %v", got, all)
	}
	if got, want := unmapped("ignores: [EVN, PID-3.4, ZZZ-1]\n"), []string{"PID-3[1].1", "PID-3[2]", "PID-5"}; !slices.Equal(got, want) {
		t.Errorf("with ignores %v, want %v", got, want)
	}
	for yaml, want := range map[string]string{
		"ignores: EVN\n":                         "ignores is a list",
		"ignores: [PID.3]\n":                     "a field number follows a hyphen",
		"let: {who: <- PID-5}\nignores: [who]\n": "write the path of who itself: PID-5",
	} {
		if _, err := mapping.Compile(files(head+yaml+body), "m"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want ...%s...", yaml, err, want)
		}
	}
}
