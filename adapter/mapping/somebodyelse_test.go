package mapping_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/mapping"
)

// TestSomebodyElsesNumber: a number that words tie to another person is not the
// person's; it stays in the rest with its words, and a finding says so.
func TestSomebodyElsesNumber(t *testing.T) {
	m := compile(t, strings.Replace(head, "hl7v2", "json", 1)+`resources:
  p:
    resourceType: Patient
    telecom:
      $each: contact | phones
      system: phone
      value: <- . | phone
    contact:
      - telecom:
          $each: contact | phones(others)
          value: <- . | phone
    name: [{text: '<- contact | phones(rest) | join("; ")'}]
`)
	const a, b = "07700900123", "07700900124"
	for _, tc := range []struct{ text, own, others, rest string }{
		{"07700 900123 or wife 07700 900124", a, b, "or wife 07700 900124"},
		{"0113 496 0123 (neighbour Bert)", "", "01134960123", "0113 496 0123 (neighbour Bert)"},
		{"c/o daughter Mia 07700 900123", "", a, "c/o daughter Mia 07700 900123"},
		{"C/O Mia: 07700 900123 / 07700 900124", "", a + " " + b, "C/O Mia: 07700 900123 / 07700 900124"},
		{"wife's mobile 07700 900124; own 07700 900123", a, b, "wife's mobile 07700 900124; own"},
		{"07700 900123 (son), 07700 900124", b, a, "07700 900123 (son)"},
		{"07700 900123 son, 07700 900124", b, a, "07700 900123 son"},
		{"07700 900123 son 07700 900124", "", a + " " + b, "07700 900123 son 07700 900124"},
		{"07700 900123, son, 07700 900124", "", a + " " + b, "07700 900123, son, 07700 900124"},
		{"07700 900123\nnext of kin 07700 900124", a, b, "next of kin 07700 900124"},
		{"mob 07700 900123 / home 07700 900124 after 6, ask for Zoë", a + " " + b, "", "after 6, ask for Zoë"},
		{"none (leave msg w/ Sally Army 07700 900123)", "", a, "none (leave msg w/ Sally Army 07700 900123)"},
		{"ring daughter Sue first 07700 900123 NOT after 6pm", "", a, "ring daughter Sue first 07700 900123 NOT after 6pm"},
		{"07700 900123 (M) - wife answers", a, "", "wife answers"},
		{"07700 900123 (wife usually answers)", a, "", "(wife usually answers)"},
		{"07700 900123 answered by his daughter, 07700 900124", a + " " + b, "", "answered by his daughter"},
		{"07700 900123, may be answered by son", a, "", "may be answered by son"},
		{"07700 900123 son will take a message", a, "", "son will take a message"},
		{"07700 900123 wife answers, daughter 07700 900124", a, b, "wife answers, daughter 07700 900124"},
		{"07700 900123 wife answers 07700 900124", "", a + " " + b, "07700 900123 wife answers 07700 900124"},
		{"wife answers 07700 900124", "", b, "wife answers 07700 900124"},
		{"wife 07700 900124", "", b, "wife 07700 900124"},
		{"07700 900124 (wife)", "", b, "07700 900124 (wife)"},
		{"07700 900124 - wife, answers after 6", "", b, "07700 900124 - wife, answers after 6"},
		{"07700 900124 wife's answerphone", "", b, "07700 900124 wife's answerphone"},
		{"Sonia 07700 900123", a, "", "Sonia"},
	} {
		r, err := m.Apply(jsonOf(t, `{"contact":`+strconv.Quote(tc.text)+`}`), mapping.Context{})
		if err != nil {
			t.Fatal(err)
		}
		p := r.Get("p").Root
		var own, others []string
		for _, x := range p.List("telecom") {
			own = append(own, x.TextAt("value"))
		}
		for _, x := range p.List("contact") {
			for _, y := range x.List("telecom") {
				others = append(others, y.TextAt("value"))
			}
		}
		found := ""
		for _, f := range r.Findings {
			found += f.Code + " at " + f.Address
		}
		want := ""
		if tc.others != "" {
			want = "somebody-elses-number at contact"
		}
		if got := strings.Join(own, " "); got != tc.own || strings.Join(others, " ") != tc.others || p.TextAt("name.text") != tc.rest || found != want {
			t.Errorf("%q: own %q, others %q, rest %q, findings %q", tc.text, got, others, p.TextAt("name.text"), found)
		}
	}
}
