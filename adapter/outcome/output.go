package outcome

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/nhs"
)

// References lists the resources that a Task's outputs name, as Type/id.
func References(task *element.Value) []string {
	var out []string
	for _, o := range task.List("output") {
		if r := o.TextAt("valueReference.reference"); r != "" {
			out = append(out, relative(r))
		}
	}
	return out
}

// outputs reads Task.output: a coded activity, a reference to a Procedure or
// an Observation, a score, or words.
func (b *builder) outputs() {
	for i, o := range b.in.Task.List("output") {
		at := fmt.Sprintf("Task.output[%d]", i)
		purpose := fmt.Sprintf("output-%d", i)
		switch {
		case o.Get("valueCodeableConcept") != nil:
			b.concept(purpose, at+".valueCodeableConcept", o.Get("valueCodeableConcept"))
		case o.Get("valueReference") != nil:
			b.reference(purpose, at+".valueReference", o.TextAt("valueReference.reference"))
		case o.Get("valueInteger") != nil || o.Get("valueDecimal") != nil || o.Get("valueQuantity") != nil:
			if c := snomedOf(o.Get("type")); c != "" {
				b.score(purpose, at+".type", c, o, nil)
			}
		default:
			b.words(o)
		}
	}
}

// words sorts what is said in words under the heading its type names.
func (b *builder) words(o *element.Value) {
	text := o.Str("valueString")
	if text == "" {
		text = o.Str("valueMarkdown")
	}
	if text == "" {
		return
	}
	switch kind := strings.ToLower(o.TextAt("type.text")); {
	case strings.Contains(kind, "action"):
		b.story.actions = append(b.story.actions, text)
	case strings.Contains(kind, "risk"):
		b.story.risks = append(b.story.risks, text)
	default:
		b.story.told = append(b.story.told, text)
	}
}

func (b *builder) concept(purpose, at string, v *element.Value) {
	code := snomedOf(v)
	if code == "" {
		if t := v.Str("text"); t != "" {
			b.story.done = append(b.story.done, t)
		}
		return
	}
	c, ok := b.list.Find(code)
	if !ok || c.Kind == Measure {
		b.refuse(at, "this code is not on the list of outcomes; allowed here: "+b.list.allowed(Procedure, Situation))
		return
	}
	b.story.done = append(b.story.done, c.Display)
	b.story.declined = b.story.declined || c.Code == declined
	if c.Once != "" {
		b.asked = append(b.asked, c)
		return
	}
	b.coded(purpose, c, nil, nil)
}

// reference takes what a Procedure or an Observation says.
func (b *builder) reference(purpose, at, reference string) {
	r := b.in.Outputs[relative(reference)]
	if r == nil {
		b.refuse(at, "the output is not held here; make it first, then name it")
		return
	}
	switch r.ResourceType() {
	case "Procedure":
		if s := r.Str("status"); s != "completed" {
			b.refuse(at, "a Procedure that is an outcome is completed")
			return
		}
		b.concept(purpose, at, r.Get("code"))
		b.notes(r)
	case "Observation":
		switch r.Str("status") {
		case "final", "amended", "corrected":
		default:
			b.refuse(at, "an Observation that is an outcome is final, amended or corrected")
			return
		}
		b.score(purpose, at, snomedOf(r.Get("code")), r, r)
		b.notes(r)
	}
}

func (b *builder) notes(r *element.Value) {
	for _, n := range r.List("note") {
		if t := n.Str("text"); t != "" {
			b.story.told = append(b.story.told, t)
		}
	}
}

// score checks a measure against its range and adds it with its own date.
func (b *builder) score(purpose, at, code string, holder, observation *element.Value) {
	c, ok := b.list.Find(code)
	if !ok {
		b.refuse(at, "this code is not on the list of outcomes; allowed here: "+b.list.allowed(Measure, Situation))
		return
	}
	var effective *element.Field
	if observation != nil {
		for _, name := range []string{"effectiveDateTime", "effectivePeriod", "effectiveInstant"} {
			if v := observation.Get(name); v != nil {
				effective = &element.Field{Name: name, Value: v}
			}
		}
	}
	if c.Kind != Measure {
		b.story.done = append(b.story.done, c.Display)
		b.coded(purpose, c, nil, effective)
		return
	}
	text := holder.TextAt("valueInteger")
	if text == "" {
		text = holder.TextAt("valueDecimal")
	}
	if text == "" {
		text = holder.TextAt("valueQuantity.value")
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n < *c.Minimum || n > *c.Maximum {
		b.refuse(at, fmt.Sprintf("%s is a number from %g to %g", c.Display, *c.Minimum, *c.Maximum))
		return
	}
	when := ""
	if effective != nil && effective.Value.Kind == element.String {
		when = effective.Value.Text
	}
	b.story.scores = append(b.story.scores, score{c.Display, text, when})
	value := element.F("valueQuantity", element.NewObject(element.F("value", element.NewNumber(text))))
	b.coded(purpose, c, &value, effective)
}

func snomedOf(concept *element.Value) string {
	for _, c := range concept.List("coding") {
		if c.Str("system") == nhs.SystemSNOMED {
			return c.Str("code")
		}
	}
	return ""
}
