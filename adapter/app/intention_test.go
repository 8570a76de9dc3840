package app_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/config"
)

// wire is one way in which a sender says what it wants of referral 1.
type wire struct {
	name, sender string
	// message makes a message of an intention: its own number, when it was made,
	// and a priority for those that carry one.
	message func(intention string, n int, sent, priority string) []byte
	number  string // of the referral, as ServiceRequest.identifier finds it
}

// says reports whether an answer holds the words.
func (w wire) says(answer []byte, words ...string) bool {
	for _, word := range words {
		if !bytes.Contains(answer, []byte(word)) {
			return false
		}
	}
	return true
}

var events = map[string]string{"new": "I12", "modify": "I13", "cancel": "I14", "status": "I15"}

var wires = []wire{
	{"hl7", "hl7v2-ref", func(intention string, n int, sent, priority string) []byte {
		sent = strings.NewReplacer("-", "", ":", "", "T", "", "Z", "+0000").Replace(sent)
		body := fmt.Sprintf("MSH|^~\\&|EPR|Z00001|TIE|LINKLOOP|%s||REF^%s^REF_I12|MSG-%d|P|2.5.1\nRF1||%s||||SP-1|20260302\n",
			sent, events[intention], n, strings.ToUpper(priority[:min(1, len(priority))]))
		switch intention {
		case "cancel":
			body += "NTE|1||Is in good company now.\n"
		case "new", "modify":
			body += "PRD|RP^Referring provider^HL70286|Hartley^Miriam^^^Dr|||||C3456789^GMC\nPID|1||9990000379^^^NHS^NH||Canarybird^Zebedee||19700611|1\nNTE|1||Would like company, and says so " + priority + ".\n"
		}
		return []byte(strings.ReplaceAll(body, "\n", "\r"))
	}, "SP-1"},
	{"json", "generic-json", func(intention string, n int, sent, priority string) []byte {
		head := fmt.Sprintf(`{"type":"referral","action":%q,"id":"M-%d","sentAt":%q,"referralNumber":"SP-1"`, intention, n, sent)
		switch intention {
		case "cancel":
			head += `,"cancelReason":"Is in good company now."`
		case "new", "modify":
			head += `,"createdAt":"2026-03-02T09:00:00Z","priority":"` + priority + `","notes":"Would like company, and says so ` + priority + `.",
				"patient":{"nhsNumber":"9990000379","familyName":"Canarybird","givenName":"Zebedee","dateOfBirth":"1970-06-11"},
				"referrer":{"name":"Dr Hartley","gmcNumber":"C3456789","practiceOdsCode":"Z00001"}`
		}
		return []byte(head + "}")
	}, "SP-1"},
}

const (
	monday    = "2026-03-02T09:00:00Z"
	tuesday   = "2026-03-03T09:00:00Z"
	wednesday = "2026-03-04T09:00:00Z"
	thursday  = "2026-03-05T09:00:00Z"
)

func (h *house) send(w wire, body []byte) response {
	h.t.Helper()
	return h.call("POST", "/intake/"+w.sender, body)
}

// one is the only resource of a search.
func (h *house) one(query string) *element.Value {
	h.t.Helper()
	entries := h.want(h.call("GET", "/fhir/"+query, nil), 200).value(h.t).List("entry")
	if len(entries) != 1 {
		h.t.Fatalf("%s finds %d, want 1", query, len(entries))
	}
	return entries[0].Get("resource")
}

func (h *house) count(query string) int {
	h.t.Helper()
	return len(h.want(h.call("GET", "/fhir/"+query, nil), 200).value(h.t).List("entry"))
}

