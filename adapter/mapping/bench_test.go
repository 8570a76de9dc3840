package mapping_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/inbound/hl7v2"
	"github.com/linkloop/linkloop/adapter/inbound/jsondoc"
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

// referral is the mapping that the converter by hand was written after, and
// its message of 1.3 kB.
func referral(tb testing.TB) (*mapping.Mapping, mapping.Example) {
	tb.Helper()
	fsys := os.DirFS("testdata")
	m, err := mapping.Compile(fsys, "referral")
	if err != nil {
		tb.Fatal(err)
	}
	examples, err := mapping.Examples(fsys, "referral")
	if err != nil {
		tb.Fatal(err)
	}
	return m, examples[0]
}

// mapToJSON decodes and maps a message and prints its resources, one a line.
func mapToJSON(tb testing.TB, m *mapping.Mapping, body, buf []byte) []byte {
	msg, err := hl7v2.New().Decode(body)
	if err != nil {
		tb.Fatal(err)
	}
	r, err := m.Apply(msg.Tree, mapping.Context{})
	if err != nil {
		tb.Fatal(err)
	}
	for _, res := range r.Resources {
		buf = append(res.Root.AppendJSON(buf), '\n')
	}
	return buf
}

// BenchmarkAgainstHandwritten compares, within one run, decode + map + JSON of
// REF^I12 with a converter in Go that makes the same JSON, and with the same
// mapping that does not record where its values come from. Interleaved, so
// that a busy machine slows all three.
func BenchmarkAgainstHandwritten(b *testing.B) {
	m, ex := referral(b)
	bare, _ := referral(b)
	mapping.WithoutOrigins(bare)
	body := string(ex.Input)
	buf := make([]byte, 0, 16<<10)
	var out bytes.Buffer
	var mapped, unrecorded, byHand int64
	const batch = 50
	n := 0
	for b.Loop() {
		began := cpuTime()
		for range batch {
			buf = mapToJSON(b, m, ex.Input, buf[:0])
		}
		one := cpuTime()
		for range batch {
			buf = mapToJSON(b, bare, ex.Input, buf[:0])
		}
		two := cpuTime()
		for range batch {
			out.Reset()
			if err := hwConvert(&out, body); err != nil {
				b.Fatal(err)
			}
		}
		mapped, unrecorded, byHand = mapped+one-began, unrecorded+two-one, byHand+cpuTime()-two
		n += batch
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(mapped)/float64(n)/1e3, "mapped-us")
	b.ReportMetric(float64(byHand)/float64(n)/1e3, "byhand-us")
	b.ReportMetric(float64(mapped)/float64(byHand), "x-byhand")
	b.ReportMetric(float64(mapped)/float64(unrecorded), "x-unrecorded")
	b.ReportMetric(float64(n)/(float64(mapped)/1e9), "msgs/cpu-s")
}

// tall makes a message of about the size in each format, a note of 600 bytes
// for every 600 bytes.
var tall = map[string]struct {
	format inbound.Format
	make   func(notes int) string
	yaml   string
}{
	"hl7v2": {hl7v2.New(), func(notes int) string {
		var b strings.Builder
		b.WriteString("MSH|^~\\&|A|B|C|D|20260101||REF^I12|1|P|2.5\rPID|1||9990000018||HALE^Tom||19530417|M\r")
		for i := range notes {
			fmt.Fprintf(&b, "NTE|%d||%s\r", i+1, strings.Repeat("She walks. ", 53))
		}
		return b.String()
	}, head + "resources:\n  p:\n    resourceType: Patient\n    name: [{family: <- PID-5.1, given: <- PID-5.2 and PID-5.3}]\n" +
		"    birthDate: <- PID-7 | date\n    note: {$each: NTE, id: <- .1, text: <- .3 | text}\n"},
	"json": {jsondoc.New(), func(notes int) string {
		var b strings.Builder
		b.WriteString(`{"patient":{"family":"HALE","given":["Tom"],"born":"1953-04-17"},"notes":[`)
		for i := range notes {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"id":"%d","text":"%s"}`, i+1, strings.Repeat("She walks. ", 53))
		}
		b.WriteString("]}")
		return b.String()
	}, strings.Replace(head, "hl7v2", "json", 1) + "resources:\n  p:\n    resourceType: Patient\n    name: [{family: <- patient.family, given: <- each patient.given}]\n" +
		"    birthDate: <- patient.born | date\n    note: {$each: notes, id: <- .id, text: <- .text | text}\n"},
}

// BenchmarkGrowth shows that the cost of decode + map + JSON grows with the
// message and no faster: ns/byte from 1 kB to 1 MB.
func BenchmarkGrowth(b *testing.B) {
	for _, name := range []string{"hl7v2", "json"} {
		f := tall[name]
		m := compile(b, f.yaml)
		for _, notes := range []int{2, 17, 170, 1700} {
			body := []byte(f.make(notes))
			b.Run(fmt.Sprintf("%s/%dkB", name, len(body)>>10), func(b *testing.B) {
				buf := make([]byte, 0, 2<<20)
				b.SetBytes(int64(len(body)))
				for b.Loop() {
					msg, err := f.format.Decode(body)
					if err != nil {
						b.Fatal(err)
					}
					r, err := m.Apply(msg.Tree, mapping.Context{})
					if err != nil {
						b.Fatal(err)
					}
					buf = r.Resources[0].Root.AppendJSON(buf[:0])
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(body)), "ns/byte")
			})
		}
	}
}
