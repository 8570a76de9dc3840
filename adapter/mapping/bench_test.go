package mapping_test

import (
	"testing"

	"github.com/linkloop/linkloop/adapter/inbound/hl7v2"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/mappings"
)

func shipped(tb testing.TB, example string) (*mapping.Mapping, mapping.Example) {
	tb.Helper()
	m, err := mapping.Compile(mappings.FS(), "hl7v2-ref")
	if err != nil {
		tb.Fatal(err)
	}
	examples, err := mapping.Examples(mappings.FS(), "hl7v2-ref")
	if err != nil {
		tb.Fatal(err)
	}
	for _, ex := range examples {
		if ex.Name == example {
			return m, ex
		}
	}
	tb.Fatalf("no example %s", example)
	return nil, mapping.Example{}
}

// BenchmarkApply maps the fullest shipped example, 1.3 kB of HL7 v2, to its
// eight resources and prints them as JSON.
func BenchmarkApply(b *testing.B) {
	m, ex := shipped(b, "walking-group")
	msg, err := hl7v2.New().Decode(ex.Input)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("map", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := m.Apply(msg.Tree, mapping.Context{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("map+json", func(b *testing.B) {
		b.SetBytes(int64(len(ex.Input)))
		b.ReportAllocs()
		buf := make([]byte, 0, 16<<10)
		for b.Loop() {
			r, err := m.Apply(msg.Tree, mapping.Context{})
			if err != nil {
				b.Fatal(err)
			}
			buf = buf[:0]
			for _, res := range r.Resources {
				buf = res.Root.AppendJSON(buf)
			}
		}
	})
	b.Run("decode+map+json", func(b *testing.B) {
		b.ReportAllocs()
		buf := make([]byte, 0, 16<<10)
		for b.Loop() {
			msg, err := hl7v2.New().Decode(ex.Input)
			if err != nil {
				b.Fatal(err)
			}
			r, err := m.Apply(msg.Tree, mapping.Context{})
			if err != nil {
				b.Fatal(err)
			}
			buf = buf[:0]
			for _, res := range r.Resources {
				buf = res.Root.AppendJSON(buf)
			}
		}
	})
	b.Run("explain", func(b *testing.B) {
		r, err := m.Apply(msg.Tree, mapping.Context{})
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			m.Explain(msg.Tree, r)
		}
	})
}

func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		if _, err := mapping.Compile(mappings.FS(), "hl7v2-ref"); err != nil {
			b.Fatal(err)
		}
	}
}