// TestLifeOfAReferral: sent, taken up, changed by its sender, asked about and
// cancelled; the link worker's work survives, and every step is told.
func TestLifeOfAReferral(t *testing.T) {
	for _, w := range wires {
		t.Run(w.name, func(t *testing.T) {
			h := open(t, nil)
			h.want(h.send(w, w.message("new", 1, monday, "routine")), 200)
			task := h.task(1)
			h.want(h.change(task, claimBy("ours")), 200)
			h.want(h.change(task, func(v *element.Value) {
				v.SetString("status", "in-progress")
				v.Append("note", object("text", "Called on Monday."))
				v.Set("businessStatus", element.NewObject(element.F("coding", element.NewArray(element.NewObject(
					element.S("system", "urn:linkloop:codesystem:business-status"), element.S("code", "contacted"))))))
			}), 200)

			update := w.message("modify", 2, tuesday, "urgent")
			first := h.want(h.send(w, update), 200)
			if again := h.want(h.send(w, update), 200); !bytes.Equal(first.body, again.body) {
				t.Error("the same update got another answer")
			}
			v := h.one("Task?_id=" + task)
			if v.Str("status") != "in-progress" || v.TextAt("owner.reference") != "Organization/ours" || v.TextAt("businessStatus.coding.code") != "contacted" {
				t.Errorf("the update undid the work of the link worker: %s, owner %q", v.Str("status"), v.TextAt("owner.reference"))
			}
			notes := v.List("note")
			if v.Str("priority") != "urgent" || len(notes) != 3 || notes[0].Str("text") != "Called on Monday." ||
				!strings.Contains(notes[1].Str("text"), "note: Would like company, and says so routine.") ||
				!strings.Contains(notes[2].Str("text"), "ServiceRequest.priority") || !strings.Contains(notes[2].Str("text"), "ServiceRequest.note") {
				t.Errorf("priority %q and %d notes", v.Str("priority"), len(notes))
			}
			if h.count("Task?_tag=urn:linkloop:codesystem:referral-change|changed-by-sender") != 1 {
				t.Error("changed Tasks cannot be searched for")
			}
			request := h.one("ServiceRequest?identifier=" + w.number)
			if request.Str("priority") != "urgent" || len(request.List("note")) != 1 || !strings.Contains(request.TextAt("note.text"), "urgent") || request.TextAt("meta.versionId") != "2" {
				t.Errorf("priority %q, version %s, %d notes", request.Str("priority"), request.TextAt("meta.versionId"), len(request.List("note")))
			}
			if n := h.count("Provenance?target=ServiceRequest/" + request.ID()); n != 2 {
				t.Errorf("%d Provenances, want one for each message", n)
			}
			if n := h.count("PractitionerRole"); n != 1 {
				t.Errorf("%d roles after an update by the same doctor", n)
			}

			asked := h.want(h.send(w, w.message("status", 3, wednesday, "")), 200)
			if !w.says(asked.body, "in-progress", "contacted") {
				t.Errorf("the answer does not say how the referral stands: %s", bytes.ReplaceAll(asked.body, []byte("\r"), []byte("\n")))
			}
			if got := h.one("Task?_id=" + task).TextAt("meta.versionId"); got != v.TextAt("meta.versionId") {
				t.Error("a question changed the Task")
			}

			h.want(h.change(task, func(v *element.Value) {
				v.SetString("status", "on-hold")
				v.Set("statusReason", object("text", "On holiday"))
			}), 200)
			if asked := h.want(h.send(w, w.message("status", 3, wednesday, "")), 200); !w.says(asked.body, "on-hold") {
				t.Error("the same question, asked again, gets the old answer")
			}
			v = h.one("Task?_id=" + task)

			cancelled := h.want(h.send(w, w.message("cancel", 4, thursday, "")), 200)
			h.settled()
			v = h.one("Task?_id=" + task)
			if v.Str("status") != "cancelled" || v.TextAt("statusReason.text") != "Is in good company now." || v.TextAt("owner.reference") != "Organization/ours" {
				t.Errorf("the Task is %s because of %q", v.Str("status"), v.TextAt("statusReason.text"))
			}
			if s := h.one("ServiceRequest?identifier=" + w.number).Str("status"); s != "revoked" {
				t.Errorf("the request is %s, want revoked", s)
			}
			if again := h.want(h.send(w, w.message("cancel", 4, thursday, "")), 200); !bytes.Equal(cancelled.body, again.body) {
				t.Error("the same cancellation got another answer")
			}
			h.want(h.send(w, w.message("cancel", 5, thursday, "")), 200) // a second one, with a number of its own
			if got := h.one("Task?_id=" + task).TextAt("meta.versionId"); got != v.TextAt("meta.versionId") {
				t.Error("the second cancellation changed the Task")
			}
			if r := h.send(w, w.message("modify", 6, thursday, "stat")); r.status != 422 || !bytes.Contains(r.body, []byte("over")) {
				t.Errorf("an update of a cancelled referral: %d", r.status)
			}
			h.toldStory(task, "received", "Task requested", "Task accepted", "Task in-progress, contacted", "received a further message", "mapped", "changed by the sender", "received a further message", "mapped", "Task cancelled, changed by the sender", "write-back owed")
		})
	}
}

