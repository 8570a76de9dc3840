package scaffold_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/inbound/jsondoc"
	"github.com/linkloop/linkloop/adapter/inbound/xmldoc"
	"github.com/linkloop/linkloop/adapter/scaffold"
)

// answered is what a form builder sends: what an answer means hangs on the
// reference of its question.
const answered = `{"event_id":"01HQ77","form_response":{"form_id":"qq1","token":"tk-91","submitted_at":"2026-03-02T10:15:00Z","ending":{"ref":"01GR"},"answers":[
{"type":"choice","choice":{"label":"Make a new referral"},"field":{"id":"a0","ref":"what_for","type":"multiple_choice","title":"What do you want to do?"}},
{"type":"text","text":"MARSH, Ivy (Mrs)","field":{"id":"a1","ref":"pt_name","type":"short_text","title":"Full name"}},
{"type":"text","text":"999 000 0018","field":{"id":"a2","ref":"pt_nhs","type":"short_text","title":"NHS number (if known)"}},
{"type":"text","text":"22nd Feb 1938","field":{"id":"a3","ref":"pt_dob","type":"short_text","title":"Date of birth"}},
{"type":"text","text":"9 Larkspur Row\nLeeds\nLS6 2AA","field":{"id":"a4","ref":"q5","type":"long_text","title":"Home address"}},
{"type":"phone_number","phone_number":"07700 900123","field":{"id":"a5","ref":"nok_phone","type":"phone_number","title":"Next of kin"}},
{"type":"choices","choices":{"ids":["x","y"],"labels":["Loneliness","Debt"]},"field":{"id":"a6","ref":"needs","type":"multiple_choice","title":"Needs"}},
{"type":"boolean","boolean":true,"field":{"id":"a7","ref":"urgent","type":"yes_no","title":"Is it urgent?"}},
{"type":"text","text":"Somali","field":{"id":"a8","ref":"language","type":"short_text","title":"Language"}}]}}`

// TestForm: answers are told by their questions, and what describes the
// questions is never taken for content.
func TestForm(t *testing.T) {
	p := propose(t, answered)
	got := string(p.Mapping)
	for _, want := range []string{"value: '<- form_response.answers[where field.ref = pt_nhs].text | nhsNumber'", "birthDate: '<- form_response.answers[where field.ref = pt_dob].text | date(\"do MMM yyyy\")'",
		"family: '<- form_response.answers[where field.ref = pt_name].text | familyName'", "postalCode: '<- form_response.answers[where field.ref = q5].text | addressPostcode'",
		`'<- each form_response.answers[where field.ref = needs].choices.labels | text | join("\n")'`, "priority: '<- form_response.answers[where field.ref = urgent].boolean | lower | code(priority)'",
		"<- form_response.token | trim | required", "# CHECK: form_response.token was taken for the number of the referral",
		"ignores:\n  - form_response.answers.type\n  - form_response.answers.field.id\n  - form_response.answers.field.type\n  - form_response.answers.field.title\n",
		"form_response.answers[where field.ref = what_for].choice.label may say what a message wants", "#   form_response.answers[where field.ref = language].text\n",
		"#   form_response.answers[where field.ref = nok_phone].phone_number\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	for _, g := range p.Found {
		if strings.Contains(g.Path, ".field.") || strings.HasSuffix(g.Path, ".ids") {
			t.Errorf("%s was taken for %s", g.Path, g.As)
		}
	}
	if slices.ContainsFunc(p.Unused, func(u string) bool { return strings.Contains(u, ".field.") }) {
		t.Errorf("what describes questions floods the list: %q", p.Unused)
	}
	if table := string(p.Vocabulary["priority.json"]); !strings.Contains(table, `"code": "true"`) {
		t.Errorf("yes to urgent is in no table: %s", table)
	}
}

