package app_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/linkloop/linkloop/config"
)

// soapReferral is a referral of a made-up person in Windows-1252, as a supplier
// with an older toolkit sends it.
func soapReferral(n int, family string) []byte {
	return fmt.Appendf(nil, "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\r\n"+
		`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header><a:MessageID xmlns:a="http://www.w3.org/2005/08/addressing">uuid:%d</a:MessageID></s:Header><s:Body>`+
		`<v1:Referral xmlns:v1="urn:example:supplier" number="X-%d"><v1:Created>2026-03-02</v1:Created>`+
		`<v1:Person role="subject"><v1:Id>%s</v1:Id><v1:Family>%s</v1:Family><v1:Given>Ren`+"\xe9"+`e</v1:Given><v1:BirthDate>1970-02-14</v1:BirthDate></v1:Person>`+
		`<v1:Practice>of no use</v1:Practice><c:Practice xmlns:c="urn:example:clinic">Z00001</c:Practice>`+
		`<v1:Story><![CDATA[Would like company & tea]]></v1:Story></v1:Referral></s:Body></s:Envelope>`, n, n, nobody(n), family)
}

// TestXML: an XML sender from the wire to the Task and back, by its own kind
// of answer.
func TestXML(t *testing.T) {
	h := open(t, func(c *config.Config) {
		c.Mappings.Folder = "testdata/mappings"
		c.Senders = []config.Sender{{Name: "supplier", Mapping: "supplier-xml"}}
	})
	says := func(r response, status int, words ...string) {
		t.Helper()
		h.want(r, status)
		if got := r.header.Get("Content-Type"); got != "text/xml; charset=utf-8" {
			t.Errorf("content type %q", got)
		}
		for _, w := range words {
			if !bytes.Contains(r.body, []byte(w)) {
				t.Errorf("%s\ndoes not say %s", r.body, w)
			}
		}
	}
	first := h.call("POST", "/intake/supplier", soapReferral(1, "Canarybird"))
	says(first, 200, "<soap:Body><receipt><status>accepted</status><messageId>uuid:1</messageId>")
	says(h.call("POST", "/intake/supplier", soapReferral(1, "Canarybird")), 200, string(first.body))
	says(h.call("POST", "/intake/supplier", soapReferral(2, "")), 422, "<faultcode>soap:Client</faultcode>", "names the person", "<element>Patient.name[0].family</element>")
	found := h.want(h.call("GET", "/fhir/Patient?identifier="+nobody(1), nil), 200).body
	if !bytes.Contains(found, []byte(`"given":["Renée"]`)) {
		t.Errorf("the name is not what was sent: %s", found)
	}
	if r := h.call("POST", "/intake/supplier", []byte(`<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>`)); r.status != 400 || !bytes.Contains(r.body, []byte("<field>line 1, column 1</field>")) {
		t.Errorf("a document type: status %d, %s", r.status, r.body)
	}
}
