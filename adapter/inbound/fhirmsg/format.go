// Package fhirmsg reads FHIR R4 message Bundles in JSON and XML
// (https://hl7.org/fhir/R4/messaging.html), BaRS messages among them, and
// answers with a response message or an OperationOutcome, in XML to who sent
// XML. Invalid things that real senders emit are put right by named repairs
// (Repairs), each of which leaves a flag on the message.
//
// Of FHIR STU3, messages and a ReferralRequest, alone or in a Bundle without a
// MessageHeader, are read in JSON; their types have other elements, so that
// only the repairs that need no type are made.
//
// XML is read into what its JSON would be, so that addresses are the same.
//
// The tree has one child under the root for each entry, named by its resource
// type and in order, and mirrors the JSON of the resource: a member is a child
// with its name, an array a List of items without a name. The first child,
// named Bundle, holds the members of the Bundle itself but for the entries.
// Entries can be reached by reference: fullUrl, Type/id and, where it is
// unique in the message, #id of a contained resource are anchors of the tree.
//
// Addresses are JSON pointers with FHIRPath's indexes, counted from 0:
// /entry[2]/resource/name[0]/family.
package fhirmsg

import (
	"strconv"
	"sync"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir/fhirxml"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/message"
)

// maxEntries bounds the entries of one message; the longest official referral
// has about thirty.
const maxEntries = 1000

// maxID bounds what may be an id of a message.
const maxID = 200

// Options set the format up for one sender. The zero value has the default
// limits, repairs and systems.
type Options struct {
	Limits inbound.JSONLimits
	On     []string // repairs that are made, beside the defaults
	Off    []string // repairs that are not made
	// Systems is the table for the repair SystemURI; nil: DefaultSystems.
	Systems []System
	// BaRS makes the rules and answers those of the NHS Booking and Referral
	// Standard; nil: plain FHIR messaging.
	BaRS *BaRS
}

// Format is the wire format. The zero value is usable and has the defaults.
type Format struct {
	limits  inbound.JSONLimits
	repairs *repairs
	bars    *BaRS
}

var _ inbound.Format = Format{}

// New returns the format with limits; zero fields take the default.
func New(limits ...inbound.JSONLimits) Format {
	if len(limits) > 0 {
		return Format{limits: limits[0]}
	}
	return Format{}
}

// NewWith returns the format for one sender. The error names a repair that
// there is not.
func NewWith(o Options) (Format, error) {
	r, err := newRepairs(o.On, o.Off, o.Systems)
	return Format{limits: o.Limits, repairs: r, bars: o.BaRS}, err
}

// defaultRepairs are those of the zero Format.
var defaultRepairs = sync.OnceValue(func() *repairs {
	r, _ := newRepairs(nil, nil, nil) // there is no name to be wrong
	return r
})

// Decode reads one message Bundle. Its faults are Malformed, TooLarge and
// Unsupported (a Bundle of another type), located by line and column where the
// text is at fault, else by the address of the element. With a readable
// MessageHeader the partial Message comes with the fault.
func (f Format) Decode(body []byte) (*inbound.Message, error) {
	src, err := f.source(body)
	if err != nil {
		return nil, err
	}
	m, err := f.read(src.json)
	if m == nil {
		return nil, err
	}
	m.Flags = src.notes
	if src.xml {
		m.Echo[echoXML] = "yes"
	}
	if f.bars != nil {
		m.Echo[echoBody] = string(src.json)
		if name := m.Echo[echoFocus]; name != "" {
			m.Trace = append(m.Trace, inbound.Trace{System: inbound.TraceFocus, Value: name})
		}
	}
	if err == nil && src.refused != nil {
		err = src.refused
	}
	if err == nil && f.bars != nil {
		err = f.bars.check(m, f.table())
	}
	return m, err
}

func (f Format) table() *repairs {
	if f.repairs == nil {
		return defaultRepairs()
	}
	return f.repairs
}

// source is a message as JSON with the repairs made.
type source struct {
	json    []byte
	xml     bool
	notes   []fault.Issue
	refused *fault.Fault // what is wrong and not repaired
}

// source turns a body into JSON and repairs it. JSON that cannot be parsed is
// given back as it is, for the reader to say where it breaks.
func (f Format) source(body []byte) (source, error) {
	src := source{json: body, xml: fhirxml.Is(body)}
	limits := element.Limits{Bytes: f.limits.Bytes, Depth: f.limits.Depth, Nodes: f.limits.Nodes}
	for _, x := range []struct{ v, d *int }{
		{&limits.Bytes, &element.DefaultLimits.Bytes}, {&limits.Depth, &element.DefaultLimits.Depth}, {&limits.Nodes, &element.DefaultLimits.Nodes},
	} {
		if *x.v <= 0 {
			*x.v = *x.d
		}
	}
	var v *element.Value
	var err error
	if src.xml {
		if v, err = readXML(body, limits); err != nil {
			return src, err
		}
	} else if v, err = element.Parse(body, limits); err != nil {
		return src, nil
	}
	changed := src.xml
	if v.ResourceType() == referralRequest {
		v = element.NewObject(element.S("resourceType", "Bundle"), element.S("type", "collection"),
			element.F("entry", element.NewArray(element.NewObject(element.F("resource", v)))))
		changed = true
	}
	if v.ResourceType() == "Bundle" {
		w := walker{rules: f.table()}
		w.message(v, stu3(v))
		changed = changed || w.changed
		src.notes, src.refused = w.outcome()
	}
	if changed {
		src.json = v.JSON()
	}
	return src, nil
}