// toldStory checks that the timeline tells the events, in this order.
func (h *house) toldStory(task string, want ...string) {
	h.t.Helper()
	var got []string
	for _, e := range h.want(h.call("GET", "/referrals/"+task+"/timeline", nil), 200).value(h.t).Items {
		got = append(got, e.Str("what"))
	}
	i := 0
	for _, what := range got {
		if i < len(want) && what == want[i] {
			i++
		}
	}
	if i < len(want) {
		h.t.Errorf("the timeline does not tell %q in its place: %q", want[i], got)
	}
}

// TestRefusedIntentions: what cannot be done is refused with a reason, changes
// nothing, and waits among the failed messages.
func TestRefusedIntentions(t *testing.T) {
	for _, w := range wires {
		t.Run(w.name, func(t *testing.T) {
			h := open(t, nil)
			refuse := func(body []byte, status int, word string) {
				t.Helper()
				if r := h.send(w, body); r.status != status || !bytes.Contains(r.body, []byte(word)) {
					t.Errorf("status %d, want %d with %q: %s", r.status, status, word, bytes.ReplaceAll(r.body, []byte("\r"), []byte("\n")))
				}
			}
			early := w.message("cancel", 1, tuesday, "")
			refuse(early, 404, "no referral with this number")
			refuse(w.message("modify", 2, tuesday, "urgent"), 404, "no referral with this number")
			refuse(w.message("status", 3, tuesday, ""), 404, "no referral with this number")
			if n := h.count("ServiceRequest") + h.count("Task") + h.count("Patient"); n != 0 {
				t.Errorf("%d resources were made by what was refused", n)
			}
			a, b := h.send(w, early), h.send(w, early)
			if !bytes.Equal(a.body, b.body) {
				t.Error("the same early cancellation got two answers")
			}

			h.want(h.send(w, w.message("new", 4, wednesday, "routine")), 200)
			refuse(w.message("modify", 5, monday, "stat"), 409, "out of date")
			refuse(w.message("cancel", 6, monday, ""), 409, "out of date")
			refuse(bytes.ReplaceAll(w.message("modify", 7, thursday, "stat"), []byte("9990000379"), []byte("9990000743")), 409, "another person")
			task := h.task(1)
			if v := h.one("Task?_id=" + task); v.Str("priority") != "routine" || v.TextAt("meta.versionId") != "1" {
				t.Errorf("something refused changed the Task: priority %q", v.Str("priority"))
			}
			h.want(h.change(task, claimBy("ours")), 200)
			h.want(h.change(task, func(v *element.Value) {
				v.SetString("status", "completed")
				v.Append("output", element.NewObject(element.F("type", object("text", "Outcome")), element.S("valueString", "done")))
			}), 200)
			refuse(w.message("cancel", 8, thursday, ""), 422, "completed")
			if s := h.one("Task?_id=" + task).Str("status"); s != "completed" {
				t.Errorf("the Task became %s", s)
			}
			failed := h.want(h.call("GET", "/admin/messages?status=failed", nil), 200).value(t)
			if len(failed.Items) != 7 {
				t.Errorf("%d failed messages, want 7", len(failed.Items))
			}
		})
	}
}

// TestEarlyCancellation: a cancellation that overtook its referral was refused,
// and is taken when it comes again.
func TestEarlyCancellation(t *testing.T) {
	for _, w := range wires {
		t.Run(w.name, func(t *testing.T) {
			h := open(t, nil)
			early := w.message("cancel", 1, tuesday, "")
			h.want(h.send(w, early), 404)
			h.want(h.send(w, w.message("new", 2, monday, "routine")), 200)
			h.want(h.send(w, early), 200)
			if s := h.one("Task?_id=" + h.task(1)).Str("status"); s != "cancelled" {
				t.Errorf("the Task is %s", s)
			}
		})
	}
}

