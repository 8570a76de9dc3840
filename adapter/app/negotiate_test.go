package app_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fhir/fhirxml"
	"github.com/linkloop/linkloop/adapter/resource"
)

const fhirXML = "application/fhir+xml"

// xml reads the answer as FHIR XML.
func (r response) xml(t *testing.T) *element.Value {
	t.Helper()
	v, err := fhirxml.Read(r.body, element.Limits{})
	if err != nil {
		t.Fatalf("the answer is no FHIR XML: %v", err)
	}
	return v
}

// aFlag is a resource that anybody on this machine may write.
const aFlag = `{"resourceType":"Flag","status":"active","code":{"text":"Hölle & <Söhne>"},"subject":{"reference":"Patient/x"}}`

// TestNegotiation: which format comes back for what is asked.
// https://hl7.org/fhir/R4/http.html#mime-type
func TestNegotiation(t *testing.T) {
	h := open(t, nil)
	id := h.want(h.call("POST", "/fhir/Flag", []byte(aFlag), "Content-Type", fhirJSON), 201).value(t).ID()
	const none = ""
	for _, c := range []struct{ accept, query, want string }{
		{none, "", fhirJSON},
		{"*/*", "", fhirJSON},
		{"*", "", fhirJSON},
		{"application/*", "", fhirJSON},
		{"application/fhir+json", "", fhirJSON},
		{"application/json", "", "application/json"},
		{"text/json", "", "text/json"},
		{"application/fhir+xml", "", fhirXML},
		{"application/xml", "", "application/xml"},
		{"text/xml;charset=utf-8", "", "text/xml"},
		{"APPLICATION/FHIR+XML", "", fhirXML},
		{"application/fhir+xml, */*", "", fhirXML},
		{"application/fhir+xml;q=0.5, */*;q=0.6", "", fhirJSON},
		{"application/fhir+json;q=0.9, application/fhir+xml", "", fhirXML},
		{"application/fhir+json;q=0, */*", "", "application/json"},
		{"application/json;q=0.9, application/fhir+xml;q=0.8", "", "application/json"},
		{"text/html, image/gif, *; q=.2, */*; q=.2", "", fhirJSON},
		{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "", "application/xml"},
		{"application/fhir+json; fhirVersion=4.0", "", fhirJSON},
		{"application/fhir+json; fhirVersion=3.0", "", none},
		{"application/fhir+json; fhirVersion=3.0, application/fhir+xml; fhirVersion=4.0", "", fhirXML},
		{"text/html", "", none},
		{"application/fhir+turtle", "", none},
		{"application/fhir+json;q=0", "", none},
		{"text/html", "_format=json", fhirJSON},
		{fhirJSON, "_format=xml", fhirXML},
		{fhirXML, "_format=application/fhir+json", fhirJSON},
		{fhirXML, "_format=application/fhir%2Bjson", fhirJSON},
		{none, "_format=application/fhir+xml", fhirXML},
		{none, "_format=text/xml", "text/xml"},
		{none, "_format=application/json", "application/json"},
		{none, "_format=application/fhir%2Bjson%3BfhirVersion%3D4.0", fhirJSON},
		{none, "_format=ttl", none},
		{none, "_format=html/xml", none},
		{none, "_format=*/*", none},
	} {
		headers := []string{"Accept", c.accept}
		if c.accept == none {
			headers = nil
		}
		for _, path := range []string{"/fhir/Flag/" + id, "/fhir/Flag", "/fhir/Flag/" + id + "/_history", "/fhir/metadata"} {
			r := h.call("GET", path+"?"+c.query, nil, headers...)
			if c.want == none {
				h.refused(r, 406, "not-supported", "application/fhir+xml")
				continue
			}
			if got := r.header.Get("Content-Type"); r.status != 200 || got != c.want+"; charset=utf-8" {
				t.Errorf("%s, Accept %q, %q: status %d, %q, want %s", path, c.accept, c.query, r.status, got, c.want)
				continue
			}
			if r.header.Get("Vary") != "Accept" {
				t.Errorf("Vary is %q", r.header.Get("Vary"))
			}
			if strings.Contains(c.want, "xml") != (r.body[0] == '<') {
				t.Errorf("%s, Accept %q, %q: the body is of another format than the header says", path, c.accept, c.query)
			}
		}
	}
}

