package app_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/app"
	"github.com/linkloop/linkloop/adapter/element"
	mllpwire "github.com/linkloop/linkloop/adapter/mllp/wire"
	"github.com/linkloop/linkloop/config"
)

// engine is an integration engine that answers every message with one code, and
// hands on what it got.
func engine(t *testing.T, code string) (address string, got chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	got = make(chan string, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				msg, _, err := mllpwire.NewReader(c, 1<<20).Next()
				if f := strings.Split(string(msg), "|"); err == nil && len(f) > 9 {
					got <- string(msg)
					_, _ = c.Write(mllpwire.Append(nil, []byte("MSH|^~\\&|TIE|X|LINKLOOP||20260302||ACK|1|P|2.5.1\rMSA|"+code+"|"+f[9]+"\r")))
				}
			}()
		}
	}()
	return l.Addr().String(), got
}

// refusing answers every request with a status.
func refusing(t *testing.T, status int) string {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	t.Cleanup(srv.Close)
	return srv.URL
}

// sharing makes a Consent to how much leaves of the person of a Task.
func (h *house) sharing(task, code string) {
	h.t.Helper()
	patient := h.want(h.call("GET", "/fhir/Task/"+task, nil), 200).value(h.t).TextAt("for.reference")
	h.held(fmt.Sprintf(`{"resourceType":"Consent","status":"active",
		"scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},
		"category":[{"coding":[{"system":"http://loinc.org","code":"59284-0"}]}],"policyRule":{"text":"sharing"},
		"patient":{"reference":%q},"dateTime":%q,"provision":{"code":[{"coding":[{"system":"urn:linkloop:codesystem:sharing","code":%q}]}]}}`,
		patient, time.Now().UTC().Format(time.RFC3339), code))
}

// TestHazardWrongCodeOnPaper: a practice that gets letters is told by the letter of
// a correction that it is one, what was wrong, and what to do; nothing else puts its
// record right.
func TestHazardWrongCodeOnPaper(t *testing.T) {
	for name, change := range map[string]func(*config.Config){
		"no channel": nil,
		"a channel that was never reached": func(c *config.Config) {
			c.Channels = []config.Channel{{Name: "hook", Kind: config.KindWebhook, URL: "http://127.0.0.1:1", Secret: config.NewSecret("a secret of more than 24 bytes")}}
			c.Practices = []config.Practice{{ODS: config.AnyPractice, Route: []string{"hook"}}}
		},
	} {
		t.Run(name, func(t *testing.T) { wrongCodeOnPaper(t, change) })
	}
}

