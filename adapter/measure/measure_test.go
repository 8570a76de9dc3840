package measure_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/measure"
	"github.com/linkloop/linkloop/mappings"
)

func shipped(t testing.TB) *measure.Set {
	t.Helper()
	s, err := measure.Load(mappings.FS(), "measures")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func parse(t testing.TB, text string) *element.Value {
	t.Helper()
	v, err := element.Parse([]byte(text), element.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// response answers items 1, 2 … with the JSON values, a valueInteger each
// unless the text says another.
func response(t testing.TB, questionnaire string, answers ...string) *element.Value {
	t.Helper()
	var items []string
	for i, a := range answers {
		if !strings.Contains(a, `"value`) {
			a = `"valueInteger":` + a
		}
		items = append(items, fmt.Sprintf(`{"linkId":"%d","answer":[{%s}]}`, i+1, a))
	}
	return parse(t, `{"resourceType":"QuestionnaireResponse","status":"completed","questionnaire":"`+questionnaire+`","item":[`+strings.Join(items, ",")+`]}`)
}

// TestShipped: the measures that the program knows. Their examples ran when
// they were loaded.
func TestShipped(t *testing.T) {
	set := shipped(t)
	coded := map[string]string{}
	for _, m := range set.Measures {
		for _, s := range m.Scores {
			if s.Code != "" {
				coded[s.Code] = s.Name
			}
		}
		if len(m.Examples) < 2 {
			t.Errorf("%s: %d examples", m.Name, len(m.Examples))
		}
	}
	// A code that no reference has must not come in by a measure.
	if len(set.Measures) != 7 || len(coded) != 5 || coded["718466001"] == "" || coded["718426000"] == "" || coded["1638531000000102"] == "" {
		t.Errorf("%d measures, codes %v", len(set.Measures), coded)
	}
}

// TestScore reads responses in the forms in which answers come.
func TestScore(t *testing.T) {
	const short = "urn:linkloop:questionnaire:swemwbs"
	const often = `"valueCoding":{"code":"often","extension":[{"url":"http://hl7.org/fhir/StructureDefinition/ordinalValue","valueDecimal":4}]}`
	nested := `{"resourceType":"QuestionnaireResponse","status":"amended","questionnaire":"` + short + `|2.0","item":[{"linkId":"g","item":[
		{"linkId":"1","answer":[{"valueDecimal":2.0,"item":[{"linkId":"2","answer":[{"valueInteger":3}]}]}]},{"linkId":"3","answer":[{"valueInteger":3}]}]},
		{"linkId":"4","answer":[{"valueInteger":1}]},{"linkId":"5","answer":[{"valueInteger":1}]},{"linkId":"6","answer":[{"valueInteger":1}]},
		{"linkId":"7","answer":[{"valueInteger":1}]},{"linkId":"remark","answer":[{"valueString":"x"}]}]}`
	for name, c := range map[string]struct {
		response *element.Value
		want     string // value, or "" for none
		problem  string // "<expression>: <part of text>"
	}{
		"whole numbers":       {response(t, short, "1", "2", "3", "4", "5", "1", "2"), "18", ""},
		"ordinal values":      {response(t, short, often, often, often, often, often, often, often), "28", ""},
		"nested, in decimals": {parse(t, nested), "12", ""},
		"one missing":         {response(t, short, "1", "2", "3", "4", "5", "1"), "", ""},
		"out of range":        {response(t, short, "1", "2", "3", "4", "5", "1", "6"), "", "QuestionnaireResponse.item[6].answer[0]: from 1 to 5"},
		"zero":                {response(t, short, "0", "2", "3", "4", "5", "1", "1"), "", "QuestionnaireResponse.item[0].answer[0]: from 1 to 5"},
		"half":                {response(t, short, `"valueDecimal":1.5`, "2", "3", "4", "5", "1", "1"), "", "QuestionnaireResponse.item[0].answer[0]: from 1 to 5"},
		"a huge number":       {response(t, short, `"valueDecimal":1e999`, "2", "3", "4", "5", "1", "1"), "", "QuestionnaireResponse.item[0].answer[0]: no number"},
		"a code alone":        {response(t, short, `"valueCoding":{"code":"often"}`, "2", "3", "4", "5", "1", "1"), "", "QuestionnaireResponse.item[0].answer[0]: ordinal"},
		"answered twice":      {response(t, short, `"valueInteger":1},{"valueInteger":5`, "2", "3", "4", "5", "1", "1"), "", "QuestionnaireResponse.item[0].answer[0]: answered once"},
		"a remark twice":      {parse(t, strings.Replace(nested, `[{"valueString":"x"}]`, `[{"valueString":"x"},{"valueString":"y"}]`, 1)), "12", ""},
		"words":               {response(t, short, `"valueString":"rather not say"`, "2", "3", "4", "5", "1", "1"), "", ""},
		"a number as text":    {response(t, short, `"valueString":" 5"`, "2", "3", "4", "5", "1", "1"), "", "QuestionnaireResponse.item[0].answer[0]: valueInteger"},
		"a quantity":          {response(t, short, `"valueQuantity":{"value":5}`, "2", "3", "4", "5", "1", "1"), "", "QuestionnaireResponse.item[0].answer[0]: valueInteger"},
		"another's items":     {parse(t, strings.ReplaceAll(nested, `"linkId":"`, `"linkId":"q`)), "", "QuestionnaireResponse.item.linkId: swemwbs"},
		"not finished":        {parse(t, strings.Replace(nested, "amended", "in-progress", 1)), "", "QuestionnaireResponse.status: completed or amended"},
	} {
		t.Run(name, func(t *testing.T) {
			m, ok := shipped(t).For(c.response)
			if !ok {
				t.Fatal("no measure")
			}
			answers, err := measure.Read(c.response)
			var results []measure.Result
			if err == nil {
				results, err = m.Score(answers)
			}
			at, text, _ := strings.Cut(c.problem, ": ")
			if (err != nil) != (c.problem != "") {
				t.Fatalf("%v, want %q", err, c.problem)
			}
			if err != nil {
				is := fault.Of(err).Issues
				if fault.KindOf(err) != fault.Unmappable || len(is) != 1 || is[0].Expression != at || !strings.Contains(is[0].Text, text) {
					t.Errorf("%+v, want %q", is, c.problem)
				}
				return
			}
			if results[0].Value != c.want || (c.want == "") != strings.Contains(results[0].Gaps(), "missing") || !strings.Contains(results[0].Score.Note, "raw score") {
				t.Errorf("%q (%s), want %q", results[0].Value, results[0].Gaps(), c.want)
			}
		})
	}
	for _, other := range []string{`{}`, `{"questionnaire":""}`, `{"questionnaire":"urn:x"}`} {
		if m, ok := shipped(t).For(parse(t, other)); ok {
			t.Errorf("%s is scored by %s", other, m.Name)
		}
	}
}

const own = `
measure: m
title: t
version: "1"
source: s
questionnaires: [urn:q]
scores:
  - {name: n, items: [a, b, c, d], item_minimum: 1, item_maximum: 5, minimum: 4, maximum: 20, REST}
examples:
  - {name: e, answers: {a: 1, b: 2, c: 4, d: 5}, want: {n: "12"}}
`

func file(rest string) string { return strings.ReplaceAll(own, ", REST", rest) }

// TestOwnMeasure: what a file of one's own can say.
func TestOwnMeasure(t *testing.T) {
	for name, c := range map[string]struct {
		rest    string
		answers map[string]float64
		codes   map[string]string
		want    string
		note    string
	}{
		"all":              {"", map[string]float64{"a": 1, "b": 2, "c": 4, "d": 5}, nil, "12", ""},
		"a mean for one":   {", missing: 1", map[string]float64{"a": 1, "b": 2, "c": 4}, nil, "9", "1 of 4 answers are missing and count as the mean"},
		"with decimals":    {", missing: 1, decimals: 2", map[string]float64{"a": 1, "b": 2, "c": 4}, nil, "9.33", "mean"},
		"too many missing": {", missing: 1", map[string]float64{"a": 1, "b": 2}, nil, "", "no score: 2 of 4"},
		"reversed":         {", reversed: [b, c]", map[string]float64{"a": 1, "b": 5, "c": 5, "d": 5}, nil, "8", ""},
		"answers by code":  {", answers: {often: 5}", map[string]float64{"a": 1, "b": 2, "c": 4}, map[string]string{"d": "often"}, "12", ""},
		"half answers":     {", item_decimals: 1", map[string]float64{"a": 1.1, "b": 1.2, "c": 1.3, "d": 1.1}, nil, "4.7", ""},
		"a conversion":     {`, conversion: {"12": 11.5}`, map[string]float64{"a": 1, "b": 2, "c": 4, "d": 5}, nil, "11.5", ""},
	} {
		text := file(c.rest)
		if strings.Contains(c.rest, "conversion") {
			text = strings.Replace(text, `want: {n: "12"}`, `want: {n: "11.5"}`, 1)
		}
		m, err := measure.Parse([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		r, err := m.Score(measure.Answers{Numbers: c.answers, Codes: c.codes})
		if err != nil || r[0].Value != c.want || !strings.Contains(r[0].Gaps(), c.note) || c.note == "" && r[0].Gaps() != "" {
			t.Errorf("%s: %v %v", name, r, err)
		}
	}
}

// TestRefused: a file that could give a wrong score is not loaded.
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct{ from, to, want string }{
		"a member it does not know":   {"title: t", "title: t\ncolour: red", "colour"},
		"no source":                   {"source: s", "source: ''", "source"},
		"no questionnaire":            {"[urn:q]", "[]", "questionnaires"},
		"a version in it":             {"[urn:q]", "['urn:q|1']", "without a version"},
		"another range":               {"maximum: 20", "maximum: 21", "give 4 to 20"},
		"an example that differs":     {`{n: "12"}`, `{n: "13"}`, `"13" is wanted`},
		"an item twice":               {"[a, b, c, d]", "[a, b, c, c]", "items[3]"},
		"no items":                    {"[a, b, c, d]", "[]", "items"},
		"reversed is none of them":    {", REST", ", reversed: [x]", "x is no item"},
		"all may be missing":          {", REST", ", missing: 4", "fewer than"},
		"a local code":                {", REST", `, code: "637681000006105"`, "code"},
		"a truncated code":            {", REST", `, code: "1638531000000100"`, "code"},
		"no number":                   {"maximum: 20", "maximum: .nan", "below maximum"},
		"a conversion with gaps":      {", REST", `, missing: 1, conversion: {"12": 1}`, "needs every answer"},
		"a conversion that is beyond": {", REST", `, conversion: {"12": 100}`, "n is a number from 4 to 20"},
		"no examples":                 {"examples:\n  - {name: e, answers: {a: 1, b: 2, c: 4, d: 5}, want: {n: \"12\"}}", "", "examples"},
	} {
		text := strings.Replace(own, c.from, c.to, 1)
		_, err := measure.Parse([]byte(strings.ReplaceAll(text, ", REST", "")))
		if text == own || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	twice := fstest.MapFS{"m/a.yaml": {Data: []byte(file(""))}, "m/b.yaml": {Data: []byte(strings.Replace(file(""), "measure: m", "measure: other", 1))}}
	if _, err := measure.Load(twice, "m"); err == nil || !strings.Contains(err.Error(), "urn:q belongs to m too") {
		t.Errorf("%v", err)
	}
}

// TestFits: a Questionnaire is held against the measure before anybody fills
// it in.
func TestFits(t *testing.T) {
	m, err := measure.Parse([]byte(file("")))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		`{"url":"urn:q","item":[{"linkId":"g","item":[{"linkId":"a","type":"choice"},{"linkId":"b","type":"integer"}]},{"linkId":"c","type":"decimal"},{"linkId":"d","type":"integer"}]}`: "",
		`{"url":"urn:x","item":[{"linkId":"a","type":"string"},{"linkId":"b","type":"integer"},{"linkId":"b","type":"integer"},{"linkId":"c","type":"decimal"}]}`:                         "Questionnaire.url is none of the measure's questionnaires: urn:q / the item a is of type integer, decimal or choice / several items have the linkId b / no item has the linkId d",
	} {
		if got := strings.Join(m.Fits(parse(t, text)), " / "); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// FuzzScore: whatever a response says, a score is within its range or there is
// none, and nothing panics.
func FuzzScore(f *testing.F) {
	f.Add([]byte(`{"status":"completed","questionnaire":"urn:linkloop:questionnaire:swemwbs","item":[{"linkId":"1","answer":[{"valueInteger":1}]}]}`))
	f.Add([]byte(`{"status":"completed","questionnaire":"urn:linkloop:questionnaire:pam","item":[{"linkId":"score","answer":[{"valueDecimal":55.5}]}]}`))
	f.Add([]byte(`{"status":"completed","questionnaire":"urn:linkloop:questionnaire:ons4","item":[{"linkId":"happy","answer":[{"valueCoding":{"code":"x","extension":[{"url":"http://hl7.org/fhir/StructureDefinition/ordinalValue","valueDecimal":3}]}}]}]}`))
	set := shipped(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := element.Parse(b, element.Limits{})
		if err != nil {
			return
		}
		m, ok := set.For(v)
		if !ok {
			return
		}
		answers, err := measure.Read(v)
		if err != nil {
			return
		}
		results, err := m.Score(answers)
		if err != nil {
			return
		}
		for _, r := range results {
			var n float64
			if r.Value == "" {
				continue
			}
			if _, err := fmt.Sscan(r.Value, &n); err != nil || n < r.Score.Minimum || n > r.Score.Maximum {
				t.Errorf("%s: %q", r.Score.Name, r.Value)
			}
		}
	})
}
