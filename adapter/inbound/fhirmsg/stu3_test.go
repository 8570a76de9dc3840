package fhirmsg_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound/fhirmsg"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/mappings"
)

// asXML writes a resource of any version of FHIR in XML. It knows no types:
// that a resource stands within an element is seen by its resourceType.
func asXML(t *testing.T, body []byte) []byte {
	t.Helper()
	v, err := element.Parse(body, element.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	writeXML(&b, v.ResourceType(), v, ` xmlns="http://hl7.org/fhir"`)
	return b.Bytes()
}

func writeXML(b *bytes.Buffer, name string, v *element.Value, attributes string) {
	text := func(s string) string {
		var out bytes.Buffer
		_ = xml.EscapeText(&out, []byte(s)) // a buffer takes everything
		return out.String()
	}
	if v.Kind != element.Object {
		b.WriteString("<" + name + ` value="` + text(v.Text) + `"/>`)
		return
	}
	if name == "extension" {
		attributes += ` url="` + text(v.Str("url")) + `"`
	}
	b.WriteString("<" + name + attributes + ">")
	for _, f := range v.Fields {
		items := []*element.Value{f.Value}
		if f.Value.Kind == element.Array {
			items = f.Value.Items
		}
		for _, x := range items {
			switch {
			case f.Name == "resourceType", f.Name == "url" && name == "extension":
			case x.ResourceType() != "":
				b.WriteString("<" + f.Name + ">")
				writeXML(b, x.ResourceType(), x, "")
				b.WriteString("</" + f.Name + ">")
			default:
				writeXML(b, f.Name, x, "")
			}
		}
	}
	b.WriteString("</" + name + ">")
}

// TestSTU3InXML: what is made of a referral of FHIR STU3 is the same in XML and
// in JSON.
func TestSTU3InXML(t *testing.T) {
	samples := map[string][]byte{}
	files, err := fs.Glob(mappings.Files, "gpconnect-stu3/examples/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, name := range files {
		b, err := mappings.Files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range txtar.Parse(b).Files {
			if f.Name == "in.json" {
				samples[name] = f.Data
			}
		}
	}
	const corpus = "../../../../shared/corpus/stu3/*.json"
	published, _ := filepath.Glob(corpus)
	if len(published) == 0 {
		t.Log("without the published samples, which are not present")
	}
	for _, name := range published {
		if samples[name], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	m, err := mapping.Compile(mappings.Files, "gpconnect-stu3")
	if err != nil {
		t.Fatal(err)
	}
	became := func(body []byte) string {
		msg, err := fhirmsg.New().Decode(body)
		if err != nil {
			t.Fatal(err)
		}
		res, err := m.Apply(msg.Tree, mapping.Context{})
		var f *fault.Fault
		switch {
		case errors.As(err, &f):
			return msg.Type + " " + msg.ID + " refused: " + f.Error()
		case err != nil:
			t.Fatal(err)
		}
		return msg.Type + " " + msg.ID + "\n" + string(mapping.PrintResult(res))
	}
	for name, body := range samples {
		t.Run(filepath.Base(name), func(t *testing.T) {
			if a, b := became(body), became(asXML(t, body)); a != b {
				t.Errorf("in JSON:\n%s\nin XML:\n%s", a, b)
			}
		})
	}
}

// TestSTU3InXMLRefused: what is wrong is said in the words of the version that
// the message is of.
func TestSTU3InXMLRefused(t *testing.T) {
	const ns = ` xmlns="http://hl7.org/fhir"`
	for _, c := range []struct{ name, body, word string }{
		{"an element that STU3 does not have", `<ReferralRequest` + ns + `><status value="active"/><orderDetail/></ReferralRequest>`, "ReferralRequest does not have"},
		{"a type that neither has", `<Referral` + ns + `/>`, "no resource type of FHIR R4"},
		{"an R4 message with the word event", `<Bundle` + ns + `><entry><resource><Task><event/></Task></resource></entry></Bundle>`, "Task does not have"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := fhirmsg.New().Decode([]byte(c.body))
			if fault.KindOf(err) != fault.Malformed || !strings.Contains(err.Error(), c.word) {
				t.Errorf("%v", err)
			}
		})
	}
}
