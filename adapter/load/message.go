package load

import "strings"

// fhir is the i-th referral as a FHIR message in the shape of BaRS Application
// 5: the service in Task.code, the problem in Condition, the story in CarePlan.
// https://simplifier.net/guide/nhsbookingandreferralstandard
func (w writer) fhir(i int) []byte {
	p, id := w.person('F', i), w.id('F', i)
	gender := "male"
	if p.female {
		gender = "female"
	}
	return []byte(strings.NewReplacer(
		"$id", id, "$now", w.at.Format("2006-01-02T15:04:05-07:00"), "$until", w.at.AddDate(0, 3, 0).Format("2006-01-02T15:04:05-07:00"),
		"$nhs", p.nhs, "$family", p.family, "$given", p.given, "$title", p.title, "$gender", gender,
		"$born", p.born[:4]+"-"+p.born[4:6]+"-"+p.born[6:], "$street", p.street, "$town", p.town, "$postcode", p.postcode,
		"$phone", p.phone, "$need", p.need.text, "$code", p.need.code, "$story", p.need.story,
	).Replace(fhirMessage))
}

const fhirMessage = `{"resourceType":"Bundle","id":"$id","meta":{"versionId":"1.5.0","profile":["https://fhir.nhs.uk/StructureDefinition/BARSBundleMessage"]},"type":"message","timestamp":"$now","entry":[
{"fullUrl":"urn:uuid:10000000-0000-4000-8000-000000000001","resource":{"resourceType":"MessageHeader","meta":{"profile":["https://fhir.nhs.uk/StructureDefinition/BARSMessageHeader-servicerequest-request"]},"eventCoding":{"system":"https://fhir.nhs.uk/CodeSystem/message-events-bars","code":"servicerequest-request"},"destination":[{"endpoint":"https://fhir.nhs.uk/Id/dos-service-id|2000099999","receiver":{"reference":"urn:uuid:10000000-0000-4000-8000-000000000010"}}],"sender":{"reference":"urn:uuid:10000000-0000-4000-8000-000000000008"},"source":{"name":"Oak Surgery","endpoint":"https://fhir.nhs.uk/Id/dos-service-id|2000088888"},"reason":{"coding":[{"system":"https://fhir.nhs.uk/CodeSystem/message-reason-bars","code":"new"}]},"focus":[{"reference":"urn:uuid:10000000-0000-4000-8000-000000000002"}],"definition":"https://fhir.nhs.uk/MessageDefinition/bars-message-servicerequest-request-referral"}},
{"fullUrl":"urn:uuid:10000000-0000-4000-8000-000000000002","resource":{"resourceType":"ServiceRequest","identifier":[{"system":"https://oak.example/referral","value":"$id"}],"basedOn":[{"reference":"urn:uuid:10000000-0000-4000-8000-000000000004"}],"status":"active","intent":"plan","category":[{"coding":[{"system":"https://fhir.nhs.uk/CodeSystem/message-category-servicerequest","code":"referral"},{"system":"https://fhir.nhs.uk/CodeSystem/usecases-categories-bars","code":"a5t1"}]}],"priority":"routine","subject":{"reference":"urn:uuid:10000000-0000-4000-8000-000000000003"},"authoredOn":"$now","requester":{"reference":"urn:uuid:10000000-0000-4000-8000-000000000007"},"performer":[{"reference":"urn:uuid:10000000-0000-4000-8000-000000000009"}]}},
{"fullUrl":"urn:uuid:10000000-0000-4000-8000-000000000003","resource":{"resourceType":"Patient","identifier":[{"extension":[{"url":"https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus","valueCodeableConcept":{"coding":[{"system":"https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatus","code":"number-present-and-verified","display":"Number present and verified"}]}}],"system":"https://fhir.nhs.uk/Id/nhs-number","value":"$nhs"}],"name":[{"use":"official","family":"$family","given":["$given"],"prefix":["$title"]}],"gender":"$gender","birthDate":"$born","address":[{"use":"home","line":["22 $street"],"city":"$town","postalCode":"$postcode"}],"contact":[{"relationship":[{"coding":[{"code":"ONESELF"}]}],"telecom":[{"system":"phone","value":"$phone","use":"mobile","rank":1}]}],"generalPractitioner":[{"reference":"urn:uuid:10000000-0000-4000-8000-000000000008"}],"communication":[{"language":{"coding":[{"system":"https://fhir.hl7.org.uk/CodeSystem/UKCore-HumanLanguage","code":"en","display":"English"}]},"preferred":true}]}},
{"fullUrl":"urn:uuid:10000000-0000-4000-8000-000000000004","resource":{"resourceType":"CarePlan","status":"completed","intent":"plan","subject":{"reference":"urn:uuid:10000000-0000-4000-8000-000000000003"},"addresses":[{"reference":"urn:uuid:10000000-0000-4000-8000-000000000005"}],"activity":[{"outcomeCodeableConcept":[{"text":"$story"}],"reference":{"reference":"urn:uuid:10000000-0000-4000-8000-000000000006"}}]}},
{"fullUrl":"urn:uuid:10000000-0000-4000-8000-000000000005","resource":{"resourceType":"Condition","category":[{"coding":[{"system":"http://snomed.info/sct","code":"33962009"}]}],"code":{"coding":[{"system":"http://snomed.info/sct","code":"$code","display":"$need"}],"text":"$need"},"subject":{"reference":"urn:uuid:10000000-0000-4000-8000-000000000003"}}},
{"fullUrl":"urn:uuid:10000000-0000-4000-8000-000000000006","resource":{"resourceType":"Task","status":"requested","intent":"order","code":{"coding":[{"system":"http://snomed.info/sct","code":"871731000000106","display":"Referral to social prescribing service"}]},"description":"Help to be active with company","restriction":{"period":{"start":"$now","end":"$until"}}}},
{"fullUrl":"urn:uuid:10000000-0000-4000-8000-000000000007","resource":{"resourceType":"Practitioner","identifier":[{"system":"https://fhir.hl7.org.uk/Id/gmc-number","value":"C3456789"}],"name":[{"family":"Okafor","given":["Ngozi"],"prefix":["Dr"]}]}},
{"fullUrl":"urn:uuid:10000000-0000-4000-8000-000000000008","resource":{"resourceType":"Organization","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"B81001"}],"name":"Oak Surgery"}},
{"fullUrl":"urn:uuid:10000000-0000-4000-8000-000000000009","resource":{"resourceType":"HealthcareService","identifier":[{"system":"https://fhir.nhs.uk/Id/dos-service-id","value":"2000099999"}],"providedBy":{"reference":"Organization/lsp"},"name":"Leeds Social Prescribing"}},
{"fullUrl":"urn:uuid:10000000-0000-4000-8000-000000000010","resource":{"resourceType":"Organization","id":"lsp","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"A1B2C"}],"name":"Leeds Social Prescribing"}},
{"fullUrl":"urn:uuid:10000000-0000-4000-8000-000000000011","resource":{"resourceType":"Consent","status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},"category":[{"coding":[{"system":"https://fhir.nhs.uk/CodeSystem/consent-categories-bars","code":"DRC","display":"Direct care"}]}],"patient":{"reference":"urn:uuid:10000000-0000-4000-8000-000000000003"},"dateTime":"$now","policyRule":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"IMPLIED"}]}}}
]}`
