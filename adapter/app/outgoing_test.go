package app_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/reconciliation"
	"github.com/linkloop/linkloop/config"
)

// hook is a webhook receiver that answers 202 and keeps what it got.
type hook struct {
	mu   sync.Mutex
	got  []string
	ids  []string
	code int
}

func (k *hook) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	b, _ := io.ReadAll(q.Body)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.got, k.ids = append(k.got, string(b)), append(k.ids, q.Header.Get("webhook-id"))
	w.WriteHeader(k.code)
}

// answer is the status of every answer from now on.
func (k *hook) answer(code int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.code = code
}

func (k *hook) all() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]string{}, k.got...)
}

// TestOutgoing: an outcome leaves by the route of its practice, with codes only;
// a stop keeps it back; the link worker sees that it is in the workflow once the
// receiver says so.
func TestOutgoing(t *testing.T) {
	receiver := &hook{code: http.StatusAccepted}
	srv := httptest.NewServer(receiver)
	defer srv.Close()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("a secret of more than 24 bytes"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := open(t, func(c *config.Config) {
		c.Channels = []config.Channel{{Name: "hook", Kind: config.KindWebhook, URL: srv.URL, Secret: config.NewSecret("a secret of more than 24 bytes"), SecretFile: secret}}
		c.Practices = []config.Practice{{ODS: config.AnyPractice, Route: []string{"hook"}, CodesOnly: true}}
	})
	h.want(h.call("PUT", "/admin/stops/all", []byte(`{"reason":"asked by the practice"}`)), 200)
	h.refused(h.call("PUT", "/admin/stops/all", []byte(`{"why":"x"}`)), 400, "structure", "members")
	task := h.unowned(901)
	h.want(h.change(task, claimBy("ours")), 200)
	h.want(h.change(task, func(v *element.Value) {
		v.SetString("status", "completed")
		v.Append("output", element.NewObject(element.F("type", object("text", "Outcome")), element.S("valueString", "done")))
	}), 200)
	time.Sleep(300 * time.Millisecond)
	if n := len(receiver.all()); n != 0 {
		t.Fatalf("%d left while everything is stopped", n)
	}
	if stops := h.want(h.call("GET", "/admin/stops", nil), 200); !strings.Contains(string(stops.body), `"practice":"*"`) {
		t.Errorf("stops: %s", stops.body)
	}
	h.want(h.call("DELETE", "/admin/stops/all", nil), 200)
	h.settled()
	got := receiver.all()
	if len(got) != 1 || strings.Contains(got[0], "DocumentReference") || strings.Contains(got[0], "Composition") || !strings.Contains(got[0], "http://snomed.info/sct") {
		t.Fatalf("%d left: %.300s", len(got), strings.Join(got, "\n"))
	}
	businessStatus := func() string { return string(h.want(h.call("GET", "/fhir/Task/"+task, nil), 200).body) }
	if !strings.Contains(businessStatus(), `"code":"sent"`) {
		t.Errorf("the Task does not say that it was sent: %s", businessStatus())
	}
	body, err := json.Marshal(map[string]string{"id": receiver.ids[0], "status": "filed"})
	if err != nil {
		t.Fatal(err)
	}
	h.want(h.call("POST", "/admin/acknowledgements/hook", body), 200)
	h.want(h.call("POST", "/admin/acknowledgements/hook", body), 200)
	h.refused(h.call("POST", "/admin/acknowledgements/nobody", body), 404, "not-found", "channel")
	h.refused(h.call("POST", "/admin/acknowledgements/hook", []byte(`{"id":"x","status":"ok"}`)), 400, "structure", "expected")
	if !strings.Contains(businessStatus(), `"code":"in-practice-workflow"`) {
		t.Errorf("the Task does not say that the practice has it: %s", businessStatus())
	}
	said := h.want(h.call("GET", "/fhir/Communication", nil), 200)
	if !strings.Contains(string(said.body), "In the practice's workflow.") {
		t.Errorf("nobody told the link worker: %s", said.body)
	}
	today := time.Now().In(reconciliation.London).Format(time.DateOnly)
	rec := h.want(h.call("GET", "/admin/reconciliation?since="+today, nil), 200)
	if !strings.Contains(string(rec.body), `"owed":1,"waiting":0,"sent":0,"delivered":1`) {
		t.Errorf("report: %s", rec.body)
	}
	recall := h.want(h.call("POST", "/admin/recalls", []byte(`{"id":"r1","query":{"code":"871731000000106"},"reason":"drill","dryRun":true}`)), 200)
	if !strings.Contains(string(recall.body), `"found":1`) {
		t.Errorf("recall: %s", recall.body)
	}
}

// TestHazardOvertakenUpdate: an update says nothing about the outcome on the
// Task, and one that has not left when the Task ends does not come behind it.
func TestHazardOvertakenUpdate(t *testing.T) {
	receiver := &hook{code: http.StatusNoContent}
	srv := httptest.NewServer(receiver)
	defer srv.Close()
	h := open(t, func(c *config.Config) {
		c.Channels = []config.Channel{{Name: "hook", Kind: config.KindWebhook, URL: srv.URL, Secret: config.NewSecret("a secret of more than 24 bytes"), SecretFile: "x"}}
		c.Practices = []config.Practice{{ODS: config.AnyPractice, Route: []string{"hook"}}}
		c.Workflow.Interim = []string{"accepted", "first-contact", "plan-agreed"}
	})
	task := h.unowned(902)
	h.want(h.change(task, claimBy("ours")), 200)
	h.settled()
	read := func() string { return string(h.want(h.call("GET", "/fhir/Task/"+task, nil), 200).body) }
	if n := len(receiver.all()); n != 1 || strings.Contains(read(), "urn:linkloop:codesystem:write-back") {
		t.Fatalf("%d left, and the Task says %s", n, read())
	}
	step := func(code string) {
		h.want(h.change(task, func(v *element.Value) {
			v.Set("businessStatus", element.NewObject(element.F("coding", element.NewArray(element.NewObject(
				element.S("system", "urn:linkloop:codesystem:business-status"), element.S("code", code))))))
		}), 200)
	}
	receiver.answer(http.StatusBadRequest)
	step("plan-agreed") // is refused, so it is in front of a human
	h.settled()
	receiver.answer(http.StatusNoContent)
	h.want(h.call("PUT", "/admin/stops/all", []byte(`{"reason":"asked by the practice"}`)), 200)
	step("contacted")
	h.want(h.change(task, outputs(`{"type":{"text":"Action for the GP"},"valueString":"Please review her tablets."}`)), 200)
	h.want(h.call("DELETE", "/admin/stops/all", nil), 200)
	h.settled()
	states := map[string]string{}
	for _, d := range h.deliveries(task) {
		states[strings.TrimPrefix(d.Str("key"), "Task/"+task+"/")] = d.Str("state") + " " + d.Str("stage")
	}
	if states["update/accepted"] != "delivered taken-by-peer" || states["update/first-contact"] != "closed recalled" ||
		states["update/plan-agreed"] != "closed recalled" || states["outcome"] != "delivered taken-by-peer" {
		t.Errorf("%v", states)
	}
	got := receiver.all()
	if len(got) != 3 || !strings.Contains(read(), `"code":"taken-by-peer"`) {
		t.Errorf("%d left, and the Task says %s", len(got), read())
	}
}

// TestHazardWrongPatientUpdate: an update that was tried before its outcome took its
// place is looked for in the record when the Task turns out to be an error.
func TestHazardWrongPatientUpdate(t *testing.T) {
	receiver := &hook{code: http.StatusInternalServerError}
	srv := httptest.NewServer(receiver)
	defer srv.Close()
	h := open(t, func(c *config.Config) {
		c.Channels = []config.Channel{{Name: "hook", Kind: config.KindWebhook, URL: srv.URL, Secret: config.NewSecret("a secret of more than 24 bytes"), SecretFile: "x"}}
		c.Practices = []config.Practice{{ODS: config.AnyPractice, Route: []string{"hook"}}}
		c.Workflow.Interim = []string{"accepted", "first-contact"}
	})
	task := h.unowned(903)
	h.want(h.change(task, claimBy("ours")), 200)
	for deadline := time.Now().Add(10 * time.Second); h.deliveries(task)[0].Str("stage") == "" && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	h.want(h.call("PUT", "/admin/stops/all", []byte(`{"reason":"asked by the practice"}`)), 200)
	h.want(h.change(task, func(v *element.Value) {
		v.Set("businessStatus", element.NewObject(element.F("coding", element.NewArray(element.NewObject(
			element.S("system", "urn:linkloop:codesystem:business-status"), element.S("code", "contacted"))))))
	}), 200)
	h.want(h.change(task, outputs(`{"type":{"text":"Outcome"},"valueString":"Goes to the choir."}`)), 200)
	h.want(h.change(task, func(v *element.Value) { v.SetString("status", "entered-in-error") }), 200)
	states := map[string]string{}
	for _, d := range h.deliveries(task) {
		states[strings.TrimPrefix(d.Str("key"), "Task/"+task+"/")] = d.Str("state")
	}
	if states["update/accepted/withdraw"] != "dead" || states["update/first-contact/withdraw"] != "" || states["outcome/withdraw"] != "" {
		t.Errorf("%v", states)
	}
}
