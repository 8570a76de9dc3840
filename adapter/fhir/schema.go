// Package fhir is the one door to the FHIR R4 definitions, which come from
// google/fhir: which elements there are, what may stand in them, and whether a
// resource is well formed. Nothing else in the house imports google/fhir.
//
// The definitions are read once from the proto descriptors into tables, so
// that checking a resource costs microseconds; jsonformat, which costs half a
// millisecond, serves as the second opinion (Strict).
package fhir

import (
	"slices"
	"strings"
	"sync"

	apb "github.com/google/fhir/go/proto/google/fhir/proto/annotations_go_proto"
	bcrpb "github.com/google/fhir/go/proto/google/fhir/proto/r4/core/resources/bundle_and_contained_resource_go_proto"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/spelling"
)

// structure is one type: a resource, a datatype or a backbone element.
type structure struct {
	name      string
	primitive bool
	json      element.Kind // of a primitive: how JSON writes it
	resource  bool
	backbone  bool            // of one element of a resource alone
	any       bool            // a resource of any type: contained, Bundle.entry.resource
	form      *form           // of a primitive with a syntax
	codes     map[string]bool // of a primitive with a required binding
	fields    map[string]*field
	choices   map[string]bool // names of choices, without the type
	required  []string        // element names; a choice by its name without the type
	rules     []invariant
}

// field is one element as it is written in JSON.
type field struct {
	name    string
	order   int // among its siblings, as XML has them
	of      *structure
	array   bool
	choice  string   // name without the type, when this is one of value[x]
	targets []string // types a reference may point to; nil: any
	concept *concept // of a CodeableConcept with a required binding
}

// schema is every resource type of R4 by name.
var schema = sync.OnceValue(func() map[string]*structure {
	b := &reader{seen: map[protoreflect.FullName]*structure{}}
	all := map[string]*structure{}
	options := (&bcrpb.ContainedResource{}).ProtoReflect().Descriptor().Oneofs().Get(0).Fields()
	for i := range options.Len() {
		s := b.read(options.Get(i).Message())
		s.resource = true
		all[s.name] = s
	}
	return all
})

// path is the name of a structure within R4, such as Patient or Patient.Contact.
func path(full protoreflect.FullName) string {
	return strings.TrimPrefix(string(full), "google.fhir.r4.core.")
}

// reader turns message descriptors into structures, each once, as they refer
// to each other in circles.
type reader struct {
	seen map[protoreflect.FullName]*structure
}

func (b *reader) read(md protoreflect.MessageDescriptor) *structure {
	if s := b.seen[md.FullName()]; s != nil {
		return s
	}
	s := &structure{name: string(md.Name()), rules: invariants[path(md.FullName())]}
	b.seen[md.FullName()] = s
	switch {
	case md.FullName() == "google.protobuf.Any" || md.Name() == "ContainedResource":
		s.any = true
	case proto.GetExtension(md.Options(), apb.E_StructureDefinitionKind) == apb.StructureDefinitionKindValue_KIND_PRIMITIVE_TYPE:
		s.primitive = true
		b.primitive(s, md)
	default:
		s.backbone = strings.Contains(path(md.FullName()), ".")
		s.fields = map[string]*field{}
		for i := range md.Fields().Len() {
			b.element(s, md.Fields().Get(i))
		}
	}
	return s
}

// primitive reads the codes of a required binding, and the elements that stand
// beside a primitive as _name.
func (b *reader) primitive(s *structure, md protoreflect.MessageDescriptor) {
	if v := md.Fields().ByName("value"); v != nil && v.Enum() != nil {
		s.codes = map[string]bool{}
		for i := range v.Enum().Values().Len() {
			e := v.Enum().Values().Get(i)
			if e.Number() == 0 {
				continue
			}
			code, _ := proto.GetExtension(e.Options(), apb.E_FhirOriginalCode).(string)
			if code == "" {
				code = strings.ReplaceAll(strings.ToLower(string(e.Name())), "_", "-")
			}
			s.codes[code] = true
		}
		s.name = "Code"
	} else if base, ok := proto.GetExtension(md.Options(), apb.E_FhirProfileBase).([]string); ok && len(base) > 0 && s.name != "Code" {
		// A code with an open or a large binding has a type of its own.
		if strings.HasSuffix(base[0], "/code") {
			s.name = "Code"
		}
	}
	s.form = syntax[s.name]
	s.json = jsonKind(s.name)
	s.fields = map[string]*field{}
	for _, n := range []protoreflect.Name{"id", "extension"} {
		if f := md.Fields().ByName(n); f != nil {
			b.element(s, f)
		}
	}
}

