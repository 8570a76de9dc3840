package resource

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fhir"
)

// TestSummaryTable holds the table against the official definitions, and has a
// line for each served type.
func TestSummaryTable(t *testing.T) {
	for _, d := range Definitions() {
		if _, ok := summaries[d.Type]; !ok {
			t.Errorf("%s has no line", d.Type)
		}
	}
	for structure, names := range summaries {
		typ, known := fhir.TypeOf(strings.Split(structure, ".")[0])
		if !known {
			continue // a datatype
		}
		for _, part := range strings.Split(structure, ".")[1:] {
			of, ok := typ.Element(part)
			if known = known && ok; known {
				typ = of.Type()
			}
		}
		for _, n := range names {
			if _, ok := typ.Element(n); known && !ok {
				t.Errorf("%s has no element %s", structure, n)
			}
		}
	}
	files, err := filepath.Glob("../../../shared/corpus/r4-definitions/StructureDefinition-*.json")
	if err != nil || len(files) == 0 {
		t.Skip("the corpus is not there")
	}
	looked := 0
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		v, err := element.Parse(b, element.Limits{Bytes: 20 << 20, Depth: 60, Nodes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range v.All("snapshot.element") {
			at := strings.LastIndexByte(e.Str("path"), '.')
			if at < 0 {
				continue
			}
			structure, name := e.Str("path")[:at], strings.TrimSuffix(e.Str("path")[at+1:], "[x]")
			shown, limited := summaries[structure]
			if !limited || slices.Contains(alwaysShown, name) {
				continue
			}
			looked++
			is := slices.ContainsFunc(shown, func(s string) bool {
				rest, ok := strings.CutPrefix(s, name)
				return s == name || ok && strings.HasSuffix(e.Str("path"), "[x]") && strings.ToUpper(rest[:1]) == rest[:1]
			})
			if marked := e.Str("isSummary") == "true" || e.Get("isSummary") != nil && e.Get("isSummary").Text == "true"; marked != is {
				t.Errorf("%s: marked %v, in the table %v", e.Str("path"), marked, is)
			}
		}
	}
	if looked < 150 {
		t.Errorf("only %d elements were looked at", looked)
	}
}

func TestSummarize(t *testing.T) {
	for in, want := range map[string]string{
		`{"resourceType":"Task","id":"1","meta":{"versionId":"1"},"text":{"status":"empty","div":"<div/>"},"status":"requested","_status":{"id":"x"},"input":[{"type":{"text":"a"},"valueString":"b"}],"owner":{"reference":"Organization/1","display":"x"}}`: `{"resourceType":"Task","id":"1","meta":{"versionId":"1"},"status":"requested","_status":{"id":"x"},"owner":{"reference":"Organization/1","display":"x"}}`,
		`{"resourceType":"Patient","photo":[{"url":"u"}],"link":[{"other":{"reference":"Patient/2"},"type":"seealso"}],"contact":[{"gender":"male"}]}`:                                                                                                        `{"resourceType":"Patient","link":[{"other":{"reference":"Patient/2"},"type":"seealso"}]}`,
		`{"resourceType":"DocumentReference","status":"current","content":[{"attachment":{"contentType":"text/plain","data":"YQ=="}}],"context":{"period":{"start":"2026"},"event":[{"text":"x"}]}}`:                                                          `{"resourceType":"DocumentReference","status":"current","content":[{"attachment":{"contentType":"text/plain"}}],"context":{"period":{"start":"2026"}}}`,
		`{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"urn:x","resource":{"resourceType":"Patient","id":"1","maritalStatus":{"text":"x"}}}]}`:                                                                                             `{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"urn:x","resource":{"resourceType":"Patient","id":"1"}}]}`,
	} {
		v, err := element.Parse([]byte(in), element.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		Summarize(v)
		if got := string(v.JSON()); got != want {
			t.Errorf("%s\n%s, want\n%s", in, got, want)
		}
	}
}
