package resource_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
)

// matches says what a store has to make of a query: the meaning of Query and
// Index, without anything that makes it quick.
func matches(q resource.Query, v *element.Value, x resource.Index) bool {
	return q.Matches(v.ID(), v, x.Pack())
}

// search parses a query string.
func search(t testing.TB, typ, query string, o resource.Options) (*resource.Search, error) {
	t.Helper()
	params, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	return resource.Parse(resource.NewIndexer(key), typ, params, o)
}

// hits reports whether a query finds a resource.
func hits(t testing.TB, v *element.Value, query string) bool {
	t.Helper()
	s, err := search(t, v.ResourceType(), query, resource.Options{BaseURL: "https://linkloop.example/fhir"})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return matches(s.Query, v, resource.NewIndexer(key).Index(v))
}

// TestFind: which queries find a Task, and which do not.
func TestFind(t *testing.T) {
	const (
		id    = "6a0c5a0e-8a47-5c9b-9f0f-0f6d1b6f1a01"
		org   = "6a0c5a0e-8a47-5c9b-9f0f-0f6d1b6f1a05"
		sys   = "urn:linkloop:sender:hl7v2-ref:referral"
		code  = "http://hl7.org/fhir/CodeSystem/task-code"
		base  = "https://linkloop.example/fhir/"
		other = "https://other.example/fhir/"
	)
	v := parse(t, worklistTask)
	tests := []struct {
		query string
		want  bool
	}{
		{"_id=" + id, true},
		{"_id=other," + id, true},
		{"_id=other,Task/" + id, true},
		{"_id=Patient/" + id, false},
		{"_id=other", false},
		{"_id=other," + id + "&_id=" + id, true},
		{"_id=other&_id=" + id, false},
		{"identifier=REF-2026-0001", true},
		{"identifier=" + sys + "|REF-2026-0001", true},
		{"identifier=" + sys + "|", true},
		{"identifier=|REF-2026-0001", false},
		{"identifier=urn:other|REF-2026-0001", false},
		{"identifier=urn:other|", false},
		{"identifier=ref-2026-0001", false},
		{"status=requested", true},
		{"status=http://hl7.org/fhir/task-status|requested", true},
		{"status=accepted", false},
		{"status=accepted,requested", true},
		{"status=accepted&status=requested", false},
		{"status:not=accepted", true},
		{"status:not=requested", false},
		{"status:not=accepted,requested", false},
		{"code=fulfill", true},
		{"code=" + code + "|fulfill", true},
		{"code=" + code + "|", true},
		{"code=|fulfill", false},
		{"code:not=" + code + "|approve", true},
		{"business-status=urn:linkloop:codesystem:business-status|contacted", true},
		{"business-status=declined", false},
		{"owner=Organization/" + org, true},
		{"owner=" + org, true},
		{"owner:Organization=" + org, true},
		{"owner:Organization=Organization/" + org, true},
		{"owner:Practitioner=" + org, false},
		{"owner=Practitioner/" + org, false},
		{"owner=" + base + "Organization/" + org, true},
		{"owner=" + base + "Organization/" + org + "/_history/2", true},
		{"owner=" + other + "Organization/" + org, false},
		{"owner=urn:uuid:" + org, false},
		{"owner:missing=false", true},
		{"owner:missing=true", false},
		{"owner=Organization/" + org + "&status=requested", true},
		{"owner=" + org + "&status=accepted,requested", true},
		{"owner=" + org + "&status=accepted", false},
		{"owner=Organization/other&status=requested", false},
		{"owner=" + org + "&owner=Organization/other&status=requested", false},
		{"owner=" + org + "&status:not=requested", false},
		{"owner:missing=true&status=requested", false},
		{"patient=Patient/6a0c5a0e-8a47-5c9b-9f0f-0f6d1b6f1a03&focus=ServiceRequest/6a0c5a0e-8a47-5c9b-9f0f-0f6d1b6f1a02", true},
		{"patient=Patient/6a0c5a0e-8a47-5c9b-9f0f-0f6d1b6f1a02", false},
		{"part-of=Task/1", false},
		{"period=2026-05-01", false},
		{"period=gt2026-05-01", true},
		{"priority=routine&intent=order", true},
	}
	for _, tt := range tests {
		if got := hits(t, v, tt.query); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.query, got, tt.want)
		}
	}
	unowned := v.Clone()
	unowned.Remove("owner")
	for query, want := range map[string]bool{
		"owner:missing=true": true, "owner:missing=false": false, "owner=" + org: false,
		"owner:missing=true&status=requested": true, "owner:missing=true&status=accepted": false,
	} {
		if got := hits(t, unowned, query); got != want {
			t.Errorf("without an owner, %s: %v, want %v", query, got, want)
		}
	}
}

