package resource_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
)

// TestKinds: of each kind of parameter and each modifier what finds a resource,
// what does not, and what is refused.
func TestKinds(t *testing.T) {
	const patient = `{"resourceType":"Patient","id":"1","meta":{"profile":["http://a.example/fhir/p/one"],"source":"urn:s","security":[{"system":"urn:z","code":"R"}]},
"identifier":[{"type":{"coding":[{"system":"urn:t","code":"MR"}],"text":"Record number"},"system":"urn:i","value":"77"}],
"name":[{"family":"O'Neíll Straße","given":["Renée Anne","Xu"]}],"birthDate":"1970-05-06","deceasedDateTime":"2020",
"telecom":[{"system":"phone","value":"01632 960001"},{"system":"email","value":"a@a.example"}],
"address":[{"line":["1 High Street"],"city":"Ashford","postalCode":"TN24 0AA"}],
"managingOrganization":{"identifier":{"system":"urn:o","value":"A1"}},"generalPractitioner":[{"reference":"Practitioner/9"}]}`
	const observation = `{"resourceType":"Observation","id":"2","status":"final","code":{"coding":[{"system":"urn:c","code":"8480-6","display":"Systolic pressure"}],"text":"Upper"},
"subject":{"reference":"Group/5"},"effectivePeriod":{"start":"2026-03-01","end":"2026-03-10"},
"valueQuantity":{"value":5.4,"unit":"milligram","system":"http://unitsofmeasure.org","code":"mg"},
"component":[{"code":{"coding":[{"system":"urn:c","code":"a"}]},"valueCodeableConcept":{"coding":[{"system":"urn:v","code":"x"}]}},
{"code":{"coding":[{"system":"urn:c","code":"b"}]},"valueQuantity":{"value":-2,"code":"kg"}}]}`
	const questionnaire = `{"resourceType":"Questionnaire","id":"3","url":"http://a.example/fhir/Questionnaire/q","status":"active","version":"1.2","title":"A very long title of a form that goes on and on and never ends today",
"useContext":[{"code":{"system":"urn:k","code":"age"},"valueRange":{"low":{"value":18},"high":{"value":65}}}]}`
	const response = `{"resourceType":"QuestionnaireResponse","id":"4","status":"completed","questionnaire":"http://a.example/fhir/Questionnaire/q|1.2"}`
	const location = `{"resourceType":"Location","id":"5","position":{"longitude":-0.1276,"latitude":51.5072}}`
	const document = `{"resourceType":"DocumentReference","id":"6","relatesTo":[{"code":"replaces","target":{"reference":"DocumentReference/5"}},{"code":"signs","target":{"reference":"DocumentReference/4"}}]}`
	const request = `{"resourceType":"ServiceRequest","id":"7","status":"active","occurrenceTiming":{"event":["2026-04-01","2026-04-09"]}}`
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	tests := []struct {
		resource         string
		hit, miss, wrong []string
	}{
		{patient, []string{
			"family=oneill", "family=O'NEILL", "family=o'n", "family=strasse", "family=O%27Ne%C3%ADll+Stra", "given=ren", "given=renee+an", "given=anne", "given=x", "given=xu", "name=renee,nobody",
			"family:exact=O'Ne%C3%ADll+Stra%C3%9Fe", "family:contains=eill", "given:contains=ee+an", "family:missing=false", "phone=01632+960001", "email=a@a.example", "telecom=a@a.example",
			"address=ashf", "address=high", "address-city=Ashford", "address-postalcode=tn24", "address-postalcode=TN24+0AA", "deceased=true", "death-date=2020", "birthdate=1970-05-06", "birthdate=1969,1970", "birthdate=ap1970",
			"identifier:of-type=urn:t|MR|77", "identifier:text=record", "organization:identifier=urn:o|A1", "general-practitioner=9", "gender:missing=true", "birthdate:missing=false",
			"_profile=http://a.example/fhir/p/one", "_profile:below=http://a.example/fhir/p", "_profile:below=http://a.example/fhir/p/one", "_profile:above=http://a.example/fhir/p/one/two/three", "_source=urn:s", "_security=urn:z|R", "_tag:missing=true",
		}, []string{
			"family=neill", "family=oneil2", "family=strase", "given=enee", "given=renee+b", "given=anne+x", "family:exact=o'neill", "family:exact=O'Ne%C3%ADll", "family:contains=ill+x", "family:missing=true", "phone=a@a.example", "email=01632+960001",
			"address=kent", "address-city=Canterbury", "address-postalcode=TN25", "deceased=false", "birthdate=1969,1971", "birthdate=ap2020", "identifier:of-type=urn:t|NI|77", "identifier:of-type=urn:t|MR|78", "identifier:text=ecord",
			"organization:identifier=urn:o|A2", "organization=A1", "gender:missing=false", "birthdate:missing=true", "_profile=http://a.example/fhir/p", "_profile:below=http://a.example/fhir/p/o", "_profile:above=http://a.example/fhir/p", "_source=urn:t", "_tag:missing=false",
		}, []string{"family=", "family=%27", "family:below=a", "identifier:of-type=77", "identifier:of-type=|MR|", "birthdate=1970,x", "_profile:exact=x", "organization:identifier=|", "gender:missing=x"}},
		{observation, []string{
			"value-quantity=5.4", "value-quantity=5", "value-quantity=eq5.40", "value-quantity=gt5.3", "value-quantity=ge5.4", "value-quantity=lt6", "value-quantity=le5.4", "value-quantity=ne5.5", "value-quantity=sa5.3", "value-quantity=eb5.5", "value-quantity=ap5.8", "value-quantity=54e-1", "value-quantity=%2b5.4",
			"value-quantity=5.4|http://unitsofmeasure.org|mg", "value-quantity=5.4||mg", "value-quantity=gt5||milligram", "value-quantity=1,5.4", "component-value-quantity=-2", "component-value-quantity=lt0", "combo-value-quantity=5.4", "combo-value-quantity=-2||kg",
			"component-code-value-concept=a$x", "component-code-value-concept=urn:c|a$urn:v|x", "combo-code-value-quantity=8480-6$5.4", "code-value-quantity=urn:c|8480-6$gt5||mg", "component-code-value-quantity=b$-2",
			"code:text=systolic", "code:text=upper", "code:text=pressure", "date=2026-03", "date=ge2026-03-05", "subject=Group/5", "patient:missing=true", "value-string:missing=true", "value-quantity:missing=false",
		}, []string{
			"value-quantity=5.5", "value-quantity=6", "value-quantity=5.400001", "value-quantity=gt5.4", "value-quantity=lt5.4", "value-quantity=ne5.4", "value-quantity=sa5.4", "value-quantity=eb5.4", "value-quantity=ap7", "value-quantity=5.4||g", "value-quantity=5.4|http://other|mg", "value-quantity=1,2", "combo-value-quantity=5.4||kg",
			"component-code-value-concept=b$x", "component-code-value-concept=a$y", "combo-code-value-quantity=a$5.4", "component-code-value-quantity=a$-2", "code:text=diastolic", "date=2026-04", "patient=Group/5", "patient:missing=false", "value-quantity:missing=true", "component-value-quantity=ne-2", "value-date=ne2026", "value-date=ne2026,ne2025",
		}, []string{"value-quantity=x", "value-quantity=gt", "value-quantity=5.4|mg", "value-quantity=5.4||", "value-quantity=zz5", "value-quantity=NaN", "value-quantity=1e999", "component-code-value-concept=a", "component-code-value-concept=a$", "component-code-value-concept=a$x$y", "code-value-quantity=a$b", "code-value-quantity:missing=false", "code:text=-", "code:in=x", "code:not-in=x", "code:below=x"}},
		{questionnaire, []string{"url=http://a.example/fhir/Questionnaire/q", "url:below=http://a.example/fhir", "version=1.2", "title=a+very+long+title+of+a+form+that+goes+on", "title=form", "title:contains=ends", "context-quantity=gt60", "context-quantity=ge20", "context-type-quantity=age$ge20", "context-type=urn:k|age"},
			[]string{"url=http://a.example/fhir/Questionnaire", "url:above=http://a.example/fhir", "title=ends", "title=very+short", "context-quantity=30", "context-quantity=gt70", "context-type-quantity=sex$ge20"}, []string{"context-type-quantity=age$x"}},
		{response, []string{"questionnaire=http://a.example/fhir/Questionnaire/q", "questionnaire=http://a.example/fhir/Questionnaire/q|1.2"}, []string{"questionnaire=http://a.example/fhir/Questionnaire/q|1.3"}, nil},
		{location, []string{"near=51.5|-0.12", "near=51.5|-0.12|5|km", "near=51.5|-0.12|2|mi", "near=0|0,51.5|-0.12"}, []string{"near=52.5|-0.12", "near=51.5|-0.12|100|m"}, []string{"near=51.5", "near=a|b", "near=91|0", "near=1|1|1|furlong", "near=1|1|-1"}},
		{document, []string{"relationship=replaces$DocumentReference/5", "relation=signs", "relation=http://hl7.org/fhir/document-relationship-type|signs", "relationship=http://hl7.org/fhir/document-relationship-type|replaces$DocumentReference/5"}, []string{"relationship=replaces$DocumentReference/4", "relation=appends", "relation=http://hl7.org/fhir/document-relationship-type|appends"}, []string{"relationship=replaces"}},
		{`{"resourceType":"Group","id":"8","type":"person","actual":true,"characteristic":[{"code":{"text":"x"},"valueBoolean":true,"exclude":false}]}`,
			[]string{"type=http://hl7.org/fhir/group-type|person", "type=person", "exclude=urn:any|false", "value=true"}, []string{"type=http://hl7.org/fhir/group-type|animal", "exclude=urn:any|true"}, nil},
		{`{"resourceType":"Endpoint","id":"9","status":"active","connectionType":{"system":"urn:c","code":"rest"},"name":"Front door","managingOrganization":{"reference":"Organization/1"},"payloadType":[{"text":"any"}],"address":"https://a.example"}`,
			[]string{"status=active", "connection-type=urn:c|rest", "name=front", "organization=Organization/1", "payload-type:text=any", "identifier:missing=true"}, []string{"status=off", "organization=Organization/2"}, nil},
		{`{"resourceType":"ConceptMap","id":"10","status":"active","sourceUri":"http://a.example/ValueSet/1","targetCanonical":"http://a.example/ValueSet/2|1","group":[{"source":"urn:s","target":"urn:t","element":[{"code":"a"}]}]}`,
			[]string{"source-uri=http://a.example/ValueSet/1", "target=http://a.example/ValueSet/2", "source-system=urn:s", "target-system=urn:t"}, []string{"source=http://a.example/ValueSet/1", "target-uri=http://a.example/ValueSet/2"}, nil},
		{`{"resourceType":"NamingSystem","id":"11","name":"N","status":"active","kind":"identifier","date":"2026","contact":[{"name":"Ada","telecom":[{"system":"email","value":"a@a.example"}]}],"uniqueId":[{"type":"uri","value":"urn:n","period":{"start":"2026"}}]}`,
			[]string{"kind=identifier", "id-type=uri", "value=urn:n", "contact=ada", "telecom=a@a.example", "period=ge2026"}, []string{"kind=root", "period=lt2026"}, nil},
		{request, []string{"occurrence=2026-04", "occurrence=gt2026-04-05", "status=http://hl7.org/fhir/request-status|active"}, []string{"occurrence=2026-05", "status=draft"}, nil},
	}
	ix := resource.NewIndexer(key)
	for _, tt := range tests {
		v := parse(t, tt.resource)
		found := func(query string) (bool, error) {
			params, err := url.ParseQuery(query)
			if err != nil {
				t.Fatal(err)
			}
			s, err := resource.Parse(ix, v.ResourceType(), params, resource.Options{Now: now, Strict: true})
			if err != nil {
				return false, err
			}
			return matches(s.Query, v, ix.Index(v)), nil
		}
		for _, q := range tt.hit {
			if ok, err := found(q); !ok || err != nil {
				t.Errorf("%s is not found by %s: %v", v.ResourceType(), q, err)
			}
		}
		for _, q := range tt.miss {
			if ok, err := found(q); ok || err != nil {
				t.Errorf("%s is found by %s: %v", v.ResourceType(), q, err)
			}
		}
		for _, q := range tt.wrong {
			if _, err := found(q); fault.KindOf(err) != fault.Malformed && fault.KindOf(err) != fault.Unsupported || err == nil {
				t.Errorf("%s %s: %v", v.ResourceType(), q, err)
			}
		}
	}
}
