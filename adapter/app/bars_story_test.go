package app_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/config"
)

// nameless is the example of a cancellation as the official examples have it:
// the ServiceRequest has neither id nor identifier.
func nameless(t *testing.T) []byte {
	t.Helper()
	v, err := element.Parse(barsExample(t, "bars-cancel", "OAK-1"), element.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	v.SetString("id", "5d0f7a52-6a3e-4b8e-9a55-1f2f3a4b5c6d")
	for _, r := range v.All("entry.resource") {
		if r.ResourceType() == "ServiceRequest" {
			r.Remove("id")
			r.Remove("identifier")
		}
	}
	return v.JSON()
}

// resourceIDs are the ids in a returned message, by type.
func resourceIDs(t *testing.T, r response) map[string]string {
	t.Helper()
	ids := map[string]string{}
	for _, x := range r.value(t).All("entry.resource") {
		ids[x.ResourceType()] = x.ID()
	}
	return ids
}

// TestBaRSCancelledWithinItsStory: a cancellation without an id finds its
// referral by the fullUrl within the same X-Correlation-Id, and only there.
func TestBaRSCancelledWithinItsStory(t *testing.T) {
	h := open(t, func(c *config.Config) {
		c.Senders = []config.Sender{
			{Name: "oak", Mapping: "bars-r4", BaRSTarget: barsTarget, Organization: "Z00001"},
			{Name: "elm", Mapping: "bars-r4", BaRSTarget: barsTarget, Organization: "Z00002"},
		}
	})
	status := func(task string) string {
		t.Helper()
		return h.want(h.call("GET", "/fhir/Task/"+task, nil), 200).value(t).Str("status")
	}
	first, second := barsHeaders(), barsHeaders()
	one := resourceIDs(t, h.want(h.call("POST", barsURL, barsMessage(t, "OAK-1"), first...), 200))
	two := resourceIDs(t, h.want(h.call("POST", barsURL, barsMessage(t, "OAK-2"), second...), 200)) // the same fullUrls
	again := func(story []string, change ...string) []string {
		return barsHeaders(append([]string{"X-Correlation-Id", strings.ToUpper(story[3])}, change...)...)
	}

	h.barsRefused(h.call("POST", barsURL, nameless(t), barsHeaders()...), 404, "REC_NOT_FOUND", "not-found")
	other := bytes.ReplaceAll(nameless(t), []byte("10000000-0000-4000-8000-000000000002"), []byte("10000000-0000-4000-8000-0000000000ff"))
	h.barsRefused(h.call("POST", barsURL, other, again(first)...), 404, "REC_NOT_FOUND", "not-found")
	elm := b64(strings.ReplaceAll(anyCompany, "Z00001", "Z00002"))
	h.barsRefused(h.call("POST", barsURL, nameless(t), again(first, "NHSD-End-User-Organisation", elm)...), 404, "REC_NOT_FOUND", "not-found")
	if a, b := status(one["Task"]), status(two["Task"]); a != "requested" || b != "requested" {
		t.Fatalf("the Tasks are %s and %s before the cancellation", a, b)
	}
	cancelled := resourceIDs(t, h.want(h.call("POST", barsURL, nameless(t), again(first)...), 200))
	if cancelled["ServiceRequest"] != one["ServiceRequest"] {
		t.Error("another referral was cancelled")
	}
	if a, b := status(one["Task"]), status(two["Task"]); a != "cancelled" || b != "requested" {
		t.Errorf("the Tasks are %s and %s, want cancelled and requested", a, b)
	}

	// Two referrals of one story under one name: which is meant is not guessed.
	h.want(h.call("POST", barsURL, barsMessage(t, "OAK-3"), again(second)...), 200)
	h.barsRefused(h.call("POST", barsURL, nameless(t), again(second)...), 409, "REC_CONFLICT", "conflict")
	if got := status(two["Task"]); got != "requested" {
		t.Errorf("the Task is %s", got)
	}
}

// TestBaRSOfficialCancel cancels the official referral by the official
// cancellation, which has no id, within one story.
func TestBaRSOfficialCancel(t *testing.T) {
	read := func(pattern string) []byte {
		files, _ := filepath.Glob("../../../shared/corpus/bars/" + pattern)
		if len(files) == 0 {
			t.Skip("the corpus is not present")
		}
		body, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	h := open(t, func(c *config.Config) {
		c.Senders = []config.Sender{{Name: "oak", Mapping: "bars-r4", BaRSTarget: "https://fhir.nhs.uk/Id/dos-service-id|111111111"}}
	})
	headers := func(change ...string) []string {
		return barsHeaders(append([]string{"Content-Type", "application/fhir+xml",
			"NHSD-Target-Identifier", b64(`{"system":"https://fhir.nhs.uk/Id/dos-service-id","value":"111111111"}`)}, change...)...)
	}
	referral := headers()
	ids := resourceIDs(t, h.want(h.call("POST", barsURL, read("REFREQ03*.xml"), referral...), 200))
	within := func() []string { return headers("X-Correlation-Id", referral[3]) }
	// The samples are of different years: as published, the cancellation is the
	// older message, and what is out of date is not done.
	cancel := read("SERVREQ01*.xml")
	h.barsRefused(h.call("POST", barsURL, cancel, within()...), 409, "REC_CONFLICT", "conflict")
	h.want(h.call("POST", barsURL, bytes.ReplaceAll(cancel, []byte("2021-11-26T15:02"), []byte("2023-06-27T15:02")), within()...), 200)
	if got := h.want(h.call("GET", "/fhir/ServiceRequest/"+ids["ServiceRequest"], nil), 200).value(t).Str("status"); got != "revoked" {
		t.Errorf("the request is %s", got)
	}
}
