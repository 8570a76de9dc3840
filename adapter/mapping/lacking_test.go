package mapping_test

import (
	"slices"
	"testing"

	"github.com/linkloop/linkloop/adapter/mapping"
)

// TestLacking: a resource that the message has something for, and not what it
// needs, is told; one that the message says nothing about is not.
func TestLacking(t *testing.T) {
	const resource = "  c:\n    $needs: status\n    resourceType: Consent\n    status: <- CON-11\n    patient: -> p\n    policyRule: {text: <- CON-12}\n"
	for _, when := range []string{"", "    $when: <- CON-11 or CON-12\n"} {
		m := compile(t, head+"resources:\n  p: {resourceType: Patient, gender: <- PID-8}\n"+resource+when)
		for _, c := range []struct {
			name   string
			fields map[string]string
			want   []string
		}{
			{"nothing said", map[string]string{"PID-8": "male"}, nil},
			{"a comment", map[string]string{"PID-8": "male", "CON-12": "on the telephone"}, []string{"c"}},
			{"an answer", map[string]string{"PID-8": "male", "CON-11": "active", "CON-12": "on the telephone"}, nil},
		} {
			out, err := m.Apply(tree(c.fields), mapping.Context{})
			if err != nil || !slices.Equal(out.Lacking, c.want) {
				t.Errorf("%s%s: %v, %v; want %v", when, c.name, out.Lacking, err, c.want)
			}
		}
	}
}
