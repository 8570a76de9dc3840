package load

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// Content types of the formats.
const (
	typeHL7  = "x-application/hl7-v2+er7; charset=utf-8"
	typeJSON = "application/json"
	typeFHIR = "application/fhir+json"
)

// writer makes messages. The i-th message of a run is the same every time it is
// asked for, which is how a repeat is sent without keeping the first.
type writer struct {
	run  string // part of every message id
	seed uint64
	at   time.Time // when the referrals were made
}

// id is the message id and referral number, unique within and across runs. It
// fits MSH-10, which had 20 characters before HL7 v2.7.
func (w writer) id(kind byte, i int) string {
	return string(kind) + w.run + strconv.Itoa(i)
}

// person is who the i-th message is about. JSON and HL7 messages take turns in
// the range, so that a run of both has few people twice.
func (w writer) person(kind byte, i int) person {
	if kind == 'L' || kind == 'F' {
		i += numbers / 4 // others than those of the small ones, for long
	}
	i *= 2
	if kind == 'J' || kind == 'F' {
		i++
	}
	return personOf(w.seed, nhsNumber(w.seed, i))
}

// hl7 is the i-th referral as HL7 v2.4 REF^I12: the segments and the size of
// what an integration engine sends. Every second one names the service it is
// for, the others wait to be claimed.
func (w writer) hl7(i int) []byte { return w.ref('H', i, 0) }

// large is the i-th referral of 10 kB: the same with what was noted in years.
func (w writer) large(i int) []byte { return w.ref('L', i, 46) }

// ref writes a REF^I12 with some notes more than a small one has.
func (w writer) ref(kind byte, i, notes int) []byte {
	p, id := w.person(kind, i), w.id(kind, i)
	stamp, day := w.at.Format("20060102150405-0700"), w.at.Format("20060102")
	sex := "M"
	if p.female {
		sex = "F"
	}
	var b strings.Builder
	b.Grow(1500 + 200*notes)
	seg := func(fields ...string) {
		for n, f := range fields {
			if n > 0 {
				b.WriteByte('|')
			}
			b.WriteString(f)
		}
		b.WriteByte('\r')
	}
	seg("MSH", `^~\&`, "RIVERSIDE-PMS", "A81001", "LINKLOOP", "HBR01", stamp, "", "REF^I12", id, "P", "2.4", "", "", "AL", "AL", "GBR", "UNICODE UTF-8", "en")
	seg("RF1", "P^Pending^HL70283", "R^Routine^HL70280", "", "", "", id+"^RIVERSIDE-PMS", day, w.at.AddDate(0, 3, 0).Format("20060102"), stamp, p.need.code+"^"+p.need.text+"^SCT")
	seg("PRD", "RP^Referring Provider^HL70286", "OKAFOR^NGOZI^^^DR", "1 Riverside^^"+p.town+"^^ZZ9 9AA^GBR", "", "^WPN^PH^^^^^^^^^01632960100", "", "C3456789^^^GMC", "", "", "Riverside Surgery^^A81001")
	if i%2 == 0 {
		seg("PRD", "RT^Referred to Provider^HL70286", "", "2 Harbour Row^^"+p.town+"^^ZZ9 9AB^GBR", "", "^WPN^PH^^^^^^^^^01632960200", "", "", "", "", "Harbour Link Workers^^HBR01")
	}
	seg("PID", "1", "", p.nhs+"^^^NHS^NH~"+"R"+strconv.Itoa(i)+"^^^A81001^MR", "", escape(p.family)+"^"+p.given+"^^^"+p.title, "", p.born, sex, "", "",
		strconv.Itoa(p.house)+" "+p.street+"^^"+p.town+"^^"+p.postcode+"^GBR^H", "", p.phone+"^PRN^CP~^NET^Internet^"+p.mail, "", "en", "", "", "", "", "", "", "A", "", "", "", "", "", "", "", "", "", "01")
	seg("PD1", "", "", "Riverside Surgery^^A81001")
	seg("DG1", "1", "", p.need.code+"^"+p.need.text+"^SCT", p.need.text, day, "W")
	seg("OBX", "1", "NM", "BMI^Body mass index^L", "1", strconv.Itoa(19+i%20), "kg/m2", "", "", "", "", "F", "", "", day)
	seg("OBX", "2", "ST", "CONSENT^Consent to share^L", "1", "Y", "", "", "", "", "", "F", "", "", day)
	seg("NTE", "1", "P", p.need.story)
	seg("NTE", "2", "P", "Blood pressure and weight were reviewed last month. No change to medication. No known risks to a lone visitor. Speaks English, reads without help, uses the bus. Has no carer and is not one.")
	seg("NTE", "3", "P", "Please see within four weeks. Prefers mornings. Best reached by mobile phone. Happy for the practice to be told what comes of it.")
	for n := range notes {
		seg("NTE", strconv.Itoa(n+4), "P", w.at.AddDate(0, -n-1, 0).Format("02/01/2006")+" Seen in surgery. "+p.need.story+" Review as planned.")
	}
	return []byte(b.String())
}

