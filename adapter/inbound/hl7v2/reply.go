package hl7v2

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
)

const (
	mediaType   = "x-application/hl7-v2+er7"
	contentType = mediaType + "; charset=utf-8"
)

// Bounds on an answer: a receiver that gets a thousand reasons reads none.
const (
	maxIssues = 50
	maxText   = 250
)

// Reply words the answer as acknowledgements in the mode that the message asks
// for (see sayings): one in original mode; in enhanced mode one, two behind one
// another, or none, which is an empty body. Each is MSH with sender and receiver
// exchanged, MSA, and from v2.5 on an ERR segment per reason; older versions get
// the reasons in MSA-3, and of a refusal the places in one ERR. Flags on an accepted message are warnings there. A
// question about a referral is answered with a response message RRI, which has
// the status in RF1 and its remarks in MSA-3.
//
// It uses the sender's own separators and version, and the character set of its
// MSH-18 where that is a known one and has every character; else UTF-8. Nothing of the message is
// repeated but MSH fields and, in an RRI, the sender's own number of the
// referral. Kinds of fault that have no acknowledgement code (throttled,
// timeout) give an empty body, because the sender must not take them for an
// answer to its message.
func (f Format) Reply(m *inbound.Message, a inbound.Answer) inbound.Reply {
	code, status, kind := "AA", fault.Duplicate.Row().HTTP, fault.Duplicate
	if a.Fault != nil {
		kind = a.Fault.Kind
		row := kind.Row()
		code, status = row.ACK, row.HTTP
	}
	reply := inbound.Reply{Status: status, ContentType: contentType}
	if code == "" {
		return reply
	}
	if declared, set := declaredSet(m); set != "" {
		if body, ok := encodeText(f.answer(m, a, code, kind, declared), set); ok {
			reply.Body = body
			if !ascii(body) {
				reply.ContentType = mediaType + "; charset=" + mimeName(set)
			}
			return reply
		}
	}
	reply.Body = f.answer(m, a, code, kind, "UNICODE UTF-8")
	return reply
}

// answer writes the acknowledgements, in UTF-8, with the name of the character
// set that they will have.
func (f Format) answer(m *inbound.Message, a inbound.Answer, code string, kind fault.Kind, set string) []byte {
	w := newAck(m)
	w.set = set
	commit, application := w.echo["MSH-15"], w.echo["MSH-16"]
	w.enhanced = commit != "" || application != ""
	for i, s := range sayings(commit, application, code, kind) {
		w.number = i
		w.response = s.code == "AA" && f.responds(m, a)
		w.header(a)
		w.acknowledgement(s, a)
		switch {
		case w.response:
			w.referral(m, a)
		case s.full && w.atLeast(2, 5):
			w.errors(a)
		case s.full && w.atLeast(2, 2) && code != "AA":
			w.places(a)
		}
	}
	return w.out
}

// ack writes one acknowledgement.
type ack struct {
	out          []byte
	sep          separators
	echo         map[string]string
	event        string // trigger event of the message answered, I12
	enhanced     bool   // the message asks for enhanced mode
	response     bool   // an RRI and not an ACK
	number       int    // of this message among those of the answer, from 0
	set          string // MSH-18 of the answer
	version      string
	major, minor int
}

func newAck(m *inbound.Message) *ack {
	w := &ack{out: make([]byte, 0, 512), sep: defaultSeparators, version: "2.4", major: 2, minor: 4}
	if m == nil {
		return w
	}
	if s, err := parseSeparators([]byte("MSH" + m.Echo["separators"])); err == nil {
		w.sep, w.echo = s, m.Echo
	}
	if _, event, ok := strings.Cut(m.Type, "^"); ok {
		w.event, _, _ = strings.Cut(event, "^")
	}
	version := w.echo["MSH-12"]
	if i := strings.IndexByte(version, w.sep.component); i >= 0 {
		version = version[:i]
	}
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	if x, err := strconv.Atoi(minor); major == "2" && err == nil && x >= 0 && x <= 9 && len(version) <= 6 {
		w.version, w.minor = version, x
	}
	return w
}

