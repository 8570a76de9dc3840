package hl7v2

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/nhs"
)

// The messages that can be sent.
const (
	Result   = "ORU^R01" // coded results and the letter as observations
	Document = "MDM^T02" // the letter as a document
	Referral = "RRI^I12" // an answer to a referral, with codes and letter
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
}

func (m *message) segment(fields ...string) {
	m.lines = append(m.lines, strings.TrimRight(strings.Join(fields, "|"), "|"))
}

// stamp is a time with its zone, HL7 v2.5.1 section 2.A.22.
func stamp(at time.Time) string { return at.UTC().Format("20060102150405") + "+0000" }

// build makes the message of a transaction. The same delivery makes the same
// message, byte by byte, so that a receiver knows a repeat by MSH-10.
func build(cfg Config, kind, control, practice, task string, created time.Time, bundle *element.Value) []byte {
	m := &message{}
	at := stamp(created)
	m.segment(`MSH|^~\&`, "LINKLOOP", escape(cfg.Facility), escape(cfg.Application), escape(practice), at, "",
		kind+"^"+structures[kind], control, escape(cfg.Processing), "2.5.1", "", "", "", "", "", "UNICODE UTF-8")
	switch kind {
	case Document:
		m.segment("EVN", "T02", at)
		m.person(bundle)
		m.segment("PV1", "1", "N") // not applicable, table 0004
		// Availability and completion: table 0273 AV, table 0271 AU.
		m.segment("TXA", "1", "", "TX", "", "", "", at, "", "", "", "", escape(task), "", "", "", "", "AU", "", "AV")
	case Referral:
		m.segment("RF1", "", "", "", "", "", escape(task)+"^LINKLOOP")
		m.person(bundle)
	default:
		m.person(bundle)
		m.segment("OBR", "1", "", escape(task)+"^LINKLOOP", "^Social prescribing outcome", "", "", at, "", "", "", "", "", "", "", "", "", "", "", "", "", "", at, "", "", "F")
	}
	for _, e := range bundle.List("entry") {
		r := e.Get("resource")
		if kind == Document && r.ResourceType() != "DocumentReference" {
			continue
		}
		m.entry(r)
	}
	return []byte(strings.Join(m.lines, "\r") + "\r")
}

// person is who it is about: the NHS number, which is all that a transaction
// says of them. A name is required and not known here, so that its type says
// unspecified (table 0200 U).
func (m *message) person(bundle *element.Value) {
	number := ""
	for _, s := range bundle.All("entry.resource.subject.reference") {
		token, err := url.QueryUnescape(strings.TrimPrefix(s.Text, "Patient?identifier="))
		if system, value, ok := strings.Cut(token, "|"); err == nil && ok && system == nhs.SystemNHSNumber {
			number = value
			break
		}
	}
	m.segment("PID", "1", "", escape(number)+"^^^NHS^NH", "", "^^^^^^U")
}

// entry is one resource as an observation. What is entered in error is taken
// back (table 0085 D).
func (m *message) entry(r *element.Value) {
	status := "F"
	if r.Str("status") == "entered-in-error" {
		status = "D"
	}
	when := ""
	for _, name := range []string{"effectiveDateTime", "performedDateTime", "date"} {
		if at, err := time.Parse(time.RFC3339, r.Str(name)); err == nil {
			when = stamp(at)
		} else if day, err := time.Parse("2006-01-02", r.Str(name)); err == nil {
			when = day.Format("20060102")
		}
	}
	obx := func(typ, code, value, unit string) {
		m.obx++
		m.segment("OBX", fmt.Sprint(m.obx), typ, code, "", value, unit, "", "", "", "", status, "", "", when)
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
			obx("NM", code, escape(value), escape(r.TextAt("valueQuantity.unit")))
		case r.TextAt("valueInteger") != "":
			obx("NM", code, escape(r.TextAt("valueInteger")), "")
		default:
			obx("CWE", code, code, "")
		}
	}
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
