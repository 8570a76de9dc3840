package fhir

import (
	"sync"

	stu3pb "github.com/google/fhir/go/proto/google/fhir/proto/stu3/resources_go_proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// stu3 is every resource type of FHIR STU3 by name. Its definitions are linked
// with those of R4 anyway; they are turned into tables when a message of STU3
// first comes in XML.
var stu3 = sync.OnceValue(func() map[string]*structure {
	b := &reader{seen: map[protoreflect.FullName]*structure{}}
	all := map[string]*structure{}
	options := (&stu3pb.ContainedResource{}).ProtoReflect().Descriptor().Oneofs().Get(0).Fields()
	for i := range options.Len() {
		s := b.read(options.Get(i).Message())
		s.resource = true
		all[s.name] = s
	}
	return all
})

// TypeOfSTU3 finds a resource type of FHIR STU3 by its name, for reading its
// XML. Nothing is checked against STU3.
// https://hl7.org/fhir/STU3/resourcelist.html
func TypeOfSTU3(resourceType string) (Type, bool) {
	s := stu3()[resourceType]
	return Type{s}, s != nil
}
