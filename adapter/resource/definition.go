package resource

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
)

// Kind is a search parameter type of R4.
// https://hl7.org/fhir/R4/search.html#ptypes
type Kind string

// The kinds that are served. No parameter of a served type is a number.
const (
	Token     Kind = "token"
	Reference Kind = "reference"
	Date      Kind = "date"
	String    Kind = "string"
	URI       Kind = "uri"
	Quantity  Kind = "quantity"
	Composite Kind = "composite"
	Special   Kind = "special"
)

// Parameter is one search parameter: where its values stand in a resource, and
// how they are compared.
type Parameter struct {
	Name       string
	Kind       Kind
	Paths      []Path
	Targets    []string    // of a reference: what it may point to; a bare id means any of them
	Components []Component // of a composite, relative to what stands at its paths
	Missing    bool        // :missing is indexed; of the others each candidate is looked at
	Says       string      // for the CapabilityStatement
	URL        string      // its definition, when it is not one of R4
	by         string      // the parameter whose terms stand for it, of which its values are some
}

// Component is one part of a composite parameter.
type Component struct {
	Kind  Kind
	Paths []Path
}

// Definition is one served type.
type Definition struct {
	Type       string
	Parameters []Parameter
	Create     bool // over the API
	Update     bool
	// Combined lists parameters that are asked for together so often that they
	// are one index entry: owner and status of a worklist.
	Combined [][]string
	byName   map[string]int
}

// Parameter finds a search parameter by name.
func (d *Definition) Parameter(name string) (*Parameter, bool) {
	i, ok := d.byName[name]
	if !ok {
		return nil, false
	}
	return &d.Parameters[i], true
}

// Lookup returns the definition of a served type.
func Lookup(typ string) (*Definition, bool) {
	i, ok := slices.BinarySearchFunc(definitions, typ, func(d Definition, typ string) int { return strings.Compare(d.Type, typ) })
	if !ok {
		return nil, false
	}
	return &definitions[i], true
}

// Definitions lists the served types in alphabetical order.
func Definitions() []Definition { return definitions }

// parameters is the table of served types and what they are searched by.
//
//go:embed parameters.txt
var parameters string

var definitions = mustDefine(parameters)

// everyType is what all types are searched by beside _id and _lastUpdated.
const everyType = `
_profile uri meta.profile
_security token meta.security
_source uri meta.source
_tag token meta.tag`

func mustDefine(table string) []Definition {
	out, err := define(table)
	if err != nil {
		panic("resource: parameters.txt: " + err.Error())
	}
	for i := range out {
		d := &out[i]
		if d.Type == "Task" {
			d.Combined = [][]string{{"owner", "status"}}
			d.Parameters[d.byName["owner"]].Missing = true
			d.Parameters[d.byName["_tag"]].Says = "data-quality flags of the referral"
		}
		d.stand()
	}
	return out
}

// define reads the table. What it refuses is a mistake of ours.
func define(table string) ([]Definition, error) {
	var out []Definition
	var types []string
	for _, line := range strings.Split(table, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		if line[0] != ' ' {
			typ, mark, _ := strings.Cut(line, " ")
			out = append(out, Definition{Type: typ, Create: mark != "read", Update: mark != "read"})
			types = append(types, typ)
			continue
		}
		if len(out) == 0 {
			return nil, fmt.Errorf("%q has no type", line)
		}
		p, err := parameterOf(strings.TrimSpace(line))
		if err != nil {
			return nil, err
		}
		d := &out[len(out)-1]
		d.Parameters = append(d.Parameters, p)
	}
	for i := range out {
		d := &out[i]
		for _, line := range strings.Split(strings.TrimSpace(everyType), "\n") {
			p, err := parameterOf(line)
			if err != nil {
				return nil, err
			}
			d.Parameters = append(d.Parameters, p)
		}
		d.byName = map[string]int{}
		for j := range d.Parameters {
			p := &d.Parameters[j]
			if slices.Equal(p.Targets, []string{"*"}) {
				p.Targets = types
			}
			d.byName[p.Name] = j
		}
	}
	return out, nil
}

// parameterOf reads one line of the table.
func parameterOf(line string) (Parameter, error) {
	bad := fmt.Errorf("%q cannot be read", line)
	line, url, _ := strings.Cut(line, " http://")
	if url != "" {
		url = "http://" + url
	}
	name, rest, _ := strings.Cut(line, " ")
	kind, rest, _ := strings.Cut(rest, " ")
	p := Parameter{Name: name, Kind: Kind(kind), URL: url}
	rest, targets, _ := strings.Cut(rest, " -> ")
	if targets != "" {
		p.Targets = strings.Split(targets, ",")
	}
	parts := strings.Split(rest, " : ")
	var ok bool
	if p.Paths, ok = compileAll(parts[0]); !ok {
		return p, bad
	}
	for _, part := range parts[1:] {
		kind, paths, _ := strings.Cut(part, " ")
		c := Component{Kind: Kind(kind)}
		if c.Paths, ok = compileAll(paths); !ok {
			return p, bad
		}
		p.Components = append(p.Components, c)
	}
	if p.Kind == Token && name == "identifier" {
		p.Says = "business identifier"
	}
	return p, nil
}

func compileAll(text string) ([]Path, bool) {
	var out []Path
	for _, t := range strings.Split(text, "|") {
		p, ok := compile(t)
		if !ok || t == "" {
			return nil, false
		}
		out = append(out, p)
	}
	return out, true
}

// visit goes through every value of the parameter.
func (p *Parameter) visit(v *element.Value, fn func(*element.Value)) { visitAll(p.Paths, v, fn) }

func visitAll(paths []Path, v *element.Value, fn func(*element.Value)) {
	for _, p := range paths {
		p.visit(v, fn)
	}
}