// TestForms: the key is the member that tells the questions apart; a list of
// other things is no form.
func TestForms(t *testing.T) {
	for _, tc := range []struct{ body, path string }{
		{`{"q":[{"question":"Date of birth","answer":"14/06/1951"},{"question":"NHS number","answer":"9990000018"},{"question":"Home address","answer":"x"}]}`, `q[where question = "Date of birth"].answer`},
		{"{\"q\":[{\"question\":\"Date\u00a0of birth\",\"answer\":\"14/06/1951\"},{\"question\":\"NHS number\",\"answer\":\"9990000018\"},{\"question\":\"Home address\",\"answer\":\"x\"}]}", "q[where question = \"Date\u00a0of birth\"].answer"},
		{`{"q":[{"id":"6f1a","key":"dateOfBirth","v":"14/06/1951"},{"id":"6f1b","key":"nhsNumber","v":"9990000018"},{"id":"6f1c","key":"postCode","v":"LS6 2AA"}]}`, `q[where key = dateOfBirth].v`},
		{`{"q":[{"ref":"pt-dob","v":"14/06/1951"},{"ref":"pt-nhs","v":"9990000018"},{"ref":"pt-phone","v":"x"}]}`, `q[where ref = "pt-dob"].v`},
		{`{"q":[{"name":"dob","text":"Date of birth","answer":"14/06/1951"},{"name":"nhs_number","text":"NHS no","answer":"9990000018"},{"name":"full_name","text":"Name","answer":"Ivy Day"}]}`, "q[where name = dob].answer"},
		{`{"q":[{"role":"gp","name":"Ann Quill"},{"role":"carer","name":"Tom Marsh"},{"role":"neighbour","name":"Ivy Day"}]}`, ""},
		{`{"q":[{"ref":"R-1","surname":"Marsh","nhs":"9990000018"},{"ref":"R-2","surname":"Quill","nhs":"9990000026"},{"ref":"R-3","surname":"Day","nhs":"9990000034"}]}`, ""},
		{`{"q":[{"surname":"marsh","town":"leeds"},{"surname":"quill","town":"otley"},{"surname":"day","town":"leeds"}]}`, ""},
	} {
		got := string(propose(t, tc.body).Mapping)
		if strings.Contains(got, "].text | ") {
			t.Errorf("%s: a question is taken for an answer:\n%s", tc.body, got)
		}
		if tc.path == "" && strings.Contains(got, "[where") || tc.path != "" && !strings.Contains(got, "birthDate: '<- "+tc.path) {
			t.Errorf("%s: no %q in\n%s", tc.body, tc.path, got)
		}
	}
	m, err := xmldoc.New().Decode([]byte(`<Form id="S-1"><A ref="pt_dob">14/06/1951</A><A ref="pt_nhs">9990000018</A><A ref="pt_name">Ivy Marsh</A></Form>`))
	if err != nil {
		t.Fatal(err)
	}
	p := scaffold.Propose(scaffold.Source{Name: "acme", Format: "xml", Year: 2026}, m.Tree)
	for _, want := range []string{"<- Form.A[where @ref = pt_dob].$text | date", "<- Form.@id | trim | required", "# CHECK: Form.@id was taken for the number"} {
		if !strings.Contains(string(p.Mapping), want) {
			t.Errorf("no %s in\n%s", want, p.Mapping)
		}
	}
}

