package element_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
)

func TestParseRefuses(t *testing.T) {
	tests := []struct{ name, in, place string }{
		{"nothing", "", "line 1, column 1"},
		{"bare word", "nul", "line 1, column 1"},
		{"repeated member", "{\n\"a\":1,\"a\":2}", "line 2, column 10"},
		{"repeated member of many", `{` + strings.Repeat(`"x":1,`, 0) + many(20) + `,"m7":1}`, ""},
		{"trailing comma", `{"a":1,}`, "line 1, column 8"},
		{"content behind", `{} {}`, "line 1, column 4"},
		{"raw control character", "\"a\tb\"", "line 1, column 3"},
		{"not UTF-8", "\"a\xff\"", "line 1, column 4"},
		{"half a surrogate pair", `"\ud800"`, "line 1, column 8"},
		{"two high surrogates", `"\ud800\ud800"`, "line 1, column 14"},
		{"no closing quote", `"abc`, "line 1, column 5"},
		{"bad escape", `"\x"`, "line 1, column 4"},
		{"leading zero", `01`, ""},
		{"lone minus", `-`, ""},
		{"dot without digits", `1.`, ""},
		{"exponent without digits", `1e+`, ""},
		{"too deep", strings.Repeat("[", 41), "line 1, column 41"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := element.Parse([]byte(tt.in), element.Limits{})
			var f *fault.Fault
			if !errors.As(err, &f) || f.Kind != fault.Malformed {
				t.Fatalf("got %v, want a malformed fault", err)
			}
			if tt.place != "" && f.Issues[0].Place != tt.place {
				t.Errorf("place %q, want %q", f.Issues[0].Place, tt.place)
			}
		})
	}
}

func many(n int) string {
	var parts []string
	for i := range n {
		parts = append(parts, `"m`+string(rune('0'+i%10))+strings.Repeat("x", i/10)+`":1`)
	}
	return strings.Join(parts, ",")
}

func TestParseLimits(t *testing.T) {
	for name, lim := range map[string]element.Limits{
		"bytes": {Bytes: 5, Depth: 10, Nodes: 100},
		"nodes": {Bytes: 100, Depth: 10, Nodes: 3},
	} {
		_, err := element.Parse([]byte(`[1,2,3,4]`), lim)
		if fault.KindOf(err) != fault.TooLarge {
			t.Errorf("%s: got %v, want too-large", name, err)
		}
	}
}

// TestRoundTrip: what encoding/json says of the output is what it says of the
// input, over the official examples.
func TestRoundTrip(t *testing.T) {
	files, _ := filepath.Glob("../../../shared/corpus/r4-examples/json/*.json")
	if len(files) == 0 {
		t.Skip("the corpus of official R4 examples is not there")
	}
	for _, file := range files {
		in, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		v, err := element.Parse(in, element.Limits{})
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
			continue
		}
		if !sameJSON(t, in, v.JSON()) {
			t.Errorf("%s: changed on the way", filepath.Base(file))
		}
	}
}

func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y bytes.Buffer
	for _, p := range []struct {
		in  []byte
		out *bytes.Buffer
	}{{a, &x}, {b, &y}} {
		dec := json.NewDecoder(bytes.NewReader(p.in))
		dec.UseNumber()
		var v any
		if err := dec.Decode(&v); err != nil {
			t.Fatal(err)
		}
		if err := json.NewEncoder(p.out).Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	return bytes.Equal(x.Bytes(), y.Bytes())
}

func TestStamp(t *testing.T) {
	at := time.Date(2026, 11, 21, 9, 30, 0, 120_000, time.UTC)
	tests := []struct{ name, in, want string }{
		{"no meta", `{"status":"x","resourceType":"Task","id":"1"}`,
			`{"resourceType":"Task","id":"1","meta":{"versionId":"3","lastUpdated":"2026-11-21T09:30:00.000120Z"},"status":"x"}`},
		{"meta with old stamp and tag", `{"resourceType":"Task","id":"1","meta":{"versionId":"9","tag":[{"code":"a"}]}}`,
			`{"resourceType":"Task","id":"1","meta":{"versionId":"3","lastUpdated":"2026-11-21T09:30:00.000120Z","tag":[{"code":"a"}]}}`},
		{"text that looks like meta", `{"resourceType":"Task","id":"1","description":",\"meta\":{"}`,
			`{"resourceType":"Task","id":"1","meta":{"versionId":"3","lastUpdated":"2026-11-21T09:30:00.000120Z"},"description":",\"meta\":{"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := element.Parse([]byte(tt.in), element.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if got := string(element.Stamp(element.Canonical(v), 3, at)); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
	if element.Stamp([]byte(`{"id":"1"}`), 1, at) != nil {
		t.Error("bytes that are not canonical were stamped")
	}
}

func TestPaths(t *testing.T) {
	v, err := element.Parse([]byte(`{"code":{"coding":[{"code":"a"},{"code":"b"}]},"identifier":[{"system":"s","value":"1"}]}`), element.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if got := v.TextAt("code.coding.code"); got != "a" {
		t.Errorf("TextAt = %q, want the first item", got)
	}
	if got := v.All("code.coding.code"); len(got) != 2 || got[1].Text != "b" {
		t.Errorf("All found %d values", len(got))
	}
	if v.Identifier("s") != "1" || v.Identifier("t") != "" {
		t.Error("Identifier does not look at the system")
	}
	if v.At("code.nothing.code") != nil || v.TextAt("code") != "" {
		t.Error("a path to nothing is something")
	}
}

func TestCloneIsDeep(t *testing.T) {
	v := element.NewObject(element.F("a", element.NewArray(element.NewObject(element.S("b", "1")))))
	c := v.Clone()
	c.List("a")[0].SetString("b", "2")
	if v.TextAt("a.b") != "1" || element.Equal(v, c) {
		t.Error("a clone shares parts with its origin")
	}
}

// FuzzParse: no input panics, what is accepted is what encoding/json accepts,
// and printing it gives the same value again.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":[1,-2.50e+3,true,null,"\u00e9\ud83d\ude00\n"]}`, `[`, `"\ud800"`, "\xef\xbb\xbf{}", `{"a":1,"a":2}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		v, err := element.Parse(in, element.Limits{Bytes: 1 << 16, Depth: 20, Nodes: 5000})
		if err != nil {
			return
		}
		if !json.Valid(bytes.TrimPrefix(in, []byte("\xef\xbb\xbf"))) {
			t.Fatal("accepted what is not JSON")
		}
		again, err := element.Parse(v.JSON(), element.Limits{})
		if err != nil || !element.Equal(v, again) {
			t.Fatalf("printing changed the value: %v", err)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	in, err := os.ReadFile("../../../shared/corpus/r4-examples/json/task-example1.json")
	if err != nil {
		b.Skip("the corpus of official R4 examples is not there")
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if _, err := element.Parse(in, element.Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}
