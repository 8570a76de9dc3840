package mapping_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/inbound/jsondoc"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/message"
)

const jsonHead = "mapping: m\ntitle: t\nversion: '1'\nformat: json\naccepts: ['*']\n"

// document maps a JSON document.
func document(t *testing.T, text, body string) (*mapping.Mapping, *message.Tree, *mapping.Result) {
	t.Helper()
	m := compile(t, jsonHead+text)
	msg, err := jsondoc.New().Decode([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	r, err := m.Apply(msg.Tree, mapping.Context{})
	if err != nil {
		t.Fatal(err)
	}
	return m, msg.Tree, r
}

func TestItemsLeftOver(t *testing.T) {
	const two = `{"items":[{"n":"a","x":"b"},{"n":"c","x":"d"}],"tags":["p","q"]}`
	for _, c := range []struct{ name, rules, body, want string }{
		{"first of records", "gender: <- items.n", two, "items[1]"},
		{"record without the member", "gender: <- items.n", `{"items":[{"x":"1"},{"n":"2"}]}`, "items[0]"},
		{"first of texts", "gender: <- tags", two, "tags[1]"},
		{"in an expression", `gender: = src("tags")`, two, "tags[1]"},
		{"joined by and", "language: [<- tags and items.n]", two, "tags[1] items[1]"},
		{"each", "language: <- each items.n", two, ""},
		{"each in one text", "gender: <- each items.n | join(' ')\nlanguage: <- items.x", two, ""},
		{"all in an expression", `gender: = all("tags").join(" ")` + "\nlanguage: <- tags", two, ""},
		{"repeated", "name: [{$each: items, text: <- .n}]\ngender: <- items.x", two, ""},
		{"one named", "gender: <- items[0].n", two, ""},
		{"one chosen", "gender: <- items[where x = d].n", two, ""},
		{"second that meets the condition", "gender: <- items[where x = d].n", `{"items":[{"n":"a","x":"d"},{"n":"b","x":"c"},{"n":"c","x":"d"}]}`, "items[2]"},
		{"second chosen by number", "gender: <- items[where x = d][0].n", `{"items":[{"n":"a","x":"d"},{"n":"c","x":"d"}]}`, ""},
		{"second taken by another rule", "gender: <- items[where x = d].n\nlanguage: <- items[where x = d][1].n", `{"items":[{"n":"a","x":"d"},{"n":"c","x":"d"}]}`, ""},
		{"second with nothing but what is compared", "gender: <- items[where x = d].n", `{"items":[{"n":"a","x":"d"},{"n":" ","x":"d"}]}`, ""},
		{"two conditions", "gender: <- items[where x = d][where n != c].n", `{"items":[{"n":"a","x":"d"},{"n":"b","x":"d"},{"n":"c","x":"d"}]}`, "items[1]"},
		{"all that meet the condition", "language: <- each items[where x = d].n", `{"items":[{"n":"a","x":"d"},{"n":"c","x":"d"}]}`, ""},
		{"second by a condition in an expression", `gender: = src("items[where x = d].n")`, `{"items":[{"n":"a","x":"d"},{"n":"c","x":"d"}]}`, "items[1]"},
		{"asked for by a condition only", "gender: male\n$when: <- items[where x = d]", `{"items":[{"n":"a","x":"d"},{"n":"c","x":"d"}]}`, ""},
		{"two conditions on one list", "gender: <- items[where x = d].n\nlanguage: <- items[where n = a].y", `{"items":[{"n":"a","x":"d"},{"n":"c","x":"d"},{"n":"a","y":"1"}]}`, "items[1] items[2]"},
		{"one item passed over by two rules", "gender: <- items[where x = d].n\nlanguage: <- items[where n != z].x", `{"items":[{"n":"a","x":"d"},{"n":"c","x":"d"}]}`, "items[1]"},
		{"one item", "gender: <- items.n", `{"items":[{"n":"a"}]}`, ""},
		{"blank item", "gender: <- items.n", `{"items":[{"n":"a"},{"n":" "},{}]}`, ""},
		{"asked for only", "gender: male\n$when: <- items", two, ""},
		{"within a repetition", "name: [{$each: items, text: <- .t}]", `{"items":[{"t":["1","2"]},{"t":["3"]},{"t":["4","5"]}]}`, "items[0].t[1] items[2].t[1]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, r := document(t, "resources:\n  p:\n    resourceType: Patient\n"+indent(c.rules), c.body)
			var got []string
			for _, f := range r.Findings {
				if f.Code != "items-unused" || f.Rule == "" {
					t.Errorf("finding %+v", f)
				}
				got = append(got, f.Address)
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("left over: %q, want %q", s, c.want)
			}
		})
	}
	t.Run("a part of the item is ignored", func(t *testing.T) {
		const rules = "ignores: [items.%s]\nresources:\n  p: {resourceType: Patient, gender: '<- items[where x = d].n'}\n"
		const body = `{"items":[{"n":"a","x":"d","y":"1"},{"n":"c","x":"d","y":"2"}]}`
		if _, _, r := document(t, fmt.Sprintf(rules, "y"), body); len(r.Findings) != 1 || r.Findings[0].Address != "items[1]" {
			t.Errorf("%+v", r.Findings)
		}
		if _, _, r := document(t, "ignores: [items]\nresources:\n  p: {resourceType: Patient, gender: '<- items[where x = d].n'}\n", body); len(r.Findings) != 0 {
			t.Errorf("%+v", r.Findings)
		}
	})
	t.Run("by a let", func(t *testing.T) {
		_, _, r := document(t, "let: {one: <- items}\nresources:\n  p: {resourceType: Patient, gender: <- one.n}\n", two)
		if len(r.Findings) != 1 || r.Findings[0].Address != "items[1]" {
			t.Errorf("%+v", r.Findings)
		}
	})
	t.Run("by a let with a condition", func(t *testing.T) {
		_, _, r := document(t, "let: {one: '<- items[where x != a]'}\nresources:\n  p: {resourceType: Patient, gender: <- one.n}\n", two)
		if len(r.Findings) != 1 || r.Findings[0].Address != "items[1]" || !strings.Contains(r.Findings[0].Text, "meets the condition") {
			t.Errorf("%+v", r.Findings)
		}
	})
	t.Run("ignored on purpose", func(t *testing.T) {
		_, _, r := document(t, "ignores: [tags]\nresources:\n  p: {resourceType: Patient, gender: <- tags}\n", two)
		if len(r.Findings) != 0 {
			t.Errorf("%+v", r.Findings)
		}
	})
}

// TestFalseConditions: false is an answer of no, however a condition comes by
// it; only asks for it by name, and has whether there is anything.
func TestFalseConditions(t *testing.T) {
	for _, c := range []struct{ condition, body, want string }{
		{"<- u", `{"u":true}`, "when"},
		{"<- u", `{"u":false}`, "unless"},
		{"<- u", `{"u":"false"}`, "unless"},
		{"<- u", `{"u":" false "}`, "unless"},
		{"<- u", `{"u":"False"}`, "when"},
		{"<- u", `{"u":0}`, "when"},
		{"<- u", `{"u":[false,true]}`, "unless"},
		{"<- u", `{"u":{"x":false}}`, "when"},
		{"<- u", `{"u":null}`, "unless"},
		{"<- u", `{}`, "unless"},
		{"<- u or w", `{"u":false,"w":"x"}`, "unless"},
		{"<- u or w", `{"w":false}`, "unless"},
		{"<- each u", `{"u":[false,"x"]}`, "when"},
		{"<- each u", `{"u":[false,"false"]}`, "unless"},
		{"<- u | text", `{"u":false}`, "unless"},
		{"<- u | text", `{"u":true}`, "when"},
		{"<- u | default(false)", `{}`, "unless"},
		{"<- ans", `{"u":false}`, "unless"},
		{"<- said", `{"u":false}`, "unless"},
		{"= ans", `{"u":false}`, "unless"},
		{"= ans", `{"u":"x"}`, "when"},
		{`= src("u")`, `{"u":false}`, "unless"},
		{`= src("u") == "false"`, `{"u":false}`, "when"},
		{`= has("u")`, `{"u":false}`, "when"},
		{`<- u | only("false", "no")`, `{"u":false}`, "when"},
		{`<- u | only("false", "no")`, `{"u":"false"}`, "when"},
		{`<- u | only("false", "no")`, `{"u":true}`, "unless"},
	} {
		m, tree, r := document(t, `let: {ans: <- u, said: <- u | text}
resources:
  p:
    resourceType: Patient
    name:
      - {$when: '`+c.condition+`', text: when}
      - {$unless: '`+c.condition+`', text: unless}
`, c.body)
		if got := r.Get("p").Root.TextAt("name.text"); got != c.want {
			t.Errorf("%s on %s: %s, want %s", c.condition, c.body, got, c.want)
		}
		if left := m.Unmapped(tree, r); slices.Contains(left, "u") && !strings.Contains(c.condition, "only") {
			t.Errorf("%s on %s: what was asked for counts as not used", c.condition, c.body)
		}
	}
}

// TestReadIsUsed holds that what a condition or an expression read is not
// listed as unused.
func TestReadIsUsed(t *testing.T) {
	const body = `{"a":"1","b":"2","c":"3","d":"4","list":[{"kind":"x","v":"5"},{"kind":"y","v":"6"}],"left":"7"}`
	m, tree, r := document(t, `let: {l: <- d}
resources:
  p:
    resourceType: Patient
    gender: male
    birthDate: '= has("b") && src("c") == "3" ? "2000" : ""'
    name:
      - {$when: <- a, text: '<- list[where kind = y].v'}
      - {$when: <- l, family: fixed}
`, body)
	got := m.Unmapped(tree, r)
	if want := []string{"list[0].v", "left"}; !slices.Equal(got, want) {
		t.Errorf("unused %v, want %v", got, want)
	}
}

// TestHeadIsUsed: where the message is known by a place, that place is used.
func TestHeadIsUsed(t *testing.T) {
	m, tree, r := document(t, `json: {id: meta.event}
resources:
  p:
    resourceType: Patient
    gender: male
    name: [{text: <- a}]
`, `{"a":"1","meta":{"event":"2","form":"3"}}`)
	if got, want := m.Unmapped(tree, r), []string{"meta.form"}; !slices.Equal(got, want) {
		t.Errorf("unused %v, want %v", got, want)
	}
}