// TestTokenForms: an identifier without a system, escapes, booleans, concepts
// with several codings or none.
func TestTokenForms(t *testing.T) {
	tests := []struct {
		resource, query string
		want            bool
	}{
		{`{"resourceType":"Patient","identifier":[{"value":"7"}]}`, "identifier=|7", true},
		{`{"resourceType":"Patient","identifier":[{"value":"7"}]}`, "identifier=7", true},
		{`{"resourceType":"Patient","identifier":[{"value":"7"}]}`, "identifier=urn:a|7", false},
		{`{"resourceType":"Patient","identifier":[{"system":"urn:a"}]}`, "identifier=urn:a|", false},
		{`{"resourceType":"Patient","identifier":[{"value":"a,b"}]}`, `identifier=a\,b`, true},
		{`{"resourceType":"Patient","identifier":[{"value":"a,b"}]}`, `identifier=a,b`, false},
		{`{"resourceType":"Patient","identifier":[{"value":"a|b"}]}`, `identifier=a\|b`, true},
		{`{"resourceType":"Patient","identifier":[{"value":"a$b\\c"}]}`, `identifier=a\$b\\c`, true},
		{`{"resourceType":"Patient","identifier":[{"value":"a\\x"}]}`, `identifier=a\x`, true},
		{`{"resourceType":"Patient","active":true}`, "active=true", true},
		{`{"resourceType":"Patient","active":false}`, "active=true", false},
		{`{"resourceType":"Patient","gender":"female"}`, "gender=http://hl7.org/fhir/administrative-gender|female", true},
		{`{"resourceType":"Observation","code":{"coding":[{"system":"s","code":"1"},{"system":"s","code":"2"}]}}`, "code=s|2", true},
		{`{"resourceType":"Observation","code":{"coding":[{"system":"s","code":"1"},{"system":"r","code":"2"}]}}`, "code=s|2", false},
		{`{"resourceType":"Observation","code":{"text":"1"}}`, "code=1", false},
		{`{"resourceType":"Procedure","performer":[{"actor":{"reference":"Organization/1"}},{"actor":{"reference":"Practitioner/2/_history/3"}}]}`, "performer=Practitioner/2", true},
		{`{"resourceType":"Procedure","performer":[{"actor":{"display":"x"}}]}`, "performer=x", false},
	}
	for _, tt := range tests {
		if got := hits(t, parse(t, tt.resource), tt.query+"&_count=10"); got != tt.want {
			t.Errorf("%s %s: %v, want %v", tt.resource, tt.query, got, tt.want)
		}
	}
}

