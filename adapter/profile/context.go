package profile

import (
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fhir"
)

// extensionContext is a place where an extension may stand.
// https://hl7.org/fhir/R4/structuredefinition.html#context
type extensionContext struct{ kind, expression string }

// maxContexts bounds the contexts of one definition; further ones may be any.
const maxContexts = 100

func contexts(v *element.Value) (out []extensionContext) {
	for _, c := range v.List("context") {
		if len(out) == maxContexts {
			return nil
		}
		out = append(out, extensionContext{c.Str("type"), c.Str("expression")})
	}
	return out
}

// holder is an element on the way down to an extension.
type holder struct {
	v            *element.Value
	t            fhir.Type
	name, choice string // as it is written, and value[x] of one of a choice
}

// inContext reports an extension that stands where its definition does not
// allow it. The way down ends with the extension itself.
func (w *walk) inContext(p *Profile) {
	if len(p.contexts) == 0 || len(w.way) < 2 {
		return
	}
	way := w.way[:len(w.way)-1]
	var places []string
	for _, c := range p.contexts {
		switch {
		case c.kind == "element" && stands(way, c.expression),
			c.kind == "extension" && way[len(way)-1].v.Str("url") == c.expression,
			c.kind != "element" && c.kind != "extension": // FHIRPath, which may be met
			return
		}
		places = append(places, c.expression)
	}
	w.report("error", "extension", p.URL, "may stand in "+strings.Join(places, ", ")+" alone")
}

// stands reports whether the end of the way is the element of an expression:
// Patient.contact, ContactPoint.system, Coding, Element.
func stands(way []holder, expression string) bool {
	last := way[len(way)-1]
	if slices.Contains(general(last.t), expression) {
		return true
	}
	written, defined := "", "" // telecom.system; with value[x] for one of a choice
	for i := len(way) - 1; i >= 0; i-- {
		i = outermost(way, i)
		if name := code(way[i].t); expression == name+written || expression == name+defined {
			return true
		}
		if way[i].t.Resource() {
			return false
		}
		end := way[i].name
		if way[i].choice != "" {
			end = way[i].choice + "[x]"
		}
		written, defined = "."+way[i].name+written, "."+end+defined
	}
	return false
}

// outermost finds where an element that R4 defines by one above it, such as an item
// in an item, is defined itself.
func outermost(way []holder, i int) int {
	if !way[i].t.Backbone() {
		return i
	}
	out := i
	for j := i - 1; j >= 0 && !way[j].t.Resource(); j-- {
		if way[j].t == way[i].t {
			out = j
		}
	}
	return out
}

// general are the types that a type is a kind of.
func general(t fhir.Type) []string {
	switch {
	case t.Resource():
		return []string{"Resource", "DomainResource"}
	case t.Backbone():
		return []string{"Element", "BackboneElement"}
	}
	return []string{"Element", kindOf[code(t)]}
}

// kindOf are the types of R4 that specialise others.
// https://hl7.org/fhir/R4/datatypes.html
var kindOf = map[string]string{
	"code": "string", "id": "string", "markdown": "string",
	"url": "uri", "canonical": "uri", "oid": "uri", "uuid": "uri",
	"positiveInt": "integer", "unsignedInt": "integer",
	"SimpleQuantity": "Quantity", "MoneyQuantity": "Quantity", "Age": "Quantity", "Count": "Quantity", "Distance": "Quantity", "Duration": "Quantity",
}

// code is the name of a type as FHIR writes it.
func code(t fhir.Type) string {
	if t.Primitive() {
		return strings.ToLower(t.Name()[:1]) + t.Name()[1:]
	}
	return t.Name()
}
