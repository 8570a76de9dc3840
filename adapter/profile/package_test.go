package profile_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/profile"
)

type entry struct {
	name, text string
	kind       byte
	size       int64 // of zeros, instead of text
}

// pack makes a package of entries.
func pack(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var out bytes.Buffer
	zip, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(zip)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Size: max(int64(len(e.text)), e.size), Mode: 0o644, Typeflag: e.kind}
		if e.kind == tar.TypeSymlink || e.kind == tar.TypeLink {
			h.Linkname, h.Size = "/etc/passwd", 0
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Size == 0 {
			continue
		}
		if _, err := w.Write([]byte(e.text)); err != nil {
			t.Fatal(err)
		}
		for zeros := make([]byte, 1<<20); e.size > 0; e.size -= int64(len(zeros)) {
			if _, err := w.Write(zeros[:min(e.size, int64(len(zeros)))]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func file(name, text string) entry { return entry{name: name, text: text, kind: tar.TypeReg} }

var manifest = file("package/package.json", `{"name":"test.package","version":"1.2.3"}`)

// TestReadPackage: what is in package/ is read, and what is no package, leads
// out of it, or grows when it is unpacked, is refused.
func TestReadPackage(t *testing.T) {
	const vs = `{"resourceType":"ValueSet","url":"urn:vs"}`
	p, err := profile.ReadPackage(bytes.NewReader(pack(t, manifest, entry{name: "package/", kind: tar.TypeDir}, file("package/ValueSet-a.json", vs),
		file("package/example/b.json", vs), file("package/.index.json", `{"files":[]}`), file("package/Patient-c.json", `{"resourceType":"Patient"}`), file("other/d.json", vs))))
	if err != nil || p.Name != "test.package" || p.Version != "1.2.3" || len(p.Definitions) != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
	many := []entry{manifest}
	for range 20_001 {
		many = append(many, file("package/a.txt", ""))
	}
	good := pack(t, manifest, file("package/ValueSet-a.json", vs))
	tests := []struct {
		name string
		b    []byte
		kind fault.Kind
		says string
	}{
		{"not packed", []byte("{}"), fault.Malformed, ".tgz"},
		{"empty", nil, fault.Malformed, ".tgz"},
		{"cut", good[:len(good)/2], fault.Malformed, "damaged"},
		{"no manifest", pack(t, file("package/ValueSet-a.json", vs)), fault.Malformed, "package.json"},
		{"broken JSON", pack(t, manifest, file("package/ValueSet-a.json", "{")), fault.Malformed, "package/ValueSet-a.json: line 1"},
		{"a way up", pack(t, manifest, file("package/../../etc/x.json", vs)), fault.Malformed, "leads out"},
		{"from the root", pack(t, manifest, file("/etc/x.json", vs)), fault.Malformed, "leads out"},
		{"a way of another system", pack(t, manifest, file(`package\..\x.json`, vs)), fault.Malformed, "leads out"},
		{"a link", pack(t, manifest, entry{name: "package/x.json", kind: tar.TypeSymlink}), fault.Malformed, "no links"},
		{"a device", pack(t, manifest, entry{name: "package/x.json", kind: tar.TypeChar}), fault.Malformed, "no links"},
		{"a large file", pack(t, manifest, entry{name: "package/x.json", kind: tar.TypeReg, size: 17 << 20}), fault.TooLarge, "16 MB"},
		{"a bomb", pack(t, manifest, entry{name: "package/other/x.bin", kind: tar.TypeReg, size: 257 << 20}), fault.TooLarge, "256 MB"},
		{"many files", pack(t, many...), fault.TooLarge, "20000 files"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := profile.ReadPackage(bytes.NewReader(tt.b))
			if err == nil || fault.KindOf(err) != tt.kind || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, want %s that says %q", err, tt.kind, tt.says)
			}
		})
	}
}

// TestUnusable: a profile that cannot be held against is told with the reason,
// and is not passed over by a check that names it.
func TestUnusable(t *testing.T) {
	sd := func(rest string) string {
		return `{"resourceType":"StructureDefinition","url":"urn:p","version":"1","kind":"resource","type":"Task","derivation":"constraint",` + rest + `}`
	}
	element := func(list string) string { return sd(`"snapshot":{"element":[` + list + `]}`) }
	growing := func(list string) string {
		return sd(`"baseDefinition":"http://hl7.org/fhir/StructureDefinition/Task","differential":{"element":[` + list + `]}`)
	}
	tests := []struct{ name, sd, why string }{
		{"neither snapshot nor differential", sd(`"baseDefinition":"http://hl7.org/fhir/StructureDefinition/Task"`), "neither"},
		{"a differential of what is not loaded", sd(`"baseDefinition":"urn:q","differential":{"element":[{"id":"Task"}]}`), "its base urn:q is not loaded"},
		{"a differential of another type", sd(`"baseDefinition":"http://hl7.org/fhir/StructureDefinition/Patient","differential":{"element":[{"id":"Task"}]}`), "not loaded as a profile of Task"},
		{"a differential of itself", sd(`"baseDefinition":"urn:p","differential":{"element":[{"id":"Task"}]}`), "circle"},
		{"a differential of an unknown element", growing(`{"id":"Task.colour"}`), "Task.colour is no element of R4"},
		{"a differential of another root", growing(`{"id":"Patient.name"}`), "Patient is not the root"},
		{"a differential without ids", growing(`{"path":"Task.input","sliceName":"a"}`), "no id"},
		{"a differential with slices that nothing tells apart", growing(`{"id":"Task.input:a"}`), "tells the slices apart"},
		{"a differential below a choice", growing(`{"id":"Task.input.value[x].code"}`), "no one type"},
		{"a differential with the short form of a choice", growing(`{"id":"Task.input.valueQuantity"}`), "written as value[x]:valueQuantity"},
		{"a differential below any resource", growing(`{"id":"Task.contained.id"}`), "depends on the resource"},
		{"a differential too deep", growing(`{"id":"Task` + strings.Repeat(".extension", 50) + `"}`), "too many"},
		{"a type there is not", strings.Replace(element(`{"id":"Task","path":"Task"}`), `"type":"Task"`, `"type":"Tsk"`, 1), "no resource type"},
		{"two roots", element(`{"id":"Task"},{"id":"Patient"}`), "more than one root"},
		{"a gap", element(`{"id":"Task"},{"id":"Task.code.coding"}`), "above it"},
		{"twice", element(`{"id":"Task"},{"id":"Task.code"},{"id":"Task.code"}`), "twice"},
		{"a slice of nothing", element(`{"id":"Task"},{"id":"Task.input:a"}`), "slice of"},
		{"content of nothing", element(`{"id":"Task"},{"id":"Task.code","contentReference":"#Task.nothing"}`), "not there"},
		{"a bad min", element(`{"id":"Task"},{"id":"Task.code","min":-1}`), "min"},
		{"a bad max", element(`{"id":"Task"},{"id":"Task.code","max":"many"}`), "max"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := library(t, tt.sd)
			if u := l.Unusable(); len(u) != 1 || u[0].Canonical != "urn:p|1" || !strings.Contains(u[0].Why, tt.why) {
				t.Fatalf("%+v, want one that says %q", u, tt.why)
			}
			for _, canonical := range []string{"urn:p", "urn:p|1"} {
				issues := l.Check(t.Context(), parse(t, `{"resourceType":"Task"}`), []string{canonical}, profile.Checking{})
				if len(issues) != 1 || issues[0].Severity != "error" || !strings.Contains(issues[0].Text, tt.why) {
					t.Errorf("%s: %+v", canonical, issues)
				}
			}
			if _, err := profile.NewGate(l, []string{"urn:p"}, false); err == nil || !strings.Contains(err.Error(), tt.why) {
				t.Errorf("a gate with it: %v", err)
			}
		})
	}
}

