package measure

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
)

// Answers are what a person said, by linkId.
type Answers struct {
	Numbers map[string]float64
	Codes   map[string]string // coded answers that carry no number of their own
	places  map[string]string // FHIRPath within the response, for a refusal
	twice   map[string]bool   // linkIds with several answers
	other   map[string]bool   // linkIds with a number in a form that is not read
}

// Result is what came of one Score. Value is "" when too many answers were
// missing to give one.
type Result struct {
	Score   Score
	Value   string // decimal, as it leaves
	Missing int    // answers that were not given
}

// Gaps says what missing answers did to this result, or "".
func (r Result) Gaps() string {
	switch {
	case r.Value == "":
		return fmt.Sprintf("no score: %d of %d answers are missing", r.Missing, len(r.Score.Items))
	case r.Missing > 0:
		return fmt.Sprintf("%d of %d answers are missing and count as the mean of the others", r.Missing, len(r.Score.Items))
	}
	return ""
}

// For returns the measure that scores a QuestionnaireResponse, by its
// questionnaire without the version.
func (s *Set) For(response *element.Value) (Measure, bool) {
	return s.Of(response.Str("questionnaire"))
}

// Of returns the measure of a questionnaire, by its canonical address with or
// without a version.
func (s *Set) Of(canonical string) (Measure, bool) {
	if s == nil {
		return Measure{}, false
	}
	canonical, _, _ = strings.Cut(canonical, "|")
	i := slices.IndexFunc(s.Measures, func(m Measure) bool { return canonical != "" && slices.Contains(m.Questionnaires, canonical) })
	if i < 0 {
		return Measure{}, false
	}
	return s.Measures[i], true
}

// Questionnaires are the addresses that the measures score by.
func (s *Set) Questionnaires() []string {
	if s == nil {
		return nil
	}
	var out []string
	for _, m := range s.Measures {
		out = append(out, m.Questionnaires...)
	}
	return out
}

// Bounds of a response.
const (
	maxDepth   = 16
	maxAnswers = 1000
)

// ordinals are the extensions by which a coded answer carries its number.
// https://hl7.org/fhir/R4/extension-ordinalvalue.html; itemWeight in later versions.
var ordinals = []string{
	"http://hl7.org/fhir/StructureDefinition/ordinalValue",
	"http://hl7.org/fhir/StructureDefinition/itemWeight",
}

// Read takes the answers from a QuestionnaireResponse: valueInteger,
// valueDecimal, or a valueCoding with its ordinal value or its code. Faults
// (Unmappable) name the element: a number that is none, or too many answers.
func Read(response *element.Value) (Answers, error) {
	a := Answers{Numbers: map[string]float64{}, Codes: map[string]string{}, places: map[string]string{}, twice: map[string]bool{}, other: map[string]bool{}}
	if status := response.Str("status"); status != "completed" && status != "amended" {
		return a, refused("QuestionnaireResponse.status", "a response that is scored is completed or amended")
	}
	return a, a.items(response, "QuestionnaireResponse", 0)
}

