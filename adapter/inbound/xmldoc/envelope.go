package xmldoc

import (
	"bytes"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/markup"
	"github.com/linkloop/linkloop/adapter/message"
)

var _ inbound.Enveloper = Format{}

// Open takes the elements of Options.Each apart. Each is a message: the document
// as it is without the others, so that what stands around them, declarations of
// namespaces above all, is kept with it and paths are those of the whole. A SOAP
// envelope around the document stays around each.
//
// A document without such an element holds no message when it begins as one of
// messages does and has nothing in their place that could be one, see quiet;
// any other is one message.
//
// The answer is <receipts>, with a <receipt> for each in the order of the
// document, or with a <note>.
func (f Format) Open(body []byte) (*inbound.Envelope, error) {
	if len(f.each) == 0 {
		return nil, nil
	}
	text, err := f.text(body)
	if err != nil {
		return nil, nil // Decode says so
	}
	if rest, marked := strings.CutPrefix(text, "\ufeff"); marked {
		text, body = rest, body[len(body)-len(rest):]
	}
	s, err := markup.NewScanner(text, f.o.Limits)
	if err != nil {
		return nil, nil
	}
	l := listing{s: s, r: reader{prefixes: f.o.Prefixes}, names: f.each, text: text, body: body, wide: len(text) != len(body)}
	if l.find() != nil || l.items == 0 && (len(l.root.kids) == 0 || !l.root.quiet()) {
		return nil, nil
	}
	if l.items > inbound.MaxEnclosed {
		return nil, fault.New(fault.TooLarge, f.o.Each.String(), "more than %d of these elements in one document", inbound.MaxEnclosed)
	}
	env := &inbound.Envelope{Answer: answer(l.soap)}
	left := inbound.MaxOpened
	l.root.each(nil, len(l.names), func(chain []int) bool {
		one := l.root.only(make([]byte, 0, min(len(body), 64<<10)), body, chain)
		if left -= len(one); left < 0 {
			return false
		}
		env.Messages = append(env.Messages, one)
		return true
	})
	if left < 0 {
		return nil, fault.New(fault.TooLarge, f.o.Each.String(), "the elements, each with the rest of the document, are more than %d bytes", inbound.MaxOpened)
	}
	return env, nil
}

// answer puts the receipts of the messages into one document, in a SOAP envelope
// of the version that the document came in.
func answer(soap string) func(time.Time, []inbound.Reply) inbound.Reply {
	return func(_ time.Time, replies []inbound.Reply) inbound.Reply {
		out, kind, end := opening(soap)
		out = append(out, "<receipts>"...)
		if len(replies) == 0 {
			out = append(markup.AppendText(append(out, "<note>"...), inbound.NoMessages), "</note>"...)
		}
		for _, r := range replies {
			from, to := bytes.Index(r.Body, []byte("<receipt>")), bytes.LastIndex(r.Body, []byte("</receipt>"))
			if from >= 0 && to > from {
				out = append(append(out, '\n'), r.Body[from:to+len("</receipt>")]...)
			}
		}
		out = append(append(out, "\n</receipts>"...), end...)
		return inbound.Reply{ContentType: kind, Body: append(out, '\n')}
	}
}

// branch is an element on the way to the messages of a document, and those
// within it on that way. Numbers are offsets in the bytes as received.
type branch struct {
	from, to int
	kids     []*branch
	gaps     []gap
	full     bool // there is more beside the kids than elements with nothing but a text
}

// gap is what stands between two of the kids and is more than white space.
type gap struct{ before, from, to int } // before: the kid that follows

// each visits the ways to the messages below a branch, as indexes of kids.
func (b *branch) each(chain []int, depth int, visit func([]int) bool) bool {
	if depth == 0 {
		return visit(chain)
	}
	for i, k := range b.kids {
		if !k.each(append(chain, i), depth-1, visit) {
			return false
		}
	}
	return true
}

// quiet reports a document that goes the way to the messages from its root on
// and ends before them: where they would be, or the element around them, there
// is nothing but single values, such as a date. Anything else there may be a
// message under another name.
func (b *branch) quiet() bool {
	if len(b.kids) == 0 {
		return !b.full
	}
	return !slices.ContainsFunc(b.kids, func(k *branch) bool { return !k.quiet() })
}

