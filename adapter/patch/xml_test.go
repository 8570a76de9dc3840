package patch_test

import (
	"encoding/xml"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/patch"
)

// notTaken are the official cases that are refused, and why.
var notTaken = map[string]string{
	"A.3.  Adding a Prefixed Namespace Declaration": "a FHIR resource declares no namespaces of its own",
}

// TestOfficialXML runs the cases of FHIR for XML Patch, which are over plain
// documents.
func TestOfficialXML(t *testing.T) {
	var suite struct {
		Cases []struct {
			Name    string    `xml:"name,attr"`
			Target  inner     `xml:"target"`
			Patched inner     `xml:"patched"`
			Error   *struct{} `xml:"error"`
			Patch   inner     `xml:"patch"`
		} `xml:"case"`
	}
	if err := xml.Unmarshal(official(t, "r4_patch_xml-patch-tests.xml"), &suite); err != nil || len(suite.Cases) < 20 {
		t.Fatalf("%d cases, %v", len(suite.Cases), err)
	}
	for _, c := range suite.Cases {
		t.Run(c.Name, func(t *testing.T) {
			body := append(append([]byte(`<patch xmlns="http://hl7.org/fhir">`), c.Patch.XML...), "</patch>"...)
			got, err := patch.ApplyXML(c.Target.XML, body)
			if notTaken[c.Name] != "" {
				if fault.KindOf(err) != fault.Unsupported {
					t.Errorf("error %v, want: not supported", err)
				}
				return
			}
			if (err != nil) != (c.Error != nil) {
				t.Fatalf("error %v, one is wanted: %v", err, c.Error != nil)
			}
			if err != nil {
				return
			}
			want, err := patch.SpellXML(c.Patched.XML)
			if err != nil || string(got) != string(want) {
				t.Errorf("got  %s\nwant %s (%v)", got, want, err)
			}
		})
	}
}

// TestXML: over resources.
func TestXML(t *testing.T) {
	for _, c := range []struct {
		name, operations string
		at, want         string
		kind             fault.Kind
	}{
		{"value", `<replace sel="f:Patient/f:birthDate/@value">1951-02-03</replace>`, "/birthDate", `"1951-02-03"`, 0},
		{"condition", `<remove sel="f:Patient/f:identifier[f:system/@value='a']"/>`, "/identifier", `[{"system":"b","value":"2"}]`, 0},
		{"element behind", `<add sel="f:Patient/f:name[1]" pos="after"><name xmlns="http://hl7.org/fhir"><family value="B"/></name></add>`, "/name/1/family", `"B"`, 0},
		{"new element", `<add sel="Patient"><gender value="female"/></add>`, "/gender", `"female"`, 0},
		{"what is no resource", `<add sel="Patient"><colour value="red"/></add>`, "", "", fault.Profile},
		{"nothing there", `<remove sel="f:Patient/f:photo"/>`, "", "", fault.Profile},
		{"several", `<remove sel="f:Patient/f:identifier"/>`, "", "", fault.Profile},
		{"an attribute of nothing", `<replace sel="@id">x</replace>`, "", "", fault.Profile},
		{"no path", `<remove/>`, "", "", fault.Malformed},
		{"other functions", `<remove sel="f:Patient/*"/>`, "", "", fault.Malformed},
		{"other operation", `<move sel="f:Patient"/>`, "", "", fault.Malformed},
		{"not closed", `<remove`, "", "", fault.Malformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := patch.Parse(patch.MediaXML, []byte(`<diff xmlns="http://hl7.org/fhir">`+c.operations+`</diff>`))
			var got *element.Value
			if err == nil {
				got, err = p.Apply(value(t, patient))
			}
			if c.kind != 0 {
				check(t, got, err, "", c.kind)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			look, err := patch.ParseJSON([]byte(`[{"op":"test","path":"` + c.at + `","value":` + c.want + `}]`))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := look.Apply(got); err != nil {
				t.Errorf("%v in %s", err, got.JSON())
			}
		})
	}
}

// FuzzXML: no patch panics, and what comes out is a resource.
func FuzzXML(f *testing.F) {
	f.Add(`<diff xmlns="http://hl7.org/fhir"><replace sel="f:Patient/f:birthDate/@value">1951</replace><add sel="Patient"><gender value="x"/></add></diff>`)
	f.Add(`<d><remove sel="f:Patient/f:identifier[f:system/@value='a']"/><add sel="f:Patient" type="@id">x</add></d>`)
	f.Add(`<d><add sel="f:Patient/f:name[1]" pos="before"><!--c--></add><remove sel="f:Patient/comment()[1]"/></d>`)
	doc, err := element.Parse([]byte(patient), element.Limits{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := patch.ParseXML([]byte(s))
		if err != nil {
			return
		}
		if got, err := p.Apply(doc); err == nil && got.ResourceType() == "" {
			t.Fatal("the result is no resource")
		}
	})
}
