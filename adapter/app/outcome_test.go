package app_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/app"
	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/outcome"
	"github.com/linkloop/linkloop/config"
	"github.com/linkloop/linkloop/mappings"
)

// held makes a resource and returns its reference.
func (h *house) held(text string) string {
	h.t.Helper()
	v, err := element.Parse([]byte(text), element.Limits{})
	if err != nil {
		h.t.Fatal(err)
	}
	r := h.want(h.call("POST", "/fhir/"+v.ResourceType(), []byte(text), "Content-Type", fhirJSON), http.StatusCreated)
	return v.ResourceType() + "/" + r.value(h.t).ID()
}

// deliveries are those of a Task, oldest first, with their payloads.
func (h *house) deliveries(task string) []*element.Value {
	h.t.Helper()
	var out []*element.Value
	for _, d := range h.want(h.call("GET", "/admin/deliveries?task="+task, nil), 200).value(h.t).Items {
		out = append([]*element.Value{h.want(h.call("GET", "/admin/deliveries/"+d.TextAt("id")+"?content=true", nil), 200).value(h.t)}, out...)
	}
	return out
}

func outputs(texts ...string) func(*element.Value) {
	return func(v *element.Value) {
		v.SetString("status", "completed")
		for _, t := range texts {
			o, err := element.Parse([]byte(t), element.Limits{})
			if err != nil {
				panic(err)
			}
			v.Append("output", o)
		}
	}
}

// TestHazardWrongCodeAtTheAPI: what would be wrong in a record is refused at the
// API with the rule and what is allowed, and nothing is owed.
func TestHazardWrongCodeAtTheAPI(t *testing.T) {
	h := open(t, nil)
	task := h.unowned(170)
	patient := h.want(h.call("GET", "/fhir/Task/"+task, nil), 200).value(t).TextAt("for.reference")
	h.want(h.change(task, claimBy("a")), 200)
	const coded = `{"type":{"text":%q},"valueCodeableConcept":{"coding":[{"system":"http://snomed.info/sct","code":%q,"display":%q}]}}`
	score := func(questionnaire string, answer int) string {
		items := make([]string, 7)
		for i := range items {
			items[i] = fmt.Sprintf(`{"linkId":"%d","answer":[{"valueInteger":%d}]}`, i+1, answer)
		}
		return fmt.Sprintf(`{"type":{"text":"Score"},"valueReference":{"reference":%q}}`, h.held(fmt.Sprintf(
			`{"resourceType":"QuestionnaireResponse","status":"completed","questionnaire":%q,"subject":{"reference":%q},"authored":"2026-03-10","item":[%s]}`,
			questionnaire, patient, strings.Join(items, ","))))
	}
	const short = "urn:linkloop:questionnaire:swemwbs"
	for name, c := range map[string]struct{ output, code, word string }{
		"nothing said":         {"", "business-rule", "at least one output"},
		"an unverified code":   {fmt.Sprintf(coded, "Activity", "871691000000100", "Social prescribing offered"), "code-invalid", "not on the list"},
		"another display":      {fmt.Sprintf(coded, "Activity", "975131000000104", "Social prescribing declined"), "code-invalid", "975131000000104 is Signposting"},
		"words that deny it":   {fmt.Sprintf(coded, "Not done", "975131000000104", "Signposting"), "code-invalid", "deny"},
		"a supplier's code":    {fmt.Sprintf(coded, "Activity", "637681000006105", "Ours alone"), "code-invalid", "namespace"},
		"an answer beyond":     {score(short, 6), "code-invalid", "from 1 to 5"},
		"a score out of range": {`{"type":{"coding":[{"system":"http://snomed.info/sct","code":"718466001"}]},"valueInteger":36}`, "code-invalid", "from 7 to 35"},
	} {
		t.Run(name, func(t *testing.T) {
			texts := []string{c.output}
			if c.output == "" {
				texts = nil
			}
			h.refused(h.change(task, outputs(texts...)), 422, c.code, c.word)
			if n := len(h.deliveries(task)); n != 0 {
				t.Errorf("%d deliveries are owed", n)
			}
		})
	}
	h.want(h.change(task, outputs(score(short, 3), score("urn:elsewhere", 9))), 200)
	owed := h.deliveries(task)
	if len(owed) != 1 || !strings.Contains(string(owed[0].JSON()), `"718466001"`) || !strings.Contains(string(owed[0].JSON()), `"value":21,`) {
		t.Errorf("the score is not owed")
	}
}

