package inbound_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/message"
)

func reader(t testing.TB, text string) *inbound.JSONReader {
	t.Helper()
	r, err := inbound.NewJSONReader([]byte(text), inbound.JSONLimits{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// plain turns a tree back into what encoding/json makes of the same text.
func plain(n message.Node) any {
	switch n.Kind() {
	case message.Object:
		m := map[string]any{}
		for c := n.First(); c.Ok(); c = c.Next() {
			m[c.Name()] = plain(c)
		}
		return m
	case message.List:
		l := []any{}
		for c := n.First(); c.Ok(); c = c.Next() {
			l = append(l, plain(c))
		}
		return l
	case message.Text:
		return n.Value()
	case message.Number:
		return json.Number(n.Value())
	case message.Bool:
		return n.Value() == "true"
	default:
		return nil
	}
}

// same compares by the standard library's own printing, which sorts members.
func same(t *testing.T, text string) {
	t.Helper()
	r := reader(t, text)
	tree := message.NewTree(r.SizeHint(), nil)
	n, err := r.Value(tree, tree.Root(), "x")
	if err == nil {
		err = r.End()
	}
	if !json.Valid([]byte(text)) {
		if err == nil {
			t.Fatalf("%q is taken, and is not JSON", text)
		}
		return
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var want any
	if err := d.Decode(&want); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		// The standard library takes what this reader refuses on purpose.
		for _, reason := range []string{"stands twice", "not a JSON escape", "nested deeper"} {
			if strings.Contains(err.Error(), reason) {
				return
			}
		}
		t.Fatalf("%q: %v", text, err)
	}
	a, err1 := json.Marshal(plain(n))
	b, err2 := json.Marshal(want)
	if err1 != nil || err2 != nil || string(a) != string(b) {
		t.Fatalf("%q reads as %s, want %s (%v, %v)", text, a, b, err1, err2)
	}
}

var texts = []string{
	`{}`, `[]`, `""`, `null`, `true`, `false`, `0`, `-0`, `-1.50e+10`, ` { "a" : [ 1 , 2 ] , "b":{"c":null} } `,
	`"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"`, `{"é":"\u0000"}`, `[[],[[]],{}]`, `{"":""}`,
	`{`, `[1,`, `[1 2]`, `{"a"}`, `{"a":}`, `{a:1}`, `[1,]`, `{"a":1,}`, `01`, `1.`, `.5`, `1e`, `-`, `+1`, `nul`, `"a`, `"\x"`, `"\u12"`, "\"\t\"",
	`{"a":1,"a":2}`, `"\ud800"`, `"\udc00\ud800"`, `{} x`, `1 2`, ``, ` `, `'a'`, `NaN`, strings.Repeat("[", 45) + strings.Repeat("]", 45),
}

func TestReadsAsTheStandardLibrary(t *testing.T) {
	for _, s := range texts {
		same(t, s)
	}
}

func FuzzReadsAsTheStandardLibrary(f *testing.F) {
	for _, s := range texts {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.HasPrefix(text, "\xef\xbb\xbf") {
			return
		}
		if _, err := inbound.NewJSONReader([]byte(text), inbound.JSONLimits{}); err != nil {
			return // not UTF-8: the standard library would replace the bytes
		}
		same(t, text)
	})
}

func TestAheadDoesNotMove(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":{"kind":"inner"},"b":[1,{"kind":"inner"}],"kind":"outer","c":1}`: "outer",
		`{"kind":1}`:       "",
		`{"a":1}`:          "",
		`{"a":1`:           "",
		`[{"kind":"x"}]`:   "",
		`{"kind":"x",!!!}`: "x",
	} {
		r := reader(t, text)
		before := r.Where()
		if got := r.Ahead("kind"); got != want || r.Where() != before {
			t.Errorf("%s: %q at %s, want %q at %s", text, got, r.Where(), want, before)
		}
	}
}

func TestJSONLimits(t *testing.T) {
	for _, c := range []struct {
		name, text string
		lim        inbound.JSONLimits
		kind       fault.Kind
	}{
		{"bytes", `"12345"`, inbound.JSONLimits{Bytes: 6}, fault.TooLarge},
		{"depth", `[[[]]]`, inbound.JSONLimits{Depth: 2}, fault.Malformed},
		{"nodes", `[1,2,3]`, inbound.JSONLimits{Nodes: 3}, fault.TooLarge},
		{"nodes skipped", `[1,2,3]`, inbound.JSONLimits{Nodes: 3}, fault.TooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := inbound.NewJSONReader([]byte(c.text), c.lim)
			if err == nil {
				tree := message.NewTree(0, nil)
				if strings.Contains(c.name, "skipped") {
					err = r.Skip()
				} else {
					_, err = r.Value(tree, tree.Root(), "")
				}
			}
			if err == nil || fault.KindOf(err) != c.kind {
				t.Errorf("error %v, want %v", err, c.kind)
			}
		})
	}
}

// A tree is allocated once: the hint is never too small for what JSON holds.
func TestSizeHintIsEnough(t *testing.T) {
	var b strings.Builder
	for i := range 500 {
		b.WriteString(`,{"a` + strconv.Itoa(i) + `":[1,[],{}]}`)
	}
	text := "[" + b.String()[1:] + "]"
	r := reader(t, text)
	hint := r.SizeHint()
	tree := message.NewTree(hint, nil)
	if _, err := r.Value(tree, tree.Root(), ""); err != nil {
		t.Fatal(err)
	}
	if tree.Len() > hint {
		t.Errorf("%d nodes, hint %d", tree.Len(), hint)
	}
}