// element reads one field; a choice becomes one element per type it may have.
func (b *reader) element(s *structure, fd protoreflect.FieldDescriptor) {
	if fd.Message() == nil {
		return
	}
	name := fd.JSONName()
	if oneof := fd.ContainingOneof(); oneof != nil && s.name == "Reference" {
		// A reference is one text in JSON; its proto has a field per type.
		if fd.Name() != "uri" {
			return
		}
		name = "reference"
	}
	required := proto.GetExtension(fd.Options(), apb.E_ValidationRequirement) == apb.Requirement_REQUIRED_BY_FHIR
	if required {
		s.required = append(s.required, name)
	}
	if proto.GetExtension(fd.Message().Options(), apb.E_IsChoiceType) == true {
		if s.choices == nil {
			s.choices = map[string]bool{}
		}
		s.choices[name] = true
		options := fd.Message().Oneofs().Get(0).Fields()
		for i := range options.Len() {
			o := options.Get(i)
			of := o.JSONName()
			full := name + strings.ToUpper(of[:1]) + of[1:]
			s.fields[full] = &field{name: full, order: len(s.fields), of: b.read(o.Message()), choice: name, targets: targets(o)}
		}
		return
	}
	s.fields[name] = &field{name: name, order: len(s.fields), of: b.read(fd.Message()), array: fd.IsList(), targets: targets(fd), concept: concepts[s.name+"."+name]}
}

func targets(fd protoreflect.FieldDescriptor) []string {
	t, _ := proto.GetExtension(fd.Options(), apb.E_ValidReferenceType).([]string)
	if slices.Contains(t, "Resource") {
		return nil
	}
	return t
}

// Schema answers questions about element names, for whoever writes them.
type Schema struct{}

// Element reports whether a resource type has an element at a dotted path
// without indexes, such as name.family of Patient, and names the nearest one
// when it has not.
func (Schema) Element(resourceType, path string) (known bool, nearest string) {
	s := schema()[resourceType]
	if s == nil {
		return false, closest(resourceType, resourceTypes())
	}
	for path != "" {
		var name string
		name, path, _ = strings.Cut(path, ".")
		if name == "resourceType" && path == "" {
			return true, ""
		}
		if s.any {
			return true, ""
		}
		f := s.fields[strings.TrimPrefix(name, "_")]
		if f == nil {
			return false, closest(name, keys(s.fields))
		}
		s = f.of
	}
	return true, ""
}

// resourceTypes lists the names of schema.
var resourceTypes = sync.OnceValue(func() []string { return keys(schema()) })

// Known reports whether R4 has a resource type of the name.
func Known(resourceType string) bool { return schema()[resourceType] != nil }

func keys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// lacks says that a structure has no such element, without repeating what may be
// anything, and which one was meant or else which there are.
func (s *structure) lacks(near string) string {
	text := "there is an element that " + s.name + " does not have"
	if near != "" {
		return text + "; the nearest one it has is " + near
	}
	var has []string
	for _, n := range keys(s.fields) {
		if f := s.fields[n]; f.choice != "" {
			n = f.choice + "[x]"
		}
		if !slices.Contains(has, n) {
			has = append(has, n)
		}
	}
	return text + "; it has " + strings.Join(has, ", ")
}

// closest is the candidate nearest to name, or "" when none is near enough to
// help.
func closest(name string, candidates []string) string {
	best, edits := spelling.Nearest(name, candidates)
	if edits > len(name)/2 {
		return ""
	}
	return best
}

// ID reports whether a text is a logical id: 1 to 64 letters, digits, dashes
// and dots. https://hl7.org/fhir/R4/datatypes.html#id
func ID(s string) bool { return s != "" && isID(s) }
