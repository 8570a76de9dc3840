package scaffold_test

import (
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/scaffold"
)

// TestWhoRefers: who refers is whoever is called so, and the registered GP only
// where nobody is.
func TestWhoRefers(t *testing.T) {
	for _, tc := range []struct{ body, rule, check string }{
		{`{"gp":{"name":"Dr P Thistle"},"referrer":{"name":"Karen Tate"}}`, "- text: <- referrer.name | trim", "referrer.name was taken for who refers; gp.name names somebody too"},
		{`{"registeredGP":{"surname":"Thistle","forename":"Pat"},"referredBy":{"surname":"Tate","forename":"Karen"}}`, "- family: <- referredBy.surname | trim\n        given: ['<- referredBy.forename | trim']", "registeredGP.surname names somebody too"},
		{`{"gp":{"name":"Dr P Thistle"}}`, "- text: <- gp.name | trim", "gp.name was taken for who refers; it may be the GP with whom the person is registered"},
		{`{"clinicianName":"Dr P Thistle"}`, "- text: <- clinicianName | trim", ""},
	} {
		p := propose(t, tc.body)
		if got := string(p.Mapping); !strings.Contains(got, tc.rule) {
			t.Errorf("%s: no %s in\n%s", tc.body, tc.rule, got)
		}
		if all := strings.Join(p.Checks, "\n"); !strings.Contains(all, tc.check) || tc.check == "" && strings.Contains(all, "who refers;") {
			t.Errorf("%s: no check %q in\n%s", tc.body, tc.check, all)
		}
	}
}

// TestWhereOutcomesGo: the practice that refers is proposed as that where the
// person is registered, with a doubt, and only a practice is.
func TestWhereOutcomesGo(t *testing.T) {
	const gp = "generalPractitioner:\n      - identifier:\n          system: https://fhir.nhs.uk/Id/ods-organization-code\n          value: <- "
	for body, reads := range map[string]string{
		`{"hidden":{"practice_ods":"A81001"}}`:                                  "hidden.practice_ods | ods\n",
		`{"source":{"site":"A81001"}}`:                                          "source.site | ods\n",
		`{"source":{"orgCode":"RX901"}}`:                                        "",
		`{"gpSurgery":"Oak Surgery (A81099)"}`:                                  "gpSurgery | bracketed(ods)\n",
		`{"patient":{"registeredOrgCode":"A81002"},"source":{"site":"A81001"}}`: "patient.registeredOrgCode | ods\n",
	} {
		p := propose(t, body)
		got := string(p.Mapping)
		if reads == "" && strings.Contains(got, "generalPractitioner") || reads != "" && !strings.Contains(got, gp+reads) {
			t.Errorf("%s: no %s in\n%s", body, reads, got)
		}
		if all := strings.Join(p.Checks, "\n"); reads != "" && !strings.Contains(all, "is registered") {
			t.Errorf("%s: %s", body, all)
		}
	}
}

// TestNoNHSNumber: a Task says that the number is missing, also where the sender
// has words for that.
func TestNoNHSNumber(t *testing.T) {
	const tag = "meta:\n      tag:\n        - $unless: "
	for body, reads := range map[string]string{
		`{"nhs":"9990000018"}`:                                       "<- nhs\n",
		`{"nhsNumber":"not known"}`:                                  "'<- nhsNumber | except(\"not known\")'\n",
		`{"ids":[{"t":"MRN","v":"7"},{"t":"NHS","v":"9990000018"}]}`: "'<- ids[where t = \"NHS\"].v'\n",
		`{"surname":"Marsh"}`:                                        "",
	} {
		got := string(propose(t, body).Mapping)
		if reads == "" && strings.Contains(got, "nhs-number-missing") || reads != "" && !strings.Contains(got, tag+reads) {
			t.Errorf("%s: no %s in\n%s", body, reads, got)
		}
	}
	if got := string(propose(t, `{"nhsNumber":"not known"}`).Mapping); !strings.Contains(got, `<- nhsNumber | except("not known") | nhsNumber`) {
		t.Error(got)
	}
}

// TestColumnsOfAll: what a column is, all of its cells say.
func TestColumnsOfAll(t *testing.T) {
	rows := [][]string{
		{"999 000 0018", "QUILL, Zebedee", "Dr P Thistle", "Karen Tate (Care Navigator)", "ACT,LON", "Flat 2, 14 Quay Street, Hull", "HU1 1AA"},
		{"999 000 0026", "MARSH, Ivy", "Dr P Thistle", "Self", "MNY", "9 The Green, Beverley", "HU17 0AB"},
		{"999 000 0034", "DAY, Kim", "Green A", "Dr P Thistle (GP)", "LON,MNY,ACT", "c/o Day Centre", "HU1 1AB"},
	}
	if got, want := strings.Join(scaffold.ColumnNames(rows...), " "), "NHSNumber Name Clinician Referrer Codes Address Postcode"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := strings.Join(scaffold.ColumnNames([]string{"QUILL,IVY", "Dr P Thistle"}, []string{"MARSH,KIM", ""}), " "); got != "Name Referrer" {
		t.Error(got)
	}
	got := string(propose(t, `{"address":"Flat 2, 14 Quay Street, Hull","postcode":"HU1 1AA"}`).Mapping)
	for _, want := range []string{"line: <- address | addressLines", "city: <- address | addressTown", `postalCode: '= has("postcode") ? postcode(src("postcode")) : addressPostcode(src("address"))'`} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	if got := string(propose(t, `{"x":"14 Quay Street, Hull"}`).Mapping); !strings.Contains(got, "line: <- x | addressLines") {
		t.Error(got)
	}
}

// TestSaysWhatIsThere: what is said to be found stands in the rules.
func TestSaysWhatIsThere(t *testing.T) {
	for _, body := range []string{answered, `{"title":"Mrs","nhs":"9990000018"}`, `{"surname":"Marsh","forename":"Ivy","forename2":"Rose","title":"Mrs"}`,
		`{"referrer":{"surname":"Tate","name":"Karen Tate","forename":"Karen"},"gp":{"surname":"Thistle","forename":"Pat"}}`,
		`{"gp":{"name":"Dr Thistle","code":"A81001","surgery":"Oak Surgery (A81099)","tel":"01632 960001"}}`,
		`{"practice":{"code":"A81001"},"otherPractice":{"code":"A81002"},"myPracticeCode":"A81003"}`} {
		p := propose(t, body)
		_, rules, _ := strings.Cut(string(p.Mapping), "\nresources:\n")
		for _, g := range p.Found {
			if !strings.Contains(rules, g.Path) {
				t.Errorf("%s was taken for %s, and no rule reads it:\n%s", g.Path, g.As, rules)
			}
		}
	}
	if got := string(propose(t, `{"surname":"Marsh","forename":"Ivy","forename2":"Rose"}`).Mapping); !strings.Contains(got, "given: <- forename and forename2 | trim") {
		t.Error(got)
	}
}
