package resource_test

import (
	"net/url"
	"testing"

	"github.com/linkloop/linkloop/adapter/resource"
)

// worklistTask is a Task as a referral makes it, about 2 kB.
const worklistTask = `{"resourceType":"Task","id":"6a0c5a0e-8a47-5c9b-9f0f-0f6d1b6f1a01","meta":{"tag":[{"system":"urn:linkloop:codesystem:data-quality","code":"nhs-number-check-digit"}]},
"identifier":[{"system":"urn:linkloop:sender:hl7v2-ref:referral","value":"REF-2026-0001"}],
"basedOn":[{"reference":"ServiceRequest/6a0c5a0e-8a47-5c9b-9f0f-0f6d1b6f1a02"}],
"status":"requested","intent":"order","priority":"routine",
"businessStatus":{"coding":[{"system":"urn:linkloop:codesystem:business-status","code":"contacted"}],"text":"Contacted"},
"code":{"coding":[{"system":"http://hl7.org/fhir/CodeSystem/task-code","code":"fulfill"}]},
"focus":{"reference":"ServiceRequest/6a0c5a0e-8a47-5c9b-9f0f-0f6d1b6f1a02"},
"for":{"reference":"Patient/6a0c5a0e-8a47-5c9b-9f0f-0f6d1b6f1a03"},
"authoredOn":"2026-03-02T09:30:00+00:00","lastModified":"2026-03-02T09:30:00+00:00",
"executionPeriod":{"start":"2026-03-02"},
"requester":{"reference":"Organization/6a0c5a0e-8a47-5c9b-9f0f-0f6d1b6f1a04"},
"owner":{"reference":"Organization/6a0c5a0e-8a47-5c9b-9f0f-0f6d1b6f1a05"},
"note":[{"text":"Data quality: Patient.identifier[0].value (PID-3[1].1): the NHS number fails its check digit; it is kept as text and nothing is matched on it"}]}`

func BenchmarkIndexTask(b *testing.B) {
	ix := resource.NewIndexer(key)
	v := parse(b, worklistTask)
	b.ReportAllocs()
	for b.Loop() {
		ix.Index(v)
	}
}

func BenchmarkParseWorklist(b *testing.B) {
	ix := resource.NewIndexer(key)
	params, err := url.ParseQuery("owner=Organization/6a0c5a0e-8a47-5c9b-9f0f-0f6d1b6f1a05&status=requested,accepted,in-progress&_sort=-_lastUpdated&_count=20")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := resource.Parse(ix, "Task", params, resource.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
