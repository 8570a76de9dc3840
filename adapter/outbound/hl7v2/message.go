package hl7v2

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/nhs"
	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/outcome"
)

// The messages that can be sent.
const (
	Result   = "ORU^R01" // coded results and the letter as observations
	Document = "MDM^T02" // the letter as a document
	Referral = "RRI^I12" // an answer to a referral: its status, with codes and letter
)

// structures are MSH-9.3 of each message.
var structures = map[string]string{Result: "ORU_R01", Document: "MDM_T02", Referral: "RRI_I12"}

// escape replaces what would be read as a delimiter, HL7 v2.5.1 section 2.7. A
// line break becomes the formatting command of FT; other control characters,
// which could end a segment or a frame, are left out.
var escapes = strings.NewReplacer("\\", `\E\`, "|", `\F\`, "^", `\S\`, "&", `\T\`, "~", `\R\`, "\r\n", `\.br\`, "\n", `\.br\`, "\r", `\.br\`)

func escape(text string) string {
	return escapes.Replace(strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\r' || r == 0x7f {
			return -1
		}
		return r
	}, text))
}

// message is one message in the making.
type message struct {
	lines []string
	obx   int
	said  map[string]int // observations by OBX-3
}

func (m *message) segment(fields ...string) {
	m.lines = append(m.lines, strings.TrimRight(strings.Join(fields, "|"), "|"))
}

// stamp is a time with its zone, HL7 v2.5.1 section 2.A.22.
func stamp(at time.Time) string { return at.UTC().Format("20060102150405") + "+0000" }

// build makes the message of a delivery. The same delivery makes the same
// message, byte by byte, so that a receiver knows a repeat by MSH-10.
//
// HL7 v2.5.1: 7.3.1 for ORU^R01, 9.6.2 for MDM^T02, 11.5.1 for RRI^I12.
func build(cfg Config, d outbound.Delivery, bundle *element.Value) []byte {
	m := &message{said: map[string]int{}}
	at, control, task := stamp(d.Created), ControlID(d.Key), escape(d.Task)+"^LINKLOOP"
	m.segment(`MSH|^~\&`, "LINKLOOP", escape(cfg.Facility), escape(cfg.Application), escape(d.Destination), at, "",
		cfg.Message+"^"+structures[cfg.Message], control, escape(cfg.Processing), "2.5.1", "", "", "", "", "", "UNICODE UTF-8")
	result := "F" // table 0123
	if outbound.IsCorrection(d.Key) {
		result = "C"
	}
	observed := func() {
		m.segment("OBR", "1", "", task, "^Social prescribing outcome", "", "", at, "", "", "", "", "", "", "", "", "", "", "", "", "", "", at, "", "", result)
	}
	switch cfg.Message {
	case Document:
		m.segment("EVN", "T02", at)
		m.person(d.Payload, bundle)
		m.segment("PV1", "1", "N") // not applicable, table 0004
		// A note of progress (table 0270), as text (0191), by a number of its own,
		// documented (0271): nobody authenticated it. It is available (0273).
		m.segment("TXA", "1", "PR", "TEXT", "", "", at, at, "", "", "", "", control+"^LINKLOOP", "", "", task, "", "DO", "", "AV")
	case Referral:
		m.segment("RF1", status(bundle), "", "", "", "", task)
		m.segment("PRD", "RP", "", "", "", "", "", escape(d.Destination)) // referring provider, table 0286
		m.person(d.Payload, bundle)
		observed()
	default:
		m.person(d.Payload, bundle)
		observed()
	}
	for _, e := range bundle.List("entry") {
		r := e.Get("resource")
		if cfg.Message == Document && r.ResourceType() != "DocumentReference" {
			continue
		}
		m.entry(r, d.Task)
	}
	return []byte(strings.Join(m.lines, "\r") + "\r")
}

// statuses are Task.status as table 0283 has it. What was cancelled, or failed,
// has no word there.
var statuses = map[string]string{
	"accepted": "A^Accepted^HL70283", "in-progress": "A^Accepted^HL70283", "on-hold": "A^Accepted^HL70283",
	"completed": "A^Accepted^HL70283", "rejected": "R^Rejected^HL70283",
}

// status is RF1-1, from the status of the Task that the transaction is tagged
// with; empty where there is none.
func status(bundle *element.Value) string {
	for _, tag := range bundle.All("meta.tag") {
		if tag.Str("system") == outcome.SystemStatus {
			return statuses[tag.Str("code")]
		}
	}
	return ""
}

// sexes are administrative genders as table 0001 has them.
var sexes = map[string]string{"male": "M", "female": "F", "other": "O", "unknown": "U"}

// person is who it is about. The number stands in the transaction; name, birth
// date and gender in the document within it, so that what leaves by codes alone
// names nobody: PID-5 is required, and its type then says unknown (table 0200 U).
func (m *message) person(payload []byte, bundle *element.Value) {
	number := ""
	for _, s := range bundle.All("entry.resource.subject.reference") {
		token, err := url.QueryUnescape(strings.TrimPrefix(s.Text, "Patient?identifier="))
		if system, value, ok := strings.Cut(token, "|"); err == nil && ok && system == nhs.SystemNHSNumber {
			number = value
			break
		}
	}
	called, born, sex := "^^^^^^U", "", ""
	if document, err := outcome.Document(payload); err == nil {
		for _, r := range document.All("entry.resource") {
			if r.ResourceType() != "Patient" || r.Identifier(nhs.SystemNHSNumber) != number {
				continue
			}
			if n := name(r); n != "" {
				called = n
			}
			born, sex = strings.ReplaceAll(r.Str("birthDate"), "-", ""), sexes[r.Str("gender")]
		}
	}
	m.segment("PID", "1", "", escape(number)+"^^^NHS^NH", "", called, "", escape(born), sex)
}

// name is PID-5 of a Patient, HL7 v2.5.1 section 2.A.88; empty when it has none.
func name(patient *element.Value) string {
	for _, n := range patient.List("name") {
		var given []string
		for _, g := range n.List("given") {
			given = append(given, escape(g.Text))
		}
		parts := []string{escape(n.Str("family")), "", "", "", escape(n.TextAt("prefix"))}
		if len(given) > 0 {
			parts[1], parts[2] = given[0], strings.Join(given[1:], " ")
		}
		if parts[0] == "" && parts[1] == "" {
			parts[0] = escape(n.Str("text"))
		}
		if parts[0] != "" || parts[1] != "" {
			return strings.TrimRight(strings.Join(parts, "^"), "^")
		}
	}
	return ""
}

// entry is one resource as an observation. What is entered in error is taken
// back (table 0085 D) under the name that it was sent by.
func (m *message) entry(r *element.Value, task string) {
	status := "F"
	if r.Str("status") == "entered-in-error" {
		status = "D"
	}
	when := began(r)
	obx := func(typ, code, value, unit string) {
		m.obx++
		// OBX-4 tells observations of the same code apart, such as two scores, and
		// names the one that a correction is about.
		sub := observation(r, task)
		if m.said[code]++; sub == "" && m.said[code] > 1 {
			sub = fmt.Sprint(m.said[code])
		}
		m.segment("OBX", fmt.Sprint(m.obx), typ, code, sub, value, unit, "", "", "", "", status, "", "", when)
	}
	if r.ResourceType() == "DocumentReference" {
		if text, ok := letter(r); ok {
			obx("FT", "^Letter", escape(text), "")
		}
		return
	}
	for _, c := range r.All("code.coding") {
		if c.Str("system") != nhs.SystemSNOMED {
			continue
		}
		// SCT is SNOMED CT in table 0396.
		code := escape(c.Str("code")) + "^" + escape(c.Str("display")) + "^SCT"
		switch value := r.TextAt("valueQuantity.value"); {
		case value != "":
			typ, number := plain(value)
			obx(typ, code, escape(number), escape(r.TextAt("valueQuantity.unit")))
		case r.TextAt("valueInteger") != "":
			obx("NM", code, escape(r.TextAt("valueInteger")), "")
		default:
			obx("CWE", code, code, "")
		}
	}
}

// began is when something was, OBX-14: of a period its beginning, or else its
// end. Where it is empty a receiver takes the time of the whole message.
func began(r *element.Value) string {
	for _, name := range []string{"effectiveDateTime", "performedDateTime", "date", "effectivePeriod.start", "performedPeriod.start", "effectivePeriod.end", "performedPeriod.end"} {
		text := r.TextAt(name)
		if at, err := time.Parse(time.RFC3339, text); err == nil {
			return stamp(at)
		}
		for _, layout := range []string{time.DateOnly, "2006-01", "2006"} { // HL7 v2.5.1 section 2.A.22 has them all
			if _, err := time.Parse(layout, text); err == nil {
				return strings.ReplaceAll(text, "-", "")
			}
		}
	}
	return ""
}

// observation is OBX-4 of an entry: its identifier, without the id of the Task
// before it; where that is longer than the field, a name made of it. Empty where
// it has none.
func observation(r *element.Value, task string) string {
	id := strings.TrimPrefix(r.TextAt("identifier.value"), task+".")
	if len(id) > 20 {
		return ControlID(id)
	}
	return escape(id)
}

// plain is a number as NM has it, without an exponent: HL7 v2.5.1 chapter 2.A, NM.
// What cannot be written so is text.
func plain(value string) (typ, number string) {
	if !strings.ContainsAny(value, "eE") {
		return "NM", value
	}
	n, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return "ST", value
	}
	return "NM", strconv.FormatFloat(n, 'f', -1, 64)
}

// letter is the text of a document.
func letter(r *element.Value) (string, bool) {
	for _, a := range r.All("content.attachment") {
		if typ, _, _ := strings.Cut(a.Str("contentType"), ";"); typ != "text/plain" {
			continue
		}
		b, err := base64.StdEncoding.DecodeString(a.Str("data"))
		if err == nil && len(b) > 0 {
			return string(b), true
		}
	}
	return "", false
}
