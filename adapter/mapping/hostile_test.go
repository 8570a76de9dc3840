package mapping_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/inbound/hl7v2"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/message"
	"github.com/linkloop/linkloop/mappings"
)

// TestHostile: whatever a mapping asks for and whatever a message holds, the
// end comes soon, with a reason, and without much memory.
func TestHostile(t *testing.T) {
	long := message.NewTree(8, nil)
	seg := long.Add(long.Root(), "ZZZ", message.Object, "")
	text := strings.Repeat("x", 1<<20)
	long.Add(long.Add(seg, "1", message.List, ""), "", message.Text, text)
	many := message.NewTree(32_000, nil)
	seg = many.Add(many.Root(), "ZZZ", message.Object, "")
	list := many.Add(seg, "1", message.List, "")
	for range 10_000 {
		many.Add(list, "", message.Text, "x")
	}
	deep := message.NewTree(100_000, nil)
	n := deep.Add(deep.Root(), "ZZZ", message.Object, "")
	for range 90_000 {
		n = deep.Add(n, "1", message.Object, "")
	}
	deep.Add(n, "1", message.Text, "x")

	loop := "a: {$each: ZZZ-1, b: {$each: ZZZ-1, c: {$each: ZZZ-1, d: <- .}}}"
	wide := func(rule string, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "    a%d: %s\n", i, rule)
		}
		return strings.TrimLeft(b.String(), " ")
	}
	for _, tc := range []struct {
		name, body string
		msg        *message.Tree
		want       string // of the error; empty: none
	}{
		{"loops in loops over many", loop, many, "more than 2000 repetitions in one place (mapping m/mapping.yaml:"},
		{"loops in loops", "a: {$each: 'ZZZ-1[where . = x]', b: {$each: ZZZ-1, c: {$each: ZZZ-1, d: <- .}}}", many, "more than 2000 repetitions"},
		{"all of many", "a: <- each ZZZ-1", many, "more than 2000 repetitions"},
		{"the same text again and again", wide("<- ZZZ-1", 300), long, "more than 67108864 characters"},
		{"a text that grows", `a: '<- ZZZ-1 | replace("x", "` + strings.Repeat("y", 9000) + `")'`, long, ""},
		{"texts that grow", `a: '<- ZZZ-1 | replace("x", "yy") | replace("y", "zz") | replace("z", "yy") | replace("y", "zz")'`, long, ""},
		{"many texts joined", wide(`'<- ZZZ-1 and ZZZ-1 and ZZZ-1 and ZZZ-1 | join("`+strings.Repeat("y", 5000)+`")'`, 20), long, ""},
		{"split everywhere", `a: '<- ZZZ-1 | replace("x", "x,") | split(",")'`, long, ""},
		{"lines", `a: '<- ZZZ-1 | replace("x", "\n") | lines'`, long, ""},
		{"split in two million", `a: '<- ZZZ-1 | split("x")'`, long, ""},
		{"expression that doubles", `a: '= "` + strings.Repeat("a", 100) + `"` + strings.Repeat(`.replace("a", "`+strings.Repeat("a", 100)+`")`, 20) + `'`, long, ""},
		{"expression over loops", `a: '= all("ZZZ-1").map(x, all("ZZZ-1").map(y, all("ZZZ-1").map(z, x + y + z).join("")).join("")).join("")'`, many, ""},
		{"expression that adds long texts", `a: '= ` + strings.TrimSuffix(strings.Repeat(`src("ZZZ-1") + `, 40), " + ") + `'`, long, ""},
		{"deep", "a: <- copy ZZZ", deep, "nested deeper than"},
		{"deep condition", "a: {$when: <- ZZZ, b: x}", deep, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m, err := mapping.Compile(files(head+"resources:\n  p:\n    resourceType: Patient\n    "+tc.body+"\n"), "m")
			if err != nil {
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err = m.Apply(tc.msg, mapping.Context{})
			runtime.ReadMemStats(&after)
			if got := (after.TotalAlloc - before.TotalAlloc) >> 20; got > 200 {
				t.Errorf("took %d MB", got)
			}
			switch {
			case tc.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tc.want != "" && (fault.KindOf(err) != fault.TooLarge || !strings.Contains(err.Error(), strings.Split(tc.want, " (")[0])):
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

// TestTallMessage: a message as large as an intake takes is mapped.
func TestTallMessage(t *testing.T) {
	m, ex := shipped(t, "walking-group")
	body := string(ex.Input)
	for i := range 900 {
		body += fmt.Sprintf("NTE|%d||%s\r", i, strings.Repeat("A story of many words. ", 50))
	}
	msg, err := hl7v2.New().Decode([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Apply(msg.Tree, mapping.Context{}); err != nil {
		t.Error(err)
	}
}

// FuzzArchive compiles whole mappings, fragments and tables included, and maps
// messages with what compiles.
func FuzzArchive(f *testing.F) {
	for _, name := range mappings.Names() {
		m, err := mapping.Compile(mappings.FS(), name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(m.Source())
	}
	m, err := mapping.Compile(with(head+"resources: {p: {resourceType: Patient, address: {$use: shared/uk-address, $with: {at: PID-11, use: .7}}}}",
		map[string]string{"uk-address.yaml": addressFragment}), "m")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(m.Source())
	msg := tree(map[string]string{"PID-3": "A", "NTE-3": "x", "PID-11": "1 Mill Lane"})
	f.Fuzz(func(t *testing.T, archive []byte) {
		m, err := mapping.CompileArchive(archive, mapping.WithSchema(fhir.Schema{}))
		if err != nil {
			var ps mapping.Problems
			if !errors.As(err, &ps) || len(ps) == 0 {
				t.Fatalf("error %v is no Problems", err)
			}
			return
		}
		again, err := mapping.CompileArchive(m.Source())
		if err != nil || again.Hash() != m.Hash() {
			t.Fatalf("its own archive: %v", err)
		}
		if r, err := m.Apply(msg, mapping.Context{}); err == nil {
			m.Explain(msg, r)
			m.Unmapped(msg, r)
		}
	})
}

// FuzzApply maps whatever decodes with the fullest shipped mapping.
func FuzzApply(f *testing.F) {
	m, _ := shipped(f, "walking-group")
	examples, err := mapping.Examples(mappings.FS(), "hl7v2-ref")
	if err != nil {
		f.Fatal(err)
	}
	for _, ex := range examples {
		f.Add(ex.Input)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		msg, err := hl7v2.New().Decode(body)
		if err != nil {
			return
		}
		r, err := m.Apply(msg.Tree, mapping.Context{})
		if err != nil {
			if k := fault.KindOf(err); k != fault.Unmappable && k != fault.TooLarge {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		for _, s := range m.Explain(msg.Tree, r) {
			if s.FHIRPath == "" || s.Line == 0 {
				t.Fatalf("an element without path or line: %+v", s)
			}
		}
		m.Unmapped(msg.Tree, r)
	})
}
