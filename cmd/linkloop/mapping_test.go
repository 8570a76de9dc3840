package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/app"
	"github.com/linkloop/linkloop/config"
	"github.com/linkloop/linkloop/mappings"
)

// samples are messages of made-up people in every kind of format. Marks are
// texts of them that the example must not hold.
var samples = map[string]struct{ body, says string }{
	"json": {`{"case":{"caseRef":"C-2026-00815","createdOn":"14/02/2026 09:30","urgency":"Routine"},
 "client":{"nhsNumber":"999 000 0018","surname":"Quillfeather","forenames":"Zebedee","dob":"03/07/1951","sex":"F",
 "homeAddress":{"line1":"12 Larkspur Row","town":"Leeds","postCode":"LS6 2AA"},"mobileNo":"07700 900123"},
 "referringGp":{"name":"Dr Quillfeather Jones","practiceName":"Oak Surgery","practiceCode":"B86001"},
 "problems":[{"code":"267076002","description":"Feeling lonely"}],
 "reason":"Zebedee Quillfeather has felt alone and would like company.","colour":"blue"}`, "SNOMED CT code           <- problems.code"},
	"csv": {"RefNo;NHS No;Surname;First Name;Date of Birth;Gender;Postcode;Tel;Referral Date;Practice Code;Reason\r\n" +
		"R-77;9990000018;Quillfeather;Zebedee;03-Jul-1951;2;LS6 2AA;0113 4960001;14-Feb-2026;B86001;\"Lonely;\nwants company\"\r\nR-78;;;;;;;;;;\r\n", "NHS number               <- `NHS No`"},
	"xml": {`<?xml version="1.0"?><Referral xmlns="urn:x"><ReferralNumber>RX-9</ReferralNumber><SentDate>2026-02-14T09:30:00Z</SentDate>
<Patient><NHSNumber>9990000018</NHSNumber><Name><Family>Quillfeather &amp; O&#39;Neill</Family><Given>Zebedee</Given></Name><DOB>1951-07-03</DOB>
<Address><Line>12 Larkspur Row</Line><Line>Flat 2</Line></Address></Patient><Referrer><OdsCode>B86001</OdsCode></Referrer></Referral>`, "family name              <- Referral.Patient.Name.Family"},
	"hl7": {strings.ReplaceAll("MSH|^~\\&|EPR|Z00001|TIE|LL|20260302091500||REF^I12^REF_I12|M-1|P|2.5.1\nRF1||R|||O|SP-1|20260302\n"+
		"PID|1||9990000018^^^NHS^NH||Quillfeather^Zebedee||19510703|2|||12 Larkspur Row^^Leeds\nNTE|1||Zebedee Quillfeather is lonely.\nZZZ|1|x\n", "\n", "\r"), "begun as a copy of hl7v2-ref"},
}

// TestMappingNew: what is proposed from a sample compiles, lints without an
// error and passes its first example, which holds nothing of who it was.
func TestMappingNew(t *testing.T) {
	for name, s := range samples {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			sample := filepath.Join(t.TempDir(), "sample")
			if err := os.WriteFile(sample, []byte(s.body), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := run(t, "mapping", "new", "acme", "--from", sample, "--folder", folder)
			if err != nil {
				t.Fatal(err)
			}
			says(t, out, s.says, "made anonymous")
			if out, err = run(t, "mapping", "lint", "--folder", folder); err != nil {
				t.Error(err)
			}
			says(t, out, "ok    acme")
			if out, err = run(t, "mapping", "test", "--folder", folder, "--min-coverage", "20"); err != nil {
				t.Error(err)
			}
			says(t, out, "0 failed", "rules gave a value")
			example, err := os.ReadFile(filepath.Join(folder, "acme", "examples", "first.txtar"))
			if err != nil {
				t.Fatal(err)
			}
			for _, mark := range []string{"Quillfeather", "Zebedee", "Larkspur", "9990000018", "999 000 0018", "0113 4960001"} {
				if strings.Contains(string(example), mark) {
					t.Errorf("the example holds %q", mark)
				}
			}
			says(t, string(example), `"birthDate": "1970-06-14"`, "-- want.json --")
			if _, err = run(t, "mapping", "new", "acme", "--from", sample, "--folder", folder); err == nil || !strings.Contains(err.Error(), "exists already") {
				t.Errorf("a mapping was written over: %v", err)
			}
		})
	}
}

