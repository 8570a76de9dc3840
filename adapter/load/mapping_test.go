package load

import (
	"slices"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/inbound/fhirmsg"
	"github.com/linkloop/linkloop/adapter/inbound/hl7v2"
	"github.com/linkloop/linkloop/adapter/inbound/jsondoc"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/mappings"
)

// TestReferralsFitTheShippedMappings keeps the load honest: a made-up referral
// must do all the work of a real one, with nothing refused and nothing flagged.
func TestReferralsFitTheShippedMappings(t *testing.T) {
	w := writer{run: "r1", seed: 1, at: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)}
	c := DefaultConfig()
	for _, x := range []struct {
		mapping string
		format  inbound.Format
		make    func(int) ([]byte, error)
	}{
		{c.HL7Sender, hl7v2.New(), func(i int) ([]byte, error) { return w.hl7(i), nil }},
		{c.HL7Sender, hl7v2.New(), func(i int) ([]byte, error) { return w.large(i), nil }},
		{c.JSONSender, jsondoc.New(), w.json},
		{c.FHIRSender, fhirmsg.New(), func(i int) ([]byte, error) { return w.fhir(i), nil }},
	} {
		t.Run(x.mapping, func(t *testing.T) {
			if !slices.Contains(mappings.Names(), x.mapping) {
				t.Fatalf("no mapping of this name is shipped; shipped are %v", mappings.Names())
			}
			m, err := mapping.Compile(mappings.FS(), x.mapping)
			if err != nil {
				t.Fatal(err)
			}
			for i := range 50 {
				body, err := x.make(i)
				if err != nil {
					t.Fatal(err)
				}
				msg, err := x.format.Decode(body)
				if err != nil {
					t.Fatalf("message %d: %v", i, err)
				}
				if !m.Accepts(msg.Type) {
					t.Fatalf("message %d: type %q is not accepted", i, msg.Type)
				}
				out, err := m.Apply(msg.Tree, mapping.Context{})
				if err != nil {
					t.Fatalf("message %d: %v", i, err)
				}
				for _, f := range out.Findings {
					t.Errorf("message %d: %s %s: %s", i, f.Address, f.Path, f.Text)
				}
				types := map[string]int{}
				for _, r := range out.Resources {
					types[r.Type]++
				}
				for _, typ := range []string{"Patient", "Organization", "Practitioner", "ServiceRequest", "Task"} {
					if types[typ] == 0 {
						t.Errorf("message %d makes no %s", i, typ)
					}
				}
			}
		})
	}
}
