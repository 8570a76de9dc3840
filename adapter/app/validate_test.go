package app_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/app"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/profile"
	"github.com/linkloop/linkloop/config"
	"github.com/linkloop/linkloop/conformance"
	"github.com/linkloop/linkloop/mappings"
)

// told lists the issues of an OperationOutcome: severity code expression.
func told(t *testing.T, r response) []string {
	t.Helper()
	var out []string
	for _, is := range r.value(t).List("issue") {
		out = append(out, strings.TrimSpace(is.Str("severity")+" "+is.Str("code")+" "+is.TextAt("expression")))
	}
	return out
}

// TestValidate asks $validate in every way there is. Whatever is found, the
// answer is 200; nothing is written.
func TestValidate(t *testing.T) {
	h := open(t, nil)
	h.want(h.call("POST", "/intake/hl7v2-ref", referral(1, "9990000018")), 200)
	id := h.task(1)
	stored := string(h.want(h.call("GET", "/fhir/Task/"+id, nil), 200).body)
	const fine = "information informational"
	const patient = `{"resourceType":"Patient","name":[{"family":"Canarybird"}]}`
	broken := strings.Replace(patient, `"name"`, `"gender":"mal","name"`, 1)
	parameters := func(resource, rest string) string {
		return `{"resourceType":"Parameters","parameter":[{"name":"resource","resource":` + resource + `}` + rest + `]}`
	}
	mode := func(m string) string { return `,{"name":"mode","valueCode":"` + m + `"}` }
	task := "/fhir/Task/" + id + "/$validate"
	tests := []struct {
		name, method, path, body string
		status                   int
		want                     []string
	}{
		{"a good resource", "POST", "/fhir/Patient/$validate", patient, 200, []string{fine}},
		{"a broken one", "POST", "/fhir/Patient/$validate", broken, 200, []string{"error code-invalid Patient.gender"}},
		{"a narrative that is no XHTML", "POST", "/fhir/Patient/$validate", strings.Replace(patient, `"name"`, `"text":{"status":"generated","div":"<p>Canarybird"},"name"`, 1), 200,
			[]string{"warning structure Patient.text.div"}},
		{"on the server", "POST", "/fhir/$validate", broken, 200, []string{"error code-invalid Patient.gender"}},
		{"on the server, of a type that is not served", "POST", "/fhir/$validate", `{"resourceType":"Coverage","statu":"active"}`, 200,
			[]string{"error structure Coverage", "error required Coverage.status", "error required Coverage.beneficiary", "error required Coverage.payor"}},
		{"of another type", "POST", "/fhir/Task/$validate", patient, 200, []string{"error invalid resourceType"}},
		{"of a rule of this house", "POST", "/fhir/ServiceRequest/$validate", `{"resourceType":"ServiceRequest","status":"active","intent":"order","subject":{"reference":"Patient/1"},"code":{"text":"x"}}`, 200,
			[]string{"error required ServiceRequest.authoredOn"}},
		{"an unusable code", "POST", "/fhir/Procedure/$validate", `{"resourceType":"Procedure","status":"completed","subject":{"reference":"Patient/1"},"code":{"coding":[{"system":"http://snomed.info/sct","code":"38341004"}]}}`, 200,
			[]string{"error code-invalid Procedure.code.coding[0].code"}},
		{"in Parameters", "POST", "/fhir/Patient/$validate", parameters(broken, ""), 200, []string{"error code-invalid Patient.gender"}},
		{"a profile in the URL", "POST", "/fhir/Patient/$validate?profile=urn:x", patient, 200, []string{"error not-found Patient"}},
		{"a profile in Parameters", "POST", "/fhir/Task/$validate", parameters(stored, `,{"name":"profile","valueUri":"urn:linkloop:profile:referral-task"}`), 200, []string{fine}},
		{"a profile of another type", "POST", "/fhir/Patient/$validate", parameters(patient, `,{"name":"profile","valueUri":"urn:linkloop:profile:referral-task"}`), 200, []string{"error invalid Patient"}},
		{"a profile that is claimed", "POST", "/fhir/Patient/$validate", strings.Replace(patient, `"name"`, `"meta":{"profile":["urn:y"]},"name"`, 1), 200, []string{"warning not-found Patient"}},
		{"create", "POST", "/fhir/Patient/$validate", parameters(patient, mode("create")), 200, []string{fine}},
		{"create that would be refused", "POST", "/fhir/Task/$validate", parameters(strings.Replace(strings.Replace(stored, `"requested"`, `"completed"`, 1), id, "new", 1), mode("create")), 200, []string{"error business-rule Task.status"}},
		{"update", "POST", task, parameters(stored, mode("update")), 200, []string{fine}},
		{"update that would be refused", "POST", task, parameters(strings.Replace(stored, `"status":"requested"`, `"status":"completed"`, 1), mode("update")), 200, []string{"error business-rule Task.status"}},
		{"update with another id", "POST", task, parameters(strings.Replace(stored, `"id":"`+id, `"id":"x`+id, 1), mode("update")), 200, []string{"error value Task.id"}},
		{"delete that would be refused", "POST", task, `{"resourceType":"Parameters","parameter":[{"name":"mode","valueCode":"delete"}]}`, 200, []string{"error not-supported"}},
		{"the stored one by GET", "GET", task, "", 200, []string{fine}},
		{"the stored one by POST", "POST", task, "", 200, []string{fine}},
		{"the stored one against a profile", "GET", task + "?mode=profile&profile=urn:linkloop:profile:referral-task", "", 200, []string{fine}},
		{"nobody", "GET", "/fhir/Task/nobody/$validate", "", 404, []string{"error not-found"}},
		{"of a type that is not served", "POST", "/fhir/Coverage/$validate", "{}", 404, []string{"error not-found"}},
		{"no mode", "POST", "/fhir/Patient/$validate?mode=make", patient, 400, []string{"error structure"}},
		{"delete of a type", "POST", "/fhir/Patient/$validate?mode=delete", patient, 400, []string{"error structure"}},
		{"nothing", "POST", "/fhir/Patient/$validate", "", 400, []string{"error structure"}},
		{"no JSON", "POST", "/fhir/Patient/$validate", `{"resourceType":`, 400, []string{"error structure"}},
		{"another parameter", "POST", "/fhir/Patient/$validate", parameters(patient, `,{"name":"x"}`), 400, []string{"error invalid Parameters.parameter.name"}},
	}
	before := h.want(h.call("GET", "/fhir/_history", nil), 200).value(t).TextAt("total")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := h.call(tt.method, tt.path, []byte(tt.body), "Content-Type", fhirJSON)
			if got := told(t, r); r.status != tt.status || strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
				t.Errorf("%d %q, want %d %q\n%s", r.status, got, tt.status, tt.want, r.body)
			}
		})
	}
	if after := h.want(h.call("GET", "/fhir/_history", nil), 200).value(t).TextAt("total"); after != before {
		t.Errorf("%s versions before, %s after: something was written", before, after)
	}
	if now := string(h.want(h.call("GET", "/fhir/Task/"+id, nil), 200).body); now != stored {
		t.Error("the Task was changed")
	}
}

