package app_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/inbound/hl7v2"
	mllpwire "github.com/linkloop/linkloop/adapter/mllp/wire"
	"github.com/linkloop/linkloop/config"
)

// event is the referral of a number as another event, sent on a day of March.
func event(n int, trigger string, day int, change ...string) []byte {
	words := append([]string{"REF^I12^REF_I12", "REF^" + trigger + "^REF_I12", fmt.Sprintf("|MSG-%d|", n), fmt.Sprintf("|MSG-%d-%s-%d|", n, trigger, day),
		"20260302091500", fmt.Sprintf("202603%02d091500", day)}, change...)
	return []byte(strings.NewReplacer(words...).Replace(string(referral(n, nobody(n)))))
}

// TestReferralLifeOverMLLP: new, modified, asked about, cancelled, asked about
// again, each answered with an RRI of its own event (HL7 v2.5.1 section 11.4)
// that says how the referral stands; what cannot be done is an ACK with the
// reason, and the connection goes on.
func TestReferralLifeOverMLLP(t *testing.T) {
	h := open(t, func(c *config.Config) {
		listening(c)
		c.Senders = []config.Sender{{Name: "hl7v2-ref", Mapping: "hl7v2-ref", HL7Answer: "rri"}}
	})
	c := h.mllp(mllpwire.Options{})
	status := func(word string) string { return "^" + word + "^http://hl7.org/fhir/task-status|" }
	for _, step := range []struct {
		what    string
		message []byte
		code    string
		says    []string
	}{
		{"a change of what is not here", event(1, "I13", 2), "AE", []string{"ACK^I13^ACK", "|204^"}},
		{"a question about what is not here", event(1, "I15", 2), "AE", []string{"ACK^I15^ACK", "|204^"}},
		{"new", event(1, "I12", 2), "AA", []string{"RRI^I12^RRI_I12", status("requested")}},
		{"a question", event(1, "I15", 3), "AA", []string{"RRI^I15^RRI_I12", status("requested")}},
		{"modified", event(1, "I13", 4, "Would like company.", "Would like to walk."), "AA", []string{"RRI^I13^RRI_I12", status("requested")}},
		{"a change that was overtaken", event(1, "I13", 3, "Would like company.", "Would like to sing."), "AE", []string{"ACK^I13^ACK", "out of date"}},
		{"cancelled", event(1, "I14", 5), "AA", []string{"RRI^I14^RRI_I12", status("cancelled")}},
		{"cancelled once more", event(1, "I14", 6), "AA", []string{"RRI^I14^RRI_I12", status("cancelled")}},
		{"a change behind the end", event(1, "I13", 7), "AE", []string{"the referral is over"}},
		{"the last question", event(1, "I15", 8), "AA", []string{"RRI^I15^RRI_I12", status("cancelled")}},
		{"another event", event(1, "I16", 9), "AR", []string{"ACK^I16^ACK", "|200^"}},
	} {
		answer, err := c.Send(t.Context(), step.message)
		if err != nil {
			t.Fatal(err)
		}
		acks, err := hl7v2.Acknowledgements(answer)
		if err != nil || len(acks) != 1 || acks[0].Code != step.code || !strings.Contains(string(step.message), "|"+acks[0].ID+"|") {
			t.Errorf("%s: %+v, %v, want %s\n%q", step.what, acks, err, step.code, answer)
		}
		for _, w := range step.says {
			if !strings.Contains(string(answer), w) {
				t.Errorf("%s: the answer does not say %s\n%q", step.what, w, answer)
			}
		}
		if strings.Contains(string(answer), "Canarybird") {
			t.Errorf("%s: the answer names the person", step.what)
		}
	}
	r := h.want(h.call("GET", "/fhir/ServiceRequest?identifier=SP-1", nil), 200).value(t).List("entry")
	if len(r) != 1 || r[0].TextAt("resource.status") != "revoked" || !strings.Contains(string(r[0].JSON()), "Would like to walk.") {
		t.Errorf("%d requests: %s", len(r), r[0].JSON())
	}
}

// TestDeletionAsked: an update that sends the HL7 null is taken and deletes
// nothing, and the Task says what was asked.
func TestDeletionAsked(t *testing.T) {
	h := open(t, func(c *config.Config) {
		listening(c)
		c.Senders = []config.Sender{{Name: "hl7v2-ref", Mapping: "hl7v2-ref"}}
	})
	h.want(h.call("POST", "/intake/hl7v2-ref", event(1, "I12", 2)), 200)
	h.want(h.call("POST", "/intake/hl7v2-ref", event(1, "I13", 3, "^PRN^PH^^^^^^^^^01943 490123", `""`)), 200)
	task := h.want(h.call("GET", "/fhir/Task/"+h.task(1), nil), 200).value(t)
	if !tagged(task, "delete-asked") || !strings.Contains(noted(task), "Patient.telecom[0] (PID-13)") {
		t.Errorf("the Task does not tell: %s", noted(task))
	}
	if got := h.who(task).TextAt("telecom.value"); got != "01943 490123" {
		t.Errorf("the telephone is %q", got)
	}
	// Of what is not here nothing can be deleted.
	h.want(h.call("POST", "/intake/hl7v2-ref", event(2, "I12", 4, "^PRN^PH^^^^^^^^^01943 490123", "", "9990000379", "9990000387")), 200)
	h.want(h.call("POST", "/intake/hl7v2-ref", event(2, "I13", 5, "^PRN^PH^^^^^^^^^01943 490123", `""`, "9990000379", "9990000387")), 200)
	if task := h.want(h.call("GET", "/fhir/Task/"+h.task(2), nil), 200).value(t); tagged(task, "delete-asked") {
		t.Errorf("what is not here is asked to be deleted: %s", noted(task))
	}
}

