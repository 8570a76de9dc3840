// Package hl7v2 reads and answers HL7 v2 messages in the pipe encoding (ER7,
// HL7 v2.5.1 chapter 2), versions 2.2 to 2.8, as tolerantly as they are
// written: any separators, any line ends, MLLP framing left on, character
// sets that differ from what MSH-18 says, local segments.
//
// The tree of a message has one Object per segment under the root, in order
// and named by its segment id. A segment holds its fields that are not empty,
// each a List named by the field number; MSH-1 and MSH-2 are there under
// their standard numbers. The items of a list are the repetitions: Text when
// there is one component, else an Object with components "1", "2" and so on,
// which are Text or, with subcomponents, Objects in their turn. An empty
// repetition between others is an empty Text, so that positions count. The
// HL7 null "" (two quotes: delete what you have) is a node of kind Null;
// nothing sent is no node at all.
//
// Addresses are HL7's own: PID-3[2].1, OBX[2]-5. An index counts from 1 and
// is left out where there is only one.
package hl7v2

import (
	"bytes"
	"strings"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/message"
)

// Limits bound what Decode accepts. A field that is zero takes its value from
// DefaultLimits.
type Limits struct {
	Bytes       int // size of the message
	Segments    int
	Fields      int // of one segment
	Repetitions int // of one field
	Components  int // of one repetition, and subcomponents of one component
	Nodes       int // places in the whole tree
	Messages    int // of one batch
}

// DefaultLimits leave room for an attached document in an OBX segment and for
// the longest segments of v2.8.
var DefaultLimits = Limits{
	Bytes: 5 << 20, Segments: 5000, Fields: 400, Repetitions: 1000, Components: 200, Nodes: 200_000, Messages: 5000,
}

// maxHeader bounds how much of an oversized message is read to answer it, and
// maxID the control id, which v2.7 limits to 199 characters.
const (
	maxHeader = 4 << 10
	maxID     = 199
	maxEcho   = 250
)

// Format is the HL7 v2 wire format. The zero value is not usable; see New.
type Format struct {
	limits  Limits
	answers Answers
}

var _ inbound.Format = Format{}

// New returns the format with limits; zero fields take the default.
func New(limits ...Limits) Format {
	l := DefaultLimits
	for _, x := range limits {
		for _, f := range []struct{ to, from *int }{
			{&l.Bytes, &x.Bytes}, {&l.Segments, &x.Segments}, {&l.Fields, &x.Fields},
			{&l.Repetitions, &x.Repetitions}, {&l.Components, &x.Components}, {&l.Nodes, &x.Nodes}, {&l.Messages, &x.Messages},
		} {
			if *f.from > 0 {
				*f.to = *f.from
			}
		}
	}
	return Format{limits: l}
}

// Answering returns the format with another kind of answer.
func (f Format) Answering(a Answers) Format {
	f.answers = a
	return f
}

// Decode reads one message. Its faults are Malformed, TooLarge and Unsupported
// (a character set nobody here can read), located as "MSH-9", "segment 3" or
// "byte 120". With a readable MSH the partial Message comes with the fault.
func (f Format) Decode(body []byte) (*inbound.Message, error) {
	body, offset := unwrap(body)
	if len(body) > f.limits.Bytes {
		err := fault.New(fault.TooLarge, "", "%d bytes, at most %d are taken", len(body), f.limits.Bytes)
		return f.headerOnly(body), err
	}
	if i := bytes.IndexByte(body, 0); i >= 0 {
		return nil, fault.New(fault.Malformed, bytePlace(offset+i), "a zero byte; the message may be in UTF-16")
	}
	if !bytes.HasPrefix(body, []byte("MSH")) {
		return nil, fault.New(fault.Malformed, bytePlace(offset), "an HL7 v2 message starts with a segment MSH")
	}
	sep, err := parseSeparators(body)
	if err != nil {
		return nil, err
	}
	text, doubt, err := decodeText(body, sep)
	if err != nil {
		return f.headerOnly(body), err
	}
	d := decoder{sep: sep, limits: f.limits, text: text}
	if doubt != "" {
		d.flag(FlagEncodingDoubtful, "MSH-18", doubt)
	}
	d.tree = message.NewTree(d.sizeHint(), address)
	err = d.segments()
	return d.message(err)
}

// headerOnly reads the MSH segment of a message that will be refused, so that
// the refusal reaches its sender; nil when even that is not readable.
func (f Format) headerOnly(body []byte) *inbound.Message {
	body = body[:min(len(body), maxHeader)]
	if end := bytes.IndexAny(body, "\r\n"); end >= 0 {
		body = body[:end]
	}
	if !bytes.HasPrefix(body, []byte("MSH")) || bytes.IndexByte(body, 0) >= 0 {
		return nil
	}
	sep, err := parseSeparators(body)
	if err != nil {
		return nil
	}
	d := decoder{sep: sep, limits: f.limits, text: decodeBestEffort(body)}
	d.tree = message.NewTree(32, address)
	if err := d.segments(); err != nil {
		return nil
	}
	m, _ := d.message(nil)
	return m
}

// unwrap drops MLLP framing, a byte order mark and blank lines around the
// message; offset is how many bytes went in front.
func unwrap(body []byte) (inner []byte, offset int) {
	const blank = "\x0b \t\r\n"
	n := len(body)
	inner = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	inner = bytes.TrimLeft(inner, blank)
	inner = bytes.TrimPrefix(inner, []byte("\xef\xbb\xbf"))
	offset = n - len(inner)
	return bytes.TrimRight(inner, "\x1c\r\n \t"), offset
}

// message names the decoded message and keeps what an answer needs.
func (d *decoder) message(err error) (*inbound.Message, error) {
	if d.header == (message.Node{}) {
		return nil, err
	}
	m := &inbound.Message{Tree: d.tree, ID: d.field("10").Value(), Type: d.messageType(), Echo: d.echo, Flags: d.flags}
	switch {
	case err != nil:
	case m.Type == "":
		err = fault.New(fault.Malformed, "MSH-9", "the message type is missing")
	case len(m.ID) > maxID:
		m.ID = ""
		delete(m.Echo, "MSH-10")
		err = fault.New(fault.Malformed, "MSH-10", "the control id is longer than %d characters", maxID)
	}
	return m, err
}

// messageType is MSH-9.1 and MSH-9.2, REF^I12, whatever the component separator
// of the message is. Where it is ^ the two stand in the text as wanted, and
// nothing is copied.
func (d *decoder) messageType() string {
	nine := d.field("9").First()
	if nine.Kind() == message.Text {
		return nine.Value()
	}
	code, event := nine.Child("1").Value(), nine.Child("2").Value()
	if event == "" {
		return code
	}
	if n := len(code) + 1 + len(event); d.sep.component == '^' && len(d.kind) >= n &&
		d.kind[:len(code)] == code && d.kind[len(code)+1:n] == event {
		return d.kind[:n]
	}
	return code + "^" + event
}

func (d *decoder) field(number string) message.Node { return d.header.Child(number) }

// clip bounds a field that is sent back.
func clip(s string) string {
	if len(s) <= maxEcho {
		return s
	}
	return strings.ToValidUTF8(s[:maxEcho], "")
}
