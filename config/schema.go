package config

import (
	"reflect"
	"strings"
	"time"
)

// kind is the form that a value must have in the file.
type kind uint8

const (
	section  kind = iota // settings below it
	entries              // a list of sections
	texts                // a list of texts
	text                 // a quoted or plain text; never a number
	whole                // a whole number
	truth                // true or false
	duration             // a number with a unit of time
	size                 // a number with a unit of bytes
)

// kindNames says what a value must be, for problems and for the reference.
var kindNames = [...]string{
	section:  "a section",
	entries:  "a list of entries",
	texts:    "a list of texts",
	text:     "a text",
	whole:    "a whole number",
	truth:    "true or false",
	duration: "a duration",
	size:     "a size",
}

// field is one key of the configuration and what may stand below it.
type field struct {
	name   string
	kind   kind
	fields []field // of a section or of each entry of a list
	index  int     // of the struct field
}

// schema is the form of Config, read once from the struct: the one place that
// says which keys exist.
var schema = field{kind: section, fields: fieldsOf(reflect.TypeFor[Config]())}

func fieldsOf(t reflect.Type) []field {
	var out []field
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("mapstructure")
		if name == "" || name == "-" {
			continue
		}
		fd := field{name: name, kind: kindOf(f.Type), index: i}
		switch fd.kind {
		case section:
			fd.fields = fieldsOf(f.Type)
		case entries:
			fd.fields = fieldsOf(f.Type.Elem())
		}
		out = append(out, fd)
	}
	return out
}

func kindOf(t reflect.Type) kind {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return duration
	case t == reflect.TypeFor[Size]():
		return size
	case t.Kind() == reflect.Bool:
		return truth
	case t.Kind() == reflect.Int:
		return whole
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		return entries
	case t.Kind() == reflect.Slice:
		return texts
	case t.Kind() == reflect.Struct:
		return section
	}
	return text
}

// child returns the field of a name, case and all.
func (f field) child(name string) (field, bool) {
	for _, c := range f.fields {
		if c.name == name {
			return c, true
		}
	}
	return field{}, false
}

// names lists the keys that may stand below f.
func (f field) names() []string {
	out := make([]string, len(f.fields))
	for i, c := range f.fields {
		out[i] = c.name
	}
	return out
}

// leaf is a key that holds a value of its own: a scalar or a list as a whole.
type leaf struct {
	key   string
	field field
}

// leaves lists the leaves below f, without those inside lists.
func (f field) leaves(prefix string) []leaf {
	var out []leaf
	for _, c := range f.fields {
		key := join(prefix, c.name)
		if c.kind == section {
			out = append(out, c.leaves(key)...)
			continue
		}
		out = append(out, leaf{key, c})
	}
	return out
}

// at returns the value of a leaf of c.
func (c Config) at(l leaf) any {
	v := reflect.ValueOf(c)
	f := schema
	for name := range strings.SplitSeq(l.key, ".") {
		f, _ = f.child(name)
		v = v.Field(f.index)
	}
	return v.Interface()
}

func join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "." + name
}
