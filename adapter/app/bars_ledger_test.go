package app_test

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/linkloop/linkloop/adapter/intake"
	"github.com/linkloop/linkloop/adapter/store/postgrestest"
	"github.com/linkloop/linkloop/config"
)

// barsInstances are two houses of one BaRS sender on one store: beside each
// other on PostgreSQL, one after the other on the embedded store, where the
// second opens when it is asked for and the first is stopped before.
func barsInstances(t *testing.T) (first *house, second func() *house) {
	t.Helper()
	folder, dsn := t.TempDir(), ""
	if onPostgres {
		dsn = postgrestest.Database(t)
	}
	one := func() *house {
		return openBaRS(t, func(c *config.Config) {
			if c.Data.Postgres = dsn; dsn == "" {
				c.Data.Folder = folder
			}
		})
	}
	first = one()
	if onPostgres {
		other := one()
		return first, func() *house { return other }
	}
	return first, func() *house {
		if err := first.app.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		return one()
	}
}

// TestBaRSLedger: what one instance decided, refused or is deciding, the other
// knows, and so does the same one after a restart.
func TestBaRSLedger(t *testing.T) {
	first, second := barsInstances(t)
	accepted, refused, released, working := barsHeaders(), barsHeaders(), barsHeaders(), barsHeaders()
	claim := func(h *house, headers []string) *intake.Claim {
		t.Helper()
		c, before, err := h.app.Claim(t.Context(), "oak", headers[1]+" "+headers[3])
		if err != nil || c == nil || before != nil {
			t.Fatalf("claim %v, %v, %v", c, before, err)
		}
		return c
	}
	first.want(first.call("POST", barsURL, barsMessage(t, "OAK-1"), accepted...), 200)
	bad := bytes.ReplaceAll(barsMessage(t, "OAK-2"), []byte("request-referral"), []byte("request-unheard"))
	failure := first.call("POST", barsURL, bad, refused...)
	first.barsRefused(failure, 400, "REC_BAD_REQUEST", "invariant")
	claim(first, released).Release(t.Context())
	claim(first, working) // and whoever holds it is never heard of again

	h := second()
	h.barsRefused(h.call("POST", barsURL, barsMessage(t, "OAK-1"), accepted...), 409, "REC_CONFLICT", "duplicate")
	again := h.call("POST", barsURL, barsMessage(t, "OAK-2"), refused...) // right by now, and too late
	if again.status != failure.status || !bytes.Equal(again.body, failure.body) {
		t.Errorf("the failure was not repeated: %d %s", again.status, again.body)
	}
	h.barsRefused(h.call("POST", barsURL, barsMessage(t, "OAK-4"), working...), 425, "REC_TOO_EARLY", "duplicate")
	h.want(h.call("POST", barsURL, barsMessage(t, "OAK-3"), released...), 200)
	// Another X-Request-Id is another message, another X-Correlation-Id too.
	h.want(h.call("POST", barsURL, barsMessage(t, "OAK-2"), barsHeaders("X-Correlation-Id", refused[3])...), 200)
	h.want(h.call("POST", barsURL, barsMessage(t, "OAK-5"), barsHeaders("X-Request-Id", accepted[1])...), 200)
	total := h.want(h.call("GET", "/fhir/ServiceRequest?_summary=count", nil), 200).value(t).TextAt("total")
	if total != "4" {
		t.Errorf("%s referrals, want 4", total)
	}
}

// TestBaRSTogether sends one message from sixteen callers at once: one is told
// 200, the others that it is in work or was processed, and one referral is made.
func TestBaRSTogether(t *testing.T) {
	first, second := barsInstances(t)
	houses := []*house{first}
	if onPostgres {
		houses = append(houses, second())
	}
	for n := range 6 {
		all := atOnce(t, houses, http.MethodPost, barsURL, barsMessage(t, "OAK-1"+string(rune('0'+n))), barsHeaders()...)
		ok, early, done := count(all, 200), count(all, 425), count(all, 409)
		if ok != 1 || ok+early+done != callers {
			t.Fatalf("%d were told 200, %d 425 and %d 409", ok, early, done)
		}
	}
	total := first.want(first.call("GET", "/fhir/ServiceRequest?_summary=count", nil), 200).value(t).TextAt("total")
	if total != "6" {
		t.Errorf("%s referrals, want 6", total)
	}
}