// TestUnknownUpdateIsNew where the sender is set so.
func TestUnknownUpdateIsNew(t *testing.T) {
	for _, w := range wires {
		t.Run(w.name, func(t *testing.T) {
			h := open(t, func(c *config.Config) {
				c.Senders = []config.Sender{{Name: w.sender, Mapping: w.sender, UnknownUpdate: config.UpdateNew}}
			})
			if r := h.want(h.send(w, w.message("modify", 1, tuesday, "urgent")), 200); bytes.Contains(r.body, []byte("modify")) {
				t.Errorf("a referral was made, and the answer is %s", r.body)
			}
			if v := h.one("Task?_id=" + h.task(1)); v.Str("status") != "requested" || v.Str("priority") != "urgent" {
				t.Errorf("the Task is %s, %s", v.Str("status"), v.Str("priority"))
			}
			h.want(h.send(w, w.message("modify", 2, wednesday, "routine")), 200)
			if v := h.one("Task?_id=" + h.task(1)); v.Str("priority") != "routine" || v.TextAt("meta.versionId") != "2" {
				t.Errorf("the second update did not change the first: %s", v.Str("priority"))
			}
			r := h.send(w, w.message("new", 3, monday, "stat"))
			if r.status != 409 {
				t.Errorf("the new referral that comes after its update is answered %d, want 409", r.status)
			}
		})
	}
}

// TestEnteredInErrorBySender withdraws what is owed, also after the end.
func TestEnteredInErrorBySender(t *testing.T) {
	h := open(t, func(c *config.Config) {
		c.Records = []config.Record{{ODS: "*", BaseURL: "http://127.0.0.1:1/fhir", AllowPlainHTTP: true}}
		c.Relay.BackoffMin, c.Relay.BackoffMax = c.Relay.GiveUpAfter/2, c.Relay.GiveUpAfter
	})
	w := wires[1]
	h.want(h.send(w, w.message("new", 1, monday, "routine")), 200)
	task := h.task(1)
	h.want(h.change(task, claimBy("ours")), 200)
	h.want(h.change(task, func(v *element.Value) {
		v.SetString("status", "completed")
		v.Append("output", element.NewObject(element.F("type", object("text", "Outcome")), element.S("valueString", "done")))
	}), 200)
	h.want(h.send(w, []byte(`{"type":"referral","action":"cancel","id":"E-1","referralNumber":"SP-1","enteredInError":true,"cancelReason":"Wrong person"}`)), 200)
	if v := h.one("Task?_id=" + task); v.Str("status") != "entered-in-error" {
		t.Errorf("the Task is %s", v.Str("status"))
	}
	if v := h.one("ServiceRequest?identifier=SP-1"); v.Str("status") != "entered-in-error" {
		t.Errorf("the request is %s", v.Str("status"))
	}
	list := h.want(h.call("GET", "/admin/deliveries?task="+task, nil), 200).value(t)
	if len(list.Items) == 0 {
		t.Error("the delivery vanished")
	}
	for _, d := range list.Items {
		if s := d.Str("state"); s == "owed" {
			t.Errorf("a delivery of a referral entered in error is %s", s)
		}
	}
}

// TestOthersReferral: a sender reaches its own referrals only, also by an id
// that it was never told.
func TestOthersReferral(t *testing.T) {
	h := open(t, nil)
	h.want(h.send(wires[0], wires[0].message("new", 1, monday, "routine")), 200)
	if r := h.send(wires[1], wires[1].message("cancel", 2, tuesday, "")); r.status != 404 {
		t.Errorf("another sender cancels by number: %d", r.status)
	}
	id := h.one("ServiceRequest?identifier=SP-1").ID()
	if r := h.call("POST", "/intake/bars-r4", barsCancel(id, "")); r.status != 404 {
		t.Errorf("another sender cancels by id: %d: %s", r.status, r.body)
	}
}