// TestIntakeMeetsOwnProfiles: every referral of every shipped sender comes out
// as the profiles of this house describe it.
func TestIntakeMeetsOwnProfiles(t *testing.T) {
	own, err := profile.ReadFolder(conformance.Files, "linkloop", "1")
	if err != nil {
		t.Fatal(err)
	}
	library := profile.NewLibrary(own)
	h := open(t, nil)
	for _, name := range mappings.Names() {
		examples, err := mapping.Examples(mappings.FS(), name)
		if err != nil {
			t.Fatal(err)
		}
		for _, ex := range examples {
			h.call("POST", "/intake/"+name, ex.Input)
		}
	}
	for typ, canonical := range map[string]string{"Task": "urn:linkloop:profile:referral-task", "ServiceRequest": "urn:linkloop:profile:referral-request"} {
		n := 0
		for _, e := range h.want(h.call("GET", "/fhir/"+typ+"?_count=500", nil), 200).value(t).List("entry") {
			v := e.Get("resource")
			if v.ResourceType() != typ {
				continue
			}
			n++
			for _, is := range library.Check(t.Context(), v, []string{canonical}, profile.Checking{}) {
				t.Errorf("%s/%s: %+v", typ, v.ID(), is)
			}
		}
		if n < 20 {
			t.Errorf("%d of %s are too few to mean anything", n, typ)
		}
	}
}

