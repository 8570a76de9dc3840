package message_test

import (
	"slices"
	"testing"

	"github.com/linkloop/linkloop/adapter/message"
)

// TestLost: a name that no place has is told with those that are there, and
// conditions do not count.
func TestLost(t *testing.T) {
	for path, want := range map[string]string{
		"patient.given": "",
		"patient.telecom[where system = fax].value": "",
		"patient.telecom[7].value":                  "",
		"patient.telecom.valeu":                     "valeu",
		"patient.`family name`":                     "",
		"patent.given":                              "patent",
		"subject.resolve().nothing":                 "",
		"patient.given.more":                        "more",
	} {
		p, err := message.ParsePath(path)
		if err != nil {
			t.Fatal(err)
		}
		to, lost, there := p.Lost([]message.Node{jsonTree().Root(), jsonTree().Root()})
		if lost != want {
			t.Errorf("%s: lost at %q, want %q", path, lost, want)
		}
		if path == "patient.telecom.valeu" && !slices.Equal(there, []string{"system", "value"}) {
			t.Errorf("there are %v", there)
		}
		if path == "patient.given" && len(to) != 2 {
			t.Errorf("%d places", len(to))
		}
	}
}
