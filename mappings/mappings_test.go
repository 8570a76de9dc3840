package mappings_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/inbound/fhirmsg"
	"github.com/linkloop/linkloop/adapter/inbound/hl7v2"
	"github.com/linkloop/linkloop/adapter/inbound/jsondoc"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/message"
	"github.com/linkloop/linkloop/mappings"
)

var update = flag.Bool("update", false, "write what came out into the examples")

// formats are the wire formats that shipped mappings are written for.
var formats = map[string]inbound.Format{
	"hl7v2":   hl7v2.New(),
	"fhirmsg": fhirmsg.New(),
	"json":    jsondoc.New(),
}

func decode(format string, body []byte) (*message.Tree, string, error) {
	f := formats[format]
	if f == nil {
		return nil, "", fmt.Errorf("no decoder for the format %s", format)
	}
	m, err := f.Decode(body)
	if err != nil {
		return nil, "", err
	}
	return m.Tree, m.Type, nil
}

// TestExamples runs the examples of every shipped mapping.
func TestExamples(t *testing.T) {
	for _, name := range mappings.Names() {
		t.Run(name, func(t *testing.T) {
			m, err := mapping.Compile(mappings.FS(), name)
			if err != nil {
				t.Fatal(err)
			}
			if formats[m.Format()] == nil {
				t.Skipf("no decoder for the format %s is wired into this test", m.Format())
			}
			examples, err := mapping.Examples(mappings.FS(), name)
			if err != nil {
				t.Fatal(err)
			}
			if len(examples) < 3 {
				t.Errorf("%d examples: a shipped mapping shows at least 3", len(examples))
			}
			outcomes := m.Test(examples, decode)
			for _, o := range outcomes {
				if *update {
					if err := os.WriteFile(o.Example.File, o.Updated, 0o644); err != nil {
						t.Fatal(err)
					}
				}
			}
			var out strings.Builder
			if err := mapping.WriteOutcomes(&out, outcomes); err != nil {
				t.Fatal(err)
			}
			for _, o := range outcomes {
				if !o.Passed() && !*update {
					t.Fatalf("run go test ./mappings -update when this is as it should be\n%s", out.String())
				}
			}
		})
	}
}
