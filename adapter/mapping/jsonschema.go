package mapping

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Help is one line of a reference: a word of the language and what it means.
type Help struct{ Name, Says string }

// headHelp is every key at the top of mapping.yaml.
var headHelp = []Help{
	{"mapping", "Name of the mapping, which is that of its folder."},
	{"title", "What is mapped, in a line."},
	{"description", "What there is to know about the sender, in plain English."},
	{"version", "Version that the authors give it; every accepted message records it."},
	{"format", "Wire format that decodes the messages."},
	{"csv", "How the rows of the sender are written; for the format csv."},
	{"json", "The list of which each item is a message (each), and where the message id is (id); for the format json."},
	{"xml", "The elements of which each is a message (each), where the documents of the sender hold id and type, and prefixes for namespaces; for the format xml."},
	{"accepts", "Message types that the mapping is for; * is any."},
	{"constants", "Texts by name, used as = name. The configuration of a sender may set them differently."},
	{"constantsBy", "Constants that depend on a value of the message, such as the ODS code of the practice."},
	{"let", "Names for places and values that several rules start from."},
	{"ignores", "Paths of what is left out on purpose, with all below them; they are not listed as unmapped."},
	{"intention", "Rule that says what a message wants: new, modify, cancel, status."},
	{"sent", "Rule that says when the message was made."},
	{"resources", "The resources that come out, by a name of their own, each below those it points to."},
}

// directiveHelp is every directive of an element.
var directiveHelp = []Help{
	{"$each", "A path: the element, or the whole resource, once for every place. Paths below that start with a dot start there. With functions behind it (contact | phones): the element once for every value, which the dot below stands for."},
	{"$as", "A name for the place of $each, for paths of inner levels."},
	{"$when", "Made only if this rule gives a value other than false."},
	{"$unless", "Made only if this rule gives no value, or false."},
	{"$needs", "Members without which the element is left out."},
	{"$first", "The first of these alternatives that comes out. What an earlier one could not use and this one could is no finding."},
	{"$value", "With $each: the value of one repetition, instead of members."},
	{useKey, "A fragment of the folder shared, put in the place of this element: shared/uk-address."},
	{withKey, "The parameters of the fragment."},
}

// requiredKeys are the keys that no mapping is without.
var requiredKeys = []string{"mapping", "title", "version", "format", "accepts", "resources"}

func helpNames(list []Help) []string {
	out := make([]string, len(list))
	for i, h := range list {
		out[i] = h.Name
	}
	return out
}

// HeadReference lists the keys at the top of mapping.yaml.
func HeadReference() []Help { return append([]Help(nil), headHelp...) }

// DirectiveReference lists the directives that can stand in an element.
func DirectiveReference() []Help { return append([]Help(nil), directiveHelp...) }

// object is one level of a JSON Schema.
type object = map[string]any

// JSONSchema is the JSON Schema (draft 7) of mapping.yaml, made from the tables
// the compiler itself uses, so that an editor completes and checks what Compile
// takes. It knows the words of the language; element names, paths and tables
// are for lint.
func JSONSchema() []byte {
	props := object{}
	for _, h := range headHelp {
		p := object{"description": h.Says}
		for k, v := range headShape(h.Name) {
			p[k] = v
		}
		props[h.Name] = p
	}
	return printSchema("A linkloop mapping (mapping.yaml)", props, requiredKeys)
}

// FragmentSchema is the JSON Schema of a shared fragment.
func FragmentSchema() []byte {
	return printSchema("A fragment of linkloop mappings (shared/*.yaml)", object{
		"fragment":    object{"description": "Name of the fragment, which is that of its file.", "type": "string", "pattern": "^[a-z0-9][a-z0-9-]*$"},
		"title":       object{"description": "What it is for, in a line.", "type": "string"},
		"description": object{"description": "What there is to know about it.", "type": "string"},
		"parameters": object{"description": "What its users give, by name; ${name} stands for it in the body.", "type": "object",
			"propertyNames": object{"pattern": namePattern},
			"additionalProperties": object{"anyOf": []any{
				object{"type": "string"},
				object{"type": "object", "additionalProperties": false, "properties": object{
					"says":     object{"type": "string", "description": "What it means."},
					"optional": object{"type": "boolean", "description": "What uses it is left out when it is not given."},
					"default":  object{"$ref": "#/definitions/value", "description": "What it is when it is not given."},
				}},
			}}},
		"body": object{"$ref": "#/definitions/value", "description": "What stands in the place of the element with $use."},
	}, []string{"fragment", "body"})
}

const namePattern = "^[a-z][A-Za-z0-9_]*$"

