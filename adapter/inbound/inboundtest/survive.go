package inboundtest

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/message"
)

// mutations bounds how many damaged forms of one sample are tried.
const mutations = 400

// survives cuts and damages every good sample. Whatever comes out must be a
// message or a fault of a kind that Decode may give, and no canary may stand
// in the fault or in the reply to it.
func survives(t *testing.T, f inbound.Format, s Samples) {
	for _, g := range s.Good {
		step := max(1, len(g.Body)/mutations)
		for i := 0; i <= len(g.Body); i += step {
			survive(t, f, g, g.Body[:i])
			if i == len(g.Body) {
				break
			}
			survive(t, f, g, g.Body[i:])
			for _, c := range []byte{0, '"', '\\', '|', '\r', '{', ']', 0xff} {
				b := bytes.Clone(g.Body)
				b[i] = c
				survive(t, f, g, b)
			}
			survive(t, f, g, append(bytes.Clone(g.Body[:i]), g.Body[min(len(g.Body), i+7):]...))
		}
	}
}

func survive(t *testing.T, f inbound.Format, g Sample, body []byte) {
	m, err := f.Decode(body)
	if err == nil {
		if m == nil || m.Tree == nil {
			t.Fatal("neither a message nor a fault")
		}
		return
	}
	CheckFault(t, err)
	reply := f.Reply(m, inbound.Answer{Fault: fault.Of(err), At: decided})
	for _, c := range g.Canaries {
		if strings.Contains(err.Error(), c) {
			t.Errorf("the fault repeats canary %q: %v", c, err)
		}
		// Damage can move patient data into a field of the envelope, which is
		// repeated; so only undamaged envelopes are held to silence.
		if m != nil && m.ID == g.ID && m.Type == g.Type && envelope(m) == envelopeOf(f, g) && bytes.Contains(reply.Body, []byte(c)) {
			t.Errorf("the reply repeats canary %q", c)
		}
	}
}

func envelope(m *inbound.Message) string {
	keys := make([]string, 0, len(m.Echo))
	for k, v := range m.Echo {
		keys = append(keys, k+"="+v)
	}
	slices.Sort(keys)
	return strings.Join(keys, "\x00")
}

func envelopeOf(f inbound.Format, g Sample) string {
	m, err := f.Decode(g.Body)
	if err != nil {
		return ""
	}
	return envelope(m)
}

// CheckFault fails the test unless err is a fault that Decode may give. Fuzz
// targets use it too.
func CheckFault(t testing.TB, err error) {
	t.Helper()
	var flt *fault.Fault
	if !errors.As(err, &flt) {
		t.Fatalf("%T is no fault: %v", err, err)
	}
	switch flt.Kind {
	case fault.Malformed, fault.TooLarge, fault.Unsupported:
	default:
		t.Errorf("Decode may not fail with %v", flt.Kind)
	}
	if len(flt.Issues) == 0 || flt.Issues[0].Text == "" {
		t.Error("a fault without a reason")
	}
}

// CheckTree walks a decoded tree and asks every node for its address, as
// mappings and errors do. Fuzz targets use it.
func CheckTree(t testing.TB, m *inbound.Message) {
	t.Helper()
	budget := 2000 // addresses of HL7 segments cost a walk each
	walk(m.Tree.Root(), func(n message.Node) {
		if budget--; budget > 0 && n.Address() == "" {
			t.Fatalf("node %d has no address", n.ID())
		}
	})
}

// pure checks that Decode keeps nothing of the bytes it was given, and that
// both methods give the same result to many callers at once.
func pure(t *testing.T, f inbound.Format, s Samples) {
	for _, g := range s.Good {
		body := bytes.Clone(g.Body)
		m, err := f.Decode(body)
		if err != nil {
			t.Fatal(err)
		}
		want := dump(m)
		clear(body)
		if dump(m) != want {
			t.Errorf("%s: the message changes with the bytes it was made from", g.Name)
		}
		answer := inbound.Answer{At: decided, MessageID: 7, Task: "t1", Request: "r1", Base: base}
		reply := f.Reply(m, answer)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 5 {
					again, err := f.Decode(g.Body)
					if err != nil || dump(again) != want {
						t.Errorf("%s: decoding at once with others differs: %v", g.Name, err)
						return
					}
					if r := f.Reply(m, answer); !bytes.Equal(r.Body, reply.Body) || r.Status != reply.Status {
						t.Errorf("%s: replying at once with others differs", g.Name)
						return
					}
				}
			})
		}
		wg.Wait()
	}
}

// dump writes a message down, every node of it.
func dump(m *inbound.Message) string {
	var b strings.Builder
	b.WriteString(m.ID + "\n" + m.Type + "\n" + envelope(m) + "\n")
	walk(m.Tree.Root(), func(n message.Node) {
		b.WriteString(n.Name())
		b.WriteByte(' ')
		b.WriteByte('0' + byte(n.Kind()))
		if k := n.Kind(); k != message.Object && k != message.List {
			b.WriteString(n.Value())
		}
		b.WriteByte('\n')
	})
	return b.String()
}
