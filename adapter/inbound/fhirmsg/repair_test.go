package fhirmsg_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/inbound/fhirmsg"
)

// TestRepairs sends each deviation twice: with the repair on it is taken and
// flagged at its place, with it off it is refused there, or taken as it is
// where FHIR allows it.
func TestRepairs(t *testing.T) {
	const second = "/entry[1]/resource"
	for _, c := range []struct {
		repair, name string
		entry        string // members of the second entry
		place        string // from the second resource on; with a slash first: of the whole message
		path, want   string // what a mapping reads after the repair
	}{
		{fhirmsg.EmptyMember, "null", `"resource":{"resourceType":"Patient","gender":null}`, "gender", "Patient.gender", ""},
		{fhirmsg.EmptyMember, "text", `"resource":{"resourceType":"Patient","name":[{"family":""}]}`, "name[0]/family", "Patient.name.family", ""},
		{fhirmsg.EmptyMember, "array", `"resource":{"resourceType":"Patient","name":[]}`, "name", "Patient.name", ""},
		{fhirmsg.EmptyMember, "object", `"resource":{"resourceType":"Patient","maritalStatus":{}}`, "maritalStatus", "Patient.maritalStatus", ""},
		{fhirmsg.EmptyMember, "item", `"resource":{"resourceType":"Patient","name":[{"given":["Ann",null]}]}`, "name[0]/given[1]", "Patient.name.given", "Ann"},
		{fhirmsg.EmptyMember, "of another version", `"resource":{"resourceType":"ReferralRequest","status":null}`, "status", "ReferralRequest.status", ""},
		{fhirmsg.FractionDigits, "instant", `"resource":{"resourceType":"Patient","meta":{"lastUpdated":"2026-03-01T10:00:00.8185338+00:00"}}`, "meta/lastUpdated", "Patient.meta.lastUpdated", "2026-03-01T10:00:00.818533+00:00"},
		{fhirmsg.MissingZone, "winter", `"resource":{"resourceType":"ServiceRequest","authoredOn":"2026-01-31T10:00:00"}`, "authoredOn", "ServiceRequest.authoredOn", "2026-01-31T10:00:00+00:00"},
		{fhirmsg.MissingZone, "summer", `"resource":{"resourceType":"ServiceRequest","authoredOn":"2026-07-31T10:00:00.5"}`, "authoredOn", "ServiceRequest.authoredOn", "2026-07-31T10:00:00.5+01:00"},
		{fhirmsg.OuterSpace, "code", `"resource":{"resourceType":"Patient","gender":" female "}`, "gender", "Patient.gender", "female"},
		{fhirmsg.OuterSpace, "uri", `"resource":{"resourceType":"Patient","identifier":[{"system":"urn:x "}]}`, "identifier[0]/system", "Patient.identifier.system", "urn:x"},
		{fhirmsg.SystemURI, "case", `"resource":{"resourceType":"Organization","identifier":[{"system":"https://fhir.nhs.uk/id/ods-organization-code"}]}`, "identifier[0]/system", "Organization.identifier.system", "https://fhir.nhs.uk/Id/ods-organization-code"},
		{fhirmsg.SystemURI, "scheme and host", `"resource":{"resourceType":"Patient","identifier":[{"system":"http://fhir.nhs.net/Id/nhs-number"}]}`, "identifier[0]/system", "Patient.identifier.system", "https://fhir.nhs.uk/Id/nhs-number"},
		{fhirmsg.SystemURI, "spelling", `"resource":{"resourceType":"Organization","identifier":[{"system":"http://fhir.nhs.uk/Id/ods-organisation-code"}]}`, "identifier[0]/system", "Organization.identifier.system", "https://fhir.nhs.uk/Id/ods-organization-code"},
		{fhirmsg.URNUUID, "reference", `"resource":{"resourceType":"ServiceRequest","subject":{"reference":":uuid:9589fb37-87a2-48d8-968f-b371429208a8"}}`, "subject/reference", "ServiceRequest.subject.reference", "urn:uuid:9589fb37-87a2-48d8-968f-b371429208a8"},
		{fhirmsg.URNUUID, "fullUrl", `"fullUrl":":uuid:9589fb37-87a2-48d8-968f-b371429208a8","resource":{"resourceType":"Patient","gender":"male"}`, "/entry[1]/fullUrl", "Patient.gender", "male"},
		{fhirmsg.IDCharacters, "underscore", `"resource":{"resourceType":"Patient","id":"a_b"}`, "id", "Patient.id", "a_b"},
		{fhirmsg.IDCharacters, "braces", `"resource":{"resourceType":"Patient","id":"{id}"}`, "id", "Patient.id", "{id}"},
		{fhirmsg.SingleItem, "object", `"resource":{"resourceType":"ServiceRequest","basedOn":{"reference":"CarePlan/1"}}`, "basedOn", "ServiceRequest.basedOn[0].reference", "CarePlan/1"},
		{fhirmsg.SingleItem, "text", `"resource":{"resourceType":"Patient","name":[{"given":"Ann"}]}`, "name[0]/given", "Patient.name.given[0]", "Ann"},
		{fhirmsg.OneItemArray, "text", `"resource":{"resourceType":"Patient","gender":["male"]}`, "gender", "Patient.gender", "male"},
		{fhirmsg.UnknownField, "member", `"resource":{"resourceType":"Patient","nhsNo":"9990000018"}`, "nhsNo", "Patient.nhsNo", "9990000018"},
		{fhirmsg.UnknownField, "deeper", `"resource":{"resourceType":"Patient","name":[{"surname":"Hale"}]}`, "name[0]/surname", "Patient.name.surname", "Hale"},
	} {
		t.Run(c.repair+" "+c.name, func(t *testing.T) {
			body := bundle(",{" + c.entry + "}")
			place := c.place
			if !strings.HasPrefix(place, "/") {
				place = second + "/" + place
			}
			m, err := format(t, fhirmsg.Options{}).Decode(body)
			if err != nil {
				t.Fatal(err)
			}
			if len(m.Flags) != 1 || m.Flags[0].Place != place || m.Flags[0].Code != inbound.FlagRepaired || !strings.HasPrefix(m.Flags[0].Text, c.repair+": ") {
				t.Errorf("flags %+v, want one of %s at %s", m.Flags, c.repair, place)
			}
			if got := first(t, m, c.path).Value(); got != c.want {
				t.Errorf("%s = %q, want %q", c.path, got, c.want)
			}
			m, err = format(t, fhirmsg.Options{Off: []string{c.repair}}).Decode(body)
			if !refuses(c.repair) {
				if err != nil || len(m.Flags) != 0 {
					t.Errorf("off: %v, flags %+v; want it taken as it is", err, m.Flags)
				}
				return
			}
			if f := fault.Of(err); err == nil || f.Kind != fault.Malformed || f.Issues[0].Place != place || !strings.Contains(f.Issues[0].Text, c.repair) {
				t.Errorf("off: %v, want a refusal at %s", err, place)
			}
			if m == nil || m.ID != "b1" {
				t.Error("off: the answer does not know the sender")
			}
		})
	}
}