// TestContentTypes: what is taken in a body, and how it is answered.
func TestContentTypes(t *testing.T) {
	h := open(t, nil)
	inXML := []byte(`<?xml version="1.0" encoding="UTF-8"?><Flag xmlns="http://hl7.org/fhir"><status value="active"/><code><text value="H&#xF6;lle &amp; &lt;S&#xF6;hne&gt;"/></code><subject><reference value="Patient/x"/></subject></Flag>`)
	want := h.want(h.call("POST", "/fhir/Flag", []byte(aFlag), "Content-Type", fhirJSON), 201).value(t).TextAt("code.text")
	for _, c := range []struct {
		kind string
		ok   bool
		xml  bool
	}{
		{"application/fhir+json", true, false},
		{"application/fhir+json;charset=utf-8", true, false},
		{"application/fhir+json; charset=UTF-8; fhirVersion=4.0", true, false},
		{"application/json", true, false},
		{"text/json", true, false},
		{"application/fhir+xml", true, true},
		{"application/xml; charset=\"utf-8\"", true, true},
		{"text/xml", true, true},
		{"", false, false},
		{"json", false, false},
		{"*/*", false, false},
		{"text/plain", false, false},
		{"application/x-www-form-urlencoded", false, false},
		{"application/fhir+json; charset=iso-8859-1", false, false},
		{"application/fhir+json; fhirVersion=3.0", false, false},
	} {
		body := []byte(aFlag)
		if c.xml {
			body = inXML
		}
		r := h.call("POST", "/fhir/Flag", body, "Content-Type", c.kind)
		if !c.ok {
			h.refused(r, 415, "not-supported", "application/fhir+json")
			if r.header.Get("Accept") == "" {
				t.Errorf("%s: 415 does not say what is taken", c.kind)
			}
			continue
		}
		if r.status != 201 {
			t.Errorf("%s: status %d: %s", c.kind, r.status, r.body)
			continue
		}
		v := func() *element.Value {
			if c.xml { // answered as it came, as nothing else is asked for
				return r.xml(t)
			}
			return r.value(t)
		}()
		if got := v.TextAt("code.text"); got != want {
			t.Errorf("%s: the text is %q, want %q", c.kind, got, want)
		}
	}
	if r := h.want(h.call("POST", "/fhir/Flag", inXML, "Content-Type", fhirXML, "Accept", "*/*"), 201); r.body[0] != '<' {
		t.Error("who asks for anything, as curl does, is not answered as it came")
	}
	// Of who asks for one, the format of the answer does not depend on that of the body.
	r := h.want(h.call("POST", "/fhir/Flag", inXML, "Content-Type", fhirXML, "Accept", fhirJSON), 201)
	if r.value(t).TextAt("code.text") != want {
		t.Error("XML in, JSON out: another text")
	}
	// Refusals are in the format that was asked for, too, and name the place.
	bad := h.call("POST", "/fhir/Flag", []byte(`<Flag xmlns="http://hl7.org/fhir"><colour value="red"/></Flag>`), "Content-Type", fhirXML)
	if v := bad.xml(t); bad.status != 400 || v.ResourceType() != "OperationOutcome" || !strings.Contains(v.TextAt("issue.diagnostics"), "line 1") {
		t.Errorf("status %d, %s", bad.status, v.JSON())
	}
	for _, body := range []string{"<", "<Flag/>", "{}", "", "<!DOCTYPE a [<!ENTITY b 'c'>]><Flag xmlns=\"http://hl7.org/fhir\"/>"} {
		if r := h.call("POST", "/fhir/Flag", []byte(body), "Content-Type", fhirXML); r.status != 400 {
			t.Errorf("%q: status %d, want 400", body, r.status)
		}
	}
	if v := h.call("GET", "/fhir/Flag/none", nil, "Accept", fhirXML).xml(t); v.TextAt("issue.code") != "not-found" {
		t.Error("a refusal in XML has no code not-found")
	}
	if v := h.call("GET", "/fhir/Nothing/here/at/all/x", nil, "Accept", fhirXML).xml(t); v.TextAt("issue.code") != "not-found" {
		t.Error("where there is nothing, the refusal is not in XML")
	}
}

