package app_test

import (
	"bytes"
	"flag"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/store/postgrestest"
	"github.com/linkloop/linkloop/config"
)

// together is how often each race is run; make together runs the long form.
var together = flag.Int("together", 12, "how often sixteen identical requests are sent at once")

// callers is how many identical requests meet.
const callers = 16

// TestTogether sends sixteen identical requests at once, again and again: what
// they ask for is done once, and each is answered as if it had come alone.
func TestTogether(t *testing.T) {
	houses := instances(t)
	for n := 1; n <= *together && !t.Failed(); n++ {
		sameReferral(t, houses, n)
		sameCreate(t, houses, n)
		sameUpdate(t, houses, n)
	}
}

// instances are all that may share one store: one on the embedded, two on
// PostgreSQL.
func instances(t *testing.T) []*house {
	if !onPostgres {
		return []*house{open(t, nil)}
	}
	dsn := postgrestest.Database(t)
	on := func(c *config.Config) { c.Data.Postgres = dsn }
	return []*house{open(t, on), open(t, on)}
}

// atOnce sends a request from all callers, to the instances in turn.
func atOnce(t *testing.T, houses []*house, method, path string, body []byte, headers ...string) []response {
	t.Helper()
	out := make([]response, callers)
	begin := make(chan struct{})
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			<-begin
			var err error
			if out[i], err = houses[i%len(houses)].try(method, path, body, headers...); err != nil {
				t.Errorf("%s %s: %T", method, path, err)
			}
		})
	}
	close(begin)
	wg.Wait()
	return out
}

// count is how many of the answers have a status.
func count(all []response, status int) int {
	n := 0
	for _, r := range all {
		if r.status == status {
			n++
		}
	}
	return n
}

// sameReferral: one ServiceRequest, one Task, and sixteen times the same answer.
func sameReferral(t *testing.T, houses []*house, n int) {
	t.Helper()
	all := atOnce(t, houses, http.MethodPost, "/intake/hl7v2-ref", referral(n, "9990000379"), "Content-Type", hl7Type)
	if count(all, 200) != callers || !bytes.Contains(all[0].body, []byte("MSA|AA")) {
		t.Fatalf("referral %d: %d of %d were accepted", n, count(all, 200), callers)
	}
	for _, r := range all {
		if !bytes.Equal(r.body, all[0].body) {
			t.Fatalf("referral %d was answered in two ways", n)
		}
	}
	houses[n%len(houses)].task(n) // exactly one of each
}

// sameCreate: one is made, fifteen are told of it.
func sameCreate(t *testing.T, houses []*house, n int) {
	t.Helper()
	number := fmt.Sprintf("once-%d", n)
	all := atOnce(t, houses, http.MethodPost, "/fhir/ServiceRequest", wanted(number, "company"),
		"Content-Type", fhirJSON, "If-None-Exist", "identifier=urn:test:wish|"+number)
	if count(all, 201) != 1 || count(all, 200) != callers-1 {
		t.Fatalf("conditional create %d: %d made it and %d found it, want 1 and %d", n, count(all, 201), count(all, 200), callers-1)
	}
	for _, r := range all {
		if !bytes.Equal(r.body, all[0].body) {
			t.Fatalf("conditional create %d: two resources were returned", n)
		}
	}
	h := houses[n%len(houses)]
	found := h.want(h.call("GET", "/fhir/ServiceRequest?identifier=urn:test:wish|"+number, nil), 200).value(t).List("entry")
	if len(found) != 1 {
		t.Fatalf("conditional create %d made %d resources", n, len(found))
	}
}

// sameUpdate: one change is made, fifteen are told that they come too late.
func sameUpdate(t *testing.T, houses []*house, n int) {
	t.Helper()
	h := houses[n%len(houses)]
	task := h.task(n)
	before := h.want(h.call("GET", "/fhir/Task/"+task, nil), 200)
	v := before.value(t)
	v.SetString("status", "accepted")
	v.Set("owner", element.NewObject(element.S("reference", "Organization/harbour")))
	all := atOnce(t, houses, http.MethodPut, "/fhir/Task/"+task, v.JSON(), "Content-Type", fhirJSON, "If-Match", before.header.Get("ETag"))
	if count(all, 200) != 1 || count(all, 412) != callers-1 {
		t.Fatalf("update %d: %d were made and %d came too late, want 1 and %d", n, count(all, 200), count(all, 412), callers-1)
	}
	after := h.want(h.call("GET", "/fhir/Task/"+task, nil), 200)
	if after.header.Get("ETag") != `W/"2"` {
		t.Errorf("update %d: the Task is at %s, want W/\"2\"", n, after.header.Get("ETag"))
	}
}
