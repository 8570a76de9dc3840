package app_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestHazardWrongPatientByNumber: a message that names a referral by its number and
// carries somebody else is refused and changes nothing; one of which that is not
// certain is taken, and the Task says so; one that carries nobody is taken.
func TestHazardWrongPatientByNumber(t *testing.T) {
	const same, clear, doubt = "taken", "refused", "flagged"
	pid := func(number, name, born string) string { return "PID|1||" + number + "||" + name + "||" + born + "|1\r" }
	const nhs = "9990000379^^^NHS^NH"
	for i, c := range []struct{ name, pid, want string }{
		{"nobody", "", same},
		{"the same without a number", pid("", "CANARYBIRD^Z", "19700611"), same},
		{"a second name", pid("", "Canarybird-Quill^Zebedee", "19700611"), same},
		{"the year alone", pid("", "Canarybird^Zebedee", "1970"), same},
		{"the name alone", pid("", "Canarybird", ""), same},
		{"another name", pid("", "Quill^Zebedee", "19700611"), doubt},
		{"another name alone", pid("", "Quill", ""), doubt},
		{"another birth date", pid("", "Canarybird^Zebedee", "19711106"), doubt},
		{"somebody else", pid("", "Quill^Yorick", "19800101"), clear},
		{"another number", pid("9990000743^^^NHS^NH", "Canarybird^Zebedee", "19700611"), clear},
		{"the number, and otherwise somebody else", pid(nhs, "Quill^Yorick", "19800101"), doubt},
		{"a number of the sender", pid("H-1^^^RKB^MR", "Canarybird^Zebedee", "19700611"), same},
		{"a number of the sender and another birth date", pid("H-1^^^RKB^MR", "Canarybird^Zebedee", "19711106"), doubt},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := open(t, nil)
			h.want(h.call("POST", "/intake/hl7v2-ref", referral(1, "9990000379")), 200)
			cancel := fmt.Sprintf("MSH|^~\\&|EPR|Z00001|TIE|LINKLOOP|20260310091500+0000||REF^I14^REF_I12|C-%d|P|2.5.1\rRF1||R||||SP-1\r%sNTE|1||Moved away.\r", i, c.pid)
			r := h.call("POST", "/intake/hl7v2-ref", []byte(cancel))
			task := h.one("Task")
			got := same
			switch {
			case r.status == 409 && strings.Contains(string(r.body), "another person") && task.Str("status") == "requested":
				got = clear
			case r.status != 200 || task.Str("status") != "cancelled":
				got = "neither"
			case strings.Contains(string(task.JSON()), "demographics-conflict"):
				got = doubt
			}
			if got != c.want {
				t.Errorf("%s, want %s: %d %s, the Task is %s", got, c.want, r.status, r.body, task.Str("status"))
			}
		})
	}
	t.Run("json", func(t *testing.T) {
		h := open(t, nil)
		h.want(h.json(jsonReferral("new", "1", monday, `,"givenName":"Zebedee","dateOfBirth":"1970-06-11"`, "")), 200)
		for _, action := range []string{"modify", "cancel", "status"} {
			body := strings.Replace(string(jsonReferral(action, "x"+action, tuesday, `,"givenName":"Yorick","dateOfBirth":"1980-01-01"`, "")), "Canarybird", "Quill", 1)
			if r := h.json([]byte(body)); r.status != 409 {
				t.Errorf("%s of somebody else: %d: %s", action, r.status, r.body)
			}
		}
		h.want(h.json([]byte(`{"type":"referral","action":"cancel","id":"C-1","referralNumber":"SP-1"}`)), 200)
		if h.one("Task").Str("status") != "cancelled" {
			t.Error("a cancellation without a person is not taken")
		}
	})
}