// TestNamesInForms: what is called like somebody is in no path, and the name of a
// form is nobody's.
func TestNamesInForms(t *testing.T) {
	p := propose(t, `{"form":{"name":"Referral form"},"q":[{"question":"Name","answer":"Ivy Quillfeather"},{"question":"NHS number","answer":"9990000018"},
		{"question":"Does Ivy Quillfeather consent?","answer":"Yes"},{"question":"Date of referral","answer":"03/02/2026"}]}`)
	if got := string(p.Mapping); strings.Contains(got, "Quillfeather") || !strings.Contains(got, `authoredOn: '<- q[where question = "Date of referral"].answer`) {
		t.Error(got)
	}
	if all := strings.Join(p.Checks, "\n"); !strings.Contains(all, "a question of q holds somebody's name") {
		t.Error(all)
	}
	long := propose(t, `{"q":[{"question":"NHS number","answer":"9990000018"},{"question":"Date of birth","answer":"14/06/1951"},{"question":"Say \"yes\" here [1]","answer":"yes"},{"question":"`+strings.Repeat("Why ", 40)+`","answer":"no"}]}`)
	if got := string(long.Mapping); !strings.Contains(got, `q[where question = "Date of birth"].answer | date`) || strings.Count(got, "cannot stand in a path") != 2 || strings.Contains(got, "Say") {
		t.Error(got)
	}
	unknown := `{"q":[{"question":"Name","answer":"Ivy Day"},{"question":"NHS number","answer":"9990000018"},{"question":"Is Tom Quillfeather the carer?","answer":"Yes"}]}`
	made, err := propose(t, unknown).Anonymous(jsondoc.New(), unknown)
	if err != nil || strings.Contains(made, "Quillfeather") || !strings.Contains(made, `"question":"NHS number"`) {
		t.Errorf("%v: %s", err, made)
	}
	for _, body := range []string{
		`{"nhs":"9990000018","files":[{"file":"address.pdf","size":"9"},{"file":"gp-letter.pdf","size":"8"},{"file":"tom-quillfeather.jpg","size":"7"}]}`,
		`{"nhs":"9990000018","l":[{"ref":"gp","v":"1"},{"ref":"tom_quillfeather","v":"2"},{"ref":"ann_quillfeather","v":"3"},{"ref":"zoe_quillfeather","v":"4"},{"ref":"kim_quillfeather","v":"5"}]}`,
	} {
		if made := anonymous(t, jsondoc.New(), false, body); strings.Contains(made, "quillfeather") {
			t.Errorf("%s became %s", body, made)
		}
		if got := string(propose(t, body).Mapping); strings.Contains(got, "quillfeather") {
			t.Error(got)
		}
	}
}

// TestNumber: the number of the referral is the one whose name says so most, and
// what is another each time is taken with a doubt only.
func TestNumber(t *testing.T) {
	for _, tc := range []struct{ body, path, check string }{
		{`{"referral":{"messageId":"M-1","ref":"R-1"}}`, "referral.ref", ""},
		{`{"requestId":"Q-1","ubrn":"000000000018"}`, "ubrn", "requestId may be one too"},
		{`{"messageId":"M-1","case":{"referralNumber":"R-1"}}`, "case.referralNumber", ""},
		{`{"referral":{"patient":{"id":"77"},"reference":"R-1"}}`, "referral.reference", ""},
		{`{"messageId":"M-1"}`, "messageId", "messageId was taken for the number of the referral"},
		{`{"id":"7","token":"t9"}`, "token", "token was taken for the number of the referral"},
	} {
		p := propose(t, tc.body)
		if want := "value: '<- " + tc.path + ` | trim | required("a referral has a number")`; !strings.Contains(string(p.Mapping), want[len("value: '"):]) {
			t.Errorf("%s: no %s in\n%s", tc.body, want, p.Mapping)
		}
		if all := strings.Join(p.Checks, "\n"); !strings.Contains(all, tc.check) || tc.check == "" && strings.Contains(all, "for the number of the referral") {
			t.Errorf("%s: %s", tc.body, all)
		}
	}
}

// TestBesideAnswers: what stands beside an answer is not taken for it.
func TestBesideAnswers(t *testing.T) {
	p := propose(t, `{"q":[{"no":"1","question":"NHS number","answer":"9990000018"},{"no":"2","question":"Surname","answer":"Marsh"},{"no":"3","question":"Phone","answer":"07700 900123"}]}`)
	for _, g := range p.Found {
		if strings.HasSuffix(g.Path, "].no") {
			t.Errorf("%s was taken for %s", g.Path, g.As)
		}
	}
	if got := string(p.Mapping); !strings.Contains(got, "q[where question = Phone].answer | phone") {
		t.Error(got)
	}
}

