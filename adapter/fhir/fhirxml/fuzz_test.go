package fhirxml_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/fhir/fhirxml"
)

// small keeps fuzzing quick.
var small = element.Limits{Bytes: 1 << 16, Depth: 20, Nodes: 5000}

// seeds adds files of the corpus, where it is.
func seeds(f *testing.F, folder, suffix string) {
	for _, name := range []string{"patient-example", "patient-example-a", "task-example1", "consent-example", "capabilitystatement-example", "bundle-response", "parameters-example"} {
		if b, err := os.ReadFile(corpus + "r4-examples/" + folder + "/" + name + suffix); err == nil {
			f.Add(b)
		}
	}
}

// FuzzRead: whatever the bytes, reading ends with a resource or a located
// fault; what is read is XML to the standard library too, prints and parses as
// JSON, and comes back when written.
func FuzzRead(f *testing.F) {
	seeds(f, "xml", ".xml")
	for _, s := range []string{
		"", "<", "\ufeff<?xml version='1.0' encoding='utf-8'?>" + patient(""),
		patient(`<name><given value="Ann"/><given><extension url="urn:x"><valueDecimal value="1.0"/></extension></given></name>`),
		patient(`<text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml" xml:lang="en"><p>a&#xA0;<![CDATA[b]]><!--c--></p></div></text>`),
		`<f:Patient xmlns:f="http://hl7.org/fhir" xmlns:h="http://www.w3.org/1999/xhtml"><f:text><h:div><h:p/></h:div></f:text></f:Patient>`,
		`<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>`,
		patient(`<contained><Patient><active value="true"/></Patient></contained><multipleBirthInteger value="02"/>`),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := fhirxml.Read(b, small)
		if err != nil {
			var flt *fault.Fault
			if !errors.As(err, &flt) || flt.Kind != fault.Malformed && flt.Kind != fault.TooLarge && flt.Kind != fault.Unsupported {
				t.Fatalf("%v is no fault of a reader", err)
			}
			return
		}
		wellFormed(t, b)
		again, err := element.Parse(v.JSON(), small)
		if err != nil || !element.Equal(v, again) {
			t.Fatalf("as JSON it is not the same: %v", err)
		}
		fhir.Check(v)
		text, err := fhirxml.Append(nil, v)
		if err != nil {
			t.Fatalf("what was read is not written: %v", err)
		}
		back, err := fhirxml.Read(text, element.Limits{})
		if err != nil || !element.Equal(v, back) {
			t.Fatalf("%s\ncame back as\n%s\n%v", v.JSON(), back.JSON(), err)
		}
	})
}

// wellFormed asks the standard library, which knows fewer names than the fifth
// edition of XML allows.
func wellFormed(t *testing.T, text []byte) {
	d := xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	for {
		if _, err := d.Token(); err == io.EOF {
			return
		} else if err != nil {
			if bytes.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) {
				return
			}
			t.Fatalf("the standard library refuses what was taken: %v", err)
		}
	}
}

// FuzzAppend: a resource that fhir.Check takes can be written, is XML to the
// standard library, and reads as it was.
func FuzzAppend(f *testing.F) {
	seeds(f, "json", ".json")
	f.Add([]byte(`{"resourceType":"Patient","name":[{"given":[null,"B"],"_given":[{"extension":[{"url":"urn:x","valueString":"a\r\n"}]},null]}],"birthDate":"1970-01","multipleBirthInteger":2}`))
	f.Add([]byte(`{"resourceType":"Patient","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">a&nbsp;b</div>"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := element.Parse(b, small)
		if err != nil || len(fhir.Check(v)) > 0 {
			return
		}
		text, err := fhirxml.Append(nil, v)
		if err != nil {
			if is := fault.Of(err).Issues[0]; is.Text != "the narrative is not well-formed XHTML" {
				t.Fatalf("%s: %v", b, err)
			}
			return
		}
		wellFormed(t, text)
		back, err := fhirxml.Read(text, element.Limits{})
		if err != nil {
			t.Fatalf("%s\n%v", text, err)
		}
		again, err := fhirxml.Append(nil, back)
		if err != nil || !bytes.Equal(text, again) {
			t.Fatalf("written twice:\n%s\n%s\n%v", text, again, err)
		}
	})
}

func benchmarked(b *testing.B) []struct {
	name string
	text []byte
} {
	return []struct {
		name string
		text []byte
	}{
		{"Task", load(b, corpus+"r4-examples/xml/task-example1.xml")},
		{"BaRS", load(b, files(b, "bars/REFREQ03*.xml")[0])},
		{"10kB", collection(10)},
		{"100kB", collection(100)},
		{"1MB", collection(1000)},
	}
}

// collection is a Bundle of n patients of about a thousand bytes each: cost
// must grow with it and no faster.
func collection(n int) []byte {
	entry := `<entry><fullUrl value="urn:uuid:0"/><resource><Patient><id value="p"/><active value="true"/>` +
		strings.Repeat(`<identifier><system value="urn:example:number"/><value value="9990000018"/></identifier><name><family value="Testperson"/><given value="Amelia"/></name>`, 6) +
		`</Patient></resource></entry>`
	return []byte(`<Bundle xmlns="http://hl7.org/fhir"><type value="collection"/>` + strings.Repeat(entry, n) + `</Bundle>`)
}

func BenchmarkRead(b *testing.B) {
	for _, c := range benchmarked(b) {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := fhirxml.Read(c.text, element.Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, c := range benchmarked(b) {
		b.Run(c.name, func(b *testing.B) {
			v, err := fhirxml.Read(c.text, element.Limits{})
			if err != nil {
				b.Fatal(err)
			}
			var out []byte
			b.ReportAllocs()
			for b.Loop() {
				if out, err = fhirxml.Append(out[:0], v); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(len(out)))
		})
	}
}
