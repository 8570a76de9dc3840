package app_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
)

// flags makes Flags of so many bytes and more.
func (h *house) flags(n, size int) {
	h.t.Helper()
	const most = 100 // in one Bundle
	for from := 0; from < n; from += most {
		var entries []string
		for i := from; i < min(n, from+most); i++ {
			entries = append(entries, ask("POST", "Flag", "", fmt.Sprintf(
				`"resource":{"resourceType":"Flag","status":"active","code":{"text":%q},"subject":{"display":"x"}}`, strings.Repeat("x", size))))
		}
		h.want(h.post("transaction", entries...), 200)
	}
}

func (h *house) patients() int {
	h.t.Helper()
	return len(h.want(h.call("GET", "/fhir/Patient", nil), 200).value(h.t).List("entry"))
}

// large is a body of more than what is parsed of anybody else.
func large(t *testing.T, r response) *element.Value {
	t.Helper()
	v, err := element.Parse(r.body, element.Limits{Bytes: 100 << 20, Depth: 40, Nodes: 1_000_000})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func times(n int, entry string) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = entry
	}
	return out
}

// TestTransactionReadsLittle: what a transaction reads is bounded in entries, in
// versions and in bytes, and one that reads more leaves nothing.
func TestTransactionReadsLittle(t *testing.T) {
	h := open(t, nil)
	h.flags(210, 1)
	write := ask("POST", "Patient", "", canarybird)
	refused := func(word string, entries ...string) {
		t.Helper()
		h.refused(h.post("transaction", append(entries, write)...), 413, "too-costly", word)
	}
	refused("at most 50", times(51, ask("GET", "Patient/none", "", ""))...)
	refused("at most 50", times(51, ask("POST", "$validate", "", canarybird))...)
	refused("10000 versions", times(50, ask("GET", "Flag/_history?_count=1000", "", ""))...)
	refused("10000 versions", times(50, ask("GET", "Flag?_count=1000", "", ""))...)
	refused("10000 versions", times(50, ask("GET", "Flag?author:missing=false", "", ""))...) // each is compared, and none is found
	for _, url := range []string{"Flag/_history?_count=1000", "Flag?_count=1000&_total=accurate", "Flag?author:missing=true&_count=1000"} {
		list := answers(t, h.post("transaction", times(2, ask("GET", url, "", ""))...), "transaction-response", "200", "200")
		if n := len(list[1].All("resource.entry")); n != 210 {
			t.Errorf("%s in a transaction: %d entries, want 210", url, n)
		}
	}
	h.flags(20, 200_000)
	refused("32 MiB", times(10, ask("GET", "Flag/_history?_count=25", "", ""))...)
	refused("32 MiB", times(10, ask("GET", "Flag?_count=25", "", ""))...)
	refused("32 MiB", times(10, ask("GET", "Flag?author:missing=true&_count=25", "", ""))...)
	if n := h.patients(); n != 0 {
		t.Errorf("%d Patients of transactions that failed", n)
	}
}

// TestBundleAnswersAreBounded: the answers of a Bundle take 32 MiB together. Of a
// batch later reads are refused, and later writes are done and answered without
// the resource; a transaction fails.
func TestBundleAnswersAreBounded(t *testing.T) {
	h := open(t, nil)
	h.flags(20, 200_000) // 4 MB a page
	const most = 32 << 20
	read := ask("GET", "Flag?_count=20", "", "")
	entries := append(times(20, read), ask("POST", "Patient", "", canarybird), ask("GET", "Patient", "", ""))
	body := fmt.Appendf(nil, `{"resourceType":"Bundle","type":"batch","entry":[%s]}`, strings.Join(entries, ","))
	r := h.want(h.call("POST", "/fhir", body, "Content-Type", fhirJSON, "Prefer", "return=representation"), 200)
	if len(r.body) > most+len(entries)*1000 {
		t.Errorf("the answer has %d bytes", len(r.body))
	}
	var statuses []string
	list := large(t, r).List("entry")
	for i, e := range list {
		statuses = append(statuses, e.TextAt("response.status"))
		if statuses[i] == "413" && e.TextAt("response.outcome.issue.code") != "too-costly" {
			t.Errorf("entry %d: %s", i, e.Get("response").JSON())
		}
	}
	if want := strings.Repeat("200 ", 8) + strings.Repeat("413 ", 12) + "201 413"; strings.Join(statuses, " ") != want {
		t.Errorf("statuses %v", statuses)
	}
	if n := h.patients(); n != 1 {
		t.Errorf("%d Patients, want that of the batch", n)
	}

	// Writes that do not fit.
	big := fmt.Sprintf(`"resource":{"resourceType":"Flag","status":"active","code":{"text":%q},"subject":{"display":"x"}}`, strings.Repeat("x", 1_000_000))
	entries = append(times(8, read), ask("GET", "Flag?_count=3", "", ""), ask("POST", "Flag", "", big), ask("POST", "Patient", "", canarybird))
	body = fmt.Appendf(nil, `{"resourceType":"Bundle","type":"batch","entry":[%s]}`, strings.Join(entries, ","))
	r = h.want(h.call("POST", "/fhir", body, "Content-Type", fhirJSON, "Prefer", "return=representation"), 200)
	list = large(t, r).List("entry")
	statuses = nil
	for _, e := range list {
		statuses = append(statuses, e.TextAt("response.status"))
	}
	if want := strings.Repeat("200 ", 9) + "201 201"; strings.Join(statuses, " ") != want {
		t.Fatalf("statuses %v", statuses)
	}
	if e := list[9]; e.Get("resource") != nil || e.TextAt("response.location") == "" || e.TextAt("response.outcome.issue.code") != "too-costly" {
		t.Errorf("a write that does not fit: %.300s", e.JSON())
	}
	if list[10].TextAt("resource.name.family") != "Canarybird" {
		t.Error("what fits is left out")
	}
	h.refused(h.post("transaction", append(times(9, read), ask("POST", "Patient", "", canarybird))...), 413, "too-costly", "32 MiB")
	if n := h.patients(); n != 2 {
		t.Errorf("%d Patients, want those of the batches", n)
	}
}
