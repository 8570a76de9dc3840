package fhirxml_test

import (
	"bytes"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/fhir/fhirxml"
)

const corpus = "../../../../shared/corpus/"

// files lists those of the corpus, or skips.
func files(t testing.TB, pattern string) []string {
	t.Helper()
	list, err := filepath.Glob(corpus + pattern)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		t.Skipf("the corpus is not there: %s", pattern)
	}
	return list
}

func load(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// differ lists the pairs whose two files do not say the same, and what differs.
var differ = map[string]string{
	"observation-example-body-height": "the value is 66.899999999999991 in XML and 66.89999999999999 in JSON; both keep their digits here",
}

// TestOfficialPairs: what XML reads as is the official JSON of the same
// resource, and writing either and reading it again changes nothing.
func TestOfficialPairs(t *testing.T) {
	list := files(t, "r4-examples/xml/*.xml")
	if len(list) != 226 {
		t.Errorf("%d pairs, not 226", len(list))
	}
	equal, found := 0, map[string]bool{}
	for _, file := range list {
		name := strings.TrimSuffix(filepath.Base(file), ".xml")
		got, err := fhirxml.Read(load(t, file), element.Limits{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want, err := element.Parse(load(t, corpus+"r4-examples/json/"+name+".json"), element.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		returns(t, name, got)
		returns(t, name, want)
		a, b := comparable(got), comparable(want)
		if why, listed := differ[name]; listed {
			found[name] = true
			if element.Equal(a, b) {
				t.Errorf("%s is listed as different (%s) and is not", name, why)
			}
			continue
		}
		if element.Equal(a, b) {
			equal++
			continue
		}
		for _, d := range differences("", a, b) {
			t.Errorf("%s: %s", name, d)
		}
	}
	t.Logf("%d of %d pairs are equal", equal, len(list))
	if len(found) != len(differ) {
		t.Errorf("%d pairs of the list are not among the files", len(differ)-len(found))
	}
}

// returns writes a resource and reads it again, and has the standard library
// look at the XML.
func returns(t *testing.T, name string, v *element.Value) {
	t.Helper()
	text, err := fhirxml.Append(nil, v)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	d := xml.NewDecoder(bytes.NewReader(text))
	for {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Errorf("%s: the XML written is not well-formed: %v", name, err)
			return
		}
	}
	again, err := fhirxml.Read(text, element.Limits{})
	if err != nil {
		t.Errorf("%s: reading what was written: %v", name, err)
		return
	}
	if !element.Equal(v, again) {
		for _, d := range differences("", again, v) {
			t.Errorf("%s: came back with %s", name, d)
		}
	}
}

// comparable is a copy without what the two files of a pair may differ in: the
// words of narratives, and the mark of tests, which is a
// security label in XML and a tag in JSON.
func comparable(v *element.Value) *element.Value {
	v = v.Clone()
	var strip func(v *element.Value)
	strip = func(v *element.Value) {
		if v.Str("div") != "" && v.Str("status") != "" {
			v.Set("div", element.NewString("<div/>"))
		}
		if meta := v.Get("meta"); meta != nil {
			for _, name := range []string{"security", "tag"} {
				labels := meta.Get(name)
				if labels == nil {
					continue
				}
				labels.Items = slices.DeleteFunc(labels.Items, func(x *element.Value) bool { return x.Str("code") == "HTEST" })
				if len(labels.Items) == 0 {
					meta.Remove(name)
				}
			}
			if len(meta.Fields) == 0 {
				v.Remove("meta")
			}
		}
		for _, f := range v.Fields {
			strip(f.Value)
		}
		for _, it := range v.Items {
			strip(it)
		}
	}
	strip(v)
	return v
}

// differences lists up to five.
func differences(path string, a, b *element.Value) []string {
	if a == nil || b == nil || a.Kind != b.Kind || len(a.Items) != len(b.Items) || a.Text != b.Text {
		short := func(v *element.Value) string {
			s := string(v.JSON())
			return s[:min(len(s), 300)]
		}
		return []string{path + ": got " + short(a) + ", want " + short(b)}
	}
	var out []string
	for _, f := range a.Fields {
		out = append(out, differences(path+"."+f.Name, f.Value, b.Get(f.Name))...)
	}
	for _, f := range b.Fields {
		if a.Get(f.Name) == nil {
			out = append(out, differences(path+"."+f.Name, nil, f.Value)...)
		}
	}
	for i := range a.Items {
		out = append(out, differences(path+"[]", a.Items[i], b.Items[i])...)
	}
	return out[:min(len(out), 5)]
}

// TestOrderIsThatOfFHIR holds the order of elements against the official
// definitions.
func TestOrderIsThatOfFHIR(t *testing.T) {
	seen := 0
	for _, file := range files(t, "r4-definitions/StructureDefinition-*.json") {
		v, err := element.Parse(load(t, file), element.Limits{Bytes: 20 << 20, Depth: 60, Nodes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		last := map[string]int{}
		for _, e := range v.All("snapshot.element") {
			parts := strings.Split(e.Str("path"), ".")
			if len(parts) == 1 {
				continue
			}
			parent, known := fhir.TypeOf(parts[0])
			for _, p := range parts[1 : len(parts)-1] {
				of, ok := parent.Element(p)
				if known = known && ok; known {
					parent = of.Type()
				}
			}
			name := parts[len(parts)-1]
			if base, choice := strings.CutSuffix(name, "[x]"); choice {
				code := e.TextAt("type.code")
				name = base + strings.ToUpper(code[:1]) + code[1:]
			}
			of, ok := parent.Element(name)
			if !known || !ok {
				t.Fatalf("%s is not known", e.Str("path"))
			}
			up := strings.Join(parts[:len(parts)-1], ".")
			if before, any := last[up]; any && before >= of.Order() {
				t.Errorf("%s is at %d, behind %d", e.Str("path"), of.Order(), before)
			}
			last[up] = of.Order()
			seen++
		}
	}
	if seen < 300 {
		t.Errorf("only %d elements were looked at", seen)
	}
}
