package mappings_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"go.yaml.in/yaml/v3"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/referral"
	"github.com/linkloop/linkloop/mappings"
)

const handbook = "README.md"

// fence is one block of code of the handbook.
type fence struct {
	info     string // json message, yaml shared/uk-address.yaml
	text     string
	from, to int // bytes of the text in the page
}

// recipe is one section of the cookbook with code in it.
type recipe struct {
	title  string
	fences []fence
}

func recipes(page string) []recipe {
	var out []recipe
	start := strings.Index(page, "\n## Cookbook")
	end := start + 1 + strings.Index(page[start+1:], "\n## ")
	for at := start; at < end; {
		line := page[at : at+strings.IndexByte(page[at:], '\n')+1]
		next := at + len(line)
		switch {
		case strings.HasPrefix(line, "### "):
			out = append(out, recipe{title: strings.TrimSpace(line[4:])})
		case strings.HasPrefix(line, "```"):
			stop := next + strings.Index(page[next:], "```\n")
			r := &out[len(out)-1]
			r.fences = append(r.fences, fence{strings.TrimSpace(line[3:]), page[next:stop], next, stop})
			next = stop + len("```\n")
		}
		at = next
	}
	return out
}

// TestCookbook runs every recipe: the message through the rules gives what
// the page says.
func TestCookbook(t *testing.T) {
	body, err := os.ReadFile(handbook)
	if err != nil {
		t.Fatal(err)
	}
	page := string(body)
	var changed []fence
	ran := 0
	for _, r := range recipes(page) {
		if len(r.fences) == 0 {
			continue
		}
		ran++
		t.Run(r.title, func(t *testing.T) {
			want, got := cook(t, r)
			if want.text != got {
				if *update {
					changed = append(changed, fence{text: got, from: want.from, to: want.to})
					return
				}
				t.Errorf("the page says\n%sand this comes out\n%s", want.text, got)
			}
		})
	}
	if ran < 20 {
		t.Errorf("%d recipes", ran)
	}
	for _, c := range slices.Backward(changed) {
		page = page[:c.from] + c.text + page[c.to:]
	}
	if *update {
		if err := os.WriteFile(handbook, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// cook runs a recipe and gives the block that says what comes out, and what
// does.
func cook(t *testing.T, r recipe) (want fence, got string) {
	t.Helper()
	files := fstest.MapFS{}
	var message []byte
	rules, format := "", ""
	for _, f := range r.fences {
		kind, name, _ := strings.Cut(f.info, " ")
		switch {
		case strings.HasPrefix(name, "vocabulary/"):
			files["m/"+name] = &fstest.MapFile{Data: []byte(f.text)}
		case strings.HasPrefix(name, "shared/"):
			files[name] = &fstest.MapFile{Data: []byte(f.text)}
		case kind == "hl7" || strings.HasPrefix(name, "message"):
			format = map[string]string{"hl7": "hl7v2"}[kind]
			if format == "" {
				format = kind
			}
			message = []byte(f.text)
			if kind == "hl7" && !strings.HasPrefix(f.text, "MSH") {
				message = append([]byte("MSH|^~\\&|PAS|A81001|||202603021015||REF^I12|1|P|2.4\n"), message...)
			}
			if strings.HasSuffix(name, "windows-1252") {
				message = latin1(f.text)
			}
		case kind == "yaml":
			rules = f.text
		case kind == "json":
			want = f
		default:
			t.Fatalf("a block of %q", f.info)
		}
	}
	files["m/mapping.yaml"] = &fstest.MapFile{Data: []byte(whole(rules, format))}
	m, err := mapping.Compile(files, "m", mapping.WithSchema(fhir.Schema{}), mapping.WithIntentions(referral.Whole, referral.Brief), mapping.WithShared(mappings.FS()))
	if err != nil {
		t.Fatal(err)
	}
	tree, _, err := decode(m, message)
	if err != nil {
		t.Fatal(err)
	}
	res, err := m.Apply(tree, mapping.Context{})
	var f *fault.Fault
	switch {
	case errors.As(err, &f):
		lines := make([]string, len(f.Issues))
		for i, is := range f.Issues {
			lines[i] = is.Place + ": " + withoutLine(is.Text)
		}
		return want, printed(element.NewObject(texts("refused", lines)))
	case err != nil:
		t.Fatal(err)
	}
	out := element.NewObject()
	out.SetString("intention", res.Intention)
	for _, made := range res.Resources {
		made.Root.Remove("resourceType")
		out.Fields = append(out.Fields, element.F(made.Key, made.Root))
	}
	if len(res.Findings) > 0 {
		lines := make([]string, len(res.Findings))
		for i, finding := range res.Findings {
			lines[i] = finding.Code + " at " + finding.Address
		}
		out.Fields = append(out.Fields, texts("flagged", lines))
	}
	return want, printed(out)
}

// whole makes a mapping of the rules that a recipe shows.
func whole(rules, format string) string {
	if !strings.Contains(rules, "resources:\n") {
		rules = "resources:\n  " + strings.TrimSuffix(strings.ReplaceAll(rules, "\n", "\n  "), "  ")
	}
	if !strings.Contains(rules, "format: ") {
		rules = "format: " + format + "\n" + rules
	}
	return "mapping: m\ntitle: A recipe\nversion: 1.0.0\naccepts: [\"*\"]\n" + rules
}

func texts(name string, lines []string) element.Field {
	list := element.NewArray()
	for _, l := range lines {
		list.Items = append(list.Items, element.NewString(l))
	}
	return element.F(name, list)
}

// printed is an object with a line for each member.
func printed(v *element.Value) string {
	var b strings.Builder
	b.WriteString("{")
	for i, f := range v.Fields {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, "\n  %q: %s", f.Name, f.Value.JSON())
	}
	b.WriteString("\n}\n")
	return b.String()
}

// latin1 writes characters up to U+00FF in one byte each.
func latin1(s string) []byte {
	var out []byte
	for _, r := range s {
		out = append(out, byte(r))
	}
	return out
}

// TestHandbookNamesEverything: every word of the language, and every sender,
// stands in the handbook with what it means. The tables are written by -update.
func TestHandbookNamesEverything(t *testing.T) {
	body, err := os.ReadFile(handbook)
	if err != nil {
		t.Fatal(err)
	}
	page := string(body)
	for _, part := range []struct{ heading, table string }{
		{"### Functions\n\n", functionTable()},
		{"### Directives\n\n", helpTable(mapping.DirectiveReference())},
		{"### At the top of the file\n\n", helpTable(mapping.HeadReference())},
		{"### Fragments that are shipped\n\n", fragmentTable(t)},
		{"## Senders that are shipped\n\nEach folder has a page: what it assumes, from which published source, and what is configuration.\n\n", senderTable(t)},
	} {
		before, after, found := strings.Cut(page, part.heading)
		if !found {
			t.Fatalf("there is no heading %q", part.heading)
		}
		end := strings.Index(after, "\n\n") + 1
		if after[:end] != part.table {
			if !*update {
				t.Errorf("%s is out of date: go test ./mappings -run Handbook -update", strings.TrimSpace(part.heading))
			}
			page = before + part.heading + part.table + after[end:]
		}
	}
	if *update && page != string(body) {
		if err := os.WriteFile(handbook, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// cell is a text in a table.
func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }

func functionTable() string {
	var b strings.Builder
	b.WriteString("| function | gives | for example |\n|---|---|---|\n")
	for _, f := range mapping.FunctionReference() {
		example := ""
		if f.Use != "" && f.Name != "required" {
			example = fmt.Sprintf("`%s`: %s → %s", cell(f.Use), shown(f.Value), shown(f.Gives))
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.Name, cell(f.Says), example)
	}
	return b.String()
}

func shown(s string) string {
	if s == "" {
		return "nothing"
	}
	return "`" + cell(strings.NewReplacer("\r\n", "⏎", "\r", "⏎", "\n", "⏎").Replace(s)) + "`"
}

func helpTable(list []mapping.Help) string {
	var b strings.Builder
	b.WriteString("| word | means |\n|---|---|\n")
	for _, h := range list {
		fmt.Fprintf(&b, "| `%s` | %s |\n", h.Name, cell(h.Says))
	}
	return b.String()
}

func senderTable(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("| sender | what it takes | format | examples |\n|---|---|---|---|\n")
	for _, name := range mappings.Names() {
		m, err := compile(name)
		if err != nil {
			t.Fatal(err)
		}
		examples, err := mapping.Examples(mappings.FS(), name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(name + "/README.md"); err != nil {
			t.Errorf("%s has no page of its own: %v", name, err)
		}
		fmt.Fprintf(&b, "| [%s](%s/README.md) | %s | %s | %d |\n", name, name, cell(m.Title()), m.Format(), len(examples))
	}
	return b.String()
}

func fragmentTable(t *testing.T) string {
	t.Helper()
	files, err := fs.Glob(mappings.FS(), "shared/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("| fragment | what it is for | parameters |\n|---|---|---|\n")
	for _, file := range files {
		body, err := fs.ReadFile(mappings.FS(), file)
		if err != nil {
			t.Fatal(err)
		}
		var f struct {
			Title      string         `yaml:"title"`
			Parameters map[string]any `yaml:"parameters"`
		}
		if err := yaml.Unmarshal(body, &f); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", strings.TrimSuffix(file, ".yaml"), cell(f.Title), strings.Join(slices.Sorted(maps.Keys(f.Parameters)), ", "))
	}
	return b.String()
}
