package config

import (
	"fmt"
	"io"
	"reflect"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"
)

// shownHash is how much of a token hash is printed: enough to tell two apart,
// too little to search for the token.
const shownHash = 8

// WriteEffective prints every setting with its value as YAML and, behind each,
// where the value came from. Secrets are left out and token hashes shortened,
// so the text may go into a ticket.
func (c Config) WriteEffective(w io.Writer) error {
	root := c.node(reflect.ValueOf(c), schema, "")
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(root); err != nil {
		return fmt.Errorf("print configuration: %w", err)
	}
	return enc.Close()
}

// node builds the YAML of one value.
func (c Config) node(v reflect.Value, f field, key string) *yaml.Node {
	switch f.kind {
	case section:
		n := &yaml.Node{Kind: yaml.MappingNode}
		for _, sub := range f.fields {
			name := &yaml.Node{Kind: yaml.ScalarNode, Value: sub.name}
			below := join(key, sub.name)
			value := c.node(v.Field(sub.index), sub, below)
			switch {
			case value.Kind == yaml.ScalarNode:
				value.LineComment = c.origin(below)
			case sub.kind != section:
				name.LineComment = c.origin(below)
				if len(value.Content) == 0 {
					name.LineComment, value.LineComment = "", c.origin(below)
				}
			}
			n.Content = append(n.Content, name, value)
		}
		return n
	case entries, texts:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		if v.Len() == 0 {
			n.Style = yaml.FlowStyle
		}
		item := field{kind: text}
		if f.kind == entries {
			item = field{kind: section, fields: f.fields}
		}
		for i := range v.Len() {
			n.Content = append(n.Content, c.node(v.Index(i), item, fmt.Sprintf("%s[%d]", key, i+1)))
		}
		return n
	}
	words, tag := shown(v, f)
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: words}
}

// shown is the text and the YAML tag of a scalar.
func shown(v reflect.Value, f field) (words, tag string) {
	switch f.kind {
	case whole:
		return strconv.FormatInt(v.Int(), 10), "!!int"
	case truth:
		return strconv.FormatBool(v.Bool()), "!!bool"
	case duration:
		return short(time.Duration(v.Int())), "!!str"
	case size:
		return Size(v.Int()).String(), "!!str"
	}
	words = v.String()
	if f.name == "token_sha256" && len(words) > shownHash {
		words = words[:shownHash] + "..."
	}
	return words, "!!str"
}

// origin says where the value of a key came from.
func (c Config) origin(key string) string {
	p, ok := c.places[key]
	switch {
	case !ok:
		return "default"
	case p.env != "":
		return p.env
	case p.file != "":
		return p.file + ":" + strconv.Itoa(p.line)
	}
	return "line " + strconv.Itoa(p.line)
}
