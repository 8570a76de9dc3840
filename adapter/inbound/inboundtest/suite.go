// Package inboundtest is the contract of inbound.Format as tests. Every wire
// format runs it over its own samples.
package inboundtest

import (
	"errors"
	"testing"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/message"
)

// Sample is a message that the format must read.
type Sample struct {
	Name string
	Body []byte
	ID   string // wanted Message.ID
	Type string // wanted Message.Type

	// Canaries are texts in Body about a person. None may come back in a
	// reply or in the text of a fault.
	Canaries []string
}

// Broken is a message that the format must refuse.
type Broken struct {
	Name    string
	Body    []byte
	Kind    fault.Kind
	Place   string // of the first issue; "*": any, but not empty
	Partial bool   // a partial Message must come with the fault
}

// Samples are what one format brings to the suite.
type Samples struct {
	Good   []Sample
	Broken []Broken // at least one each of Malformed and TooLarge

	// Resolve finds the node of an address; nil: addresses are paths.
	Resolve func(m *inbound.Message, address string) message.Node

	// Verdict reads a reply as the sender would: accepted or not, or an error
	// when it is not well-formed. Replies of kinds without an HL7
	// acknowledgement code may be empty and are not shown to it when they are.
	Verdict func(r inbound.Reply) (accepted bool, err error)
}

// Run runs the contract.
func Run(t *testing.T, f inbound.Format, s Samples) {
	t.Helper()
	s.complete(t)
	t.Run("decode", func(t *testing.T) { decodes(t, f, s) })
	t.Run("addresses", func(t *testing.T) { addresses(t, f, s) })
	t.Run("refuse", func(t *testing.T) { refuses(t, f, s) })
	t.Run("mutations", func(t *testing.T) { survives(t, f, s) })
	t.Run("reply", func(t *testing.T) { replies(t, f, s) })
	t.Run("purity", func(t *testing.T) { pure(t, f, s) })
}

// complete refuses a suite that would prove nothing.
func (s Samples) complete(t *testing.T) {
	t.Helper()
	kinds := map[fault.Kind]bool{}
	for _, b := range s.Broken {
		kinds[b.Kind] = true
	}
	canaries := 0
	for _, g := range s.Good {
		canaries += len(g.Canaries)
	}
	if len(s.Good) == 0 || canaries == 0 || !kinds[fault.Malformed] || !kinds[fault.TooLarge] || s.Verdict == nil {
		t.Fatal("the samples need a good message with canaries, a malformed and a too large one, and a Verdict")
	}
}

func decodes(t *testing.T, f inbound.Format, s Samples) {
	for _, g := range s.Good {
		t.Run(g.Name, func(t *testing.T) {
			m, err := f.Decode(g.Body)
			if err != nil {
				t.Fatal(err)
			}
			if m.ID != g.ID || m.Type != g.Type {
				t.Errorf("id %q, type %q; want %q, %q", m.ID, m.Type, g.ID, g.Type)
			}
			if m.Tree.Root().Kind() != message.Object || !m.Tree.Root().First().Ok() {
				t.Error("the root must be an Object with children")
			}
			for _, c := range g.Canaries {
				if !holds(m.Tree, c) {
					t.Errorf("no value holds canary %q: the sample proves nothing, or the decoder loses text", c)
				}
			}
		})
	}
}

// refuses checks the kind and place of each fault, and that what can be
// answered is answered with a no.
func refuses(t *testing.T, f inbound.Format, s Samples) {
	for _, b := range s.Broken {
		t.Run(b.Name, func(t *testing.T) {
			m, err := f.Decode(b.Body)
			var flt *fault.Fault
			if !errors.As(err, &flt) {
				t.Fatalf("error %v, want a fault", err)
			}
			if flt.Kind != b.Kind {
				t.Errorf("kind %v, want %v (%v)", flt.Kind, b.Kind, err)
			}
			if len(flt.Issues) == 0 || flt.Issues[0].Text == "" {
				t.Fatal("a fault needs a reason")
			}
			if p := flt.Issues[0].Place; p != b.Place && (b.Place != "*" || p == "") {
				t.Errorf("place %q, want %q", p, b.Place)
			}
			if (m != nil) != b.Partial {
				t.Errorf("partial message: %v, want %v", m != nil, b.Partial)
			}
			accepted, err := s.Verdict(f.Reply(m, inbound.Answer{Fault: flt, At: decided}))
			if err != nil || accepted {
				t.Errorf("reply accepted %v, error %v", accepted, err)
			}
		})
	}
}

// walk calls visit for every node.
func walk(n message.Node, visit func(message.Node)) {
	visit(n)
	for c := n.First(); c.Ok(); c = c.Next() {
		walk(c, visit)
	}
}