// TestLetterOfADelivery: what is owed can be had as a letter, as PDF and as
// HTML.
func TestLetterOfADelivery(t *testing.T) {
	h := open(t, nil)
	task := h.unowned(171)
	h.want(h.change(task, claimBy("a")), 200)
	h.want(h.change(task, outputs(`{"type":{"text":"Action for the GP"},"valueString":"Please review her tablets."}`)), 200)
	payload := h.deliveries(task)[0].Get("payload").JSON()
	for format, want := range map[string]string{"html": "<li>Please review her tablets.</li>", "pdf": "%PDF-"} {
		b, err := app.Letter(payload, format)
		if err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s: %v", format, err)
		}
	}
	for _, bad := range []string{"", "{}", `{"resourceType":"Bundle","type":"transaction"}`} {
		if _, err := app.Letter([]byte(bad), "html"); err == nil {
			t.Errorf("%q is a letter", bad)
		}
	}
	if _, err := app.Letter(payload, "docx"); err == nil {
		t.Error("a letter in any format")
	}
}

// TestWhoWroteIt: the letter and the document say who the link worker is, and who
// referred, by the names of whom the references name.
func TestWhoWroteIt(t *testing.T) {
	h := open(t, nil)
	person := h.held(`{"resourceType":"Practitioner","name":[{"family":"Old","use":"old"},{"family":"Adeyemi","given":["Grace"]}]}`)
	team := h.held(`{"resourceType":"Organization","name":"Harbour Social Prescribing"}`)
	role := h.held(fmt.Sprintf(`{"resourceType":"PractitionerRole","practitioner":{"reference":%q},"organization":{"reference":%q}}`, person, team))
	elsewhere := h.held(`{"resourceType":"PractitionerRole","practitioner":{"reference":"https://elsewhere.example/fhir/Practitioner/1","display":"Ade Bello"}}`)
	for i, c := range []struct{ owner, display, want string }{
		{elsewhere, "", "Ade Bello"},
		{person, "", "Grace Adeyemi"}, {team, "", "Harbour Social Prescribing"}, {role, "", "Grace Adeyemi, Harbour Social Prescribing"},
		{role, "Sam Walker", "Sam Walker"}, {"Organization/gone", "", ""},
	} {
		task := h.unowned(180 + i)
		h.want(h.change(task, func(v *element.Value) {
			claimBy("a")(v)
			owner := element.NewObject(element.S("reference", c.owner))
			owner.SetString("display", c.display)
			v.Set("owner", owner)
		}), 200)
		h.want(h.change(task, outputs(`{"type":{"text":"Outcome"},"valueString":"Goes to the choir."}`)), 200)
		document, err := outcome.Document(h.deliveries(task)[0].Get("payload").JSON())
		if err != nil {
			t.Fatal(err)
		}
		l, err := outcome.ReadLetter(document)
		if err != nil {
			t.Fatal(err)
		}
		if l.From != c.want {
			t.Errorf("%s: it is from %q, want %q", c.owner, l.From, c.want)
		}
		if text := l.Text(); !strings.Contains(text, " by ") || strings.Contains(text, "\nLink worker\n") != (c.want != "") {
			t.Errorf("%s:\n%s", c.owner, text)
		}
	}
}

// TestHazardWrongPatientReplaced: the outcome of a person whose record was merged
// into another waits for a human.
func TestHazardWrongPatientReplaced(t *testing.T) {
	h := open(t, func(c *config.Config) { c.Workflow.Interim = []string{"accepted"} })
	task := h.unowned(190)
	patient := h.want(h.call("GET", "/fhir/Task/"+task, nil), 200).value(t).TextAt("for.reference")
	v := h.want(h.call("GET", "/fhir/"+patient, nil), 200).value(t)
	v.Append("link", element.NewObject(element.F("other", object("reference", "https://elsewhere.example/fhir/Patient/2")), element.S("type", "replaced-by")))
	h.want(h.call("PUT", "/fhir/"+patient, v.JSON(), "Content-Type", fhirJSON), 200)
	h.want(h.change(task, claimBy("a")), 200)
	h.want(h.change(task, outputs(`{"type":{"text":"Outcome"},"valueString":"Goes to the choir."}`)), 200)
	owed := h.deliveries(task)
	if len(owed) != 1 || owed[0].Str("state") != "held" || !strings.Contains(owed[0].Str("reason"), "replaced by another") {
		t.Errorf("%v", owed)
	}
}

// TestUpdates: before a Task ends the practice gets what is switched on, each
// once, and without codes.
func TestUpdates(t *testing.T) {
	step := func(code string) func(*element.Value) {
		return func(v *element.Value) {
			v.Set("businessStatus", element.NewObject(element.F("coding", element.NewArray(element.NewObject(
				element.S("system", "urn:linkloop:codesystem:business-status"), element.S("code", code))))))
		}
	}
	for _, c := range []struct {
		on   []string
		want string
	}{
		{nil, "outcome"},
		{[]string{"accepted"}, "update/accepted outcome"},
		{[]string{"plan-agreed", "accepted", "first-contact"}, "update/accepted update/first-contact update/plan-agreed outcome"},
	} {
		h := open(t, func(cfg *config.Config) { cfg.Workflow.Interim = c.on })
		task := h.unowned(172)
		h.want(h.change(task, claimBy("a")), 200)
		// What becomes of an update is written on the Task meanwhile, so a
		for _, code := range []string{"contact-attempted", "contacted", "plan-agreed", "contacted"} {
			h.want(h.change(task, step(code)), 200)
		}
		h.want(h.change(task, outputs(`{"type":{"text":"Outcome"},"valueString":"Goes to the choir."}`)), 200)
		var keys []string
		for _, d := range h.deliveries(task) {
			key := strings.TrimPrefix(d.Str("key"), "Task/"+task+"/")
			keys = append(keys, key)
			if body := d.Get("payload").JSON(); strings.HasPrefix(key, "update/") && (bytes.Contains(body, []byte("snomed")) || !bytes.Contains(body, []byte("update on a referral"))) {
				t.Errorf("%s: %s", key, body)
			}
		}
		if got := strings.Join(keys, " "); got != c.want {
			t.Errorf("%v: %s, want %s", c.on, got, c.want)
		}
	}
}