// TestDates: each prefix at each precision, hit and miss.
// https://hl7.org/fhir/R4/search.html#prefix
func TestDates(t *testing.T) {
	const day, month, instant, later = "2026-03-02", "2026-03", "2026-03-02T10:00:00Z", "2026-03-02T11:00:00+01:00"
	tests := []struct {
		stored    string
		hit, miss []string
	}{
		{day, []string{"2026-03-02", "eq2026-03-02", "2026-03", "2026", "ne2026-03-03", "gt2026-03-01", "gt2026-02", "ge2026-03-02", "ge2026-03-01", "lt2026-03-03", "lt2027", "le2026-03-02", "le2026-03", "sa2026-03-01", "sa2025", "eb2026-03-03", "eb2026-04",
			"gt2026-03-02T10:00:00Z", "lt2026-03-02T10:00:00Z"},
			[]string{"2026-03-01", "eq2026-04", "2025", "ne2026-03-02", "ne2026", "gt2026-03-02", "gt2026", "ge2026-03-03", "lt2026-03-02", "lt2026", "le2026-03-01", "le2025", "sa2026-03-02", "sa2026", "eb2026-03-02", "eb2026",
				"eq2026-03-02T10:00:00Z", "sa2026-03-02T10:00:00Z", "eb2026-03-02T10:00:00Z"}},
		{month, []string{"2026-03", "2026", "gt2026-03-15", "lt2026-03-15", "ge2026-03-31", "le2026-03-01", "sa2026-02", "eb2026-04-01"},
			[]string{"2026-03-02", "gt2026-03", "lt2026-03", "sa2026-03-01", "eb2026-03-31"}},
		{instant, []string{"2026-03-02", later, "gt2026-03-02T09:59:59Z", "ge2026-03-02T10:00:00Z", "lt2026-03-02T10:00:01Z", "le" + later, "sa2026-03-01", "eb2026-03-02T10:00:01Z", "2026-03-02T10:00"},
			[]string{"2026-03-02T10:00:01Z", "2026-03-02T10:00:00.000Z", "gt" + later, "lt2026-03-02T10:00:00Z", "ne2026-03-02", "sa2026-03-02", "eb2026-03-02"}},
		{"2026-03-02T10:00:00.5Z", []string{"2026-03-02T10:00:00Z", "2026-03-02T10:00:00.5Z", "gt2026-03-02T10:00:00.4Z", "lt2026-03-02T10:00:00.6Z"},
			[]string{"2026-03-02T10:00:00.4Z", "gt2026-03-02T10:00:00Z", "lt2026-03-02T10:00:00.5Z"}},
	}
	for _, tt := range tests {
		v := parse(t, `{"resourceType":"Task","id":"1","authoredOn":"`+tt.stored+`"}`)
		for _, q := range tt.hit {
			if !hits(t, v, "authored-on="+url.QueryEscape(q)) {
				t.Errorf("%s is not found by %s", tt.stored, q)
			}
		}
		for _, q := range tt.miss {
			if hits(t, v, "authored-on="+url.QueryEscape(q)) {
				t.Errorf("%s is found by %s", tt.stored, q)
			}
		}
	}
}

// TestPeriods: open ends reach for ever, and several dates narrow together.
func TestPeriods(t *testing.T) {
	tests := []struct {
		period, query string
		want          bool
	}{
		{`{"start":"2026-03-02"}`, "period=gt2030", true},
		{`{"start":"2026-03-02"}`, "period=eq2026", false},
		{`{"start":"2026-03-02"}`, "period=lt2026-03-02", false},
		{`{"end":"2026-03-02"}`, "period=lt2020", true},
		{`{"end":"2026-03-02"}`, "period=gt2026-03-02", false},
		{`{"start":"2026-03-02","end":"2026-03-09"}`, "period=2026-03", true},
		{`{"start":"2026-03-02","end":"2026-03-09"}`, "period=2026-03-05", false},
		{`{"start":"2026-03-02","end":"2026-03-09"}`, "period=sa2026-03-01&period=eb2026-03-10", true},
		{`{"start":"2026-03-02","end":"2026-03-09"}`, "period=gt2026-03-05&period=lt2026-03-05", true},
		{`{"start":"2026-03-02","end":"2026-03-09"}`, "period=ge2026-04&period=lt2026-05", false},
		{`{"start":"2026-03-09","end":"2026-03-02"}`, "period=2026-03", false},
		{`{"start":"x"}`, "period=gt2000", false},
		{`{}`, "period=gt2000", false},
	}
	for _, tt := range tests {
		if got := hits(t, parse(t, `{"resourceType":"Task","id":"1","executionPeriod":`+tt.period+`}`), tt.query); got != tt.want {
			t.Errorf("%s, %s: %v, want %v", tt.period, tt.query, got, tt.want)
		}
	}
}

