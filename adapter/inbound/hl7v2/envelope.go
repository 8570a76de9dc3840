package hl7v2

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
)

var _ inbound.Enveloper = Format{}

// Open takes apart the batch protocol (HL7 v2.5.1 section 2.10.3): a file FHS
// to FTS of batches BHS to BTS of messages, with any of these segments left
// out, and messages that simply stand one behind another. It answers in kind: a
// batch of the acknowledgements, which repeats names and control ids of the
// headers, or the acknowledgements one behind another.
//
// What a trailer counts is compared and not believed: each message is whole or
// not by itself. Lines between a header and the first MSH are taken as a
// message, so that they are refused and not lost.
func (f Format) Open(body []byte) (*inbound.Envelope, error) {
	body, _ = unwrap(body)
	if !several(body) {
		return nil, nil
	}
	o := opener{limit: f.limits.Messages, from: -1}
	for start := 0; start < len(body); {
		end := len(body)
		if i := bytes.IndexAny(body[start:], "\r\n"); i >= 0 {
			end = start + i + 1
		}
		if err := o.line(body, start, end); err != nil {
			return nil, err
		}
		start = end
	}
	o.finish(body, len(body))
	return &inbound.Envelope{Messages: o.messages, Answer: o.answer}, nil
}

// several reports a body of more than one message, or with batch headers.
func several(body []byte) bool {
	if batchHeader(body) {
		return true
	}
	for at := 3; at < len(body); {
		i := bytes.Index(body[at:], []byte("MSH"))
		if i < 0 {
			return false
		}
		if at += i + 3; (body[at-4] == '\r' || body[at-4] == '\n') && headed(body[at-3:], "MSH") {
			return headed(body, "MSH")
		}
	}
	return false
}

func batchHeader(body []byte) bool { return headed(body, "FHS") || headed(body, "BHS") }

// headed reports a line that is a segment of that name.
func headed(line []byte, name string) bool {
	return len(line) > 3 && string(line[:3]) == name && separating(line[3])
}

// trailer reports a segment that may have no fields.
func trailer(line []byte, name string) bool { return string(line) == name || headed(line, name) }

// enclosing is a batch, or the file around batches.
type enclosing struct {
	header    string // FHS or BHS segment as sent; empty: there was none
	announced int    // by the trailer; -1: it does not say
	trailed   bool   // there was a trailer
	count     int    // messages of a batch
}

// opener reads a body line by line.
type opener struct {
	limit    int
	file     *enclosing // nil: no FHS
	batches  []enclosing
	messages [][]byte
	from     int  // of the message that is open; -1: none
	inside   bool // of a batch
}

func (o *opener) line(body []byte, start, end int) error {
	line := bytes.TrimRight(body[start:end], "\r\n")
	if blank(string(line)) {
		return nil
	}
	switch {
	case headed(line, "FHS"):
		o.finish(body, start)
		if o.file == nil {
			o.file = &enclosing{header: headerText(line), announced: -1}
		}
		o.inside = false
	case headed(line, "BHS"):
		o.finish(body, start)
		if len(o.batches) >= o.limit { // empty ones cost an answer each, too
			return fault.New(fault.TooLarge, "", "more than %d batches in one file", o.limit)
		}
		o.batches = append(o.batches, enclosing{header: headerText(line), announced: -1})
		o.inside = true
	case trailer(line, "BTS") && o.inside:
		o.finish(body, start)
		o.batches[len(o.batches)-1].trail(line)
		o.inside = false
	case trailer(line, "FTS") && o.file != nil:
		o.finish(body, start)
		o.file.trail(line)
		o.inside = false
	case headed(line, "MSH"), o.from < 0:
		o.finish(body, start)
		if len(o.messages) >= o.limit {
			return fault.New(fault.TooLarge, "", "more than %d messages in one batch", o.limit)
		}
		o.from = start
		if !o.inside {
			o.batches = append(o.batches, enclosing{announced: -1})
			o.inside = true
		}
		o.batches[len(o.batches)-1].count++
	}
	return nil
}

// finish ends the message that is open.
func (o *opener) finish(body []byte, at int) {
	if o.from >= 0 {
		o.messages = append(o.messages, body[o.from:at:at])
	}
	o.from = -1
}