// barsCancel is the cancellation of a request by the id it has here.
func barsCancel(id, identifier string) []byte {
	return []byte(`{"resourceType":"Bundle","id":"b-cancel","type":"message","timestamp":"2026-03-10T16:20:00Z","entry":[
	{"fullUrl":"urn:uuid:10000000-0000-4000-8000-000000000001","resource":{"resourceType":"MessageHeader",
	 "eventCoding":{"system":"https://fhir.nhs.uk/CodeSystem/message-events-bars","code":"servicerequest-request"},
	 "destination":[{"endpoint":"https://fhir.nhs.uk/Id/dos-service-id|1"}],"source":{"endpoint":"https://fhir.nhs.uk/Id/dos-service-id|2"},
	 "reason":{"coding":[{"system":"https://fhir.nhs.uk/CodeSystem/message-reason-bars","code":"update"}]},
	 "focus":[{"reference":"urn:uuid:10000000-0000-4000-8000-000000000002"}],
	 "definition":"https://fhir.nhs.uk/MessageDefinition/bars-message-servicerequest-request-cancelled"}},
	{"fullUrl":"urn:uuid:10000000-0000-4000-8000-000000000002","resource":{"resourceType":"ServiceRequest","id":"` + id + `",` + identifier + `
	 "status":"revoked","intent":"plan","authoredOn":"2026-03-01T10:12:00Z","subject":{"reference":"urn:uuid:10000000-0000-4000-8000-000000000003"}}}]}`)
}

// TestUpdatesBesideWork: updates of the sender and changes of the link worker
// at once; nothing of either is lost.
func TestUpdatesBesideWork(t *testing.T) {
	h := open(t, nil)
	w := wires[0]
	h.want(h.send(w, w.message("new", 1, monday, "routine")), 200)
	task := h.task(1)
	h.want(h.change(task, claimBy("ours")), 200)
	const each = 12
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range each {
			r, err := h.try("POST", "/intake/"+w.sender, w.message("modify", 100+i, tuesday, []string{"urgent", "stat"}[i%2]))
			if err != nil || r.status != 200 {
				t.Errorf("update: %d, %v", r.status, err)
			}
		}
	})
	wg.Go(func() {
		for i := 0; i < each; {
			r, err := h.try("GET", "/fhir/Task/"+task, nil)
			if err != nil || r.status != 200 {
				t.Errorf("read: %d, %v", r.status, err)
				return
			}
			v, err := element.Parse(r.body, element.Limits{})
			if err != nil {
				t.Error(err)
				return
			}
			v.Append("note", object("text", fmt.Sprintf("call %d", i)))
			if r, err = h.try("PUT", "/fhir/Task/"+task, v.JSON(), "Content-Type", fhirJSON, "If-Match", r.header.Get("ETag")); err != nil {
				t.Error(err)
				return
			}
			switch r.status {
			case 200:
				i++
			case 412: // an update came between
			default:
				t.Errorf("change: %d: %s", r.status, r.body)
				return
			}
		}
	})
	wg.Wait()
	calls, changes := 0, 0
	for _, n := range h.one("Task?_id=" + task).List("note") {
		switch {
		case strings.HasPrefix(n.Str("text"), "call "):
			calls++
		case strings.HasPrefix(n.Str("authorString"), "sender "):
			changes++
		}
	}
	if calls != each || changes != each {
		t.Errorf("%d notes of the link worker and %d of the sender, want %d of each", calls, changes, each)
	}
	if n := h.count("Provenance?target=Task/" + task + "&_count=100"); n != each+1 {
		t.Errorf("%d Provenances, want %d", n, each+1)
	}
}

// TestTwoUpdatesAtOnce: of updates that arrive together, all are taken, and the
// one made last is what stays.
func TestTwoUpdatesAtOnce(t *testing.T) {
	h := open(t, nil)
	w := wires[1]
	h.want(h.send(w, w.message("new", 1, monday, "routine")), 200)
	var wg sync.WaitGroup
	for i := range 8 {
		priority, sent := "urgent", fmt.Sprintf("2026-03-03T09:00:%02dZ", i)
		if i == 7 {
			priority = "stat"
		}
		wg.Go(func() {
			r, err := h.try("POST", "/intake/"+w.sender, w.message("modify", 10+i, sent, priority))
			if err != nil || r.status != 200 && r.status != 409 {
				t.Errorf("update: %d, %v", r.status, err)
			}
		})
	}
	wg.Wait()
	v := h.one("Task?_id=" + h.task(1))
	request := h.one("ServiceRequest?identifier=SP-1")
	if v.Str("priority") != "stat" || request.Str("priority") != "stat" {
		t.Errorf("priority %s and %s, want that of the latest update", v.Str("priority"), request.Str("priority"))
	}
}
