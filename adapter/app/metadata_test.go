package app_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/config"
)

// TestMetadata: modes, a tag that changes with what is claimed, and how callers
// prove who they are.
// https://hl7.org/fhir/R4/http.html#capabilities
func TestMetadata(t *testing.T) {
	h := open(t, nil)
	r := h.want(h.call("GET", "/fhir/metadata", nil), 200)
	tag := r.header.Get("ETag")
	if again := h.want(h.call("GET", "/fhir/metadata?mode=full", nil), 200); tag == "" || again.header.Get("ETag") != tag {
		t.Errorf("ETag %q and %q of one statement", tag, again.header.Get("ETag"))
	}
	h.want(h.call("GET", "/fhir/metadata", nil, "If-None-Match", tag), 304)
	h.want(h.call("GET", "/fhir/metadata", nil, "If-None-Match", `W/"other"`), 200)
	h.want(h.call("GET", "/fhir/metadata?mode=normative", nil), 200)
	h.refused(h.call("GET", "/fhir/metadata?mode=terminology", nil), 400, "not-supported", "terminology")
	h.refused(h.call("GET", "/fhir/metadata?mode=x", nil), 400, "", "normative")
	short := h.want(h.call("GET", "/fhir/metadata?_summary=true", nil), 200)
	if v := short.value(t); v.TextAt("meta.tag.code") != "SUBSETTED" || v.TextAt("fhirVersion") != "4.0.1" || v.At("rest.resource.searchParam") != nil && len(short.body) >= len(r.body) {
		t.Errorf("the summary has %d bytes of %d", len(short.body), len(r.body))
	}
	if v := h.want(h.call("GET", "/fhir/metadata?_elements=software", nil), 200).value(t); v.Get("rest") != nil || v.Get("software") == nil {
		t.Error("_elements does not count")
	}
	if v := r.value(t); v.TextAt("software.name") != "linkloop" || v.TextAt("implementation.url") != h.base+"/fhir" || v.TextAt("rest.security.cors") != "false" ||
		v.At("rest.security.service") != nil {
		t.Errorf("of a house where everybody is trusted: %s, %s, %s", v.TextAt("software.name"), v.TextAt("implementation.url"), v.Get("rest").Items[0].Get("security").JSON())
	}

	guarded := open(t, func(c *config.Config) {
		c.HTTP.CORSOrigins = []string{"https://tool.example"}
		c.Clients = []config.Client{{Name: "tool", Role: "link-worker", Organization: "HBR01", TokenSHA256: sha("tool")}}
	})
	r = guarded.want(guarded.call("GET", "/fhir/metadata", nil), 200)
	v := r.value(t)
	if !strings.Contains(v.TextAt("rest.security.description"), "such as a Questionnaire") || v.TextAt("rest.security.service.text") == "" || v.TextAt("rest.security.cors") != "true" || r.header.Get("ETag") == tag {
		t.Errorf("of a house with clients: %s", v.Get("rest").Items[0].Get("security").JSON())
	}
}

// TestDefinitionsAreServed: who reads the statement finds the profiles and the
// operations that it names, and in them the codes.
func TestDefinitionsAreServed(t *testing.T) {
	h := open(t, nil)
	found := func(typ, canonical string) *element.Value {
		t.Helper()
		url, version, _ := strings.Cut(canonical, "|")
		entries := h.want(h.call("GET", "/fhir/"+typ+"?url="+url+"&version="+version, nil), 200).value(t).List("entry")
		if len(entries) != 1 {
			t.Fatalf("%d times %s %s", len(entries), typ, canonical)
		}
		return entries[0].Get("resource")
	}
	const published = "http://hl7.org/"
	statement := h.want(h.call("GET", "/fhir/metadata", nil), 200).value(t)
	ours := 0
	for _, r := range statement.Get("rest").Items[0].List("resource") {
		for _, profile := range r.List("supportedProfile") {
			ours++
			for _, binding := range found("StructureDefinition", profile.Text).All("snapshot.element.binding.valueSet") {
				if strings.HasPrefix(binding.Text, "urn:linkloop:") {
					set := found("ValueSet", binding.Text+"|1.0.0")
					found("CodeSystem", set.TextAt("compose.include.system")+"|1.0.0")
				}
			}
		}
		for _, operation := range r.List("operation") {
			if d := operation.Str("definition"); !strings.HasPrefix(d, published) {
				ours++
				found("OperationDefinition", d+"|1.0.0")
			}
		}
	}
	if ours < 4 {
		t.Errorf("the statement names %d of our own", ours)
	}
}

// TestIncludesByAddress: a canonical reference is to the version that it names,
// or to whichever there is.
// https://hl7.org/fhir/R4/references.html#canonical
func TestIncludesByAddress(t *testing.T) {
	h := open(t, nil)
	const at = "https://example.org/Questionnaire/wellbeing,2"
	made := func(body string) string {
		t.Helper()
		v, err := element.Parse([]byte(body), element.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		return h.want(h.call("POST", "/fhir/"+v.ResourceType(), []byte(body), "Content-Type", fhirJSON), 201).value(t).ID()
	}
	first := made(`{"resourceType":"Questionnaire","status":"active","url":"` + at + `","version":"1"}`)
	second := made(`{"resourceType":"Questionnaire","status":"active","url":"` + at + `","version":"2"}`)
	other := made(`{"resourceType":"Questionnaire","status":"active","url":"https://example.org/Questionnaire/other","version":"1"}`)
	answer := func(to string) string {
		return made(`{"resourceType":"QuestionnaireResponse","status":"completed","questionnaire":"` + to + `"}`)
	}
	any, one, two, none := answer(at), answer(at+"|1"), answer(at+"|2#q1"), answer(at+"|3")
	brings := func(query string, want ...string) {
		t.Helper()
		var got []string
		for _, e := range h.want(h.call("GET", "/fhir/"+query, nil), 200).value(t).List("entry") {
			if e.TextAt("search.mode") == "include" {
				got = append(got, e.TextAt("resource.id"))
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s brings %v, want %v", query, got, want)
		}
	}
	const forward = "&_include=QuestionnaireResponse:questionnaire"
	brings("QuestionnaireResponse?_id="+any+forward, second) // the one changed last
	brings("QuestionnaireResponse?_id="+one+forward, first)
	brings("QuestionnaireResponse?_id="+two+forward+":Questionnaire", second)
	brings("QuestionnaireResponse?_id=" + none + forward)
	brings("QuestionnaireResponse?_id="+one+","+any+forward, first, second)
	const back = "&_revinclude=QuestionnaireResponse:questionnaire"
	brings("Questionnaire?_id="+first+back, any, one)
	brings("Questionnaire?_id="+second+back, any, two)
	brings("Questionnaire?_id=" + other + back)
	inside := answer("https://example.org/Questionnaire/other#q1")
	brings("Questionnaire?_id="+other+back, inside)
	brings("QuestionnaireResponse?_id="+inside+forward, other)
}
