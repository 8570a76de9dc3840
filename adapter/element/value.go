// Package element is FHIR JSON as a light ordered tree: what mappings build,
// what the profile checker walks, what is stored and served. It knows the
// JSON representation of FHIR (https://hl7.org/fhir/R4/json.html) and nothing
// of what any resource means; that is adapter/fhir's.
//
// A tree is made by one goroutine and not changed after it was handed on.
package element

import (
	"slices"
	"strings"
)

// Kind is the JSON shape of a value.
type Kind uint8

// The shapes of JSON, RFC 8259.
const (
	Null Kind = iota
	Bool
	Number
	String
	Object
	Array
)

// Origin says where a value came from, for explanations. The zero Origin is
// "not from a message".
type Origin struct {
	Rule int32 // 1 + index of the mapping rule; 0: none
	Node int32 // 1 + id of the source node; 0: a constant of the mapping
}

// Field is one member of an object.
type Field struct {
	Name  string
	Value *Value
}

// Value is one JSON value. Numbers keep their source text, because FHIR
// decimals keep their precision (https://hl7.org/fhir/R4/datatypes.html#decimal).
type Value struct {
	Kind   Kind
	Text   string // String: the text; Number: as written; Bool: "true" or "false"
	Fields []Field
	Items  []*Value
	Origin Origin
}

// NewString returns a string value.
func NewString(s string) *Value { return &Value{Kind: String, Text: s} }

// NewNumber returns a number value as written.
func NewNumber(s string) *Value { return &Value{Kind: Number, Text: s} }

// NewBool returns a boolean value.
func NewBool(b bool) *Value {
	if b {
		return &Value{Kind: Bool, Text: "true"}
	}
	return &Value{Kind: Bool, Text: "false"}
}

// NewObject returns an object with the fields, in order.
func NewObject(fields ...Field) *Value { return &Value{Kind: Object, Fields: fields} }

// NewArray returns an array with the items.
func NewArray(items ...*Value) *Value { return &Value{Kind: Array, Items: items} }

// F is short for a Field.
func F(name string, v *Value) Field { return Field{name, v} }

// S is short for a Field with a string.
func S(name, text string) Field { return Field{name, NewString(text)} }

// Get returns the member, or nil. It is safe on nil.
func (v *Value) Get(name string) *Value {
	if v == nil {
		return nil
	}
	for i := range v.Fields {
		if v.Fields[i].Name == name {
			return v.Fields[i].Value
		}
	}
	return nil
}

// Set replaces the member or appends it.
func (v *Value) Set(name string, x *Value) {
	for i := range v.Fields {
		if v.Fields[i].Name == name {
			v.Fields[i].Value = x
			return
		}
	}
	v.Fields = append(v.Fields, Field{name, x})
}

// SetString is Set with a string; an empty text removes the member, because
// FHIR has no empty strings.
func (v *Value) SetString(name, text string) {
	if text == "" {
		v.Remove(name)
		return
	}
	v.Set(name, NewString(text))
}

// Remove drops the member if it is there.
func (v *Value) Remove(name string) {
	v.Fields = slices.DeleteFunc(v.Fields, func(f Field) bool { return f.Name == name })
}

// Append adds an item to the array member, which it makes when absent.
func (v *Value) Append(name string, item *Value) {
	a := v.Get(name)
	if a == nil || a.Kind != Array {
		a = NewArray()
		v.Set(name, a)
	}
	a.Items = append(a.Items, item)
}

// Str returns the text of the string member, or "".
func (v *Value) Str(name string) string {
	if m := v.Get(name); m != nil && m.Kind == String {
		return m.Text
	}
	return ""
}

// List returns the items of the array member, or nil.
func (v *Value) List(name string) []*Value {
	if m := v.Get(name); m != nil && m.Kind == Array {
		return m.Items
	}
	return nil
}

// At follows a dotted path such as "code.coding.code"; an array on the way
// means its first item. It returns nil when nothing is there.
func (v *Value) At(path string) *Value {
	for v != nil && path != "" {
		name, rest, _ := strings.Cut(path, ".")
		for v != nil && v.Kind == Array {
			if len(v.Items) == 0 {
				return nil
			}
			v = v.Items[0]
		}
		v = v.Get(name)
		path = rest
	}
	return v
}

// TextAt is the text of the scalar at a dotted path, or "".
func (v *Value) TextAt(path string) string {
	x := v.At(path)
	for x != nil && x.Kind == Array && len(x.Items) > 0 {
		x = x.Items[0]
	}
	if x == nil || x.Kind == Object || x.Kind == Array {
		return ""
	}
	return x.Text
}

// All returns every value at a dotted path; arrays on the way are followed
// into each item, and an array at the end is given item by item.
func (v *Value) All(path string) []*Value {
	return appendAll(nil, v, path)
}

func appendAll(out []*Value, v *Value, path string) []*Value {
	if v == nil {
		return out
	}
	if v.Kind == Array {
		for _, it := range v.Items {
			out = appendAll(out, it, path)
		}
		return out
	}
	if path == "" {
		return append(out, v)
	}
	name, rest, _ := strings.Cut(path, ".")
	return appendAll(out, v.Get(name), rest)
}

// ResourceType is the resourceType member.
func (v *Value) ResourceType() string { return v.Str("resourceType") }

// ID is the id member.
func (v *Value) ID() string { return v.Str("id") }

// Identifier returns the value of the first identifier with the system.
func (v *Value) Identifier(system string) string {
	for _, id := range v.List("identifier") {
		if id.Str("system") == system {
			if s := id.Str("value"); s != "" {
				return s
			}
		}
	}
	return ""
}

// Clone returns a deep copy, origins included.
func (v *Value) Clone() *Value {
	if v == nil {
		return nil
	}
	c := *v
	c.Fields = slices.Clone(v.Fields)
	for i := range c.Fields {
		c.Fields[i].Value = c.Fields[i].Value.Clone()
	}
	c.Items = slices.Clone(v.Items)
	for i := range c.Items {
		c.Items[i] = c.Items[i].Clone()
	}
	return &c
}

// Equal reports whether two values are the same JSON: members in any order,
// numbers as written, origins ignored.
func Equal(a, b *Value) bool {
	if a == nil || b == nil {
		return a == b
	}
	if a.Kind != b.Kind || a.Text != b.Text || len(a.Fields) != len(b.Fields) || len(a.Items) != len(b.Items) {
		return false
	}
	for _, f := range a.Fields {
		if !Equal(f.Value, b.Get(f.Name)) || b.Get(f.Name) == nil {
			return false
		}
	}
	for i := range a.Items {
		if !Equal(a.Items[i], b.Items[i]) {
			return false
		}
	}
	return true
}