// TestVersions: without a version the newest profile counts.
func TestVersions(t *testing.T) {
	var list []string
	for _, version := range []string{"2.9.1", "2.10.0", "2.2.0"} {
		list = append(list, `{"resourceType":"StructureDefinition","url":"urn:p","version":"`+version+`","kind":"resource","type":"Task","derivation":"constraint","snapshot":{"element":[{"id":"Task"}]}}`)
	}
	l := library(t, list...)
	for canonical, want := range map[string]string{"urn:p": "2.10.0", "urn:p|2.9.1": "2.9.1"} {
		if p, why := l.Profile(canonical); p == nil || p.Version != want {
			t.Errorf("%s: %v %s, want %s", canonical, p, why, want)
		}
	}
}

func library(t testing.TB, definitions ...string) *profile.Library {
	t.Helper()
	p := &profile.Package{Name: "test"}
	for _, d := range definitions {
		p.Definitions = append(p.Definitions, parse(t, d))
	}
	return profile.NewLibrary(p)
}

// FuzzReadPackage: no bytes make the reader fail other than by an error.
func FuzzReadPackage(f *testing.F) {
	f.Add(pack(f, manifest, file("package/a.json", `{"resourceType":"ValueSet"}`)))
	f.Add(pack(f, manifest, entry{name: "package/x", kind: tar.TypeSymlink}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := profile.ReadPackage(bytes.NewReader(b)); err == nil {
			profile.NewLibrary(p)
		}
	})
}
