package mappings_test

import (
	"testing"

	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/mappings"
)

// BenchmarkReferral measures what one referral costs from the bytes as they
// came in to the JSON of its resources, for the fullest example of each format.
func BenchmarkReferral(b *testing.B) {
	for _, c := range []struct{ mapping, example string }{
		{"hl7v2-ref", "walking-group"},
		{"bars-r4", "bars-application-5"},
		{"generic-json", "walking-group"},
	} {
		b.Run(c.mapping, func(b *testing.B) {
			m, err := compile(c.mapping)
			if err != nil {
				b.Fatal(err)
			}
			examples, err := mapping.Examples(mappings.FS(), c.mapping)
			if err != nil {
				b.Fatal(err)
			}
			var body []byte
			for _, ex := range examples {
				if ex.Name == c.example {
					body = ex.Input
				}
			}
			format := formatOf(m)
			out := make([]byte, 0, 16<<10)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				msg, err := format.Decode(body)
				if err != nil {
					b.Fatal(err)
				}
				res, err := m.Apply(msg.Tree, mapping.Context{})
				if err != nil {
					b.Fatal(err)
				}
				out = out[:0]
				for _, r := range res.Resources {
					out = r.Root.AppendJSON(out)
				}
			}
			if len(out) == 0 {
				b.Fatal("nothing was made")
			}
		})
	}
}
