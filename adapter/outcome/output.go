package outcome

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/nhs"
)

// References lists the resources that a Task's outputs name, as written. Who
// looks them up knows which of them are its own: the same id at another server
// is another resource.
func References(task *element.Value) []string {
	var out []string
	for _, o := range task.List("output") {
		if r := o.TextAt("valueReference.reference"); r != "" {
			out = append(out, r)
		}
	}
	return out
}

// maxOutputs is how many outputs one Task may bring to a record, so that the
// transaction and its proof fit into one attempt.
const maxOutputs = 200

// outputs reads Task.output: a coded activity, a reference to a Procedure or
// an Observation, a score, or words. References to other types are for the
// link worker's own use and owe nothing.
func (b *builder) outputs() {
	outputs := b.in.Task.List("output")
	if len(outputs) > maxOutputs {
		b.issues = append(b.issues, fault.Issue{Code: "too-long", Expression: "Task.output",
			Text: fmt.Sprintf("at most %d outputs go to a record", maxOutputs)})
		return
	}
	said := b.referenced(outputs)
	for i, o := range outputs {
		at := fmt.Sprintf("Task.output[%d]", i)
		purpose := fmt.Sprintf("output-%d", i)
		if b.modified(at, o) {
			continue
		}
		switch {
		case o.Get("valueCodeableConcept") != nil:
			concept := o.Get("valueCodeableConcept")
			if !hasSnomed(concept) {
				b.story.tell(headingOf(o), inWords(concept), &b.story.done)
				continue
			}
			if forPractice(headingOf(o)) {
				b.refuse(at+".valueCodeableConcept", "a code says what was done, and this output is called what the practice is asked to do; say that in words")
				continue
			}
			// A code alone, said again, is the same thing said again: Gravity
			// names an activity by its Procedure and by its code. Who did
			// something twice makes two Procedures.
			if c, ok := b.find(concept); ok && c.Kind != Measure {
				if !b.agrees(at+".valueCodeableConcept", concept, o.Get("type"), c) {
					continue
				}
				if said[c.Code] {
					continue
				}
				said[c.Code] = true
			}
			b.activity(purpose, at+".valueCodeableConcept", concept, nil)
		case o.Get("valueReference") != nil:
			b.reference(purpose, at+".valueReference", o.TextAt("valueReference.reference"))
		case hasSnomed(o.Get("type")) && number(o) != "":
			b.score(purpose, at+".type", at, o.Get("type"), o, nil)
		default:
			b.words(o)
		}
	}
}

// referenced are the codes of the Procedures and Observations that outputs name.
func (b *builder) referenced(outputs []*element.Value) map[string]bool {
	codes := map[string]bool{}
	for _, o := range outputs {
		if c, ok := b.find(b.in.Outputs[o.TextAt("valueReference.reference")].Get("code")); ok {
			codes[c.Code] = true
		}
	}
	return codes
}

// activity takes what was done or found as a code of the list. Words alone go
// into the summary.
func (b *builder) activity(purpose, at string, v *element.Value, when *element.Field) {
	if !hasSnomed(v) {
		b.story.tell("", inWords(v), &b.story.done)
		return
	}
	c, ok := b.find(v)
	if !ok || c.Kind != Procedure && c.Kind != Situation {
		b.refuse(at, b.list.unlisted(v)+"; allowed here: "+b.list.allowed(Procedure, Situation))
		return
	}
	if b.agrees(at, v, nil, c) {
		b.add(purpose, at, c, when)
	}
}

// inWords is a concept in words.
func inWords(concept *element.Value) string {
	if text := concept.Str("text"); text != "" {
		return text
	}
	return concept.TextAt("coding.display")
}

// add is the one way of a code that is no score into the bundle.
func (b *builder) add(purpose, at string, c Code, when *element.Field) {
	if c.Code == declined {
		b.story.declined = true // which is the outcome, and nothing that was done
	} else {
		b.story.done = append(b.story.done, c.Display)
	}
	if c.Once != "" {
		b.asked = append(b.asked, asked{c, at, when})
		return
	}
	b.coded(purpose, c, nil, when)
}