// headShape is what stands behind a key at the top.
func headShape(key string) object {
	text := object{"type": "string", "minLength": 1}
	rule := object{"$ref": "#/definitions/rule"}
	named := func(of object) object {
		return object{"type": "object", "propertyNames": object{"pattern": namePattern}, "additionalProperties": of}
	}
	constants := named(object{"type": []any{"string", "number", "boolean"}})
	switch key {
	case "mapping":
		return object{"type": "string", "pattern": "^[a-z0-9][a-z0-9-]*$"}
	case "version":
		return object{"type": []any{"string", "number"}}
	case "format":
		return object{"enum": formats}
	case "csv":
		return object{"type": "object", "propertyNames": object{"enum": csvKeys}}
	case "json":
		return object{"type": "object", "propertyNames": object{"enum": jsonKeys}}
	case "xml":
		return object{"type": "object", "propertyNames": object{"enum": xmlKeys}}
	case "accepts":
		return object{"type": "array", "minItems": 1, "items": text}
	case "constants":
		return constants
	case "constantsBy":
		return object{"type": "object", "required": []string{"value", "cases"}, "additionalProperties": false, "properties": object{
			"value": rule, "cases": object{"type": "object", "additionalProperties": constants}}}
	case "let":
		return named(rule)
	case "ignores":
		return object{"type": "array", "items": text}
	case "intention", "sent":
		return rule
	case "resources":
		return object{"type": "object", "minProperties": 1, "additionalProperties": object{"$ref": "#/definitions/structure"}}
	default:
		return object{"type": "string"}
	}
}

func printSchema(title string, props object, required []string) []byte {
	directives := object{}
	for _, h := range directiveHelp {
		d := object{"description": h.Says}
		switch h.Name {
		case "$each":
			d["type"] = "string"
		case "$as":
			d["type"], d["pattern"] = "string", namePattern
		case "$when", "$unless":
			d["$ref"] = "#/definitions/rule"
		case "$needs":
			d["anyOf"] = []any{object{"type": "string"}, object{"type": "array", "items": object{"type": "string"}}}
		case "$first":
			d["type"], d["minItems"], d["items"] = "array", 1, object{"$ref": "#/definitions/value"}
		case "$value":
			d["$ref"] = "#/definitions/value"
		case useKey:
			d["type"], d["pattern"] = "string", "^"+sharedFolder+"/[a-z0-9][a-z0-9-]*$"
		case withKey:
			d["type"], d["propertyNames"] = "object", object{"pattern": namePattern}
		}
		if d["$ref"] != nil { // draft 7 ignores what stands beside a $ref
			d["allOf"] = []any{object{"$ref": d["$ref"]}}
			delete(d, "$ref")
		}
		directives[h.Name] = d
	}
	schema := object{
		"$schema": "http://json-schema.org/draft-07/schema#",
		"title":   title, "type": "object",
		"additionalProperties": false, "required": required, "properties": props,
		"definitions": object{
			"rule": object{
				"description": ruleHelp(), "type": "string",
				"anyOf": []any{
					object{"pattern": arrowPattern()},
					object{"pattern": `^->\s*[a-z$]`},
					object{"pattern": `^=`},
					object{"not": object{"pattern": `^(<-|->|=)`}, "minLength": 1},
				},
			},
			"structure": object{
				"type": "object", "minProperties": 1, "additionalProperties": false, "properties": directives,
				"patternProperties": object{"^_?[A-Za-z][A-Za-z0-9]*$": object{"$ref": "#/definitions/value"}},
			},
			"value": object{"anyOf": []any{
				object{"type": []any{"boolean", "number"}},
				object{"$ref": "#/definitions/rule"},
				object{"$ref": "#/definitions/structure"},
				object{"type": "array", "items": object{"$ref": "#/definitions/value"}},
			}},
		},
	}
	out, err := json.MarshalIndent(schema, "", "  ")
	if err != nil { // texts, lists and maps of them always print
		return nil
	}
	return append(out, '\n')
}

// arrowPattern takes a rule whose pipes lead to functions that exist.
func arrowPattern() string {
	names := make([]string, 0, len(functionList)+1)
	for i := range functionList {
		names = append(names, functionList[i].name)
	}
	names = append(names, requiredWord)
	return "^<-\\s*([^|\"'`]|\"([^\"\\\\]|\\\\.)*\"|'([^'\\\\]|\\\\.)*'|`[^`]*`|\\|\\s*((" + strings.Join(names, "|") + ")\\b|\\$\\{))+$"
}

// ruleHelp is the text an editor shows over a rule.
func ruleHelp() string {
	var b strings.Builder
	b.WriteString("<- path comes from the message, -> name points to a resource above and -> each name to all that $each made of it, = is a constant or an expression, anything else is a fixed text. " +
		"Behind a path stand functions: <- PID-7 | date\n")
	for _, f := range FunctionReference() {
		fmt.Fprintf(&b, "\n%s: %s", f.Name, f.Says)
	}
	return b.String()
}