// escape writes what would be a separator of HL7 v2 as an escape sequence
// (HL7 v2.4 section 2.10).
func escape(s string) string {
	return strings.NewReplacer(`\`, `\E\`, "|", `\F\`, "^", `\S\`, "~", `\R\`, "&", `\T\`).Replace(s)
}

// referral is the JSON form of a referral.
type referral struct {
	ID         string     `json:"id"`
	Type       string     `json:"type"`
	CreatedAt  string     `json:"createdAt"`
	Priority   string     `json:"priority"`
	Patient    subject    `json:"patient"`
	Referrer   referrer   `json:"referrer"`
	Service    *service   `json:"service,omitempty"`
	Needs      []codeText `json:"needs"`
	Notes      string     `json:"notes"`
	Consent    bool       `json:"consent"`
	ValidUntil string     `json:"validUntil"`
}

type subject struct {
	NHSNumber string  `json:"nhsNumber"`
	Family    string  `json:"familyName"`
	Given     string  `json:"givenName"`
	Title     string  `json:"title"`
	Born      string  `json:"dateOfBirth"`
	Gender    string  `json:"gender"`
	Address   address `json:"address"`
	Phone     string  `json:"phone"`
	Email     string  `json:"email"`
}

type address struct {
	Line     string `json:"line"`
	Town     string `json:"town"`
	Postcode string `json:"postcode"`
}

type referrer struct {
	Name     string `json:"name"`
	GMC      string `json:"gmcNumber"`
	Practice string `json:"practiceName"`
	ODS      string `json:"practiceOdsCode"`
}

type service struct {
	Name string `json:"name"`
	ODS  string `json:"odsCode"`
}

type codeText struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// json is the i-th referral as a JSON document.
func (w writer) json(i int) ([]byte, error) {
	p, id := w.person('J', i), w.id('J', i)
	gender := "male"
	if p.female {
		gender = "female"
	}
	doc := referral{
		ID: id, Type: "referral", CreatedAt: w.at.Format(time.RFC3339), Priority: "routine",
		Patient: subject{
			NHSNumber: p.nhs, Family: p.family, Given: p.given, Title: p.title,
			Born: p.born[:4] + "-" + p.born[4:6] + "-" + p.born[6:], Gender: gender,
			Address: address{strconv.Itoa(p.house) + " " + p.street, p.town, p.postcode},
			Phone:   p.phone, Email: p.mail,
		},
		Referrer: referrer{"Dr Ngozi Okafor", "C3456789", "Riverside Surgery", "A81001"},
		Needs:    []codeText{{p.need.code, p.need.text}},
		Notes:    p.need.story, Consent: true,
		ValidUntil: w.at.AddDate(0, 3, 0).Format("2006-01-02"),
	}
	if i%2 == 0 {
		doc.Service = &service{"Harbour Link Workers", "HBR01"}
	}
	return json.Marshal(doc)
}

// bad is the i-th message that must be refused, and how it is sent.
func (w writer) bad(i int) (body []byte, isJSON bool) {
	switch good := w.hl7(i); i % 5 {
	case 0: // cut off inside the header
		return good[:40], false
	case 1: // a message type that no referral has
		return []byte(strings.Replace(string(good), "REF^I12", "ADT^A08", 1)), false
	case 2: // another protocol altogether
		return []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n" + strconv.Itoa(i)), false
	case 3: // JSON that breaks off
		return []byte(`{"id": "` + w.id('B', i) + `", "patient": {`), true
	default: // JSON that is no referral
		return []byte(`[` + strconv.Itoa(i) + `]`), true
	}
}