// reference takes what a Procedure or an Observation says, if it is about the
// same person: what another person did must not reach this record. The same
// resource named twice is taken once.
func (b *builder) reference(purpose, at, reference string) {
	r := b.in.Outputs[reference]
	typ := typeOf(reference)
	if r != nil {
		typ = r.ResourceType()
	}
	if b.ownUse(typ, reference, r) {
		return
	}
	if r == nil {
		b.refuse(at, "the output is not held here; make it first, then name it")
		return
	}
	key := typ + "/" + r.ID()
	if b.taken[key] {
		return
	}
	b.taken[key] = true
	if b.modified(at, r) {
		return
	}
	if s := r.TextAt("subject.reference"); typ == "HealthcareService" {
		// A service is about nobody.
	} else if b.in.Patient.ID() == "" || s != "Patient/"+b.in.Patient.ID() && !strings.HasSuffix(s, "/Patient/"+b.in.Patient.ID()) {
		b.refuse(at, "the output is about another person than the Task, or names nobody as its subject")
		return
	}
	if slices.Contains(told, typ) {
		b.tell(purpose, at, r)
		return
	}
	b.notes(r)
	prefix, statuses := "performed", []string{"completed"}
	if typ == "Observation" {
		prefix, statuses = "effective", []string{"final", "amended", "corrected"}
	}
	if !slices.Contains(statuses, r.Str("status")) {
		b.refuse(at, fmt.Sprintf("an outcome is %s of status %s", article(typ), strings.Join(statuses, ", ")))
		return
	}
	when, ok := dated(r, prefix)
	if !ok {
		b.refuse(at, fmt.Sprintf("when it was is said as %sDateTime or %sPeriod", prefix, prefix))
		return
	}
	if b.future(at, begins(when)) {
		return
	}
	if typ == "Procedure" {
		b.activity(purpose, at, r.Get("code"), when)
		return
	}
	b.score(purpose, at, at, r.Get("code"), r, when)
}

// ownUse reports whether an output is for the link worker's own use: of another
// type than a letter tells of, or a resource of such a type at another server. One
// that should be here and is not would be missing from the letter, and is not.
func (b *builder) ownUse(typ, reference string, r *element.Value) bool {
	switch {
	case typ == "" || typ == "Procedure" || typ == "Observation":
		return false
	case slices.Contains(told, typ):
		return r == nil && strings.Contains(reference, "://")
	}
	return true
}

func article(typ string) string {
	if typ == "Observation" {
		return "an Observation"
	}
	return "a " + typ
}

// typeOf is the resource type that a literal reference names, "" when it names
// none. https://hl7.org/fhir/R4/references.html#literal
func typeOf(reference string) string {
	reference, _, _ = strings.Cut(reference, "/_history/")
	parts := strings.Split(reference, "/")
	if len(parts) < 2 {
		return ""
	}
	if typ := parts[len(parts)-2]; typ != "" && typ[0] >= 'A' && typ[0] <= 'Z' {
		return typ
	}
	return ""
}

func (b *builder) notes(r *element.Value) {
	for _, n := range r.List("note") {
		if t := n.Str("text"); strings.TrimSpace(t) != "" {
			b.story.told = append(b.story.told, t)
		}
	}
}

// number names the element that holds the number of an output or Observation.
func number(holder *element.Value) string {
	for _, name := range []string{"valueInteger", "valueDecimal", "valueQuantity.value"} {
		if v := holder.At(name); v != nil && v.Kind == element.Number {
			return name
		}
	}
	return ""
}

