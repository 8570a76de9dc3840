package outcome

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
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

// outputs reads Task.output: a coded activity, a reference to a Procedure or
// an Observation, a score, or words. References to other types are for the
// link worker's own use and owe nothing.
func (b *builder) outputs() {
	for i, o := range b.in.Task.List("output") {
		at := fmt.Sprintf("Task.output[%d]", i)
		purpose := fmt.Sprintf("output-%d", i)
		switch {
		case o.Get("valueCodeableConcept") != nil:
			b.activity(purpose, at+".valueCodeableConcept", o.Get("valueCodeableConcept"), nil)
		case o.Get("valueReference") != nil:
			b.reference(purpose, at+".valueReference", o.TextAt("valueReference.reference"))
		case hasSnomed(o.Get("type")) && number(o) != "":
			b.score(purpose, at+".type", at, o.Get("type"), o, nil)
		default:
			b.words(o)
		}
	}
}

// words sorts what is said in words under the heading its type names. A number
// without a code is words too.
func (b *builder) words(o *element.Value) {
	text := o.Str("valueString")
	if text == "" {
		text = o.Str("valueMarkdown")
	}
	heading := o.TextAt("type.text")
	if name := number(o); text == "" && name != "" && heading != "" {
		text = heading + ": " + o.TextAt(name)
	}
	if strings.TrimSpace(text) == "" {
		return
	}
	switch heading = strings.ToLower(heading); {
	case strings.Contains(heading, "action"):
		b.story.actions = append(b.story.actions, text)
	case strings.Contains(heading, "risk"):
		b.story.risks = append(b.story.risks, text)
	default:
		b.story.told = append(b.story.told, text)
	}
}

// activity takes what was done or found as a code of the list. Words alone go
// into the summary.
func (b *builder) activity(purpose, at string, v *element.Value, when *element.Field) {
	if !hasSnomed(v) {
		text := v.Str("text")
		if text == "" {
			text = v.TextAt("coding.display")
		}
		if text != "" {
			b.story.done = append(b.story.done, text)
		}
		return
	}
	c, ok := b.find(v)
	if !ok || c.Kind == Measure {
		b.refuse(at, "this code is not on the list of outcomes; allowed here: "+b.list.allowed(Procedure, Situation))
		return
	}
	b.add(purpose, at, c, when)
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
// same person: what another person did must not reach this record.
func (b *builder) reference(purpose, at, reference string) {
	r := b.in.Outputs[reference]
	if r == nil {
		b.refuse(at, "the output is not held here; make it first, then name it")
		return
	}
	typ := r.ResourceType()
	if typ != "Procedure" && typ != "Observation" {
		return
	}
	if s := r.TextAt("subject.reference"); b.in.Patient.ID() == "" || s != "Patient/"+b.in.Patient.ID() && !strings.HasSuffix(s, "/Patient/"+b.in.Patient.ID()) {
		b.refuse(at, "the output is about another person than the Task, or names nobody as its subject")
		return
	}
	b.notes(r)
	if typ == "Procedure" {
		if s := r.Str("status"); s != "completed" {
			b.refuse(at, "a Procedure that is an outcome is completed")
			return
		}
		b.activity(purpose, at, r.Get("code"), date(r, "performed"))
		return
	}
	switch r.Str("status") {
	case "final", "amended", "corrected":
	default:
		b.refuse(at, "an Observation that is an outcome is final, amended or corrected")
		return
	}
	b.score(purpose, at, at, r.Get("code"), r, date(r, "effective"))
}

func (b *builder) notes(r *element.Value) {
	for _, n := range r.List("note") {
		if t := n.Str("text"); strings.TrimSpace(t) != "" {
			b.story.told = append(b.story.told, t)
		}
	}
}

// date copies when something was: a date, or a period by its two ends, named
// DateTime or Period. Nothing else is taken along, because extensions could
// carry anything.
func date(r *element.Value, prefix string) *element.Field {
	for _, name := range []string{"DateTime", "Instant"} {
		if t := r.Str(prefix + name); t != "" {
			f := element.S("DateTime", t) // an instant is a dateTime
			return &f
		}
	}
	period := r.Get(prefix + "Period")
	ends := element.NewObject()
	ends.SetString("start", period.Str("start"))
	ends.SetString("end", period.Str("end"))
	if len(ends.Fields) == 0 {
		return nil
	}
	f := element.F("Period", ends)
	return &f
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
	if !ok {
		b.refuse(codeAt, "this code is not on the list of outcomes; allowed here: "+b.list.allowed(Measure, Situation))
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
	b.story.scores = append(b.story.scores, score{c.Display, text, day(when)})
	value := element.F("valueQuantity", element.NewObject(element.F("value", element.NewNumber(text)),
		element.S("unit", "score"), element.S("system", "http://unitsofmeasure.org"), element.S("code", "{score}")))
	b.coded(purpose, c, &value, when)
}

// day is the day a date names or a period begins on, as text.
func day(when *element.Field) string {
	if when == nil {
		return ""
	}
	if when.Value.Kind == element.String {
		return when.Value.Text
	}
	return when.Value.Str("start")
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