func refuses(repair string) bool {
	for _, r := range fhirmsg.Repairs() {
		if r.Name == repair {
			return r.Refuses
		}
	}
	return false
}

func format(t testing.TB, o fhirmsg.Options) fhirmsg.Format {
	t.Helper()
	f, err := fhirmsg.NewWith(o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestRepairsAreListed: each has its words, and a name that is none is refused.
func TestRepairsAreListed(t *testing.T) {
	for _, r := range fhirmsg.Repairs() {
		if r.Name == "" || r.Does == "" || r.Off == "" || r.Why == "" {
			t.Errorf("%+v is not whole", r)
		}
	}
	if _, err := fhirmsg.NewWith(fhirmsg.Options{Off: []string{"missing-zones"}}); err == nil || !strings.Contains(err.Error(), "missing-zone") {
		t.Errorf("a repair that there is not: %v", err)
	}
}

// TestNothingToRepair: values that look odd and are right stay as they are.
func TestNothingToRepair(t *testing.T) {
	m, err := fhirmsg.New().Decode(bundle(`,{"resource":{"resourceType":"Patient","birthDate":"1970","name":[{"given":["Ann",null],` +
		`"_given":[null,{"id":"x"}],"text":" two  spaces "}],"meta":{"lastUpdated":"2026-03-01T10:00:00.123456Z"},` +
		`"contained":[{"resourceType":"Organization","id":"o"}],"extension":[{"url":"urn:x","valueDateTime":"2026-03-01"}]}}`))
	if err != nil || len(m.Flags) != 0 {
		t.Errorf("%v, flags %+v", err, m.Flags)
	}
}

// TestManyRepairs: the flags of one message are bounded, and say so.
func TestManyRepairs(t *testing.T) {
	m, err := fhirmsg.New().Decode(bundle(`,{"resource":{"resourceType":"Patient","name":[{"given":[` + strings.Repeat(`"",`, 199) + `""]}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(m.Flags); n != 51 || m.Flags[50].Text != "and: 150 more" {
		t.Errorf("%d flags, the last %q", n, m.Flags[n-1].Text)
	}
}

// TestSystems: the table belongs to the configuration.
func TestSystems(t *testing.T) {
	f := format(t, fhirmsg.Options{Systems: []fhirmsg.System{{URI: "https://a.example/id", Also: []string{"urn:old"}}}})
	m, err := f.Decode(bundle(`,{"resource":{"resourceType":"Patient","identifier":[{"system":"urn:OLD"},{"system":"http://fhir.nhs.net/Id/nhs-number"}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if a, b := first(t, m, "Patient.identifier[0].system").Value(), first(t, m, "Patient.identifier[1].system").Value(); a != "https://a.example/id" || b != "http://fhir.nhs.net/Id/nhs-number" {
		t.Errorf("systems %s and %s", a, b)
	}
}

// TestSTU3: referrals of FHIR STU3 keep their names, references and extensions.
func TestSTU3(t *testing.T) {
	const request = `{"resourceType":"ReferralRequest","id":"r1","identifier":[{"system":"urn:s","value":"42"}],` +
		`"extension":[{"url":"urn:x","valueCode":"a"}],"subject":{"reference":"Patient/p"},"requester":{"agent":{"reference":"#a"}},` +
		`"contained":[{"resourceType":"Practitioner","id":"a","name":[{"family":"Hale"}]}]}`
	const patient = `{"resourceType":"Patient","id":"p","animal":{"species":{"text":"none"}},"name":[{"family":"Moss"}]}`
	for _, c := range []struct{ name, body, id, typ string }{
		{"alone", request, "42", "ReferralRequest"},
		{"collection", `{"resourceType":"Bundle","id":"c1","type":"collection","entry":[{"resource":` + patient + `},{"resource":` + request + `}]}`, "c1", "ReferralRequest"},
		{"message", `{"resourceType":"Bundle","id":"m1","type":"message","entry":[{"resource":{"resourceType":"MessageHeader","event":{"system":"urn:e","code":"referral-1"}}},` +
			`{"resource":` + patient + `},{"resource":` + request + `}]}`, "m1", "referral-1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := fhirmsg.New().Decode([]byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if m.ID != c.id || m.Type != c.typ || len(m.Flags) != 0 {
				t.Errorf("id %q, type %q, flags %+v", m.ID, m.Type, m.Flags)
			}
			for path, want := range map[string]string{
				"ReferralRequest.extension[where url = urn:x].valueCode": "a",
				"ReferralRequest.requester.agent.resolve().name.family":  "Hale",
				"ReferralRequest.identifier.value":                       "42",
				"ReferralRequest.subject.reference":                      "Patient/p",
			} {
				if got := first(t, m, path).Value(); got != want {
					t.Errorf("%s = %q, want %q", path, got, want)
				}
			}
			if c.name != "alone" && first(t, m, "ReferralRequest.subject.resolve().name.family").Value() != "Moss" {
				t.Error("the subject does not resolve")
			}
			if r := fhirmsg.New().Reply(m, inbound.Answer{Task: "t", Request: "r"}); r.Status != 200 || !bytes.Contains(r.Body, []byte(`"focus"`)) {
				t.Errorf("answer %d %s", r.Status, r.Body)
			}
		})
	}
}