const (
	ukCorePackage  = "../../../shared/corpus/packages/fhir.r4.ukcore.stu2-2.0.2.tgz"
	ukCore         = "https://fhir.hl7.org.uk/StructureDefinition/UKCore-"
	twoNHSNumbers  = `"identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"},{"system":"https://fhir.nhs.uk/Id/nhs-number"}]`
	dataQualityTag = "urn:linkloop:codesystem:data-quality|profile-broken"
)

// TestIntakeMeetsUKCore: what shipped mappings make of their examples breaks no
// profile of UK Core, so that no good referral is flagged where these are held
// against, but for languages that the sender says in words or in codes of its own.
func TestIntakeMeetsUKCore(t *testing.T) {
	f, err := os.Open(ukCorePackage)
	if err != nil {
		t.Skip("the corpus is not there")
	}
	defer f.Close()
	p, err := profile.ReadPackage(f)
	if err != nil {
		t.Fatal(err)
	}
	library := profile.NewLibrary(p)
	h := open(t, nil)
	for _, name := range mappings.Names() {
		examples, err := mapping.Examples(mappings.FS(), name)
		if err != nil {
			t.Fatal(err)
		}
		for _, ex := range examples {
			h.call("POST", "/intake/"+name, ex.Input)
		}
	}
	verified := 0
	for _, typ := range []string{"Patient", "Practitioner", "PractitionerRole", "Organization", "ServiceRequest"} {
		for _, e := range h.want(h.call("GET", "/fhir/"+typ+"?_count=500", nil), 200).value(t).List("entry") {
			v := e.Get("resource")
			if strings.Contains(string(v.JSON()), "NHSNumberVerificationStatus") {
				verified++
			}
			for _, is := range library.CheckClaims(t.Context(), v, []string{ukCore + typ}, profile.Checking{}) {
				if is.Severity == "error" && is.Expression != "Patient.communication[0].language" {
					t.Errorf("%s/%s: %+v", typ, v.ID(), is)
				}
			}
		}
	}
	if verified < 5 {
		t.Errorf("%d people with a state of their number are too few to mean anything", verified)
	}
}

