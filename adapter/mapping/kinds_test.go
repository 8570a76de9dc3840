package mapping_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/message"
)

// placesOf are the general places of what a mapping leaves unused of a message.
func placesOf(m *mapping.Mapping, tree *message.Tree, r *mapping.Result) (out []string) {
	kinds := mapping.NewKinds()
	kinds.Learn(tree, r)
	of := kinds.Of(tree, r)
	for _, n := range m.UnmappedNodes(tree, r) {
		if p := mapping.Place(n, of); !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// TestPlacesByKind: items are told apart by the member that rules compare with
// several values, in lists of lists too, and by no other.
func TestPlacesByKind(t *testing.T) {
	var many strings.Builder
	for i := range 150 {
		fmt.Fprintf(&many, `,{"k":"k%d","v":"1"}`, i)
	}
	for name, c := range map[string]struct{ rules, body, want string }{
		"new kind":     {"gender: <- l[where k = a].v\nlanguage: <- l[where k = b].v", `{"l":[{"k":"a","v":"1"},{"k":"c","v":"2"}]}`, "l[k = c].v"},
		"lists inside": {"gender: <- l[where k = a or b].m[where x.y = p or q].v", `{"l":[{"k":"a","m":[{"x":{"y":"p"},"v":"1"},{"x":{"y":"r"},"v":"2"}]},{"k":"z","m":[{"v":"3"}]}]}`, "l[k = a].m[x.y = r].v l[k = z].m[].v"},
		"one value":    {"gender: <- l[where k = a].v", `{"l":[{"k":"a","v":"1"},{"k":"c","v":"2"}]}`, "l[].v"},
		"none of":      {"gender: <- l[where k != a or b].v", `{"l":[{"k":"c","v":"1"},{"k":"a","v":"2"}]}`, "l[].v"},
		"most values":  {"gender: <- l[where k = a or b].v\nlanguage: <- l[where u = d or e or f].v", `{"l":[{"k":"a","u":"x","v":"1"},{"k":"c","u":"y","v":"2"}]}`, "l[u = y].v"},
		"without it":   {"gender: <- l[where k = a or b].v", `{"l":[{"k":"a","v":"1"},{"v":"2"}]}`, "l[].v"},
		"too many":     {"gender: <- l[where k = a or b].v", `{"l":[{"k":"a","v":"1"}` + many.String() + `]}`, "l[].v"},
		"odd names":    {"gender: <- l2[where `a b` = a or b].v", `{"l2":[{"a b":"a","v":"1"},{"a b":"c\u001b]\n","v":"2"}]}`, "l2[`a b` = c\ufffd]\ufffd].v"},
	} {
		t.Run(name, func(t *testing.T) {
			m, tree, r := document(t, "resources:\n  p:\n    resourceType: Patient\n"+indent(c.rules), c.body)
			if got := strings.Join(placesOf(m, tree, r), " "); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
	m := compile(t, "mapping: m\ntitle: t\nversion: '1'\nformat: hl7v2\naccepts: [REF^I12]\nresources:\n  p:\n    resourceType: Patient\n    gender: <- OBX[where 3.1 = SEX or GEN]-5\n")
	tree := decode(t, "OBX|1|ST|SEX||x\rOBX|2|ST|NEW||y\r")
	r, err := m.Apply(tree, mapping.Context{})
	if err != nil {
		t.Fatal(err)
	}
	if got := placesOf(m, tree, r); !slices.Contains(got, "OBX[3.1 = NEW]-5") {
		t.Errorf("of HL7 v2: %q", got)
	}
}