// TestMappingDiff: before a change goes live it is seen what it does to stored
// messages, and which of their fields nothing comes of.
func TestMappingDiff(t *testing.T) {
	cfg := config.Default()
	cfg.HTTP.Listen, cfg.Admin.Listen, cfg.Data.Folder = "127.0.0.1:0", "127.0.0.1:0", t.TempDir()
	a, err := app.New(t.Context(), cfg, app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	a.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := a.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	res, err := http.Post(a.BaseURL()+"/intake/hl7v2-ref", "x-application/hl7-v2+er7", strings.NewReader(samples["hl7"].body))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	folder, server := t.TempDir(), "--server="+a.BaseURL()
	if err := os.CopyFS(folder, mappings.Files); err != nil {
		t.Fatal(err)
	}
	out, err := run(t, "mapping", "diff", "hl7v2-ref", "--folder", folder, server)
	if err != nil {
		t.Errorf("the same mapping differs: %v\n%s", err, out)
	}
	file := filepath.Join(folder, "hl7v2-ref", "mapping.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	change := func(from, to string) {
		if err := os.WriteFile(file, []byte(strings.Replace(string(text), from, to, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	change("family: <- PID-5.1", "family: <- PID-5.1 | upper")
	if out, err = run(t, "mapping", "diff", "hl7v2-ref", "--folder", folder, server); err == nil {
		t.Error("a change passes")
	}
	says(t, out, "Patient.name[].family", "1 changed", "(a value)")
	if strings.Contains(out, "Quillfeather") || strings.Contains(out, "QUILLFEATHER") {
		t.Error("values are shown without --values")
	}
	out, _ = run(t, "mapping", "diff", "hl7v2-ref", "--folder", folder, "--values", server)
	says(t, out, "Quillfeather", "QUILLFEATHER")
	change("gender: <- PID-8 | code(sex)", `gender: <- PID-30 | code(sex) | required("the sex is needed")`)
	out, _ = run(t, "mapping", "diff", "hl7v2-ref", "--folder", folder, server)
	says(t, out, "would now be refused", "the sex is needed", "1 now refused")

	if out, err = run(t, "mapping", "coverage", "hl7v2-ref", server); err != nil {
		t.Fatal(err)
	}
	says(t, out, "ZZZ-2", "1 messages", "Rules that gave a value for none")
	if strings.Contains(out, "Quillfeather") {
		t.Error("coverage shows values without --values")
	}
}

// TestMappingOutputs: forms for programs and for people.
func TestMappingOutputs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "m.hl7")
	body := strings.Replace(samples["hl7"].body, "Quillfeather^", "<script>alert(1)</script>^", 1)
	if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := run(t, "mapping", "explain", "hl7v2-ref", file, "--output", "html")
	if err != nil {
		t.Fatal(err)
	}
	says(t, out, "&lt;script&gt;", "Patient.name[0].family", "PID-5", "ZZZ-2", "color-scheme")
	if strings.Contains(out, "<script") {
		t.Error("the page runs what a message says")
	}
	for _, args := range [][]string{{"explain", "hl7v2-ref", file, "--output", "json"}, {"lint", "--json"}, {"schema"}} {
		out, err := run(t, append([]string{"mapping"}, args...)...)
		if err != nil || !json.Valid([]byte(out)) {
			t.Errorf("%v: %v, or no JSON", args, err)
		}
	}
	if out, err = run(t, "mapping", "list"); err != nil {
		t.Fatal(err)
	}
	says(t, out, "hl7v2-ref", "generic-json")
	if _, err = run(t, "mapping", "test", "hl7v2-ref", "--min-coverage", "101"); err == nil {
		t.Error("more than everything is covered")
	}
}