// TestRefused: what cannot be read is refused with its kind, and never quoted.
func TestRefused(t *testing.T) {
	const canary = "Canary"
	many := func(n int, one, sep string) string {
		out := one
		for range n - 1 {
			out += sep + one
		}
		return out
	}
	tests := []struct {
		query string
		kind  fault.Kind
	}{
		{"owner=Organisation/1", fault.Malformed},
		{"owner=Canary/1", fault.Malformed},
		{"owner=1&authored-on=Canary", fault.Malformed},
		{"authored-on=gtCanary", fault.Malformed},
		{"authored-on=2026-13", fault.Malformed},
		{"authored-on=2026-03-02T10:00:00", fault.Malformed},
		{"authored-on=2026-03-02T10:00:00,5Z", fault.Malformed},
		{"authored-on=xx2026", fault.Malformed},
		{"authored-on=apCanary", fault.Malformed},
		{"authored-on=gt", fault.Malformed},
		{"authored-on=2026,Canary", fault.Malformed},
		{"authored-on:exact=2026", fault.Unsupported},
		{"status:Canary=1", fault.Unsupported},
		{"status:in=Canary", fault.Unsupported},
		{"status=", fault.Malformed},
		{"status=a,,b", fault.Malformed},
		{"status=Canary|", fault.Malformed},
		{"identifier=|", fault.Malformed},
		{"status:missing=Canary", fault.Malformed},
		{"owner:missing=Canary", fault.Malformed},
		{"owner:Canary=1", fault.Unsupported},
		{"owner:not=1", fault.Unsupported},
		{"owner:Patient=Organization/1", fault.Malformed},
		{"patient:Patient.name=Canary", fault.Unsupported},
		{"status=a&patient.identifier=Canary", fault.Unsupported},
		{"status=a&_has:Task:owner:x=Canary", fault.Unsupported},
		{"_id=", fault.Malformed},
		{"_id:not=Canary", fault.Unsupported},
		{"_lastUpdated=Canary", fault.Malformed},
		{"_lastUpdated=neCanary", fault.Malformed},
		{"_lastUpdated:missing=true", fault.Unsupported},
		{"_count=Canary", fault.Malformed},
		{"_count=-1", fault.Malformed},
		{"_sort=Canary", fault.Unsupported},
		{"_sort=status,Canary", fault.Unsupported},
		{"_sort=a,b,c,d,e,f", fault.Unsupported},
		{"_sort=modified&_sort=period", fault.Unsupported},
		{"_include=Canary", fault.Malformed},
		{"_include=Patient:owner", fault.Malformed},
		{"_include=Task:status", fault.Unsupported},
		{"_include:exact=Task:owner", fault.Unsupported},
		{"_include=Task:owner:Organization:Canary", fault.Malformed},
		{"_total=Canary", fault.Malformed},
		{"_summary=little", fault.Malformed},
		{"status=" + many(101, "a", ","), fault.Malformed},
		{"_id=" + many(101, "a", ","), fault.Malformed},
		{many(51, "status=a", "&"), fault.Malformed},
		{many(18, "authored-on=2026", "&"), fault.Malformed},
		{many(101, "_include=Task:owner", "&"), fault.Malformed},
		{"Canary=1", fault.Malformed},
		{"status=a&ownr=1", fault.Malformed},
	}
	for _, tt := range tests {
		s, err := search(t, "Task", tt.query, resource.Options{})
		if err == nil || fault.KindOf(err) != tt.kind || s != nil {
			t.Errorf("%.60s: %v, want %s", tt.query, err, tt.kind)
			continue
		}
		for _, is := range fault.Of(err).Issues {
			if strings.Contains(is.Text+is.Place+is.Expression, canary) {
				t.Errorf("%s: the client's text is repeated: %+v", tt.query, is)
			}
		}
	}
	if _, err := search(t, "Basic", "code=1", resource.Options{}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a type that is not served: %v", err)
	}
}