// TestHazardWrongCodeUnapproved: a list of one's own that two people did not
// approve, or that was changed since, keeps the server from starting.
func TestHazardWrongCodeUnapproved(t *testing.T) {
	folder := t.TempDir()
	list := filepath.Join(folder, "codes.yaml")
	const text = "list: ours\nversion: '7'\ncodes:\n  - {code: '975131000000104', display: Signposting, kind: procedure, source: us}\n" +
		"  - {code: '718466001', display: SWEMWBS score, kind: measure, minimum: 7, maximum: 35, source: us}\n" +
		"  - {code: '718426000', display: WEMWBS score, kind: measure, minimum: 14, maximum: 70, source: us}\n" +
		"  - {code: '1638531000000102', display: g1, kind: measure, minimum: 0, maximum: 10, source: us}\n" +
		"  - {code: '1638541000000106', display: g2, kind: measure, minimum: 0, maximum: 10, source: us}\n" +
		"  - {code: '1638551000000109', display: g3, kind: measure, minimum: 0, maximum: 10, source: us}\n"
	if err := os.WriteFile(list, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	start := func() error {
		cfg := config.Default()
		cfg.HTTP.Listen, cfg.Admin.Listen, cfg.Data.Folder = "127.0.0.1:0", "127.0.0.1:0", t.TempDir()
		cfg.Workflow.Codes = list
		a, err := app.New(t.Context(), cfg, app.Options{})
		if err == nil {
			a.Start()
			err = a.Stop(t.Context())
		}
		return err
	}
	if err := start(); err == nil || !strings.Contains(err.Error(), "not approved") {
		t.Errorf("without approval: %v", err)
	}
	r, err := app.ReadOutcomeRules(config.Workflow{Codes: list})
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(map[string]any{"list": "ours", "version": "7", "files": r.Content.Files})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "approval.yaml"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := start(); err == nil || !strings.Contains(err.Error(), "0 of 2 approvals") {
		t.Errorf("without signatures: %v", err)
	}
	if err := os.WriteFile(list, []byte(strings.Replace(text, "kind: procedure", "kind: situation", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := start(); err == nil || !strings.Contains(err.Error(), "codes.yaml differs") {
		t.Errorf("changed: %v", err)
	}
}

// TestHazardWrongCodeReload: a code that a new list does not have any more is
// refused at the API from the reload on, not only held back when it is sent.
func TestHazardWrongCodeReload(t *testing.T) {
	folder := t.TempDir()
	list := filepath.Join(folder, "codes.yaml")
	text, err := fs.ReadFile(mappings.Files, "outcome/codes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	approve := func(w config.Workflow, text string) {
		t.Helper()
		if err := os.WriteFile(list, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := app.ReadOutcomeRules(w)
		if err != nil {
			t.Fatal(err)
		}
		a := r.Content
		for _, who := range []string{"ada", "ben"} {
			if err := a.Sign(who, keyOf(who), time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		b, err := a.Write()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "approval.yaml"), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var used config.Config
	h := open(t, func(c *config.Config) {
		c.Workflow.Codes = list
		for _, who := range []string{"ada", "ben"} {
			c.Workflow.Approvers = append(c.Workflow.Approvers, config.Approver{
				Name: who, Key: base64.StdEncoding.EncodeToString(keyOf(who).Public().(ed25519.PublicKey))})
		}
		approve(c.Workflow, string(text))
		used = *c
	})
	const signposting = `{"type":{"text":"Activity"},"valueCodeableConcept":{"coding":[{"system":"http://snomed.info/sct","code":"975131000000104","display":"Signposting"}]}}`
	finish := func(n int) response {
		task := h.unowned(n)
		h.want(h.change(task, claimBy("a")), 200)
		return h.change(task, outputs(signposting))
	}
	h.want(finish(171), 200)
	approve(used.Workflow, strings.Replace(string(text), "display: Signposting\n", "display: Signposting\n    off: true\n", 1))
	if err := h.app.Reload(used); err != nil {
		t.Fatal(err)
	}
	h.refused(finish(172), 422, "code-invalid", "not on the list")
}

func keyOf(name string) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte(name[:1]), ed25519.SeedSize))
}
