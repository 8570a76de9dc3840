package fhir_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fhir"
)

// onlyStrict names what google/fhir v0.7.4 refuses and Check takes, by the
// words of its issue, found by fuzzing.
var onlyStrict = []struct{ says, why string }{
	{"expected binary data", "R4 allows white space within base64"},
}

// FuzzCheck: whatever the JSON, Check ends, its places are text, and it takes
// nothing that google/fhir refuses, but for named reasons.
func FuzzCheck(f *testing.F) {
	f.Add([]byte(serviceRequest))
	f.Add([]byte(task))
	f.Add([]byte(`{"resourceType":"Patient","name":[{"given":[null,"B"],"_given":[{"extension":[{"url":"urn:x","valueString":"a"}]},null]}],"birthDate":"1970-01","contained":[{"resourceType":"Organization","id":"o","name":"a"}],"multipleBirthInteger":2,"photo":[{"data":"QUJD","url":"http://a/b"}]}`))
	for _, name := range []string{"patient-example.json", "observation-example-bloodpressure.json", "task-example1.json", "consent-example.json"} {
		if b, err := os.ReadFile(filepath.Join("../../../shared/corpus/r4-examples/json", name)); err == nil {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := element.Parse(b, element.Limits{Bytes: 1 << 16, Depth: 20, Nodes: 5000})
		if err != nil {
			return
		}
		issues := fhir.Check(v)
		for _, is := range issues {
			if is.Code == "" || is.Text == "" || !utf8.ValidString(is.Expression) {
				t.Errorf("issue %+v", is)
			}
		}
		if len(issues) > 100 {
			t.Errorf("%d issues", len(issues))
		}
		if len(issues) > 0 {
			return
		}
		strict, err := fhir.Strict(v.JSON())
		if err != nil {
			t.Fatal(err)
		}
		for _, is := range strict {
			known := false
			for _, o := range onlyStrict {
				known = known || strings.Contains(is.Text, o.says)
			}
			if !known {
				t.Errorf("google/fhir refuses %s: %s", is.Expression, is.Text)
			}
		}
	})
}