func wrongCodeOnPaper(t *testing.T, change func(*config.Config)) {
	h := open(t, change)
	task := h.unowned(931)
	h.want(h.change(task, claimBy("ours")), 200)
	h.want(h.change(task, outputs(`{"type":{"text":"Outcome"},"valueCodeableConcept":{"coding":[{"system":"http://snomed.info/sct","code":"390893007"}]}}`)), 200)
	for range 500 {
		d := h.deliveries(task)[0]
		if state := d.Str("state"); state == "dead" || state == "held" {
			break
		} else if state == "owed" && len(d.List("history")) > 0 {
			h.call("POST", "/admin/deliveries/"+d.TextAt("id")+"/hold", nil)
		}
		time.Sleep(10 * time.Millisecond)
	}
	letter := func(d *element.Value) string {
		t.Helper()
		b, err := app.Letter(h.want(h.call("GET", "/admin/deliveries/"+d.TextAt("id")+"/leaving", nil), 200).value(t).Get("payload").JSON(), "html")
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	first := h.deliveries(task)[0]
	if text := letter(first); strings.Contains(text, "correction") || !strings.Contains(text, "<li>No action needed from the practice.</li>") ||
		!strings.Contains(text, "<li>Referral to physical activity program</li>") {
		t.Fatalf("the first letter:\n%s", text)
	}
	h.want(h.call("POST", "/admin/deliveries/"+first.TextAt("id")+"/close", []byte(`{"reason":"posted"}`)), 200)
	h.want(h.call("POST", "/admin/recalls", []byte(`{"id":"r1","query":{"code":"390893007"},"replace":{"code":"975131000000104"},"reason":"a slip"}`)), 200)
	owed := h.deliveries(task)
	text := letter(owed[len(owed)-1])
	for _, want := range []string{"<h1>Social prescribing: correction of an outcome</h1>", "takes the place of what was sent before",
		"<li>Referral to physical activity program, ", ": Signposting</li>", "<li>a slip</li>", "<li>Signposting</li>"} {
		if !strings.Contains(text, want) {
			t.Errorf("the letter of the correction does not say %q", want)
		}
	}
	if strings.Contains(text, "No action needed") || strings.Contains(text, "<li>Referral to physical activity program</li>") {
		t.Errorf("the letter of the correction says what is not so:\n%s", text)
	}
}

// TestHazardLostLastResort: an outcome that every channel of its route refuses
// is in front of a human with all that was tried, who is told, sends what may
// leave of it as a letter, and says so; the link worker sees both.
func TestHazardLostLastResort(t *testing.T) {
	tie, got := engine(t, "AR")
	alerts := &hook{code: http.StatusNoContent}
	people := httptest.NewServer(alerts)
	defer people.Close()
	h := open(t, func(c *config.Config) {
		secret := config.NewSecret("a secret of more than 24 bytes")
		c.Channels = []config.Channel{
			{Name: "tie", Kind: config.KindHL7v2, Address: tie},
			{Name: "hook", Kind: config.KindWebhook, URL: refusing(t, http.StatusNotFound), Secret: secret},
			{Name: "rec", Kind: config.KindFHIR, URL: refusing(t, http.StatusUnprocessableEntity)},
			{Name: "people", Kind: config.KindWebhook, URL: people.URL, Secret: secret},
		}
		c.Practices = []config.Practice{{ODS: config.AnyPractice, Route: []string{"tie", "hook", "rec"}, FallBackOn: []string{"not-taken", "refused", "given-up"}}}
		c.Escalation = []config.Escalation{{Channel: "people"}}
	})
	task := h.unowned(930)
	h.want(h.change(task, claimBy("ours")), 200)
	h.want(h.change(task, outputs(`{"type":{"text":"Action for the GP"},"valueString":"Please review her tablets."}`, `{"type":{"text":"Note"},"valueString":"She told us of her late husband."}`)), 200)
	h.settled()

	owed := h.deliveries(task)
	if len(owed) != 1 || owed[0].Str("state") != "dead" {
		t.Fatalf("%d deliveries, the first is %s", len(owed), owed[0].Str("state"))
	}
	var tried []string
	for _, a := range owed[0].List("history") {
		tried = append(tried, a.Str("channel"))
	}
	if !slices.Equal(tried, []string{"tie", "hook", "rec"}) || len(got) != 1 {
		t.Errorf("tried %v, %d messages at the engine", tried, len(got))
	}
	waiting := string(h.want(h.call("GET", "/admin/deliveries?state=dead", nil), 200).body)
	if !strings.Contains(waiting, task) {
		t.Error("the human's list does not have it")
	}
	said := func() string {
		return string(h.want(h.call("GET", "/fhir/Task/"+task, nil), 200).body) + string(h.want(h.call("GET", "/fhir/Communication", nil), 200).body)
	}
	if !strings.Contains(said(), `"code":"needs-a-human"`) {
		t.Errorf("the link worker does not see that it needs a human")
	}

	at := "/admin/deliveries/" + owed[0].TextAt("id")
	letter := func() (string, error) {
		b, err := app.Letter(h.want(h.call("GET", at+"/leaving", nil), 200).value(t).Get("payload").JSON(), "html")
		return string(b), err
	}
	text, err := letter()
	if err != nil || !strings.Contains(text, "Please review her tablets.") || !strings.Contains(text, "late husband") {
		t.Errorf("the letter does not say what is to be done: %v", err)
	}
	// What the person allows counts for the hand of a human too.
	h.sharing(task, "summary")
	if text, err = letter(); err != nil || !strings.Contains(text, "Please review her tablets.") || strings.Contains(text, "late husband") {
		t.Errorf("a summary tells the link worker's own words, or is none: %v", err)
	}
	h.sharing(task, "codes-only")
	if _, err = letter(); err == nil {
		t.Error("there is a letter of a person who lets codes leave and nothing else")
	}
	h.sharing(task, "nothing")
	h.refused(h.call("GET", at+"/leaving", nil), 403, "forbidden", "does not allow")
	h.refused(h.call("GET", "/admin/deliveries/999999/leaving", nil), 404, "not-found", "")

	h.want(h.call("POST", at+"/close", []byte(`{"reason":"sent as a letter"}`)), 200)
	if owed = h.deliveries(task); owed[0].Str("state") != "closed" || !strings.Contains(said(), `"code":"closed"`) {
		t.Errorf("after the letter it is %s", owed[0].Str("state"))
	}
}

// TestHL7ByShare: by HL7 v2 a practice reads who it is about and what was done;
// one that takes codes only gets the number and the codes.
func TestHL7ByShare(t *testing.T) {
	tie, got := engine(t, "AA")
	open := func(codesOnly bool) *house {
		return open(t, func(c *config.Config) {
			c.Channels = []config.Channel{{Name: "tie", Kind: config.KindHL7v2, Address: tie, Message: "RRI^I12"}}
			c.Practices = []config.Practice{{ODS: config.AnyPractice, Route: []string{"tie"}, CodesOnly: codesOnly}}
		})
	}
	for _, codesOnly := range []bool{false, true} {
		h := open(codesOnly)
		task := h.unowned(940)
		patient := h.want(h.call("GET", "/fhir/"+h.want(h.call("GET", "/fhir/Task/"+task, nil), 200).value(t).TextAt("for.reference"), nil), 200).value(t)
		family, born := patient.TextAt("name.family"), strings.ReplaceAll(patient.Str("birthDate"), "-", "")
		if family == "" || born == "" {
			t.Fatal("the referral names nobody")
		}
		h.want(h.change(task, claimBy("ours")), 200)
		h.want(h.change(task, outputs(`{"type":{"text":"Action for the GP"},"valueString":"Please review her tablets."}`)), 200)
		h.settled()
		msg := <-got
		for _, word := range []string{"RF1|A^Accepted^HL70283|||||" + task + "^LINKLOOP\r", "PRD|RP||||||", "|9990000379^^^NHS^NH|", "871731000000106"} {
			if !strings.Contains(msg, word) {
				t.Errorf("codes only %v: %q is missing", codesOnly, word)
			}
		}
		for _, word := range []string{family, born, "review her tablets"} {
			if strings.Contains(msg, word) == codesOnly {
				t.Errorf("codes only %v, and the message holds what it must not, or not what it must", codesOnly)
			}
		}
		if state := h.deliveries(task)[0].Str("state"); state != "delivered" {
			t.Errorf("codes only %v: %s", codesOnly, state)
		}
	}
}
