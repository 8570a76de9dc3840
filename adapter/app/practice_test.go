package app_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/config"
)

// TestHazardWrongPractice: what is owed to a practice leaves by its own route
// and no other, with the name of that practice in it; one that is stopped gets
// nothing, and nobody gets it instead; a referral that names no practice goes to
// none, but to a human.
func TestHazardWrongPractice(t *testing.T) {
	oak, elm := &hook{code: http.StatusNoContent}, &hook{code: http.StatusNoContent}
	oakAt, elmAt := httptest.NewServer(oak), httptest.NewServer(elm)
	defer oakAt.Close()
	defer elmAt.Close()
	h := open(t, func(c *config.Config) {
		secret := config.NewSecret("a secret of more than 24 bytes")
		c.Channels = []config.Channel{
			{Name: "oak", Kind: config.KindWebhook, URL: oakAt.URL, Secret: secret},
			{Name: "elm", Kind: config.KindWebhook, URL: elmAt.URL, Secret: secret},
		}
		c.Practices = []config.Practice{{ODS: "A81001", Route: []string{"oak"}}, {ODS: "A81002", Route: []string{"elm"}}}
	})
	end := func(n int, practice string) string {
		t.Helper()
		message := strings.NewReplacer("Oakwood Surgery^^Z00001", "A surgery^^"+practice, "|EPR|Z00001|", "|EPR|"+practice+"|").Replace(string(referral(n, nobody(n))))
		h.want(h.call("POST", "/intake/hl7v2-ref", []byte(message)), 200)
		task := h.task(n)
		h.want(h.change(task, claimBy("ours")), 200)
		h.want(h.change(task, outputs(`{"type":{"text":"Outcome"},"valueString":"done"}`)), 200)
		return task
	}
	only := func(what string, k *hook, task, practice string) {
		t.Helper()
		got := k.all()
		if len(got) != 1 || !strings.Contains(got[0], task) || !strings.Contains(got[0], `"practice":"`+practice+`"`) {
			t.Fatalf("%s has %d, and not just the one of %s", what, len(got), practice)
		}
	}

	h.want(h.call("PUT", "/admin/stops/A81001", []byte(`{"reason":"asked by the practice"}`)), 200)
	first, second := end(950, "A81001"), end(951, "A81002")
	for range 500 { // until what may leave has left
		if len(elm.all()) > 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	only("elm", elm, second, "A81002")
	if n := len(oak.all()); n != 0 {
		t.Fatalf("%d left for a practice that is stopped", n)
	}
	h.want(h.call("DELETE", "/admin/stops/A81001", nil), 200)
	h.settled()
	only("oak", oak, first, "A81001")
	only("elm", elm, second, "A81002")

	third := end(952, "")
	h.settled()
	if d := h.deliveries(third)[0]; d.Str("state") != "dead" || d.Str("practice") != "" || len(oak.all())+len(elm.all()) != 2 {
		t.Errorf("a referral without a practice: %s for %q", d.Str("state"), d.Str("practice"))
	}
}