// only writes a branch with the kids of one chain and no other.
func (b *branch) only(out, body []byte, chain []int) []byte {
	if len(chain) == 0 || len(b.kids) == 0 {
		return append(out, body[b.from:b.to]...)
	}
	out = append(out, body[b.from:b.kids[0].from]...)
	written := false
	for _, g := range b.gaps {
		if !written && g.before > chain[0] {
			out, written = b.kids[chain[0]].only(out, body, chain[1:]), true
		}
		out = append(out, body[g.from:g.to]...)
	}
	if !written {
		out = b.kids[chain[0]].only(out, body, chain[1:])
	}
	return append(out, body[b.kids[len(b.kids)-1].to:b.to]...)
}

// listing finds the messages of a document.
type listing struct {
	s     *markup.Scanner
	r     reader // for names as paths have them
	names []string
	text  string
	body  []byte
	wide  bool // a byte as received may be several of the text
	at    struct{ text, body int }
	soap  string
	items int
	root  branch
}

// find reads the document.
func (l *listing) find() error {
	l.root.to = l.offset(0)
	open := []*branch{&l.root}
	envelope := 0 // elements of SOAP around the payload that are open
	for {
		kind, err := l.s.Next()
		if err != nil {
			return err
		}
		top := open[len(open)-1]
		switch kind {
		case markup.Done:
			l.root.to = l.offset(len(l.text))
			return nil
		case markup.Text:
			top.full = top.full || !markup.Blank(l.s.Value())
		case markup.Stop:
			if len(open) > 1 {
				top.to = l.offset(l.s.Offset())
				open = open[:len(open)-1]
			}
		case markup.Start:
			name := l.s.Name()
			switch {
			case len(open) == 1 && envelope == 0 && l.soap == "" && len(top.kids) == 0 && name.Local == "Envelope" && soapVersions[name.Space] != "":
				l.soap, envelope = soapVersions[name.Space], 1
				continue
			case len(open) == 1 && envelope == 1 && name.Local == "Body":
				envelope = 2
				continue
			case envelope == 1, l.r.name("", name, nil) != l.names[len(open)-1]:
				plain, err := l.pass()
				if err != nil {
					return err
				}
				top.full = top.full || !plain
				continue
			}
			b := &branch{from: l.offset(l.s.At())}
			l.between(top, b.from)
			top.kids = append(top.kids, b)
			if len(open) < len(l.names) {
				open = append(open, b)
				continue
			}
			if err := l.s.Skip(); err != nil {
				return err
			}
			b.to = l.offset(l.s.Offset())
			l.items++
		}
	}
}

// pass reads on to the end of an element that is on no way to a message; plain:
// nothing but a text is in it.
func (l *listing) pass() (plain bool, err error) {
	plain = len(l.s.Attributes()) == 0
	for depth := l.s.Depth(); ; {
		kind, err := l.s.Next()
		switch {
		case err != nil:
			return false, err
		case kind == markup.Start:
			plain = false
		case kind == markup.Stop && l.s.Depth() < depth:
			return plain, nil
		}
	}
}

// between notes what stands in front of a further kid.
func (l *listing) between(b *branch, from int) {
	n := len(b.kids)
	if n == 0 {
		return
	}
	if to := b.kids[n-1].to; !markup.Blank(string(l.body[to:from])) {
		b.gaps = append(b.gaps, gap{n, to, from})
	}
}

// offset is the offset in the bytes as received of one in the text; it is asked
// for in the order of the text.
func (l *listing) offset(text int) int {
	if !l.wide {
		l.at.text, l.at.body = text, text
		return text
	}
	l.at.body += utf8.RuneCountInString(l.text[l.at.text:text])
	l.at.text = text
	return l.at.body
}

// item is the first of the elements of Options.Each in a tree; the zero Node
// where there is none.
func (f Format) item(t *message.Tree) message.Node {
	n := t.Root()
	for _, name := range f.each {
		if n = n.Child(name); n.Kind() == message.List {
			n = n.First()
		}
	}
	return n
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
		if n = n.Child(name); n.Kind() == message.List {
			return fault.New(fault.Malformed, n.First().Next().Address(), "each of these elements is a message by itself, and one is taken at a time")
		}
	}
	return nil
}