func (w *ack) atLeast(major, minor int) bool {
	return w.major > major || w.major == major && w.minor >= minor
}

func (w *ack) next()               { w.out = append(w.out, w.sep.field) }
func (w *ack) component()          { w.out = append(w.out, w.sep.component) }
func (w *ack) text(s string)       { w.out = w.sep.appendEscaped(w.out, strings.ToValidUTF8(s, "?")) }
func (w *ack) field(s string)      { w.next(); w.text(s) }
func (w *ack) segment(name string) { w.out = append(w.out, name...) }
func (w *ack) end()                { w.out = append(w.out, '\r') }

// echoed repeats a field as the sender encoded it, control characters apart.
func (w *ack) echoed(name string) {
	w.next()
	from := len(w.out)
	w.out = append(w.out, w.echo[name]...)
	for i := from; i < len(w.out); i++ {
		if w.out[i] < ' ' || w.out[i] == 0x7f {
			w.out[i] = ' '
		}
	}
}

// header writes MSH. What the sender called the receiver is now the sender.
func (w *ack) header(a inbound.Answer) {
	w.segment("MSH")
	w.out = append(w.out, w.sep.String()...)
	w.echoed("MSH-5")
	w.echoed("MSH-6")
	w.echoed("MSH-3")
	w.echoed("MSH-4")
	w.next()
	w.out = a.At.AppendFormat(w.out, "20060102150405-0700")
	w.next() // MSH-8
	w.next()
	name, structure := "ACK", "ACK"
	if w.response {
		name, structure = "RRI", "RRI_I12"
	}
	w.text(name)
	if w.event != "" {
		w.component()
		w.text(w.event)
		if w.atLeast(2, 4) {
			w.component()
			w.text(structure)
		}
	}
	w.field(controlID(a.At, a.MessageID))
	if w.number > 0 {
		w.text("a")
	}
	if w.echo["MSH-11"] == "" {
		w.field("P")
	} else {
		w.echoed("MSH-11")
	}
	w.field(w.version)
	for i := 13; i <= 17; i++ {
		w.next()
		if w.enhanced && (i == 15 || i == 16) {
			w.text("NE") // an acknowledgement is not acknowledged
		}
	}
	w.field(w.set)
	w.end()
}

// controlID names the answer in at most 20 characters, the limit of MSH-10 in
// v2.5. It is made of the inbox number and the time of the decision, so that
// a first answer given again has its first id.
func controlID(at time.Time, message int64) string {
	if message == 0 {
		return "L" + strconv.FormatInt(at.UnixNano(), 36)
	}
	return "L" + strconv.FormatInt(at.UnixMilli(), 36) + "." + strconv.FormatInt(message, 36)
}

// acknowledgement writes MSA. Its text is how the referral stands, where that
// was asked, and the reasons where there is no ERR-8 for them.
func (w *ack) acknowledgement(s saying, a inbound.Answer) {
	w.segment("MSA")
	w.field(s.code)
	w.echoed("MSH-10")
	var texts []string
	if s.full {
		if t := stands(a); t != "" {
			texts = append(texts, t)
		}
		if w.response || !w.atLeast(2, 5) {
			if t := summary(a); t != "" {
				texts = append(texts, t)
			}
		}
	}
	if len(texts) > 0 || !w.atLeast(2, 5) {
		w.field(clipText(strings.Join(texts, "; ")))
	}
	w.end()
}

// summary is every reason in one line, places included.
func summary(a inbound.Answer) string {
	issues, fallback := reasons(a)
	if len(issues) == 0 {
		return fallback
	}
	var b strings.Builder
	for i, is := range issues {
		if i > 0 {
			b.WriteString("; ")
		}
		if where := cmp.Or(is.Place, is.Expression); where != "" {
			b.WriteString(where + ": ")
		}
		b.WriteString(is.Text)
		if b.Len() > maxText {
			break
		}
	}
	return b.String()
}