// TestStrictness: what breaks a profile is refused or flagged, as the source
// is configured.
func TestStrictness(t *testing.T) {
	if _, err := os.Stat(ukCorePackage); err != nil {
		t.Skip("the corpus is not there")
	}
	h := open(t, func(c *config.Config) {
		c.Validation = config.Validation{Packages: []string{ukCorePackage}, Profiles: []string{ukCore + "Patient", ukCore + "Organization"}}
		c.Clients = []config.Client{
			{Name: "strict", Role: config.RolePractice, Organization: "Z00001", TokenSHA256: sha("strict")},
			{Name: "lenient", Role: config.RolePractice, Organization: "Z00001", TokenSHA256: sha("lenient"), Validation: config.ValidationFlag},
			{Name: "gp", Role: config.RoleSender, Senders: []string{"taken", "refused"}, TokenSHA256: sha("gp")},
		}
		c.Senders = []config.Sender{{Name: "taken", Mapping: "generic-json"}, {Name: "refused", Mapping: "generic-json", Validation: config.ValidationRefuse}}
	})
	header := func(token string, more ...string) []string {
		return append([]string{"Authorization", "Bearer " + token, "Content-Type", fhirJSON}, more...)
	}
	broken := []byte(`{"resourceType":"Patient",` + twoNHSNumbers + `,"name":[{"family":"Canarybird"}]}`)

	r := h.call("POST", "/fhir/Patient", broken, header("strict")...)
	h.refused(r, 422, "required", "is required [UKCorePatient]")
	if got := fmt.Sprint(told(t, r)); !strings.Contains(got, "error structure Patient.identifier") {
		t.Errorf("issues %s", got)
	}

	r = h.want(h.call("POST", "/fhir/Patient", broken, header("lenient", "Prefer", "return=OperationOutcome")...), 201)
	if got := fmt.Sprint(told(t, r)); !strings.Contains(got, "warning structure Patient.identifier") {
		t.Errorf("the answer does not say what is wrong: %s", got)
	}
	found := h.want(h.call("GET", "/fhir/Patient?_tag="+dataQualityTag, nil, header("lenient")...), 200).value(t).List("entry")
	if len(found) != 1 {
		t.Errorf("%d Patients are flagged, want 1", len(found))
	}

	// A version that meets the profile has the flag no more, and nobody raises
	// or keeps it by sending it.
	const ods = `{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"Z00001"}`
	organization := func(id, use string) []byte {
		if id != "" {
			id = `"id":"` + id + `",`
		}
		return []byte(`{"resourceType":"Organization",` + id + `"meta":{"tag":[{"system":"urn:x","code":"y"},{"system":"urn:linkloop:codesystem:data-quality","code":"profile-broken"}]},
			"identifier":[` + ods + `],"name":"Oakwood","telecom":[{"system":"phone","value":"0113 496 0101","use":"` + use + `"}]}`)
	}
	r = h.want(h.call("POST", "/fhir/Organization", organization("", "work"), header("lenient")...), 201)
	if strings.Contains(string(r.body), "profile-broken") || !strings.Contains(string(r.body), "urn:x") {
		t.Errorf("a client raised a flag: %s", r.body)
	}
	id := r.value(t).ID()
	for _, step := range []struct {
		use     string
		flagged bool
	}{{"home", true}, {"home", true}, {"work", false}} {
		r = h.want(h.call("PUT", "/fhir/Organization/"+id, organization(id, step.use), header("lenient")...), 200)
		if n := strings.Count(string(r.body), "profile-broken"); n > 1 || (n == 1) != step.flagged {
			t.Errorf("flagged should be %v: %s", step.flagged, r.body)
		}
	}
	h.refused(h.call("PUT", "/fhir/Organization/"+id, organization(id, "home"), header("strict")...), 422, "invariant", "(org-3) [UKCoreOrganization]")

	const code = `{"resourceType":"Patient","name":[{"family":"Canarybird"}],"identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000019"}]}`
	h.refused(h.call("POST", "/fhir/Patient", []byte(code), header("strict")...), 422, "code-invalid", "check digit")
	r = h.want(h.call("POST", "/fhir/Patient", []byte(code), header("lenient")...), 201)
	if v := r.value(t); v.TextAt("meta.tag.code") != "nhs-number-check-digit" || v.TextAt("identifier.system") != "" {
		t.Errorf("the number still counts, or nothing says that it does not: %s", r.body)
	}

	referral := func(n string) []byte {
		return []byte(`{"type":"referral","id":"` + n + `","referralNumber":"` + n + `","createdAt":"2026-03-02T10:15:00Z",
			"patient":{"nhsNumber":"9990000019","familyName":"Canarybird","givenNames":["Jo"],"birthDate":"1970-06-14"},"referrer":{"name":"Dr Jo Wren","practiceOdsCode":"A81001"}}`)
	}
	h.want(h.call("POST", "/intake/taken", referral("1"), header("gp")...), 200)
	if r := h.call("POST", "/intake/refused", referral("2"), header("gp")...); r.status != 422 || !strings.Contains(string(r.body), "check digit") {
		t.Errorf("a strict sender is answered %d %s", r.status, r.body)
	}
}

// TestProfilesThatDoNotLoad: a package or a profile that is not there stops the
// start and says which.
func TestProfilesThatDoNotLoad(t *testing.T) {
	for _, tt := range []struct {
		v    config.Validation
		says string
	}{
		{config.Validation{Packages: []string{"nowhere.tgz"}}, "validation.packages[1]"},
		{config.Validation{Packages: []string{"validate_test.go"}}, ".tgz file"},
		{config.Validation{Profiles: []string{"urn:x"}}, "profile urn:x: this profile is not loaded"},
	} {
		cfg := config.Default()
		cfg.HTTP.Listen, cfg.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0"
		cfg.Data.Folder, cfg.Validation = t.TempDir(), tt.v
		_, err := app.New(t.Context(), cfg, app.Options{})
		if err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%v, want an error that says %q", err, tt.says)
		}
	}
}

// TestValidateXML: Parameters and the answer may be XML, too.
func TestValidateXML(t *testing.T) {
	h := open(t, nil)
	const body = `<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="resource"/><resource><Patient><gender value="mal"/></Patient></resource></parameter></Parameters>`
	r := h.want(h.call("POST", "/fhir/Patient/$validate", []byte(body), "Content-Type", "application/fhir+xml"), 200)
	if s := string(r.body); !strings.Contains(s, `<expression value="Patient.gender"/>`) || !strings.Contains(s, "male") {
		t.Errorf("the answer is %s", s)
	}
}
