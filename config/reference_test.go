package config

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write CONFIG.md")

// TestReferenceIsFresh fails when CONFIG.md is not what the code says; with
// -update it writes it.
func TestReferenceIsFresh(t *testing.T) {
	if *update {
		if err := os.WriteFile("CONFIG.md", Reference(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("CONFIG.md")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(Reference()), string(got)); d != "" {
		t.Errorf("CONFIG.md is stale, run make generate (-code +file):\n%s", d)
	}
}

// keys lists every key below f that needs a row in settings.
func keys(f field, prefix string) []string {
	var out []string
	for _, c := range f.fields {
		key := join(prefix, c.name)
		switch c.kind {
		case section:
			out = append(out, keys(c, key)...)
		case entries:
			out = append(out, key)
			out = append(out, keys(c, key+"[]")...)
		default:
			out = append(out, key)
		}
	}
	return out
}

func TestEverySettingIsDocumented(t *testing.T) {
	want := keys(schema, "")
	var got []string
	for _, s := range settings {
		got = append(got, s.Key)
		if !strings.HasSuffix(s.Doc, ".") || len(s.Doc) < 15 {
			t.Errorf("%s: the text is no sentence", s.Key)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-struct +table:\n%s", d)
	}
}

// TestExamplesLoad checks that the example of each scalar setting is accepted.
func TestExamplesLoad(t *testing.T) {
	for _, l := range schema.leaves("") {
		s, _ := settingOf(l.key)
		if l.field.kind == entries {
			continue
		}
		r := &reader{places: places{}}
		if _, ok := r.variable(l, s.Example); !ok {
			t.Errorf("%s: %v", l.key, r.problems)
		}
	}
}

// TestVariablesAreUnique guards the naming rule: dots and underscores both
// become underscores.
func TestVariablesAreUnique(t *testing.T) {
	had := map[string]string{EnvFile: "the name of the file"}
	for _, l := range schema.leaves("") {
		name := EnvName(l.key)
		if other, ok := had[name]; ok {
			t.Errorf("%s and %s are both %s", other, l.key, name)
		}
		had[name] = l.key
	}
}