// score checks a measure against its range and adds it with its own date. A
// fact that is no measure has no value: "declined: false" would leave as its
// opposite.
func (b *builder) score(purpose, codeAt, at string, code, holder *element.Value, when *element.Field) {
	c, ok := b.find(code)
	if !ok || c.Kind == Contact {
		b.refuse(codeAt, b.list.unlisted(code)+"; allowed here: "+b.list.allowed(Measure, Situation))
		return
	}
	if !b.agrees(codeAt, code, nil, c) {
		return
	}
	if c.Kind != Measure {
		for _, f := range holder.Fields {
			if strings.HasPrefix(f.Name, "value") || f.Name == "component" || f.Name == "dataAbsentReason" {
				b.refuse(at, "this code is no score and stands without a value")
				return
			}
		}
		b.add(purpose, at, c, when)
		return
	}
	name := number(holder)
	text := holder.TextAt(name)
	n, err := strconv.ParseFloat(text, 64)
	if name == "" || err != nil || n < *c.Minimum || n > *c.Maximum || holder.At("valueQuantity.comparator") != nil {
		if codeAt != at && name != "" {
			at += "." + name // of the Task itself, not of what it refers to
		}
		b.refuse(at, fmt.Sprintf("%s is a number from %g to %g", c.Display, *c.Minimum, *c.Maximum))
		return
	}
	if q := holder.Get("valueQuantity"); q != nil && !pure(q) {
		b.refuse(at, c.Display+" is a number of points; a score has no unit, as {score}, 1 or nothing says")
		return
	}
	if b.scored(score{name: c.Display, value: text}, at, when) {
		b.coded(purpose, c, scoreValue(text), when)
	}
}

// pure reports whether a quantity is a number of points: of no unit of UCUM, of
// its unity, or of an annotation such as {score}. What stands in words beside it
// does not leave. https://ucum.org/ucum, sections 6 and 12
func pure(quantity *element.Value) bool {
	code := quantity.Str("code")
	if code == "" {
		return !strings.Contains(quantity.Str("unit"), "%")
	}
	return code == "1" || strings.HasPrefix(code, "{") && strings.HasSuffix(code, "}")
}

// scored adds a score to the letter, and reports whether it counts. One that is
// said twice, such as an Observation beside the answers that it was made of,
// counts once. It refuses two of which nobody could tell which came first.
func (b *builder) scored(s score, at string, when *element.Field) bool {
	s.at, s.day = moment(begins(when))
	s.until = until(begins(when))
	if s.day == "" {
		if b.undated[s.name] {
			b.refuse(at, "two scores of this measure have no date, so nobody could tell which came first; make each an Observation with effectiveDateTime, or a QuestionnaireResponse with authored")
			return false
		}
		b.undated[s.name], s.at, s.until = true, b.in.Now, b.in.Now
	}
	for i := range b.story.scores {
		switch o := &b.story.scores[i]; {
		case o.name != s.name || o.value == "" || s.value == "" || !s.meets(*o):
		case change(o.value, s.value) == "0":
			o.about = cmp.Or(o.about, s.about)
			return false
		default:
			b.refuse(at, "two scores of this measure, "+o.value+" and "+s.value+", are of the same time, so nobody could tell which came first; say when each was, to the minute if both are of one day")
			return false
		}
	}
	b.story.scores = append(b.story.scores, s)
	return true
}

func scoreValue(text string) *element.Field {
	value := element.F("valueQuantity", element.NewObject(element.F("value", element.NewNumber(text)),
		element.S("unit", "score"), element.S("system", "http://unitsofmeasure.org"), element.S("code", "{score}")))
	return &value
}

// modified refuses what carries a modifierExtension: it may turn the meaning
// around. https://hl7.org/fhir/R4/extensibility.html#modifierExtension
func (b *builder) modified(at string, v *element.Value) bool {
	if v.Get("modifierExtension") == nil {
		return false
	}
	b.refuse(at+".modifierExtension", "what changes the meaning of an outcome is not understood here; leave it out, or say it in words")
	return true
}

func hasSnomed(concept *element.Value) bool {
	return slices.ContainsFunc(concept.List("coding"), func(c *element.Value) bool { return c.Str("system") == nhs.SystemSNOMED })
}

// find returns the one code of the list that a concept names. Two different
// ones are refused, because only one of them would be in the record.
func (b *builder) find(concept *element.Value) (Code, bool) {
	found := ""
	for _, c := range concept.List("coding") {
		if c.Str("system") != nhs.SystemSNOMED {
			continue
		}
		if code := c.Str("code"); found == "" || code == found {
			found = code
		} else {
			return Code{}, false
		}
	}
	return b.list.Find(found)
}