// reasons are the issues of an answer, and the words when there are none.
func reasons(a inbound.Answer) (issues []fault.Issue, fallback string) {
	issues = a.Flags
	if a.Fault != nil {
		issues, fallback = a.Fault.Issues, a.Fault.Kind.Row().Public
	}
	return issues[:min(len(issues), maxIssues)], fallback
}

// errors writes one ERR segment for each reason, in the form of v2.5 and
// later (section 2.15.5).
func (w *ack) errors(a inbound.Answer) {
	issues, fallback := reasons(a)
	if len(issues) == 0 && fallback != "" {
		issues = []fault.Issue{{Text: fallback}}
	}
	for _, is := range issues {
		code, name := "0", is.Code
		if a.Fault != nil {
			row := a.Fault.Kind.Row()
			code = row.ERR
			if name == "" {
				name = row.Name
			}
		}
		w.segment("ERR")
		w.next() // ERR-1 is withdrawn
		w.next()
		text := is.Text
		if loc, ok := parseLocation(is.Place); ok {
			w.location(loc)
		} else if is.Place != "" {
			text = is.Place + ": " + text
		}
		w.next()
		w.text(code)
		w.component()
		w.text(conditions[code])
		w.component()
		w.text("HL70357")
		w.field(severity(is.Severity, a.Fault != nil && a.Fault.Kind.Row().ACK != "AA"))
		w.field(name) // ERR-5
		w.next()      // ERR-6
		w.field(clipText(is.Expression))
		w.field(clipText(text))
		w.end()
	}
}

// places writes one ERR segment for the places of a refusal, in the form of v2.2
// to v2.4 (section 2.16.5 of v2.4): ERR-1 has for each the segment, its
// sequence, the field, and the code of table 0357. Why is in MSA-3.
func (w *ack) places(a inbound.Answer) {
	issues, _ := reasons(a)
	any := false
	for _, is := range issues {
		loc, ok := parseLocation(is.Place)
		switch {
		case !ok:
			continue
		case !any:
			w.segment("ERR")
			w.next()
		case w.sep.repetition == 0:
			continue
		default:
			w.out = append(w.out, w.sep.repetition)
		}
		any = true
		w.location(location{loc.segment, [5]int{loc.numbers[0], loc.numbers[1]}})
		for range 2 - min(1, loc.numbers[1]) {
			w.component()
		}
		code := a.Fault.Kind.Row().ERR
		w.text(code)
		if w.sep.subcomponent != 0 {
			for _, t := range []string{conditions[code], "HL70357"} {
				w.out = append(w.out, w.sep.subcomponent)
				w.text(t)
			}
		}
	}
	if any {
		w.end()
	}
}

// location writes ERR-2: segment, sequence, field, repetition, component,
// subcomponent; parts behind the last known one are left out.
func (w *ack) location(loc location) {
	w.text(loc.segment)
	last := 0
	for i, n := range loc.numbers {
		if n > 0 {
			last = i + 1
		}
	}
	for _, n := range loc.numbers[:last] {
		w.component()
		if n > 0 {
			w.out = strconv.AppendInt(w.out, int64(n), 10)
		}
	}
}

// severity is a value of table 0516.
func severity(s string, refused bool) string {
	switch s {
	case "information":
		return "I"
	case "warning":
		return "W"
	case "fatal", "error":
		return "E"
	}
	if refused {
		return "E"
	}
	return "W"
}

// conditions are the texts of table 0357.
var conditions = map[string]string{
	"0":   "Message accepted",
	"100": "Segment sequence error",
	"101": "Required field missing",
	"102": "Data type error",
	"103": "Table value not found",
	"200": "Unsupported message type",
	"201": "Unsupported event code",
	"202": "Unsupported processing id",
	"203": "Unsupported version id",
	"204": "Unknown key identifier",
	"205": "Duplicate key identifier",
	"206": "Application record locked",
	"207": "Application error",
}

func clipText(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText-3], "") + "..."
}