// headerText bounds a header that is repeated.
func headerText(line []byte) string {
	return strings.ToValidUTF8(decodeBestEffort(line[:min(len(line), maxHeader)]), "?")
}

// trail reads BTS-1 or FTS-1.
func (e *enclosing) trail(line []byte) {
	e.trailed = true
	if len(line) < 4 {
		return
	}
	one, _, _ := bytes.Cut(line[4:], line[3:4])
	if n, err := strconv.Atoi(strings.TrimSpace(string(one))); err == nil && n >= 0 {
		e.announced = n
	}
}

// comment is what is to be said about a trailer; "" when it is as expected.
func (e *enclosing) comment(name, what string, arrived int) string {
	switch {
	case !e.trailed:
		return "there was no trailer " + name
	case e.announced >= 0 && e.announced != arrived:
		return strconv.Itoa(e.announced) + " " + what + " were announced and " + strconv.Itoa(arrived) + " arrived"
	}
	return ""
}

// answer puts acknowledgements into the answer for the whole.
func (o *opener) answer(at time.Time, replies []inbound.Reply) inbound.Reply {
	var out []byte
	if o.file != nil {
		out = appendHeader(out, "FHS", o.file.header, at, 0)
	}
	headers, next := 0, 0
	for i := range o.batches {
		b := &o.batches[i]
		if b.header != "" {
			headers++
			out = appendHeader(out, "BHS", b.header, at, headers)
		}
		acks := 0
		for _, r := range replies[next : next+b.count] {
			if len(r.Body) > 0 {
				acks += len(Frames(r.Body))
			}
			out = append(out, r.Body...)
		}
		next += b.count
		if b.header != "" {
			out = appendTrailer(out, "BTS", b.header, acks, b.comment("BTS", "messages", b.count))
		}
	}
	if o.file != nil {
		out = appendTrailer(out, "FTS", o.file.header, headers, o.file.comment("FTS", "batches", headers))
	}
	return inbound.Reply{ContentType: contentType, Body: out}
}

// appendHeader answers FHS or BHS: sender and receiver exchanged, the name
// kept, the control id of the one answered in field 12.
func appendHeader(out []byte, name, header string, at time.Time, n int) []byte {
	w := newBatchAck(header)
	w.out = out
	w.segment(name)
	w.out = append(w.out, w.sep.String()...)
	for _, key := range []string{"MSH-5", "MSH-6", "MSH-3", "MSH-4"} {
		w.echoed(key)
	}
	w.next()
	w.out = at.AppendFormat(w.out, "20060102150405-0700")
	w.next() // 8
	w.echoed("name")
	w.next() // 10
	w.field("L" + strconv.FormatInt(at.UnixNano(), 36) + "." + strconv.Itoa(n))
	w.echoed("control")
	w.end()
	return w.out
}

func appendTrailer(out []byte, name, header string, count int, comment string) []byte {
	w := newBatchAck(header)
	w.out = out
	w.segment(name)
	w.field(strconv.Itoa(count))
	if comment != "" {
		w.field(comment)
	}
	w.end()
	return w.out
}

// newBatchAck reads a header as far as it is answered; its fields 3 to 6 are
// those of MSH.
func newBatchAck(header string) *ack {
	w := &ack{sep: defaultSeparators}
	sep, err := parseSeparators([]byte(header))
	if err != nil {
		return w
	}
	w.sep = sep
	fields := strings.Split(header, string(rune(sep.field)))
	w.echo = map[string]string{}
	for i, key := range map[int]string{2: "MSH-3", 3: "MSH-4", 4: "MSH-5", 5: "MSH-6", 8: "name", 10: "control"} {
		if i < len(fields) {
			w.echo[key] = clip(fields[i])
		}
	}
	return w
}

// Frames takes an answer apart into what is sent in a frame of its own: a batch
// as a whole, else each message.
func Frames(answer []byte) [][]byte {
	if len(answer) == 0 {
		return nil
	}
	if batchHeader(answer) {
		return [][]byte{answer}
	}
	var out [][]byte
	start := 0
	for i := 1; i < len(answer); i++ {
		if answer[i-1] == '\r' && headed(answer[i:], "MSH") {
			out = append(out, answer[start:i:i])
			start = i
		}
	}
	return append(out, answer[start:])
}
