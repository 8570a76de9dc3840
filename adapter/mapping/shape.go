package mapping

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/nhs"
	"github.com/linkloop/linkloop/adapter/spelling"
)

// Shaper is a Schema that also knows how elements are written in JSON: as an
// array or not; as string, number, boolean, object or Reference; with the codes
// of a required binding; pointing to which types. With one, Compile reports
// rules that could only make an invalid resource.
type Shaper interface {
	Schema
	Shape(resourceType, path string) (list bool, kind string, codes, targets []string, known bool)
}

// shaped is an element that a template is checked against.
type shaped struct {
	name    string // Patient.name.given
	kind    string
	codes   []string
	targets []string
}

// fits checks that a template can make the element it stands in.
func (c *compiler) fits(n *yaml.Node, t *template, at place) {
	shaper, ok := c.schema.(Shaper)
	if !ok || t == nil || strings.Contains(at.path, "_") {
		return
	}
	list, kind, codes, targets, known := shaper.Shape(at.kind, at.path)
	if !known {
		return
	}
	s := shaped{name: at.kind + "." + at.path, kind: kind, codes: codes, targets: targets}
	switch {
	case list:
		c.fitsList(n, t, s)
	default:
		c.fitsOne(n, t, s)
	}
}

// fitsList checks what stands in the place of an array.
func (c *compiler) fitsList(n *yaml.Node, t *template, s shaped) {
	switch {
	case t.repeat != nil:
		c.fitsOne(n, t.repeat.body, s)
	case t.shape == isArray:
		for i, it := range t.items {
			item := n
			if len(n.Content) == len(t.items) {
				item = n.Content[i]
			}
			if it.repeat != nil {
				it = it.repeat.body
			}
			c.fitsOne(item, it, s)
		}
	case t.shape == isFirst:
		for _, alt := range t.items {
			c.fitsList(n, alt, s)
		}
	case t.list:
		c.fitsOne(n, t, s)
	case t.shape == isArrow && t.arrow.mode == copied:
	default:
		c.problem(c.start(n), "put it into brackets, or behind a dash", "%s is a list", s.name)
	}
}

// fitsOne checks what stands in the place of one value.
func (c *compiler) fitsOne(n *yaml.Node, t *template, s shaped) {
	if t == nil {
		return
	}
	at := c.start(n)
	structure := s.kind == "object" || s.kind == "Reference"
	switch t.shape {
	case isFirst:
		for _, alt := range t.items {
			c.fitsOne(n, alt, s)
		}
	case isArray:
		if s.kind != "" && t.repeat == nil {
			c.problem(at, "take it out of the brackets", "%s is no list", s.name)
		}
	case isObject:
		if t.repeat != nil {
			c.problem(at, "a path takes the first by itself", "%s is no list, so $each cannot make it", s.name)
		} else if !structure {
			c.problem(at, "", "%s is a %s, not a structure", s.name, s.kind)
		}
	case isRef:
		c.fitsReference(at, t, s)
	case isArrow:
		if t.arrow.mode == copied {
			return
		}
		if structure {
			c.problem(at, s.name+": with members below, or <- copy", "%s is a structure, and this is one value", s.name)
			return
		}
		c.fitsArrow(at, t.arrow, s)
	case isConstant, isNamed, isExpr:
		if structure {
			c.problem(at, "", "%s is a structure, and this is one value", s.name)
			return
		}
		if t.shape == isConstant {
			c.fitsText(at, t.text, t.kind, s)
		} else if t.shape == isNamed {
			c.fitsText(at, c.m.constants[t.index].text, element.String, s)
		}
	}
}

func (c *compiler) fitsReference(at position, t *template, s shaped) {
	if s.kind != "Reference" {
		c.problem(at, "", "%s is no reference", s.name)
		return
	}
	for _, i := range t.refs {
		if r := &c.m.resources[i]; len(s.targets) > 0 && !slices.Contains(s.targets, r.kind) {
			c.problem(at, "", "%s cannot point to %s, which is a %s: it points to %s", s.name, r.key, r.kind, strings.Join(s.targets, ", "))
		}
	}
}

// fitsText checks a fixed text.
func (c *compiler) fitsText(at position, text string, kind element.Kind, s shaped) {
	switch {
	case s.kind == "boolean" && kind != element.Bool:
		c.problem(at, "true or false, without quotes", "%s is a boolean", s.name)
	case s.kind == "number":
		c.problem(at, "= 1", "%s is a number, written as an expression", s.name)
	case s.kind == "string" && kind == element.Bool:
		c.problem(at, `"`+text+`"`, "%s is a text", s.name)
	case len(s.codes) > 0 && !slices.Contains(s.codes, text):
		c.problem(at, codeHint(text, s.codes), "%q is not a code of %s", text, s.name)
	}
}

func codeHint(text string, codes []string) string {
	if hint := nearest(text, slices.Clone(codes)); hint != "" {
		return hint
	}
	if len(codes) > 20 {
		return ""
	}
	return "the codes are " + strings.Join(codes, ", ")
}

