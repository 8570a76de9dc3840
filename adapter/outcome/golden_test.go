package outcome_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/measure"
	"github.com/linkloop/linkloop/adapter/outcome"
	"github.com/linkloop/linkloop/mappings"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const listFile = "outcome/codes.yaml"

func shipped(t testing.TB) *outcome.List {
	t.Helper()
	l, err := outcome.LoadList(mappings.FS(), listFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Use(shippedMeasures(t)); err != nil {
		t.Fatal(err)
	}
	return l
}

func shippedMeasures(t testing.TB) *measure.Set {
	t.Helper()
	set, err := measure.Load(mappings.FS(), "measures")
	if err != nil {
		t.Fatal(err)
	}
	return set
}

var now = time.Date(2026, 7, 1, 14, 30, 0, 0, time.FixedZone("BST", 3600))

// TestGolden builds what the Task of each file owes and compares the whole
// bundle, the summary as its reader sees it, the fault, or the reason for a
// human. Every entry made must also pass both judges of FHIR R4.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	list := shipped(t)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want := &txtar.Archive{Comment: ar.Comment}
			for _, f := range ar.Files {
				if !strings.HasPrefix(f.Name, "want.") {
					want.Files = append(want.Files, f)
				}
			}
			owed, err := list.Build(read(t, want.Files))
			want.Files = append(want.Files, result(t, owed, err)...)
			got := txtar.Format(want)
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if string(got) != string(txtar.Format(ar)) {
				t.Errorf("differs; run with -update and read the diff. Got:\n%s", got)
			}
		})
	}
}

// read makes the input of a file's parts. An episode lists codes that have
// left before.
func read(t testing.TB, files []txtar.File) outcome.Input {
	t.Helper()
	in := outcome.Input{Outputs: map[string]*element.Value{}, Now: now}
	var claimed []string
	in.FirstInEpisode = func(code string) (bool, error) {
		first := !slices.Contains(claimed, code)
		claimed = append(claimed, code)
		return first, nil
	}
	for _, f := range files {
		if f.Name == "episode" {
			claimed = strings.Fields(string(f.Data))
			continue
		}
		v, err := element.Parse(f.Data, element.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		switch f.Name {
		case "task.json":
			in.Task = v
		case "request.json":
			in.Request = v
		case "patient.json":
			in.Patient = v
		case "practice.json":
			in.Practice = v
		default:
			in.Outputs[strings.TrimPrefix(f.Name, "outputs/")] = v
		}
	}
	return in
}

func result(t *testing.T, owed outcome.Owed, err error) []txtar.File {
	t.Helper()
	file := func(name, text string) txtar.File {
		return txtar.File{Name: name, Data: []byte(strings.TrimRight(text, "\n") + "\n")}
	}
	if err != nil {
		var b strings.Builder
		b.WriteString(fault.KindOf(err).String() + "\n")
		for _, is := range fault.Of(err).Issues {
			b.WriteString(is.Expression + ": " + is.Text + "\n")
		}
		return []txtar.File{file("want.err", b.String())}
	}
	if owed.Bundle == nil {
		return []txtar.File{file("want.nothing", owed.Key+owed.Practice+owed.NeedsHuman)}
	}
	var out []txtar.File
	if owed.NeedsHuman != "" {
		out = append(out, file("want.human", owed.NeedsHuman))
	}
	valid(t, owed.Bundle)
	document, err := outcome.Document(owed.Bundle)
	if err != nil {
		t.Fatal(err)
	}
	judged(t, document)
	// What stands in base64 is compared in parts of its own.
	bundle := parse(t, string(owed.Bundle))
	for _, c := range bundle.All("entry.resource.content.attachment") {
		c.SetString("data", "AAAA")
	}
	return append(out, file("want.key", owed.Key+" to "+owed.Practice), file("want.bundle.json", pretty(t, bundle)),
		file("want.document.json", pretty(t, document)), file("want.summary", summary(t, owed.Bundle)))
}

func pretty(t testing.TB, v *element.Value) string {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(json.RawMessage(v.JSON())); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// judged holds a resource against linkloop's own judge of R4 and google/fhir.
func judged(t testing.TB, r *element.Value) {
	t.Helper()
	for _, is := range fhir.Check(r) {
		t.Errorf("check: %s: %s", is.Expression, is.Text)
	}
	issues, err := fhir.Strict(r.JSON())
	if err != nil {
		t.Error(err)
	}
	for _, is := range issues {
		t.Errorf("strict: %s: %s", is.Expression, is.Text)
	}
}

func summary(t *testing.T, bundle []byte) string {
	t.Helper()
	v, err := element.Parse(bundle, element.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range v.List("entry") {
		if data := e.TextAt("resource.content.attachment.data"); data != "" {
			text, err := base64.StdEncoding.DecodeString(data)
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
	}
	t.Error("no summary")
	return ""
}

// valid holds the bundle and each entry against linkloop's own judge of R4 and
// against google/fhir, and wants identifiers and addresses to be unique.
func valid(t *testing.T, bundle []byte) {
	t.Helper()
	v, err := element.Parse(bundle, element.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, e := range v.List("entry") {
		r := e.Get("resource")
		judged(t, r)
		for _, key := range []string{e.Str("fullUrl"), e.TextAt("request.ifNoneExist")} {
			if key == "" || seen[key] {
				t.Errorf("%q is empty or stands twice", key)
			}
			seen[key] = true
		}
	}
	for _, is := range fhir.Check(v) {
		t.Errorf("check: %s: %s", is.Expression, is.Text)
	}
}
