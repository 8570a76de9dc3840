package mappings_test

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/message"
	"github.com/linkloop/linkloop/mappings"
)

const headingsPage = "prsb-json/HEADINGS.md"

// TestHeadings holds the published table of the PRSB headings against what the
// examples become: every heading has a place, and it is the one in the table.
func TestHeadings(t *testing.T) {
	page, err := os.ReadFile(headingsPage)
	if err != nil {
		t.Fatal(err)
	}
	places := placesByMember(t, "prsb-json")
	lines := strings.Split(string(page), "\n")
	headings := 0
	for i, line := range lines {
		cells := strings.Split(line, "|")
		if len(cells) != 7 || !strings.HasPrefix(strings.TrimSpace(cells[4]), "`") {
			continue
		}
		headings++
		member := strings.Trim(strings.TrimSpace(cells[4]), "`")
		want := "`" + strings.Join(places[member], "`<br>`") + "`"
		if len(places[member]) == 0 {
			t.Errorf("%s: no example has this heading, or nothing is made of it", member)
			continue
		}
		if got := strings.TrimSpace(cells[5]); got != want {
			if !*update {
				t.Errorf("%s goes to\n  %s\nand the table says\n  %s", member, want, got)
			}
			cells[5] = " " + want + " "
			lines[i] = strings.Join(cells, "|")
		}
		delete(places, member)
	}
	if headings < 200 {
		t.Errorf("%d headings in the table", headings)
	}
	for _, member := range slices.Sorted(maps.Keys(places)) {
		if !strings.Contains("messageId type", member) && !strings.HasSuffix(member, ".system") &&
			!strings.HasSuffix(member, ".code") && !strings.HasSuffix(member, ".display") {
			t.Errorf("%s is mapped and not in the table", member)
		}
	}
	if *update {
		if err := os.WriteFile(headingsPage, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestHeadingsOfTheStandard compares the table with the published model.
func TestHeadingsOfTheStandard(t *testing.T) {
	body, err := os.ReadFile("../../shared/corpus/packages/PRSB-SocialPrescribing-v1.1.json")
	if err != nil {
		t.Skip("the corpus is not present")
	}
	type concept struct {
		Name    any       `json:"name"`
		Min     string    `json:"minimumMultiplicity"`
		Max     string    `json:"maximumMultiplicity"`
		Concept []concept `json:"concept"`
	}
	var model struct {
		Dataset []concept `json:"dataset"`
	}
	if err := json.Unmarshal(body, &model); err != nil {
		t.Fatal(err)
	}
	var want []string
	var list func(cs []concept, depth int)
	list = func(cs []concept, depth int) {
		for _, c := range cs {
			name, _ := c.Name.(string)
			if at, ok := c.Name.([]any); ok && len(at) > 0 {
				if m, ok := at[0].(map[string]any); ok {
					name, _ = m["#text"].(string)
				}
			}
			want = append(want, strings.Repeat("› ", depth)+strings.Join(strings.Fields(name), " ")+" "+c.Min+".."+c.Max)
			list(c.Concept, depth+1)
		}
	}
	for _, d := range model.Dataset {
		list(d.Concept, 0)
	}
	page, err := os.ReadFile(headingsPage)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(string(page)) {
		if cells := strings.Split(line, "|"); len(cells) == 7 && strings.Contains(cells[2], "..") {
			got = append(got, strings.ReplaceAll(strings.TrimSpace(cells[1]), "**", "")+" "+strings.TrimSpace(cells[2]))
		}
	}
	if len(want) < 300 || !slices.Equal(want, got) {
		for i := range max(len(want), len(got)) {
			if i >= len(got) || i >= len(want) || want[i] != got[i] {
				t.Fatalf("heading %d of %d: the standard has %q, the table %q", i, len(want), want[min(i, len(want)-1):min(i+1, len(want))], got[min(i, len(got)-1):min(i+1, len(got))])
			}
		}
		t.Fatalf("%d headings", len(want))
	}
}

var indexes = regexp.MustCompile(`\[\d+\]`)

// placesByMember maps the examples of a mapping and gives, for each member of
// their JSON, the FHIRPaths of what it became. The members of a coded value
// count for the coded value.
func placesByMember(t *testing.T, name string) map[string][]string {
	t.Helper()
	m, err := compile(name)
	if err != nil {
		t.Fatal(err)
	}
	examples, err := mapping.Examples(mappings.FS(), name)
	if err != nil {
		t.Fatal(err)
	}
	places := map[string][]string{}
	for _, ex := range examples {
		tree, _, err := decode(m, ex.Input)
		if err != nil {
			t.Fatal(err)
		}
		res, err := m.Apply(tree, mapping.Context{})
		if err != nil {
			continue // shown as an example of refusal
		}
		for _, r := range res.Resources {
			origins(tree, r.Root, r.Type, func(member, path string) {
				keys := []string{member}
				for _, end := range []string{".code", ".display", ".system"} {
					if cut, ok := strings.CutSuffix(member, end); ok {
						keys = append(keys, cut)
						path = strings.TrimSuffix(path, end)
					}
				}
				for _, k := range keys {
					if !slices.Contains(places[k], path) {
						places[k] = append(places[k], path)
					}
				}
			})
		}
	}
	for k := range places {
		slices.Sort(places[k])
	}
	return places
}

// origins visits every value that came from the message, with the member it
// came from and its FHIRPath. Of the items of an array the one is named by a
// fixed linkId, url, use or system.
func origins(tree *message.Tree, v *element.Value, path string, visit func(member, path string)) {
	switch v.Kind {
	case element.Object:
		for _, f := range v.Fields {
			origins(tree, f.Value, path+"."+f.Name, visit)
		}
	case element.Array:
		for _, it := range v.Items {
			origins(tree, it, path+selector(it), visit)
		}
	default:
		if v.Origin.Node > 0 {
			visit(indexes.ReplaceAllString(tree.Node(v.Origin.Node-1).Address(), ""), nested.ReplaceAllString(path, ".repeat(item)$1"))
		}
	}
}

// nested is an item within items, which FHIRPath reaches at any depth.
var nested = regexp.MustCompile(`(?:\.item\.where\([^)]*\))*\.item(\.where\([^)]*\))`)

func selector(item *element.Value) string {
	for _, name := range []string{"linkId", "url", "use", "system"} {
		if x := item.Get(name); x != nil && x.Origin.Node == 0 && item.Kind == element.Object {
			return ".where(" + name + "='" + x.Text + "')"
		}
	}
	return ""
}