// read reads a message in JSON.
func (f Format) read(body []byte) (*inbound.Message, error) {
	r, err := inbound.NewJSONReader(body, f.limits)
	if err != nil {
		return nil, err
	}
	if r.Kind() != message.Object {
		return nil, fault.New(fault.Malformed, "line 1, column 1", "a FHIR message Bundle in JSON is expected")
	}
	if r.Ahead("resourceType") != "Bundle" {
		return nil, fault.New(fault.Malformed, "/resourceType", "a Bundle is expected")
	}
	b := &bundle{r: r, tree: message.NewTree(r.SizeHint(), address)}
	b.node = b.tree.Add(b.tree.Root(), "Bundle", message.Object, "")
	if err = b.read(); err == nil {
		err = r.End()
	}
	b.anchorContained()
	if !b.header.Ok() && b.referral.Ok() && err == nil {
		return b.headless(), nil
	}
	if !b.header.Ok() {
		if err == nil {
			err = b.shape()
		}
		return nil, err
	}
	m := &inbound.Message{Tree: b.tree}
	described := b.describe(m)
	if err == nil {
		err = b.shape()
	}
	if err == nil {
		err = described
	}
	return m, err
}

// bundle is one message while it is read.
type bundle struct {
	r         *inbound.JSONReader
	tree      *message.Tree
	node      message.Node // the members of the Bundle
	header    message.Node // MessageHeader
	referral  message.Node // the first ReferralRequest of FHIR STU3
	request   string       // fullUrl of the first ServiceRequest
	entries   int
	sawEntry  bool
	contained []message.Node
}

// read reads the members of the Bundle.
func (b *bundle) read() error {
	return b.r.Members(func(name string) error {
		if name == "entry" {
			if b.sawEntry {
				return b.r.Twice()
			}
			b.sawEntry = true
			return b.r.Items(b.entry)
		}
		if b.node.Child(name).Ok() {
			return b.r.Twice()
		}
		_, err := b.r.Value(b.tree, b.node, name)
		return err
	})
}

// entry reads one entry: its resource becomes a child of the root and gets its
// anchors.
func (b *bundle) entry(i int) error {
	if i >= maxEntries {
		return fault.New(fault.TooLarge, "/entry", "more than %d entries", maxEntries)
	}
	place := "/entry[" + strconv.Itoa(i) + "]"
	fullURL, sawURL := "", false
	var resource message.Node
	err := b.r.Members(func(name string) error {
		switch name {
		case "fullUrl":
			if sawURL {
				return b.r.Twice()
			}
			sawURL = true
			if b.r.Kind() != message.Text {
				return fault.New(fault.Malformed, place+"/fullUrl", "a text is expected here")
			}
			var err error
			fullURL, err = b.r.Scalar()
			return err
		case "resource":
			if resource.Ok() {
				return b.r.Twice()
			}
			kind := b.r.Ahead("resourceType")
			if !typeName(kind) {
				return fault.New(fault.Malformed, place+"/resource/resourceType", "a resource type is expected here")
			}
			resource = b.tree.Add(b.tree.Root(), kind, message.Object, "")
			return b.r.ObjectInto(b.tree, resource)
		default: // link, search, request, response: no part of a message
			return b.r.Skip()
		}
	})
	if err != nil {
		return err
	}
	if !resource.Ok() {
		return fault.New(fault.Malformed, place+"/resource", "every entry of a message holds a resource")
	}
	b.entries++
	if i == 0 && resource.Name() == "MessageHeader" {
		b.header = resource
	}
	if resource.Name() == referralRequest && !b.referral.Ok() {
		b.referral = resource
	}
	if resource.Name() == "ServiceRequest" && b.request == "" {
		b.request = fullURL
	}
	return b.anchor(resource, fullURL, place)
}

// typeName reports what can be the name of a resource type.
func typeName(s string) bool {
	if len(s) < 2 || len(s) > 64 || s[0] < 'A' || s[0] > 'Z' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

// shape checks what makes a Bundle a message (R4 constraints bdl-12 and the
// type), after everything was read, so that the answer knows the sender.
func (b *bundle) shape() error {
	switch kind := b.node.Child("type"); {
	case !kind.Ok():
		return fault.New(fault.Malformed, "/type", "the type is missing; a message Bundle is expected")
	case kind.Value() != "message":
		return fault.New(fault.Unsupported, "/type", "only Bundles of the type message are taken")
	case b.entries == 0:
		return fault.New(fault.Malformed, "/entry", "a message holds a MessageHeader at least")
	case !b.header.Ok():
		return fault.New(fault.Malformed, "/entry[0]/resource", "the first entry of a message is its MessageHeader")
	}
	return nil
}
