package app_test

import (
	"bytes"
	"io/fs"
	"strconv"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/app"
	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/config"
	"github.com/linkloop/linkloop/mappings"
)

// TestShippedSenders sends every example of a new referral of every shipped
// mapping to a house: those that must map are accepted and make a Task, those
// that must not are refused.
func TestShippedSenders(t *testing.T) {
	for _, name := range mappings.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t, nil)
			examples, err := mapping.Examples(mappings.FS(), name)
			if err != nil {
				t.Fatal(err)
			}
			m, err := app.CompileMapping(mappings.FS(), name)
			if err != nil {
				t.Fatal(err)
			}
			accepted := 0
			for _, ex := range examples {
				text, err := fs.ReadFile(mappings.FS(), ex.File)
				if err != nil {
					t.Fatal(err)
				}
				refused := bytes.Contains(text, []byte("-- want.err --"))
				if !refused && other(text) {
					continue // is about a referral that another message made
				}
				r := h.call("POST", "/intake/"+name, ex.Input)
				if ok := r.status < 300; ok == refused || r.status >= 500 {
					t.Errorf("%s: status %d, refused is %v", ex.Name, r.status, refused)
				} else if ok {
					accepted++
				}
			}
			total := h.want(h.call("GET", "/fhir/Task?_summary=count", nil), 200).value(t).TextAt("total")
			if total != strconv.Itoa(accepted) || accepted < 2 {
				t.Errorf("%s Tasks of %d accepted messages, format %s", total, accepted, m.Format())
			}
		})
	}
}

// other reports whether an example wants something else than a new referral.
func other(text []byte) bool {
	for _, word := range []string{"modify", "cancel", "status"} {
		if bytes.Contains(text, []byte(`"intention": "`+word+`"`)) {
			return true
		}
	}
	return false
}

// TestNobodyIsMatchedByName: two people of one name and birth date who ask for
// help without an NHS number are two Patients, and both are found as such.
func TestNobodyIsMatchedByName(t *testing.T) {
	h := open(t, nil)
	const form = `{"submissionId": "$n", "submittedAt": "2026-03-02T10:15:00Z", "referredBy": "self",
		"person": {"name": "Zebedee Canarybird", "dateOfBirth": "14/06/1970", "mobile": "07700 900123"}, "needs": ["lonely"]}`
	for _, n := range []string{"1", "2"} {
		h.want(h.call("POST", "/intake/community-form", []byte(strings.Replace(form, "$n", n, 1))), 200)
	}
	tasks := h.want(h.call("GET", "/fhir/Task?_tag=urn:linkloop:codesystem:data-quality|nhs-number-missing", nil), 200).value(t).List("entry")
	if len(tasks) != 2 || tasks[0].TextAt("resource.for.reference") == tasks[1].TextAt("resource.for.reference") {
		t.Fatalf("%d Tasks are found, for %s", len(tasks), tasks[0].TextAt("resource.for.reference"))
	}
	for _, task := range tasks {
		if !strings.Contains(task.TextAt("resource.note.text"), "without an NHS number") {
			t.Error("the Task does not say so in words")
		}
	}
	if strings.Contains(h.log.String(), "Canarybird") {
		t.Error("a name stands in the log")
	}
}

// TestConstantOfNoMapping: a name that is spelt wrongly would set nothing.
func TestConstantOfNoMapping(t *testing.T) {
	cfg := config.Default()
	cfg.Data.Folder = t.TempDir()
	cfg.Senders = []config.Sender{{Name: "a", Mapping: "generic-json", Constants: []config.Constant{{Name: "referral_system", Value: "x"}}}}
	_, err := app.New(t.Context(), cfg, app.Options{})
	if err == nil || !strings.Contains(err.Error(), `no constant "referral_system"; it has referralSystem`) {
		t.Errorf("the error is %v", err)
	}
}

// TestNoPracticeIsToldAtOnce: a referral from which no practice with an ODS
// code can be told is flagged when it comes in, on the Task and in the receipt,
// and not when its work is over; where the form is expected to name none, the
// receipt says it as information.
func TestNoPracticeIsToldAtOnce(t *testing.T) {
	h := open(t, nil)
	const body = `{"type": "referral", "id": "GJ-$n", "referralNumber": "GJ-$n", "createdAt": "2026-03-02T10:15:00Z",
		"patient": {"nhsNumber": "9990000018", "familyName": "Canarybird", "givenNames": ["Jo"], "birthDate": "1970-06-14"$patient},
		"referrer": {"name": "Dr Jo Wren"$referrer}}`
	const form = `{"submissionId": "$n", "submittedAt": "2026-03-02T10:15:00Z", "referredBy": "self",
		"person": {"name": "Zebedee Canarybird", "dateOfBirth": "14/06/1970", "mobile": "07700 900123"$patient}, "needs": ["lonely"]}`
	want := 0
	for i, c := range []struct {
		sender, body, patient, referrer, severity string
	}{
		{"generic-json", body, "", "", "warning"},
		{"generic-json", body, "", `, "practiceName": "Riverside Surgery"`, "warning"},
		{"generic-json", body, "", `, "practiceOdsCode": "A81001"`, ""},
		{"generic-json", body, `, "practiceOdsCode": "A81001"`, "", ""},
		{"generic-json", body, "", "", ""}, // the practice of the person is on record by now
		{"community-form", form, "", "", "information"},
		{"community-form", form, `, "gpPracticeCode": "A81001"`, "", ""},
	} {
		n := strconv.Itoa(i)
		text := strings.NewReplacer("$n", n, "$patient", c.patient, "$referrer", c.referrer).Replace(c.body)
		r := h.want(h.call("POST", "/intake/"+c.sender, []byte(text)), 200)
		if told := strings.Contains(string(r.body), "practice-missing"); told != (c.severity != "") {
			t.Errorf("%d: the receipt says %s", i, r.body)
		}
		if c.severity != "" {
			want++
			if !strings.Contains(string(r.body), c.severity) {
				t.Errorf("%d: the receipt does not say %s: %s", i, c.severity, r.body)
			}
		}
	}
	tasks := h.want(h.call("GET", "/fhir/Task?_tag=urn:linkloop:codesystem:data-quality|practice-missing", nil), 200).value(t).List("entry")
	if len(tasks) != want {
		t.Fatalf("%d Tasks are found, want %d", len(tasks), want)
	}
	for _, task := range tasks {
		if !strings.Contains(string(element.Canonical(task.Get("resource"))), "nobody will know whose record") {
			t.Error("the Task does not say so in words")
		}
	}
}
