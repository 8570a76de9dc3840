package fhirxml_test

import (
	"errors"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/fhir/fhirxml"
)

// patient is a resource with something of everything; the elements within are
// put in by the tests.
func patient(within string) string {
	return `<Patient xmlns="http://hl7.org/fhir">` + within + `</Patient>`
}

func TestRead(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"kinds of values", patient(`<id value="p1"/><active value="true"/><multipleBirthInteger value="2"/>`),
			`"id":"p1","active":true,"multipleBirthInteger":2`},
		{"an attribute id", patient(`<name id="n1"><family id="f1" value="Hale"/></name>`),
			`"name":[{"id":"n1","family":"Hale","_family":{"id":"f1"}}]`},
		{"extensions of items", patient(`<name><given value="Ann"/><given><extension url="urn:x"><valueCode value="a"/></extension></given><given value="Bea"/></name>`),
			`"name":[{"given":["Ann",null,"Bea"],"_given":[null,{"extension":[{"url":"urn:x","valueCode":"a"}]},null]}]`},
		{"items without any value", patient(`<name><given id="a"/></name>`), `"name":[{"_given":[{"id":"a"}]}]`},
		{"a value that is absent", patient(`<birthDate><extension url="urn:absent"/></birthDate>`), `"_birthDate":{"extension":[{"url":"urn:absent"}]}`},
		{"nothing in it", patient(`<birthDate/><name/>`), `"birthDate":null,"name":[{}]`},
		{"a number that is none", patient(`<multipleBirthInteger value="two"/><active value="1"/>`), `"multipleBirthInteger":"two","active":"1"`},
		{"space around a number", patient(`<multipleBirthInteger value=" 2 "/>`), `"multipleBirthInteger":2`},
		{"any order, items apart", patient(`<gender value="female"/><name><family value="A"/></name><active value="false"/><name><family value="B"/></name>`),
			`"gender":"female","name":[{"family":"A"},{"family":"B"}],"active":false`},
		{"contained", patient(`<contained><Organization><id value="o"/></Organization></contained><contained><Organization><id value="q"/></Organization></contained>`),
			`"contained":[{"resourceType":"Organization","id":"o"},{"resourceType":"Organization","id":"q"}]`},
		{"characters", patient(`<birthDate value="&lt;&amp;&gt;&quot;&apos;&#x41;&#66;&#x1F600;&#xA;é"/>`), `"birthDate":"<&>\"'AB😀\né"`},
		{"line ends in a value", patient("<birthDate value='a\r\nb\tc'/>"), `"birthDate":"a b c"`},
		{"comments and instructions", "<?xml version='1.0'?>\n<?xml-stylesheet href='x'?><!-- a -->" + patient(`<!-- <x> --><active value="true"/><?pi x?>`) + "\n<!-- b -->\n", `"active":true`},
		{"a schema location", `<Patient xmlns="http://hl7.org/fhir" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://hl7.org/fhir p.xsd"><active value="true"/></Patient>`, `"active":true`},
		{"a prefix", `<f:Patient xmlns:f="http://hl7.org/fhir"><f:active value="true"/></f:Patient>`, `"active":true`},
		{"a byte order mark", "\ufeff<?xml version=\"1.0\" encoding=\"utf-8\"?>" + patient(`<active value="true"/>`), `"active":true`},
		{"a narrative", patient(`<text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml" xml:lang="en"> <p a='1'>Caf&#233; &amp; <br/><b></b><!--c--></p></div></text>`),
			`"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\" xml:lang=\"en\"> <p a='1'>Caf&#233; &amp; <br/><b></b><!--c--></p></div>"}`},
		{"a narrative with prefixes of its own", patient(`<text><div xmlns="http://www.w3.org/1999/xhtml" xmlns:x="urn:x"><x:a x:b="1" xmlns:y="urn:y" y:c="2">t</x:a></div></text>`),
			`"text":{"div":"<div xmlns=\"http://www.w3.org/1999/xhtml\" xmlns:x=\"urn:x\"><x:a x:b=\"1\" xmlns:y=\"urn:y\" y:c=\"2\">t</x:a></div>"}`},
		{"a narrative with a prefix", `<Patient xmlns="http://hl7.org/fhir" xmlns:h="http://www.w3.org/1999/xhtml"><text><h:div id="d"><h:p xml:lang="en">a&lt;b<!--c--><h:br/></h:p></h:div></text></Patient>`,
			`"text":{"div":"<div xmlns=\"http://www.w3.org/1999/xhtml\" id=\"d\"><p xml:lang=\"en\">a&lt;b<br/></p></div>"}`},
		{"a narrative that forgot its namespace", patient(`<text><div><p>a</p></div></text>`), `"text":{"div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>a</p></div>"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := fhirxml.JSON([]byte(c.in), element.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if want := `{"resourceType":"Patient",` + c.want + `}`; string(got) != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestDecimalsKeepTheirDigits(t *testing.T) {
	for _, n := range []string{"0", "-0", "1.50", "0.0000000000000000001", "1e-7", "1E+07", "123456789012345678901234567890.10"} {
		v, err := fhirxml.Read([]byte(`<Quantity/>`), element.Limits{})
		if err == nil || v != nil {
			t.Fatal("a datatype is no resource")
		}
		v, err = fhirxml.Read([]byte(`<Observation xmlns="http://hl7.org/fhir"><valueQuantity><value value="`+n+`"/></valueQuantity></Observation>`), element.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if x := v.At("valueQuantity.value"); x.Kind != element.Number || x.Text != n {
			t.Errorf("%s became %q of kind %d", n, x.Text, x.Kind)
		}
	}
}

func TestRefuses(t *testing.T) {
	for _, c := range []struct {
		name, in    string
		kind        fault.Kind
		place, path string
	}{
		{"nothing", "", fault.Malformed, "line 1, column 1", ""},
		{"JSON", `{"resourceType":"Patient"}`, fault.Malformed, "line 1, column 1", ""},
		{"cut", "<Patient xmlns='http://hl7.org/fhir'>\n  <name>", fault.Malformed, "line 2, column 9", ""},
		{"no namespace", `<Patient/>`, fault.Malformed, "line 1, column 1", ""},
		{"another namespace", patient(`<active xmlns="urn:x" value="true"/>`), fault.Malformed, "line 1, column 38", "Patient"},
		{"unknown resource", `<Patent xmlns="http://hl7.org/fhir"/>`, fault.Malformed, "line 1, column 1", ""},
		{"unknown element", patient("\n<name/>\n<name>\n  <familly value='x'/></name>"), fault.Malformed, "line 4, column 3", "Patient.name[1]"},
		{"unknown element of a primitive", patient(`<birthDate><x/></birthDate>`), fault.Malformed, "*", "Patient.birthDate"},
		{"id as an element of a datatype", patient(`<name><id value="x"/></name>`), fault.Malformed, "*", "Patient.name[0]"},
		{"url as an element", patient(`<extension><url value="x"/></extension>`), fault.Malformed, "*", "Patient.extension[0]"},
		{"id as an attribute of a resource", `<Patient xmlns="http://hl7.org/fhir" id="x"/>`, fault.Malformed, "line 1, column 38", "Patient"},
		{"attribute value of a datatype", patient(`<name value="x"/>`), fault.Malformed, "*", "Patient.name[0]"},
		{"unknown attribute", patient(`<active valeu="true"/>`), fault.Malformed, "*", "Patient.active"},
		{"text", patient(`<active>true</active>`), fault.Malformed, "*", "Patient.active"},
		{"CDATA", patient(`<![CDATA[true]]>`), fault.Malformed, "*", "Patient"},
		{"twice", patient(`<active value="true"/><active value="true"/>`), fault.Malformed, "line 1, column 60", "Patient"},
		{"two resources in one contained", patient(`<contained><Patient/><Patient/></contained>`), fault.Malformed, "*", "Patient.contained[0]"},
		{"no resource in contained", patient(`<contained> </contained>`), fault.Malformed, "*", "Patient.contained[0]"},
		{"contained in a resource of no type", patient(`<contained><Nothing/></contained>`), fault.Malformed, "*", "Patient.contained[0]"},
		{"prefix of a narrative from outside", `<Patient xmlns="http://hl7.org/fhir" xmlns:x="urn:x"><text><div xmlns="http://www.w3.org/1999/xhtml"><x:a/></div></text></Patient>`, fault.Malformed, "*", "Patient.text.div"},
		{"document type", `<!DOCTYPE Patient>` + patient(""), fault.Malformed, "line 1, column 1", ""},
		{"billion laughs", `<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>` + patient(`<birthDate value="&b;"/>`), fault.Malformed, "line 1, column 22", ""},
		{"external entity", `<!DOCTYPE Patient [<!ENTITY x SYSTEM "file:///etc/passwd">]>` + patient(`<birthDate value="&x;"/>`), fault.Malformed, "line 1, column 1", ""},
		{"an entity of nobody", patient(`<birthDate value="&x;"/>`), fault.Malformed, "line 1, column 56", ""},
		{"an entity of HTML", patient(`<text><div xmlns="http://www.w3.org/1999/xhtml">&nbsp;</div></text>`), fault.Malformed, "*", ""},
		{"1 MB of nesting", strings.Repeat("<a>", 350_000), fault.Malformed, "line 1, column 1", ""},
		{"1 MB of nested extensions", `<Patient xmlns="http://hl7.org/fhir">` + strings.Repeat("<extension url='x'>", 55_000), fault.Malformed, "*", "*"},
		{"1 MB of nested narrative", patient(`<text><div xmlns="http://www.w3.org/1999/xhtml">` + strings.Repeat("<p>", 350_000)), fault.Malformed, "*", ""},
		{"1 MB of start", strings.Repeat("<", 1<<20), fault.Malformed, "line 1, column 2", ""},
		{"a huge attribute", patient(`<birthDate value="` + strings.Repeat("x", 6<<20) + `"/>`), fault.TooLarge, "", ""},
		{"a huge name", "<" + strings.Repeat("a", 1<<20) + "/>", fault.TooLarge, "line 1, column 2", ""},
		{"many attributes", "<Patient " + strings.Repeat(" a='1'", 100), fault.TooLarge, "*", ""},
		{"many namespaces", patient(strings.Repeat("<a xmlns:a='1' xmlns:b='1' xmlns:c='1' xmlns:d='1'>", 30)), fault.Malformed, "*", "Patient"},
		{"many elements", patient(strings.Repeat("<name/>", 300_000)), fault.TooLarge, "*", ""},
		{"many nulls", patient("<name>" + strings.Repeat("<given value=''/>", 150_000) + "<given id='x'/></name>"), fault.TooLarge, "*", ""},
		{"not UTF-8", patient("<birthDate value='\xff'/>"), fault.Malformed, "line 1, column 56", ""},
		{"UTF-16 little end first", "\xff\xfe<\x00P\x00", fault.Unsupported, "line 1, column 1", ""},
		{"UTF-16 big end first", "\xfe\xff\x00<\x00P", fault.Unsupported, "line 1, column 1", ""},
		{"UTF-16 without a mark", "<\x00P\x00", fault.Unsupported, "line 1, column 1", ""},
		{"UTF-32", "\x00\x00\xfe\xff\x00\x00\x00<", fault.Unsupported, "line 1, column 1", ""},
		{"declared as UTF-16", `<?xml version="1.0" encoding="UTF-16"?>` + patient(""), fault.Unsupported, "line 1, column 1", ""},
		{"declared as UTF-7", `<?xml version="1.0" encoding="UTF-7"?>` + patient(""), fault.Unsupported, "line 1, column 1", ""},
		{"declared as ISO-8859-1", `<?xml version="1.0" encoding='ISO-8859-1'?>` + patient(""), fault.Unsupported, "line 1, column 1", ""},
		{"XML 1.1", `<?xml version="1.1"?>` + patient(""), fault.Unsupported, "line 1, column 1", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := fhirxml.Read([]byte(c.in), element.Limits{})
			runtime.ReadMemStats(&after)
			var f *fault.Fault
			if !errors.As(err, &f) || f.Kind != c.kind {
				t.Fatalf("got %v, want %v", err, c.kind)
			}
			if is := f.Issues[0]; is.Place != c.place && (c.place != "*" || is.Place == "") || is.Expression != c.path && c.path != "*" {
				t.Errorf("at %q, in %q; want %q, %q (%s)", is.Place, is.Expression, c.place, c.path, is.Text)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 96<<20 {
				t.Errorf("took %d MB to refuse", used>>20)
			}
		})
	}
}

// TestLimitsAreThoseOfJSON: what is read can be printed and parsed under the
// limits it was read with.
func TestLimitsAreThoseOfJSON(t *testing.T) {
	for depth := 1; depth < 30; depth++ {
		in := patient(strings.Repeat(`<extension url="urn:x">`, depth) + strings.Repeat(`</extension>`, depth))
		lim := element.Limits{Bytes: 1 << 16, Depth: 20, Nodes: 60}
		v, err := fhirxml.Read([]byte(in), lim)
		if err == nil {
			_, err = element.Parse(v.JSON(), lim)
			if err != nil {
				t.Errorf("depth %d is read and not parsed: %v", depth, err)
			}
		} else if depth < 9 {
			t.Errorf("depth %d: %v", depth, err)
		}
	}
}

func TestAppend(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"order", `"birthDate":"1970","name":[{"given":["A"],"family":"H","use":"official"}],"id":"p","active":true`,
			`<id value="p"/><active value="true"/><name><use value="official"/><family value="H"/><given value="A"/></name><birthDate value="1970"/>`},
		{"beside", `"_birthDate":{"id":"b"},"name":[{"_given":[null,{"extension":[{"valueCode":"a","url":"urn:x"}]}],"given":["A",null]}]`,
			`<name><given value="A"/><given><extension url="urn:x"><valueCode value="a"/></extension></given></name><birthDate id="b"/>`},
		{"characters", `"birthDate":"<&>\"'\n\r\té\u0001"`, `<birthDate value="&lt;&amp;&gt;&quot;'&#xA;&#xD;&#x9;é` + "\ufffd" + `"/>`},
		{"narrative", `"text":{"status":"empty","div":" <div xmlns=\"http://www.w3.org/1999/xhtml\">a&nbsp;&eacute;&amp;&#160;</div>\n"}`,
			`<text><status value="empty"/><div xmlns="http://www.w3.org/1999/xhtml">a` + "\u00a0" + `é&amp;&#160;</div></text>`},
		{"narrative without namespace", `"text":{"div":"<div><p>a</p></div>"}`, `<text><div xmlns="http://www.w3.org/1999/xhtml"><p>a</p></div></text>`},
		{"contained", `"contained":[{"resourceType":"Organization","id":"o"}]`, `<contained><Organization><id value="o"/></Organization></contained>`},
		{"empty", `"name":[{}]`, `<name/>`},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := element.Parse([]byte(`{"resourceType":"Patient",`+c.in+`}`), element.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			got, err := fhirxml.Append(nil, v)
			if err != nil {
				t.Fatal(err)
			}
			if want := fhirxml.Declaration + patient(c.want); string(got) != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestAppendRefuses(t *testing.T) {
	for in, path := range map[string]string{
		`[]`:                                                                      "",
		`{"id":"x"}`:                                                              "",
		`{"resourceType":"Nothing"}`:                                              "",
		`{"resourceType":"Patient","nothing":1}`:                                  "Patient",
		`{"resourceType":"Patient","":1}`:                                         "Patient",
		`{"resourceType":"Patient","_name":[]}`:                                   "Patient",
		`{"resourceType":"Patient","name":{"family":"x"}}`:                        "Patient.name",
		`{"resourceType":"Patient","name":["x"]}`:                                 "Patient.name[0]",
		`{"resourceType":"Patient","name":[{"id":1}]}`:                            "Patient.name[0].id",
		`{"resourceType":"Patient","birthDate":["x"]}`:                            "Patient.birthDate",
		`{"resourceType":"Patient","contained":[null]}`:                           "Patient.contained[0]",
		`{"resourceType":"Patient","text":{"div":"<div>"}}`:                       "Patient.text.div",
		`{"resourceType":"Patient","text":{"div":"a"}}`:                           "Patient.text.div",
		`{"resourceType":"Patient","text":{"div":"<p/>"}}`:                        "Patient.text.div",
		`{"resourceType":"Patient","text":{"div":"<div/><div/>"}}`:                "Patient.text.div",
		`{"resourceType":"Patient","text":{"div":"<?xml version='1.0'?><div/>"}}`: "Patient.text.div",
		`{"resourceType":"Patient","text":{"div":"<!DOCTYPE a><div/>"}}`:          "Patient.text.div",
		`{"resourceType":"Patient","text":{"div":"<div>&nosuch;</div>"}}`:         "Patient.text.div",
		`{"resourceType":"Patient","text":{"div":"<div xmlns='urn:x'/>"}}`:        "Patient.text.div",
		`{"resourceType":"Patient","text":{"div":"<div xmlns=''/>"}}`:             "Patient.text.div",
		`{"resourceType":"Patient","text":{"div":1}}`:                             "Patient.text.div",
	} {
		v, err := element.Parse([]byte(in), element.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		out, err := fhirxml.Append([]byte("kept"), v)
		var f *fault.Fault
		if !errors.As(err, &f) || f.Kind != fault.Malformed || f.Issues[0].Expression != path || string(out) != "kept" {
			t.Errorf("%s: %v, want a fault at %q", in, err, path)
		}
	}
}

// TestOfficialMessages: every R4 message and conformance resource in XML that
// the NHS publishes for BaRS reads, and comes back.
func TestOfficialMessages(t *testing.T) {
	n := 0
	for _, pattern := range []string{"bars/*.xml", "bars/bars-conformance/*.xml"} {
		for _, file := range files(t, pattern) {
			v, err := fhirxml.Read(load(t, file), element.Limits{})
			if err != nil {
				t.Errorf("%s: %v", filepath.Base(file), err)
				continue
			}
			n++
			returns(t, filepath.Base(file), v)
			for _, is := range fhir.Check(v) {
				t.Logf("%s: %s: %s", filepath.Base(file), is.Expression, is.Text)
			}
		}
	}
	t.Logf("%d files", n)
}
