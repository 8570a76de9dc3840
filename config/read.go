package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// mostEntries bounds a list of the configuration.
const mostEntries = 10_000

// place is where a value stands.
type place struct {
	file         string
	line, column int
	env          string
}

// places finds the place of a key; keys of defaults are not in it.
type places map[string]place

// of returns the place of key or of the nearest thing around it.
func (ps places) of(key string) place {
	for key != "" {
		if p, ok := ps[key]; ok {
			return p
		}
		key = key[:max(0, strings.LastIndexAny(key, ".["))]
	}
	return place{}
}

// reader turns YAML nodes into values of the schema, keeping going after each
// problem. It reads one file or the value of one environment variable.
type reader struct {
	file     string
	env      string
	places   places
	problems Problems
}

// document reads a whole file into the tree of values that it holds.
func (r *reader) document(body []byte) map[string]any {
	n, ok := r.parse(body, "")
	if !ok || n == nil {
		return map[string]any{}
	}
	return r.section(n, schema, "")
}

// parse returns the root of the only YAML document of body, nil when there is
// nothing in it.
func (r *reader) parse(body []byte, key string) (*yaml.Node, bool) {
	dec := yaml.NewDecoder(bytes.NewReader(body))
	var doc, more yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, true
	case err != nil:
		r.syntax(err, key)
		return nil, false
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		r.add(&more, key, "holds more than one YAML document", "keep everything in the first; remove the line ---")
		return nil, false
	}
	if len(doc.Content) != 1 {
		return nil, true
	}
	return doc.Content[0], true
}

var syntaxLine = regexp.MustCompile(`^yaml: line (\d+): `)

// syntax reports what the YAML parser said, with its line where it gave one.
func (r *reader) syntax(err error, key string) {
	words := strings.TrimPrefix(err.Error(), "yaml: ")
	at := yaml.Node{}
	if m := syntaxLine.FindStringSubmatch(err.Error()); m != nil {
		at.Line, _ = strconv.Atoi(m[1])
		at.Column = 1
		words = strings.TrimPrefix(err.Error(), m[0])
	}
	r.add(&at, key, "is not YAML: "+printable(words), "check the indentation, and quote a text that begins with * & ! % @ { [ or a quote")
}

func (r *reader) add(n *yaml.Node, key, words, advice string) {
	p := Problem{Key: key, File: r.file, Env: r.env, Text: words, Advice: advice}
	if r.env == "" {
		p.Line, p.Column = n.Line, n.Column
	}
	r.problems = append(r.problems, p)
}

// value reads one node as the kind of f. The second result is false when the
// value is left out because of a problem.
func (r *reader) value(n *yaml.Node, f field, key string) (any, bool) {
	r.places[key] = place{file: r.file, line: n.Line, column: n.Column, env: r.env}
	if n.Kind == yaml.AliasNode {
		r.add(n, key, "is a YAML alias", "write the value again; aliases are not supported here")
		return nil, false
	}
	switch f.kind {
	case section:
		return r.section(n, f, key), true
	case entries, texts:
		return r.list(n, f, key)
	}
	return r.scalar(n, f, key)
}

func (r *reader) section(n *yaml.Node, f field, key string) map[string]any {
	out := map[string]any{}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		return out
	}
	if n.Kind != yaml.MappingNode {
		r.add(n, key, "must be a section of settings, one per line", "the settings of a section stand indented below its name")
		return out
	}
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		name := k.Value
		if k.Kind != yaml.ScalarNode || k.ShortTag() != "!!str" {
			r.add(k, key, "has a key that is not a plain word", "YAML merge keys and keys of other types are not supported here")
			continue
		}
		if line, ok := first[name]; ok {
			r.add(k, join(key, printable(name)), fmt.Sprintf("is given twice, first in line %d", line), "keep one of the two")
			continue
		}
		first[name] = k.Line
		c, ok := f.child(name)
		if !ok {
			r.add(k, join(key, printable(name)), "is not a known setting", unknownAdvice(f, key, name))
			continue
		}
		if value, ok := r.value(v, c, join(key, name)); ok {
			out[name] = value
		}
	}
	return out
}

func (r *reader) list(n *yaml.Node, f field, key string) (any, bool) {
	if n.Kind != yaml.SequenceNode {
		r.add(n, key, "must be a list", "begin each entry with a hyphen, or write [] for none")
		return nil, false
	}
	if len(n.Content) > mostEntries {
		r.add(n, key, fmt.Sprintf("has more than %d entries", mostEntries), "")
		return nil, false
	}
	out := make([]any, 0, len(n.Content))
	item := field{kind: text}
	if f.kind == entries {
		item = field{kind: section, fields: f.fields}
	}
	for i, c := range n.Content {
		// A bad entry keeps its place, so that later entries keep their number.
		v, ok := r.value(c, item, fmt.Sprintf("%s[%d]", key, i+1))
		if !ok {
			v = ""
			if f.kind == entries {
				v = map[string]any{}
			}
		}
		out = append(out, v)
	}
	return out, true
}

func (r *reader) scalar(n *yaml.Node, f field, key string) (any, bool) {
	if n.Kind != yaml.ScalarNode {
		r.add(n, key, "must be "+kindNames[f.kind], "it holds a section or a list")
		return nil, false
	}
	tag := n.ShortTag()
	switch {
	case tag == "!!null":
		r.add(n, key, "has no value", `remove the line to keep the default, or write "" for an empty text`)
		return nil, false
	case f.kind == text && tag != "!!str":
		r.add(n, key, "must be a text, and YAML reads this as another type", "put it in quotes, so that nothing of it is lost, such as a leading zero")
		return nil, false
	case f.kind == whole && tag != "!!int", f.kind == truth && tag != "!!bool":
		r.add(n, key, "must be "+kindNames[f.kind], "write it without quotes")
		return nil, false
	}
	return r.words(n, f, key, n.Value)
}

// words reads the text of a scalar, from a file or from the environment.
func (r *reader) words(n *yaml.Node, f field, key, words string) (any, bool) {
	if f.kind == text && strings.ContainsFunc(words, unicode.IsControl) {
		r.add(n, key, "holds a line end or another control character", "")
		return nil, false
	}
	v, err := scalar(f.kind, words)
	if err != nil {
		r.add(n, key, err.Error(), "")
		return nil, false
	}
	return v, true
}

// printable makes a name from outside fit for one line of a report.
func printable(s string) string {
	s = strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return '?'
		}
		return c
	}, s[:min(len(s), 80)])
	return strings.ToValidUTF8(s, "?")
}

// unknownAdvice says which key was probably meant.
func unknownAdvice(f field, parent, name string) string {
	if _, ok := f.child(name + "_file"); ok {
		return fmt.Sprintf("secrets are never written here: name a file that holds it with %s_file, or an environment variable with %s_env", name, name)
	}
	var elsewhere []string
	for _, s := range settings {
		if s.Key == name || strings.HasSuffix(s.Key, "."+name) {
			elsewhere = append(elsewhere, s.Key)
		}
	}
	if len(elsewhere) == 1 {
		return "did you mean " + elsewhere[0] + "? Its last part stands indented below the section"
	}
	if len(f.fields) == 0 {
		return ""
	}
	return "did you mean " + join(parent, nearest(name, f.names())) + "?"
}
