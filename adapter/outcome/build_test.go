package outcome_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/nhs"
	"github.com/linkloop/linkloop/adapter/outcome"
)

// TestSameTaskOwesTheSame: building again, as a store does after a lost race,
// gives the same bytes.
func TestSameTaskOwesTheSame(t *testing.T) {
	list := shipped(t)
	one, err := list.Build(golden(t, "scores"))
	if err != nil {
		t.Fatal(err)
	}
	two, err := list.Build(golden(t, "scores"))
	if err != nil || string(one.Bundle) != string(two.Bundle) || one.Key != two.Key {
		t.Errorf("differs: %v", err)
	}
}

// TestLedgerAway: when nobody can say whether a code has left, nothing is owed
// and the cause comes back as it is.
func TestLedgerAway(t *testing.T) {
	in := golden(t, "completed")
	away := fault.New(fault.Transient, "", "away")
	in.FirstInEpisode = func(string) (bool, error) { return false, away }
	owed, err := shipped(t).Build(in)
	if !errors.Is(err, away) || owed.Bundle != nil {
		t.Errorf("%v, %d bytes", err, len(owed.Bundle))
	}
}

// TestRefusalClaimsNothing: a Task that is refused has not used up the one time
// a code may leave.
func TestRefusalClaimsNothing(t *testing.T) {
	in := golden(t, "refused")
	in.FirstInEpisode = func(code string) (bool, error) {
		t.Errorf("claimed %s", code)
		return true, nil
	}
	if _, err := shipped(t).Build(in); fault.KindOf(err) != fault.Unmappable {
		t.Errorf("%v", err)
	}
}

// TestNumbersAreNumbers: text that a parser would take for a number is none;
// written as it is it would break the payload.
func TestNumbersAreNumbers(t *testing.T) {
	for _, text := range []string{"NaN", "20", "0x14", "+20", "Inf"} {
		in := golden(t, "completed")
		o := element.NewObject(element.S("resourceType", "Observation"), element.S("status", "final"),
			element.F("subject", element.NewObject(element.S("reference", "Patient/p1"))), element.S("valueInteger", text),
			element.F("code", element.NewObject(element.F("coding", element.NewArray(element.NewObject(
				element.S("system", nhs.SystemSNOMED), element.S("code", "718466001")))))))
		in.Task.Set("output", element.NewArray(element.NewObject(
			element.F("valueReference", element.NewObject(element.S("reference", "Observation/b1"))))))
		in.Outputs["Observation/b1"] = o
		if _, err := shipped(t).Build(in); fault.KindOf(err) != fault.Unmappable {
			t.Errorf("%s: %v, want unmappable", text, err)
		}
	}
}

func TestReferences(t *testing.T) {
	task, err := element.Parse([]byte(`{"output":[{"valueReference":{"reference":"Procedure/1"}},{"valueString":"x"},
		{"valueReference":{"display":"x"}},{"valueReference":{"reference":"https://a.example/fhir/Procedure/1"}}]}`), element.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if got := outcome.References(task); !slices.Equal(got, []string{"Procedure/1", "https://a.example/fhir/Procedure/1"}) {
		t.Errorf("%q", got)
	}
}

func golden(t testing.TB, name string) outcome.Input {
	t.Helper()
	return read(t, parts(t, name))
}

// parts are the inputs of a golden file.
func parts(t testing.TB, name string) []txtar.File {
	t.Helper()
	ar, err := txtar.ParseFile(filepath.Join("testdata", name+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(ar.Files, func(f txtar.File) bool { return strings.HasPrefix(f.Name, "want.") })
}

// FuzzBuild mutates a Task and a resource that its outputs name. Build never
// panics, gives a bundle that is JSON or a fault of the Task, and no code of
// SNOMED CT outside the list is in the bundle, wherever it stood in the input.
func FuzzBuild(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var task []byte
		output := []byte(`{"resourceType":"Observation","status":"final","subject":{"reference":"Patient/p1"},"valueInteger":20,
			"code":{"coding":[{"system":"http://snomed.info/sct","code":"718466001"}]}}`)
		for _, part := range txtar.Parse(b).Files {
			switch {
			case part.Name == "task.json":
				task = part.Data
			case strings.HasPrefix(part.Name, "outputs/"):
				output = part.Data
			}
		}
		f.Add(task, output)
	}
	list, rest := shipped(f), parts(f, "completed")
	f.Fuzz(func(t *testing.T, task, output []byte) {
		in := read(t, rest)
		var err error
		if in.Task, err = element.Parse(task, element.Limits{}); err != nil {
			return
		}
		v, err := element.Parse(output, element.Limits{})
		if err != nil {
			return
		}
		for _, ref := range outcome.References(in.Task) {
			in.Outputs[ref] = v
		}
		judge(t, list, in)
	})
}

// judge builds, holds what goes for any input, and reports whether a bundle
// came of it.
func judge(t *testing.T, list *outcome.List, in outcome.Input) bool {
	t.Helper()
	owed, err := list.Build(in)
	if err != nil {
		if fault.KindOf(err) != fault.Unmappable {
			t.Errorf("kind %s", fault.KindOf(err))
		}
		return false
	}
	if owed.Bundle == nil {
		return false
	}
	bundle, err := element.Parse(owed.Bundle, element.Limits{})
	if err != nil {
		t.Fatalf("the bundle is no JSON: %v", err)
	}
	document, err := outcome.Document(owed.Bundle)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := outcome.ReadLetter(document); err != nil {
		t.Error(err)
	}
	count := map[string]int{}
	for _, v := range []*element.Value{bundle, document} {
		clear(count)
		codings(v, func(c *element.Value) {
			if _, ok := list.Find(c.Str("code")); !ok {
				t.Errorf("a code that is not on the list: %q", c.Str("code"))
			}
			count[c.Str("code")]++
		})
	}
	if count["871711000000103"] > 0 && count["871731000000106"] > 0 {
		t.Error("declined and taken up at once")
	}
	if n := count["871731000000106"]; n > 1 {
		t.Errorf("the code of the first contact leaves %d times", n)
	}
	return true
}

// codings calls fn with every coding of SNOMED CT, by its system or by a code
// where no system tells.
func codings(v *element.Value, fn func(*element.Value)) {
	if s := v.Get("system"); v.Get("code") != nil && v.Get("code").Kind == element.String && (s == nil || v.Str("system") == nhs.SystemSNOMED) {
		fn(v)
	}
	for _, m := range v.Fields {
		codings(m.Value, fn)
	}
	for _, it := range v.Items {
		codings(it, fn)
	}
}

func BenchmarkBuild(b *testing.B) {
	list, in := shipped(b), golden(b, "scores")
	in.FirstInEpisode = func(string) (bool, error) { return true, nil }
	b.ReportAllocs()
	for b.Loop() {
		if _, err := list.Build(in); err != nil {
			b.Fatal(err)
		}
	}
}