// TestEnhancedModeOnTheWire: every pair of MSH-15 and MSH-16 (table 0155) for a
// message that is accepted and for one that is kept and refused: which frames
// come, in which order, and none too many.
func TestEnhancedModeOnTheWire(t *testing.T) {
	h := open(t, listening)
	c := h.mllp(mllpwire.Options{})
	n := 0
	for _, x := range []struct{ commit, application, accepted, refused string }{
		{"", "", "AA", "AE"},
		{"AL", "", "CA", "CE"},
		{"AL", "NE", "CA", "CE"},
		{"AL", "AL", "CA AA", "CA AE"},
		{"AL", "ER", "CA", "CA AE"},
		{"AL", "SU", "CA AA", "CE"},
		{"NE", "AL", "AA", "AE"},
		{"", "AL", "AA", "AE"},
		{"NE", "ER", "", "AE"},
		{"NE", "SU", "AA", ""},
		{"NE", "NE", "", ""},
		{"ER", "NE", "", "CE"},
		{"ER", "AL", "AA", "AE"},
		{"SU", "AL", "CA AA", "CA AE"},
		{"SU", "ER", "CA", "CA AE"},
	} {
		for _, accepted := range []bool{true, false} {
			n++
			message := strings.Replace(string(referral(n, nobody(n))), "|P|2.5.1", "|P|2.5.1|||"+x.commit+"|"+x.application, 1)
			want := strings.Fields(x.accepted)
			if !accepted {
				message = strings.Replace(message, "Canarybird^Zebedee", "", 1)
				want = strings.Fields(x.refused)
			}
			if err := c.Post(t.Context(), []byte(message)); err != nil {
				t.Fatal(err)
			}
			// Behind it one that is answered in any case, so that nothing more
			// than what is wanted comes before.
			n++
			if err := c.Post(t.Context(), referral(n, nobody(n))); err != nil {
				t.Fatal(err)
			}
			var got []string
			for {
				frame, err := c.Receive(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				acks, err := hl7v2.Acknowledgements(frame)
				if err != nil || len(acks) != 1 {
					t.Fatalf("%+v, %v", acks, err)
				}
				if acks[0].ID == fmt.Sprintf("MSG-%d", n) {
					break
				}
				got = append(got, acks[0].Code)
			}
			if strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("MSH-15 %q, MSH-16 %q, accepted %v: %v, want %v", x.commit, x.application, accepted, got, want)
			}
		}
	}
}

// TestFileOfBatches: a file (FHS) of two batches over MLLP, each message with a
// fate of its own: accepted, kept and refused, not readable, of another type.
func TestFileOfBatches(t *testing.T) {
	h := open(t, listening)
	c := h.mllp(mllpwire.Options{})
	unnamed := strings.Replace(string(referral(2, nobody(2))), "Canarybird^Zebedee", "", 1)
	broken := strings.Replace(string(referral(3, nobody(3))), "PID|1|", "not a segment\rPID|1|", 1)
	other := strings.Replace(string(referral(5, nobody(5))), "REF^I12^REF_I12", "ADT^A01^ADT_A01", 1)
	file := "FHS|^~\\&|EPR|Z00001|TIE|LINKLOOP|20260302||night||F-1\r" +
		"BHS|^~\\&|EPR|Z00001|TIE|LINKLOOP|20260302||one||B-1\r" + string(referral(1, nobody(1))) + unnamed + broken + "BTS|3\r" +
		"BHS|^~\\&|EPR|Z00001|TIE|LINKLOOP|20260302||two||B-2\r" + string(referral(4, nobody(4))) + other + string(event(1, "I14", 3)) + "BTS|3\r" +
		"FTS|2\r"
	const want = "AA MSG-1,AE MSG-2,AR MSG-3,AA MSG-4,AR MSG-5,AA MSG-1-I14-3,"
	for range 2 { // the same file again is answered alike and makes nothing
		answer, err := c.Send(t.Context(), []byte(file))
		if err != nil {
			t.Fatal(err)
		}
		acks, err := hl7v2.Acknowledgements(answer)
		got := ""
		for _, a := range acks {
			got += a.Code + " " + a.ID + ","
		}
		if err != nil || got != want {
			t.Errorf("%s, %v, want %s\n%q", got, err, want, answer)
		}
		h.task(1)
		h.task(4)
	}
	total := h.want(h.call("GET", "/fhir/ServiceRequest?_summary=count", nil), 200).value(t).TextAt("total")
	if total != "2" {
		t.Errorf("%s referrals, want 2", total)
	}
	if codes, _ := acknowledged(t, c, referral(6, nobody(6))); codes != "AA" {
		t.Errorf("the connection does not go on: %s", codes)
	}
}