func (a *Answers) items(holder *element.Value, at string, depth int) error {
	if depth > maxDepth {
		return refused(at, "items are nested in more than %d levels", maxDepth)
	}
	for i, it := range holder.List("item") {
		place := fmt.Sprintf("%s.item[%d]", at, i)
		if err := a.item(it, place); err != nil {
			return err
		}
		if err := a.items(it, place, depth+1); err != nil {
			return err
		}
		for j, answer := range it.List("answer") {
			if err := a.items(answer, fmt.Sprintf("%s.answer[%d]", place, j), depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *Answers) item(it *element.Value, at string) error {
	given := it.List("answer")
	if len(given) == 0 {
		return nil
	}
	id := it.Str("linkId")
	if a.places[id] != "" || len(given) > 1 {
		a.twice[id] = true
	}
	if len(a.places) == maxAnswers {
		return refused(at, "at most %d answers are read", maxAnswers)
	}
	a.places[id] = at + ".answer[0]"
	for _, name := range []string{"valueInteger", "valueDecimal"} {
		if v := given[0].Get(name); v != nil && v.Kind == element.Number {
			n, err := strconv.ParseFloat(v.Text, 64)
			if err != nil {
				return refused(a.places[id], "the answer is no number that can be counted")
			}
			a.Numbers[id] = n
			return nil
		}
	}
	coding := given[0].Get("valueCoding")
	for _, ext := range coding.List("extension") {
		if v := ext.Get("valueDecimal"); slices.Contains(ordinals, ext.Str("url")) && v != nil && v.Kind == element.Number {
			if n, err := strconv.ParseFloat(v.Text, 64); err == nil {
				a.Numbers[id] = n
				return nil
			}
		}
	}
	if code := coding.Str("code"); code != "" {
		a.Codes[id] = code
		return nil
	}
	// Words such as "rather not say" are no answer; a number in another form is
	// one, and must not count as missing.
	_, err := strconv.ParseFloat(strings.TrimSpace(given[0].Str("valueString")), 64)
	a.other[id] = err == nil || given[0].Get("valueQuantity") != nil
	return nil
}

func refused(at, format string, args ...any) error {
	return &fault.Fault{Kind: fault.Unmappable, Issues: []fault.Issue{{Code: "code-invalid", Expression: at, Text: fmt.Sprintf(format, args...)}}}
}

// Score gives a Result for each Score of the measure. Faults (Unmappable) name
// each answer that is no number of its range, and answers of which the measure
// has none; then there is no result at all.
func (m Measure) Score(a Answers) ([]Result, error) {
	var out []Result
	var issues []fault.Issue
	var items []string
	for _, s := range m.Scores {
		r, wrong := s.of(a)
		issues = append(issues, wrong...)
		out = append(out, r)
		items = append(items, s.Items...)
	}
	if len(a.places) > 0 && !slices.ContainsFunc(items, func(id string) bool { return a.places[id] != "" }) {
		return nil, refused("QuestionnaireResponse.item.linkId", "no answer has a linkId of the measure %s, so nothing can be scored: %s", m.Name, strings.Join(items, ", "))
	}
	if len(issues) > 0 {
		return nil, &fault.Fault{Kind: fault.Unmappable, Issues: issues}
	}
	return out, nil
}

func (s Score) of(a Answers) (Result, []fault.Issue) {
	var issues []fault.Issue
	sum, given := 0.0, 0
	for _, id := range s.Items {
		if a.twice[id] {
			issues = append(issues, a.issue(id, "an item that is scored is answered once"))
			continue
		}
		n, ok := a.Numbers[id]
		if code, coded := a.Codes[id]; !ok && coded {
			if n, ok = s.Answers[code]; !ok {
				issues = append(issues, a.issue(id, "the coded answer has no number: give it an ordinal value, or name its code in the measure (answers)"))
				continue
			}
		}
		if !ok {
			if a.other[id] {
				issues = append(issues, a.issue(id, "a number that is scored is given as valueInteger, valueDecimal or valueCoding"))
			}
			continue
		}
		if step := math.Pow10(s.ItemDecimals); n < s.ItemMinimum || n > s.ItemMaximum || math.Abs(n*step-math.Round(n*step)) > 1e-9 {
			issues = append(issues, a.issue(id, fmt.Sprintf("the answer is a number from %g to %g with at most %d decimals", s.ItemMinimum, s.ItemMaximum, s.ItemDecimals)))
			continue
		}
		if slices.Contains(s.Reversed, id) {
			n = s.ItemMinimum + s.ItemMaximum - n
		}
		sum += n
		given++
	}
	r := Result{Score: s, Missing: len(s.Items) - given}
	if len(issues) > 0 || r.Missing > s.Missing {
		return r, issues
	}
	if r.Missing > 0 {
		scale := math.Pow10(s.Decimals)
		sum = math.Round(sum*float64(len(s.Items))/float64(given)*scale) / scale
	}
	if len(s.Conversion) > 0 {
		raw := strconv.FormatFloat(sum, 'f', -1, 64)
		converted, ok := s.Conversion[raw]
		if !ok {
			return r, []fault.Issue{{Code: "code-invalid", Expression: "QuestionnaireResponse", Text: "the raw score " + raw + " is not in the conversion table of " + s.Name}}
		}
		sum = converted
	}
	if sum < s.Minimum || sum > s.Maximum {
		return r, []fault.Issue{{Code: "code-invalid", Expression: "QuestionnaireResponse", Text: fmt.Sprintf("%s is a number from %g to %g", s.Name, s.Minimum, s.Maximum)}}
	}
	// Sums of decimals such as 0.1 and 0.2 are rounded to what was meant.
	sum = math.Round(sum*1e4) / 1e4
	r.Value = strconv.FormatFloat(sum, 'f', -1, 64)
	return r, nil
}

func (a Answers) issue(id, text string) fault.Issue {
	at := a.places[id]
	if at == "" {
		at = "QuestionnaireResponse.item"
	}
	return fault.Issue{Code: "code-invalid", Expression: at, Text: text}
}

// Fits reports what keeps a Questionnaire from being scored by the measure:
// items that it does not have, has twice or that take no number, and an address
// that the measure does not know. An empty answer: it fits.
func (m Measure) Fits(questionnaire *element.Value) []string {
	var out []string
	if !slices.Contains(m.Questionnaires, questionnaire.Str("url")) {
		out = append(out, "Questionnaire.url is none of the measure's questionnaires: "+strings.Join(m.Questionnaires, ", "))
	}
	types := map[string][]string{}
	collect(questionnaire, types, 0)
	seen := map[string]bool{}
	for _, s := range m.Scores {
		for _, id := range s.Items {
			if seen[id] {
				continue
			}
			seen[id] = true
			switch t := types[id]; {
			case len(t) == 0:
				out = append(out, "no item has the linkId "+id)
			case len(t) > 1:
				out = append(out, "several items have the linkId "+id)
			case t[0] != "integer" && t[0] != "decimal" && t[0] != "choice":
				out = append(out, "the item "+id+" is of type integer, decimal or choice")
			}
		}
	}
	return out
}

func collect(holder *element.Value, types map[string][]string, depth int) {
	if depth > maxDepth {
		return
	}
	for _, it := range holder.List("item") {
		types[it.Str("linkId")] = append(types[it.Str("linkId")], it.Str("type"))
		collect(it, types, depth+1)
	}
}