// fitsArrow checks what is known of a rule's value before there is a message:
// its JSON type, the codes of a table, a default.
func (c *compiler) fitsArrow(at position, a *arrow, s shaped) {
	has := func(name string) bool {
		return slices.ContainsFunc(a.calls, func(call call) bool { return call.fn.name == name })
	}
	texts := c.m.format == "hl7v2" || c.m.format == "csv" || c.m.format == "xml"
	for _, kind := range []string{"boolean", "number"} {
		if s.kind == kind && texts && !has(kind) {
			c.problem(at, "| "+kind, "%s is a %s, and the message holds texts", s.name, kind)
		}
		if s.kind == "string" && has(kind) && a.calls[len(a.calls)-1].fn.name == kind {
			c.problem(at, "", "%s is a text, and %s makes none", s.name, kind)
		}
	}
	if len(s.codes) == 0 {
		return
	}
	for i := len(a.calls) - 1; i >= 0; i-- {
		switch call := &a.calls[i]; call.fn.name {
		case "default":
			if !slices.Contains(s.codes, call.args[0]) {
				c.problem(at, codeHint(call.args[0], s.codes), "the default %q is not a code of %s", call.args[0], s.name)
			}
		case "code":
			for _, code := range call.table.targets() {
				if code != "" && !slices.Contains(s.codes, code) {
					c.warn(at, codeHint(code, s.codes), "%s gives %q, which is not a code of %s", call.table.file, code, s.name)
				}
			}
			return
		default:
			return
		}
	}
}

// knownSystems are the beginnings of URIs of systems that many senders use, and
// some whole ones; a URI that is nearly one of them is misspelt.
var knownSystems = []string{"http://hl7.org/fhir/", "http://terminology.hl7.org/", "https://fhir.hl7.org.uk/", "https://fhir.nhs.uk/",
	"http://loinc.org", "http://unitsofmeasure.org", "https://www.iana.org/",
	nhs.SystemNHSNumber, nhs.SystemODSOrganization, nhs.SystemODSSite, nhs.SystemSDSUser, nhs.SystemSNOMED, nhs.SystemDMD, nhs.SystemReadV2}

// coding checks constants of a coding or an identifier that stand side by
// side: the system's URI as it is usually written, a SNOMED CT id by its check
// digit.
func (c *compiler) coding(n *yaml.Node, t *template) {
	constant := map[string]*template{}
	node := map[string]*yaml.Node{}
	for i := range t.fields {
		if f := &t.fields[i]; f.value.shape == isConstant {
			constant[f.name] = f.value
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		node[n.Content[i].Value] = n.Content[i+1]
	}
	system, code := constant["system"], constant["code"]
	if system == nil || node["system"] == nil {
		return
	}
	if hint := systemHint(system.text); hint != "" {
		c.warn(c.start(node["system"]), hint, "%s is nearly the URI of a system that is known here", system.text)
	}
	if canonical, _ := nhs.CanonicalSystem(system.text); canonical == nhs.SystemSNOMED && code != nil && node["code"] != nil {
		if _, why := nhs.ParseConcept(code.text); why != nhs.Valid {
			c.warn(c.start(node["code"]), "", "the SNOMED CT id %s", why.Text())
		}
	}
}

// systemHint says what is odd about the URI of a system; empty: nothing. A URI
// that is like none that is known is the sender's own.
func systemHint(uri string) string {
	if !strings.Contains(uri, ":") {
		return ""
	}
	if canonical, known := nhs.CanonicalSystem(uri); known {
		if canonical == uri {
			return ""
		}
		return "it is written " + canonical
	}
	for _, p := range knownSystems {
		begin := uri
		if strings.HasSuffix(p, "/") {
			begin = uri[:min(len(p), len(uri))]
		}
		if d := spelling.Distance(strings.ToLower(begin), strings.ToLower(p)); begin != p && d <= 2 {
			return "did you mean " + p + "? If not, write it under constants: and use it as = name"
		}
	}
	return ""
}

// checkTargets warns of codes and systems in a table that look wrong.
func (c *compiler) checkTargets(t *table) {
	systems := map[string]bool{}
	for _, from := range t.order {
		to := t.codes[from]
		if !systems[to.system] {
			systems[to.system] = true
			if hint := systemHint(to.system); hint != "" {
				c.warnFile(t.file, hint, fmt.Sprintf("%s is nearly the URI of a system that is known here", to.system))
			}
		}
		if to.system == nhs.SystemSNOMED && to.code != "" {
			if _, why := nhs.ParseConcept(to.code); why != nhs.Valid {
				c.warnFile(t.file, "", fmt.Sprintf("the SNOMED CT id for %q %s", from, why.Text()))
			}
		}
	}
}

// warnFile warns of something in a file whose place is not known.
func (c *compiler) warnFile(file, hint, text string) {
	c.warn(position{spot: spot{file: file}}, hint, "%s", text)
}