// TestEverythingInXML: each interaction in XML, there and back.
func TestEverythingInXML(t *testing.T) {
	h := open(t, nil)
	asXML := func(v *element.Value) []byte {
		t.Helper()
		b, err := fhirxml.Append(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	want := func(r response, status int) *element.Value {
		t.Helper()
		if r.status != status || !strings.HasPrefix(r.header.Get("Content-Type"), fhirXML) {
			t.Fatalf("status %d, %s, want %d in XML: %s", r.status, r.header.Get("Content-Type"), status, r.body)
		}
		return r.xml(t)
	}
	flagged, _ := element.Parse([]byte(aFlag), element.Limits{})
	made := want(h.call("POST", "/fhir/Flag", asXML(flagged), "Content-Type", fhirXML), 201)
	id := made.ID()
	made.SetString("status", "inactive")
	want(h.call("PUT", "/fhir/Flag/"+id, asXML(made), "Content-Type", fhirXML), 200)
	patch := []byte(`<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="operation"/><part><name value="type"/><valueCode value="replace"/></part>` +
		`<part><name value="path"/><valueString value="Flag.status"/></part><part><name value="value"/><valueCode value="active"/></part></parameter></Parameters>`)
	if v := want(h.call("PATCH", "/fhir/Flag/"+id, patch, "Content-Type", fhirXML), 200); v.TextAt("meta.versionId") != "3" || v.Str("status") != "active" {
		t.Errorf("the patch made %s", v.JSON())
	}
	for _, c := range []struct {
		path string
		n    int
	}{{"/fhir/Flag", 1}, {"/fhir/Flag/" + id + "/_history", 3}, {"/fhir/Flag/_history", 3}, {"/fhir/_history?_count=3", 3}, {"/fhir?_type=Flag", 1}} {
		if v := want(h.call("GET", c.path, nil, "Accept", fhirXML), 200); len(v.List("entry")) != c.n || v.ResourceType() != "Bundle" {
			t.Errorf("%s: %d entries, want %d", c.path, len(v.List("entry")), c.n)
		}
	}
	batch, _ := element.Parse([]byte(`{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Flag/`+id+`"}}]}`), element.Limits{})
	if v := want(h.call("POST", "/fhir", asXML(batch), "Content-Type", fhirXML), 200); v.TextAt("entry.resource.id") != id {
		t.Errorf("the batch brought %s", v.JSON())
	}
	r := h.call("POST", "/fhir/Flag/_search", []byte("_id="+id+"&_format=xml"), "Content-Type", "application/x-www-form-urlencoded")
	if v := want(r, 200); v.TextAt("entry.resource.id") != id {
		t.Error("_format of a posted form is not followed")
	}
	want(h.call("GET", "/fhir/metadata", nil, "Accept", fhirXML), 200)
}

// TestPretty: _pretty puts elements on lines of their own and changes nothing else.
func TestPretty(t *testing.T) {
	h := open(t, nil)
	id := h.want(h.call("POST", "/fhir/Flag", []byte(aFlag), "Content-Type", fhirJSON), 201).value(t).ID()
	plain := h.want(h.call("GET", "/fhir/Flag/"+id, nil), 200)
	for _, q := range []string{"_pretty=true", "_pretty=true&_format=xml", "_pretty", "_pretty=false"} {
		r := h.want(h.call("GET", "/fhir/Flag/"+id+"?"+q, nil), 200)
		var v *element.Value
		if strings.Contains(q, "xml") {
			v = r.xml(t)
		} else {
			v = r.value(t)
		}
		if !element.Equal(v, plain.value(t)) {
			t.Errorf("%s: another resource: %s", q, r.body)
		}
		if many := bytes.Count(r.body, []byte("\n")) > 5; many == (q == "_pretty=false") {
			t.Errorf("%s: %s", q, r.body)
		}
	}
}

// TestReadServesStoredBytes: what a read, a version, a search and a history show
// of a resource are the same bytes, those of the store.
func TestReadServesStoredBytes(t *testing.T) {
	h := open(t, nil)
	made := h.want(h.call("POST", "/fhir/Flag", []byte(aFlag), "Content-Type", fhirJSON), 201)
	id := made.value(t).ID()
	for _, path := range []string{"/fhir/Flag/" + id, "/fhir/Flag/" + id + "/_history/1"} {
		if got := h.want(h.call("GET", path, nil), 200).body; !bytes.Equal(got, made.body) {
			t.Errorf("%s: %s, want %s", path, got, made.body)
		}
	}
	for _, path := range []string{"/fhir/Flag", "/fhir/Flag/" + id + "/_history", "/fhir/_history"} {
		if got := h.want(h.call("GET", path, nil), 200).body; !bytes.Contains(got, made.body) {
			t.Errorf("%s does not hold the bytes of the read", path)
		}
	}
}

// TestOfficialPairsOverREST sends each official example of a served type in both
// formats and reads it back in both: what comes back is what was sent, but for
// what a server sets. What a rule of this house or a profile refuses (422: a Task
// that does not start at its start) is put past the rules and read back all the
// same.
func TestOfficialPairsOverREST(t *testing.T) {
	list, err := filepath.Glob("../../../shared/corpus/r4-examples/xml/*.xml")
	if err != nil || len(list) == 0 {
		t.Skip("the corpus is not there")
	}
	h := open(t, nil)
	served, taken := 0, 0
	for _, file := range list {
		name := strings.TrimSuffix(filepath.Base(file), ".xml")
		asXML, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		asJSON, err := os.ReadFile("../../../shared/corpus/r4-examples/json/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		v, err := element.Parse(asJSON, element.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		d, ok := resource.Lookup(v.ResourceType())
		if !ok || !d.Create {
			continue
		}
		served++
		inXML, err := fhirxml.Read(asXML, element.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			kind string
			body []byte
			sent *element.Value
		}{{fhirJSON, asJSON, v}, {fhirXML, asXML, inXML}} {
			r := h.call("POST", "/fhir/"+d.Type, c.body, "Content-Type", c.kind, "Accept", fhirJSON)
			id := "held-" + strconv.Itoa(2*served)
			switch r.status {
			case 201:
				taken++
				id = r.value(t).ID()
			case 422:
				held := c.sent.Clone()
				if c.kind == fhirXML {
					id += "-x"
				}
				held.SetString("id", id)
				if err := h.app.Hold(t.Context(), []*element.Value{held}); err != nil {
					t.Fatal(err)
				}
			default:
				t.Errorf("%s as %s: status %d: %s", name, c.kind, r.status, r.value(t).TextAt("issue.diagnostics"))
				continue
			}
			path := "/fhir/" + d.Type + "/" + id
			back := h.want(h.call("GET", path, nil, "Accept", fhirJSON), 200).value(t)
			if d := lost(c.sent, back); d != "" {
				t.Errorf("%s as %s, read as JSON: %s", name, c.kind, d)
			}
			if got := h.want(h.call("GET", path, nil, "Accept", fhirXML), 200).xml(t); !element.Equal(got, back) {
				t.Errorf("%s as %s: XML and JSON are not the same resource", name, c.kind)
			}
		}
	}
	t.Logf("%d pairs of served types; %d of %d files taken, the others refused by a rule and held without it", served, taken, 2*served)
	if served < 200 || taken < 3*served/2 {
		t.Errorf("%d pairs of served types and %d files taken are fewer than there should be", served, taken)
	}
}

// lost says what differs between what was sent and what came back.
func lost(sent, back *element.Value) string {
	a, b := sent.Clone(), back.Clone()
	for _, v := range []*element.Value{a, b} {
		v.Remove("id")
		if meta := v.Get("meta"); meta != nil {
			meta.Remove("versionId")
			meta.Remove("lastUpdated")
			if len(meta.Fields) == 0 {
				v.Remove("meta")
			}
		}
	}
	if element.Equal(a, b) {
		return ""
	}
	for _, f := range a.Fields {
		if x := b.Get(f.Name); x == nil || !element.Equal(f.Value, x) {
			return f.Name + " was sent as " + string(f.Value.JSON()) + " and came back as " + string(b.Get(f.Name).JSON())
		}
	}
	return "something was added"
}
