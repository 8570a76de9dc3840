// Package jsondoc reads referrals sent as one JSON object of any shape, or
// several of them in a list of such an object, and answers with a JSON receipt.
//
// The tree mirrors the document: a member is a child with its name, an array a
// List of items without a name, null a node of kind Null. Addresses are paths
// as mappings write them, patient.name[0].family, items counted from 0; a name
// with other characters than letters, digits, - _ @ $ stands in backquotes.
package jsondoc

import (
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/message"
)

// Options say where the envelope stands in the document. Fields that are zero
// take their default.
type Options struct {
	Limits inbound.JSONLimits

	// IDFields are the members of the top object, or with Each of the item, that
	// may hold the message id; the first that is there counts. Default:
	// messageId, id.
	IDFields []string

	// TypeField is the member of the top object that says what the message
	// is, and DefaultType what it is without one. Default: type, referral.
	TypeField, DefaultType string

	// Each leads to a list of which each item is a message by itself, by plain
	// members from the top: export.items. Zero: a document is one message.
	Each message.Path

	// ID leads to the message id; zero: IDFields.
	ID message.Path
}

// maxID bounds message ids and types, which are kept and sent back.
const maxID = 200

// Format is the wire format. The zero value is not usable; see New.
type Format struct {
	o    Options
	each []string // members of Options.Each
}

var _ inbound.Format = Format{}

// New returns the format; without options every default holds.
func New(options ...Options) Format {
	o := Options{}
	if len(options) > 0 {
		o = options[0]
	}
	if len(o.IDFields) == 0 {
		o.IDFields = []string{"messageId", "id"}
	}
	if o.TypeField == "" {
		o.TypeField = "type"
	}
	if o.DefaultType == "" {
		o.DefaultType = "referral"
	}
	each, _ := o.Each.Members()
	return Format{o, each}
}

// Decode reads one JSON object. Its faults are Malformed, located by line and
// column or by the member at fault, and TooLarge. What was read before the
// fault comes with it when a message id is among it.
func (f Format) Decode(body []byte) (*inbound.Message, error) {
	r, err := inbound.NewJSONReader(body, f.o.Limits)
	if err != nil {
		return nil, f.whole(err)
	}
	if r.Kind() != message.Object {
		return nil, fault.New(fault.Malformed, r.Where(), "a referral is one JSON object")
	}
	tree := message.NewTree(r.SizeHint(), address)
	if err = r.ObjectInto(tree, tree.Root()); err == nil {
		err = r.End()
	}
	m := &inbound.Message{Tree: tree, Type: f.o.DefaultType}
	envelope := f.envelope(m)
	if err == nil {
		err = envelope
	}
	if err == nil {
		err = f.alone(tree)
	}
	if err != nil && !f.single(body) {
		m.ID, err = "", f.whole(err)
	}
	if err != nil && m.ID == "" {
		m = nil
	}
	return m, err
}

// envelope takes id and type out of the tree.
func (f Format) envelope(m *inbound.Message) error {
	if !f.o.ID.Relative() {
		if n := f.o.ID.First(m.Tree.Root()); n.Ok() && n.Kind() != message.Null {
			id, err := short(n)
			if err != nil {
				return err
			}
			m.ID = id
		}
	}
	for _, name := range f.o.IDFields {
		if m.ID != "" {
			break
		}
		n := f.holder(m.Tree).Child(name)
		if !n.Ok() || n.Kind() == message.Null {
			continue
		}
		id, err := short(n)
		if err != nil {
			return err
		}
		m.ID = id
		break
	}
	if n := m.Tree.Root().Child(f.o.TypeField); n.Kind() != message.Null {
		kind, err := short(n)
		if err != nil {
			return err
		}
		if kind != "" {
			m.Type = kind
		}
	}
	return nil
}

// holder is the object that has the id: the document or, where each item of a
// list is a message, the item. An id around the list would be that of all.
func (f Format) holder(t *message.Tree) message.Node {
	n := t.Root()
	for _, name := range f.each {
		n = n.Child(name)
	}
	if len(f.each) > 0 && n.Kind() == message.List {
		return n.First()
	}
	return t.Root()
}

func short(n message.Node) (string, error) {
	if k := n.Kind(); k != message.Text && k != message.Number {
		return "", fault.New(fault.Malformed, n.Address(), "a text is expected here")
	}
	if len(n.Value()) > maxID {
		return "", fault.New(fault.Malformed, n.Address(), "longer than %d characters", maxID)
	}
	return n.Value(), nil
}