// TestFormsOfElements: persons whose data are elements with a label each. The
// referral is what holds a whole person, a label tells what an element is, and
// what an element is called beside that is no content.
func TestFormsOfElements(t *testing.T) {
	plain := `<Person><Field label="NHS No.">999 000 0018</Field><Field label="Surname">Marsh</Field><Field label="DOB">07/02/1948</Field></Person>`
	coded := `<Person><Field name="F001" label="NHS No.">UNKNOWN</Field><Field name="F002" label="Surname">Marsh</Field><Field name="F003" label="Forename(s)">Ivy</Field><Field name="F007" label="Address">14 Tern Court</Field><Field name="F005" label="DOB">07/02/1948</Field></Person>`
	number := strings.Replace(strings.Replace(coded, "UNKNOWN", "9990000018", 1), "Marsh", "Quill", 1)
	for _, tc := range []struct {
		body  string
		want  []string
		never []string
	}{
		{`<X><Case id="A-1"><Status>Open</Status>` + plain + `</Case><Case id="A-2"><Status>Closed</Status>` + strings.Replace(plain, "Marsh", "Quill", 1) + `</Case></X>`,
			[]string{"xml:\n  each: X.Case\n  id: 'X.Case.@id'\n", `X.Case.Person.Field[where @label = "NHS No."].$text | nhsNumber`, "X.Case.Person.Field[where @label = Surname].$text | trim", "X.Case.Person.Field[where @label = DOB].$text | date("}, nil},
		{`<X><Case id="A-1"><Priority>2 - Soon</Priority><Status>Updated</Status>` + coded + `<Referrer><Field name="R005" label="Tel">01632 960222</Field></Referrer><Phone type="mobile">07700 900123</Phone><Phone type="home">01632 960111</Phone></Case>
			<Case id="A-2"><Priority>1 - Urgent</Priority><Status>Open</Status>` + number + `<Referrer><Field name="R001" label="Name">Pat Thistle</Field><Field name="R005" label="Tel">01632 960222</Field></Referrer><Phone type="home">01632 960112</Phone></Case></X>`,
			[]string{"each: X.Case\n", `X.Case.Person.Field[where @label = "Forename(s)"].$text | trim`, "X.Case.Referrer.Field[where @label = Tel].$text | phone", "X.Case.Referrer.Field[where @label = Name].$text | trim",
				`X.Case.Phone[where @type = "home"].$text`, "  - 'X.Case.Person.Field.@name'\n"}, []string{"].@name", "where Status", "where Priority", "X.Case.Phone.$text", "#   X.Case.Person.Field"}},
		{`<X><Case id="A-1">` + coded + `<Referrer><Field name="R005" label="Tel">01632 960222</Field></Referrer></Case></X>`,
			[]string{"#   X.Case.Referrer.Field[where @label = Tel].$text\n", "X.Case.Person.Field[where @label = Address].$text"}, []string{"].@name", "  each: X", "SEVERAL ITEMS"}},
		{`<X><Case id="A-1" ref="Q-1"><Status>Open</Status>` + plain + `</Case><Case id="A-2" ref="Q-2"><Status>Updated</Status><Note>Call back</Note></Case></X>`,
			[]string{"# CHECK: SEVERAL ITEMS STAND IN X.Case,"}, []string{"  each: X", "where Status"}},
		{`<X><Case id="A-1">` + plain + `<Child><Name>Tom Marsh</Name><DOB>01/02/2019</DOB></Child><Child><Name>Ann Marsh</Name><DOB>01/02/2020</DOB></Child></Case></X>`,
			[]string{`X.Case.Person.Field[where @label = "NHS No."]`}, []string{"  each: X", "SEVERAL ITEMS"}},
	} {
		m, err := xmldoc.New().Decode([]byte(tc.body))
		if err != nil {
			t.Fatal(err)
		}
		got := string(scaffold.Propose(scaffold.Source{Name: "acme", Format: "xml", Year: 2026}, m.Tree).Mapping)
		for _, want := range tc.want {
			if !strings.Contains(got, want) {
				t.Errorf("no %s in\n%s", want, got)
			}
		}
		for _, never := range tc.never {
			if strings.Contains(got, never) {
				t.Errorf("%s in\n%s", never, got)
			}
		}
	}
}
