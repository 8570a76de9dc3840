package mappings_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/mapping"
)

// TestCorpus says what becomes of published sample messages: sensible
// resources, or a refusal that names the place.
func TestCorpus(t *testing.T) {
	const corpus = "../../shared/corpus/"
	if _, err := os.Stat(corpus); err != nil {
		t.Skip("the corpus is not present")
	}
	for _, c := range []struct {
		file, mapping string
		makes         string // types of the resources, in order; empty: refused
		refused       string // what the refusal names
		change        string // old=new, before it is read
	}{
		{file: "hl7v2/ms-REF-I12-01.hl7", mapping: "hl7v2-ref", makes: "Patient Organization Practitioner PractitionerRole Organization ServiceRequest Task"},
		{file: "hl7v2/ms-REF-I14-01.hl7", mapping: "hl7v2-ref", makes: "Patient Organization Practitioner PractitionerRole Organization ServiceRequest Task"},
		{file: "bars/ValidationRequest-POST.json", mapping: "bars-r4", refused: "ServiceRequest.category"},
		{file: "bars/ValidationRequest-POST.json", mapping: "bars-r4", change: `"code": "validation"="code": "referral"`, makes: "Patient Organization Practitioner PractitionerRole Organization ServiceRequest Consent Task"},
	} {
		t.Run(filepath.Base(c.file), func(t *testing.T) {
			body, err := os.ReadFile(filepath.FromSlash(corpus + c.file))
			if err != nil {
				t.Fatal(err)
			}
			if from, to, ok := strings.Cut(c.change, "="); ok {
				body = []byte(strings.Replace(string(body), from, to, 1))
			}
			m, err := compile(c.mapping)
			if err != nil {
				t.Fatal(err)
			}
			tree, kind, err := decode(m, body)
			if err != nil {
				t.Fatal(err)
			}
			if !m.Accepts(kind) {
				if c.refused != "type "+kind {
					t.Errorf("the type %s is not taken", kind)
				}
				return
			}
			res, err := m.Apply(tree, mapping.Context{})
			if err != nil {
				if c.refused == "" || !strings.Contains(fault.Of(err).Issues[0].Place, c.refused) {
					t.Errorf("refused with %v", err)
				}
				return
			}
			var types []string
			for _, r := range res.Resources {
				types = append(types, r.Type)
			}
			if got := strings.Join(types, " "); got != c.makes {
				t.Errorf("makes %s, want %s", got, c.makes)
			}
			for _, f := range res.Findings {
				t.Logf("%s %s: %s", f.Address, f.Path, f.Text)
			}
		})
	}
}
