package mappings_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/profile"
	"github.com/linkloop/linkloop/adapter/referral"
)

const (
	corpus       = "../../shared/corpus/"
	corpusGolden = "testdata/corpus.txt"
)

// TestCorpus holds what becomes of every published sample of a referral
// against testdata/corpus.txt: what is made of it, with a hash of all of it, or
// why it is refused. The samples themselves are not part of the project.
func TestCorpus(t *testing.T) {
	if _, err := os.Stat(corpus); err != nil {
		t.Skip("the corpus is not present")
	}
	covered := map[string]bool{}
	var got strings.Builder
	got.WriteString("What the shipped mappings make of published samples. Written by go test ./mappings -run TestCorpus -update\n")
	for _, c := range []struct {
		files, mapping string
		change         [2]string // what is changed before the sample is read, and into what
		why            string
		wrapped        bool // the sample is a ServiceRequest, and a message is put around it
	}{
		{files: "hl7v2/*.hl7", mapping: "hl7v2-ref"},
		{files: "bars/*.xml", mapping: "bars-r4"},
		{files: "bars/*.json", mapping: "bars-r4"},
		{files: "bars/ValidationRequest-POST.json", mapping: "bars-r4", change: [2]string{`"code": "validation"`, `"code": "referral"`},
			why: "as a referral instead of a validation"},
		{files: "stu3/*.json", mapping: "gpconnect-stu3"},
		{files: "stu3/*.json", mapping: "ers-json"},
		{files: "sdohcc/examples/ServiceRequest-*.json", mapping: "bars-r4"},
		{files: "sdohcc/examples/ServiceRequest-*.json", mapping: "generic-json"},
		{files: "sdohcc/examples/ServiceRequest-*.json", mapping: "bars-r4", wrapped: true, why: "in a message"},
		{files: "r4-examples/json/servicerequest-*.json", mapping: "bars-r4", wrapped: true, why: "in a message"},
	} {
		files, err := filepath.Glob(filepath.FromSlash(corpus + c.files))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %v", c.files, files, err)
		}
		slices.Sort(files)
		for _, file := range files {
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			name, _ := filepath.Rel(filepath.FromSlash(corpus), file)
			fmt.Fprintf(&got, "\n%s with %s", filepath.ToSlash(name), c.mapping)
			covered[filepath.ToSlash(name)] = true
			switch {
			case c.wrapped:
				body = fmt.Appendf(nil, `{"resourceType":"Bundle","id":"m1","type":"message","entry":[{"resource":{"resourceType":"MessageHeader",`+
					`"eventCoding":{"code":"servicerequest-request"},"source":{"endpoint":"urn:example:sender"}}},{"resource":%s}]}`, body)
				got.WriteString(", " + c.why)
			case c.why != "":
				changed := strings.Replace(string(body), c.change[0], c.change[1], 1)
				if changed == string(body) {
					t.Errorf("%s: there is no %s", name, c.change[0])
				}
				body = []byte(changed)
				got.WriteString(", " + c.why)
			}
			got.WriteString("\n")
			became(t, &got, c.mapping, body)
		}
	}
	everySample(t, covered)
	if *update {
		if err := os.MkdirAll(filepath.Dir(corpusGolden), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(corpusGolden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(corpusGolden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		g, w := strings.Split(got.String(), "\n"), strings.Split(string(want), "\n")
		for i := range max(len(g), len(w)) {
			if i >= len(g) || i >= len(w) || g[i] != w[i] {
				t.Fatalf("%s, line %d\nwant %q\ngot  %q", corpusGolden, i+1, w[min(i, len(w)-1)], g[min(i, len(g)-1)])
			}
		}
	}
}

// referralSample tells a sample of a referral: an HL7 v2 REF, or FHIR that holds
// a ServiceRequest or, in STU3, a ReferralRequest.
var referralSample = regexp.MustCompile(`\|REF\^I1[2-5]|"resourceType"\s*:\s*"(ServiceRequest|ReferralRequest)"|<(ServiceRequest|ReferralRequest)[ >]`)

// everySample fails for a sample of a referral in the corpus that no mapping was
// tried with. Definitions and packages hold no samples; the official examples
// of R4 are there in JSON and XML, and are the same.
func everySample(t *testing.T, covered map[string]bool) {
	t.Helper()
	samples := 0
	err := filepath.WalkDir(filepath.FromSlash(corpus), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(filepath.FromSlash(corpus), path)
		name = filepath.ToSlash(name)
		switch name {
		case "r4-definitions", "r4-examples/xml", "packages", "itk3-profiles", "bars/bars-conformance", "sdohcc/capability", "patch":
			return filepath.SkipDir
		}
		switch filepath.Ext(name) {
		case ".json", ".xml", ".hl7", ".csv":
		default:
			return nil
		}
		body, err := os.ReadFile(path)
		if err != nil || !referralSample.Match(body) {
			return err
		}
		if samples++; !covered[name] {
			t.Errorf("%s is a sample of a referral that no mapping was tried with", name)
		}
		return nil
	})
	if err != nil || samples < 30 {
		t.Errorf("%d samples, %v", samples, err)
	}
}

// became writes what became of one message, in places and codes only.
func became(t *testing.T, out *strings.Builder, name string, body []byte) {
	t.Helper()
	m, err := compile(name)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(err error) {
		var f *fault.Fault
		if !errors.As(err, &f) {
			t.Errorf("%s: not a fault: %v", name, err)
			return
		}
		fmt.Fprintf(out, "  refused: %s\n", f.Kind)
		for _, is := range f.Issues {
			place := is.Place
			if place == "" {
				place = is.Expression
			}
			fmt.Fprintf(out, "    %s: %s\n", place, withoutLine(is.Text))
		}
	}
	msg, err := formatOf(m).Decode(body)
	if err != nil {
		refused(err)
		return
	}
	made := map[string]int{}
	for _, f := range msg.Flags {
		made[f.Code+" "+f.Text]++
	}
	for _, flag := range slices.Sorted(maps.Keys(made)) {
		fmt.Fprintf(out, "  decoder: %s (%d)\n", flag, made[flag])
	}
	if !m.Accepts(msg.Type) {
		fmt.Fprintf(out, "  refused: the type %s is not among %s\n", msg.Type, strings.Join(m.AcceptedTypes(), ", "))
		return
	}
	res, err := m.Apply(msg.Tree, mapping.Context{})
	if err != nil {
		refused(err)
		return
	}
	var types []string
	roots := make([]*element.Value, len(res.Resources))
	for i, r := range res.Resources {
		types = append(types, r.Type)
		roots[i] = r.Root
	}
	if res.Intention == "" {
		res.Intention = string(referral.New)
	}
	fmt.Fprintf(out, "  %s: %s\n", res.Intention, strings.Join(types, " "))
	for _, f := range res.Findings {
		fmt.Fprintf(out, "    %s %s at %s\n", f.Code, f.Path, f.Address)
	}
	for _, f := range profile.Quality(roots) {
		fmt.Fprintf(out, "    %s %s\n", f.Code, f.Expression)
	}
	if !slices.Contains(referral.Brief, res.Intention) {
		for _, r := range roots {
			for _, is := range fhir.Check(pointed(r)) {
				fmt.Fprintf(out, "    not R4: %s %s\n", is.Expression, is.Text)
			}
		}
	}
	fmt.Fprintf(out, "    %d places not mapped, sha256 %x\n", len(m.Unmapped(msg.Tree, res)), sha256.Sum256(mapping.PrintResult(res)))
}

// withoutLine leaves out where in the mapping a reason stands, so that a line
// more in a mapping changes no expectation.
func withoutLine(text string) string {
	if i := strings.LastIndex(text, " ("); i > 0 && strings.HasSuffix(text, ")") {
		return text[:i]
	}
	return text
}
