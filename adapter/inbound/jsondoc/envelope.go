package jsondoc

import (
	"bytes"
	"errors"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/message"
)

var _ inbound.Enveloper = Format{}

// Open takes the list of Options.Each apart. Each item is a message: the
// document as it is, with that item alone in the list, so that what stands
// around the list is kept with it and paths are those of the whole. A list that
// is empty or null holds no message; a document without the list is one message.
//
// The answer is {"messages": [...]}, the receipts in the order of the list, or
// {"messages": [], "note": "..."}.
func (f Format) Open(body []byte) (*inbound.Envelope, error) {
	if len(f.each) == 0 {
		return nil, nil
	}
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	l, err := f.list(body)
	if err != nil || !l.found {
		return nil, nil // Decode says what is wrong
	}
	around := len(body) - (l.to - l.from)
	if n := len(l.items); n > inbound.MaxEnclosed {
		return nil, fault.New(fault.TooLarge, f.o.Each.String(), "more than %d items in one document", inbound.MaxEnclosed)
	} else if n*around+(l.to-l.from) > inbound.MaxOpened {
		return nil, fault.New(fault.TooLarge, f.o.Each.String(), "the items, each with the rest of the document, are more than %d bytes", inbound.MaxOpened)
	}
	env := &inbound.Envelope{Answer: answer}
	for _, it := range l.items {
		one := make([]byte, 0, around+it.to-it.from)
		one = append(append(append(one, body[:l.from]...), body[it.from:it.to]...), body[l.to:]...)
		env.Messages = append(env.Messages, one)
	}
	return env, nil
}

const jsonType = "application/json; charset=utf-8"

// answer puts the receipts of the messages into one document.
func answer(_ time.Time, replies []inbound.Reply) inbound.Reply {
	if len(replies) == 0 {
		return inbound.Reply{ContentType: jsonType, Body: []byte(`{"messages":[],"note":"` + inbound.NoMessages + "\"}\n")}
	}
	out := []byte(`{"messages":[`)
	for i, r := range replies {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(out, '\n'), bytes.TrimSpace(r.Body)...)
	}
	return inbound.Reply{ContentType: jsonType, Body: append(out, "\n]}\n"...)}
}

// span is a part of the text.
type span struct{ from, to int }

// listing finds the items of a list in a text.
type listing struct {
	r     *inbound.JSONReader
	span  // between the brackets
	items []span
	found bool
}

var errTwice = errors.New("a member stands twice")

// find reads the value that the reader stands on and follows the names in it.
func (l *listing) find(names []string) error {
	switch {
	case len(names) == 0 && l.found:
		return errTwice
	case len(names) == 0 && l.r.Kind() == message.List:
		l.found = true
		l.from = l.r.Offset() + 1
		err := l.r.Items(func(int) error {
			from := l.r.Offset()
			err := l.r.Skip()
			l.items = append(l.items, span{from, l.r.Offset()})
			return err
		})
		l.to = l.r.Offset() - 1
		return err
	case len(names) == 0 && l.r.Kind() == message.Null:
		l.found = true
	case len(names) > 0 && l.r.Kind() == message.Object:
		return l.r.Members(func(name string) error {
			if name == names[0] {
				return l.find(names[1:])
			}
			return l.r.Skip()
		})
	}
	return l.r.Skip()
}

// list finds the items of Options.Each in a document.
func (f Format) list(body []byte) (*listing, error) {
	r, err := inbound.NewJSONReader(body, f.o.Limits)
	if err != nil {
		return nil, err
	}
	l := &listing{r: r}
	if err := l.find(f.each); err != nil {
		return nil, err
	}
	return l, r.End()
}

// single reports a document that is one message, as those are that Open makes:
// what is wrong with it is wrong with nothing else, and its id is its own.
func (f Format) single(body []byte) bool {
	if len(f.each) == 0 {
		return true
	}
	l, err := f.list(body)
	return err == nil && len(l.items) <= 1
}

// whole is a fault of what cannot be read, where that may hold several messages.
func (f Format) whole(err error) error {
	if len(f.each) == 0 {
		return err
	}
	return inbound.Whole(err)
}

// alone refuses a document of several messages: whoever hands it over whole
// would have the first taken for all.
func (f Format) alone(t *message.Tree) error {
	n := t.Root()
	for _, name := range f.each {
		n = n.Child(name)
	}
	if second := n.First().Next(); n.Kind() == message.List && len(f.each) > 0 && second.Ok() {
		return fault.New(fault.Malformed, second.Address(), "each item of this list is a message by itself, and one is taken at a time")
	}
	return nil
}
