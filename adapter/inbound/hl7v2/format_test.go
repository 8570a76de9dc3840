package hl7v2_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/inbound/hl7v2"
	"github.com/linkloop/linkloop/adapter/inbound/inboundtest"
)

const sample = "MSH|^~\\&|SYSTMONE|B81001|LINKLOOP|LL001|20260301101500+0000||REF^I12^REF_I12|MSG00001|P|2.5.1|||||GBR|UNICODE UTF-8\r" +
	"RF1|P^Pending^HL70283|R^Routine^HL70280|SP^Social prescribing^L||O^Outpatient^HL70284|REF0001^SYSTMONE|20260301|20260601|20260301|267076002^Feeling lonely^SCT~160932005^Financial problem^SCT|EXT-0001\r" +
	"PRD|RP^Referring provider^HL70286|Okafor^Ngozi^^^Dr|Oak Surgery&1 High Street^^Leeds^^LS1 1AA^GBR^B|^^^^^Oak Surgery&B81001|^WPN^PH^^^0113^4960001||C3456789^GMC\r" +
	"PRD|RT^Referred to provider^HL70286|Link Worker^Team|^^Leeds|^^^^^Leeds Social Prescribing&A1B2C\r" +
	"PID|1||12345^^^B81001^MR~9990000018^^^NHS^NH||Testperson^Amelia^Jane^^Mrs||19700214|F|||22 Example Road^Flat 2^Leeds^West Yorkshire^LS2 2BB^GBR^H||01134960002^PRN^PH~07700900123^PRN^CP~amelia@example.org^NET^Internet||en^English^ISO639|M|||||||A^White British^NHSDD\r" +
	"NK1|1|Testperson^Bruno|SPO^Spouse^HL70063|22 Example Road^^Leeds^^LS2 2BB|07700900124\r" +
	"DG1|1||38341003^Hypertension^SCT|Hypertension|20200110|W\r" +
	"OBR|1|||SPREF^Social prescribing referral^L|||20260301\r" +
	"OBX|1|NM|60621009^Body mass index^SCT||30|kg/m2|||||F\r" +
	"OBX|2|FT|REASON^Reason^L||Told to join a gym, did not go.\\.br\\Feels out of place among younger people \\T\\ would like company.||||||F\r" +
	"NTE|1||Prefers to be phoned in the morning.\r"

var canaries = []string{"9990000018", "Testperson", "Amelia", "19700214", "22 Example Road", "LS2 2BB", "07700900123", "younger people", "in the morning"}

// header is a well-formed MSH with the fields behind MSH-12 given.
func header(rest string) string {
	return "MSH|^~\\&|APP|FAC|LL|LL001|20260301||REF^I12|M1|P|2.4" + rest
}

func TestContract(t *testing.T) {
	inboundtest.Run(t, hl7v2.New(), inboundtest.Samples{
		Good: []inboundtest.Sample{
			{Name: "v2.5.1", Body: []byte(sample), ID: "MSG00001", Type: "REF^I12", Canaries: canaries},
			{Name: "v2.3", Body: []byte(strings.Replace(sample, "2.5.1", "2.3", 1)), ID: "MSG00001", Type: "REF^I12", Canaries: canaries},
			{Name: "other separators", Body: []byte("MSH$%~/!$A$B$C$D$20260301$$REF%I12$X1$P$2.4\rPID$1$$1!2%3~4$$Canary%Bird\r"),
				ID: "X1", Type: "REF^I12", Canaries: []string{"Canary", "Bird"}},
			{Name: "no separators but one", Body: []byte("MSH|^|A|B|C|D|20260301||REF^I12|X2|P|2.5\rPID|1||1&2~3\\F\\^4\r"),
				ID: "X2", Type: "REF^I12", Canaries: []string{"1&2~3\\F\\"}},
		},
		Broken: []inboundtest.Broken{
			{Name: "empty", Body: nil, Kind: fault.Malformed, Place: "byte 1"},
			{Name: "not HL7", Body: []byte(`{"a":1}`), Kind: fault.Malformed, Place: "byte 1"},
			{Name: "not HL7 behind blanks", Body: []byte("\r\n\r\nPID|1"), Kind: fault.Malformed, Place: "byte 5"},
			{Name: "MSH alone", Body: []byte("MSH"), Kind: fault.Malformed, Place: "MSH-1"},
			{Name: "letter as separator", Body: []byte("MSHA^~A"), Kind: fault.Malformed, Place: "MSH-1"},
			{Name: "no encoding characters", Body: []byte("MSH||A|B"), Kind: fault.Malformed, Place: "MSH-2"},
			{Name: "six encoding characters", Body: []byte("MSH|^~\\&#$|A|B"), Kind: fault.Malformed, Place: "MSH-2"},
			{Name: "equal encoding characters", Body: []byte("MSH|^~^&|A|B"), Kind: fault.Malformed, Place: "MSH-2"},
			{Name: "UTF-16", Body: []byte("M\x00S\x00H\x00|\x00"), Kind: fault.Malformed, Place: "byte 2"},
			{Name: "zero byte", Body: []byte(header("") + "\rPID|1\x00"), Kind: fault.Malformed, Place: "byte 59"},
			{Name: "no message type", Body: []byte("MSH|^~\\&|A|B|C|D|20260301|||M1|P|2.4"), Kind: fault.Malformed, Place: "MSH-9", Partial: true},
			{Name: "long control id", Body: []byte("MSH|^~\\&|||||||REF^I12|" + strings.Repeat("x", 200)), Kind: fault.Malformed, Place: "MSH-10", Partial: true},
			{Name: "line without a segment name", Body: []byte(header("") + "\rPID|1\rsecond line of a note\r"), Kind: fault.Malformed, Place: "segment 3", Partial: true},
			{Name: "two messages", Body: []byte(header("") + "\rPID|1\r" + header("")), Kind: fault.Malformed, Place: "segment 3", Partial: true},
			{Name: "unknown character set", Body: []byte(header("||||||8859/5") + "\rPID|1||\xd0"), Kind: fault.Unsupported, Place: "MSH-18", Partial: true},
			{Name: "too many bytes", Body: []byte(header("") + "\rNTE|1||" + strings.Repeat("x", 5<<20)), Kind: fault.TooLarge, Partial: true},
			{Name: "too many bytes of something else", Body: bytes.Repeat([]byte("x"), 6<<20), Kind: fault.TooLarge},
			{Name: "too many segments", Body: []byte(header("") + strings.Repeat("\rNTE|1", 5000)), Kind: fault.TooLarge, Place: "segment 5001", Partial: true},
			{Name: "too many fields", Body: []byte(header("") + "\rPID" + strings.Repeat("|1", 401)), Kind: fault.TooLarge, Place: "segment 2", Partial: true},
			{Name: "too many repetitions", Body: []byte(header("") + "\rPID|1||" + strings.Repeat("1~", 1001) + "1"), Kind: fault.TooLarge, Place: "PID-3", Partial: true},
			{Name: "too many components", Body: []byte(header("") + "\rPID|1||" + strings.Repeat("1^", 201)), Kind: fault.TooLarge, Place: "PID-3", Partial: true},
			{Name: "too many subcomponents", Body: []byte(header("") + "\rPID|1||2^" + strings.Repeat("1&", 201)), Kind: fault.TooLarge, Place: "PID-3.2", Partial: true},
			{Name: "too many values", Body: []byte(header("") + strings.Repeat("\rNTE"+strings.Repeat("|"+strings.Repeat("1^", 50), 50), 90)),
				Kind: fault.TooLarge, Place: "*", Partial: true},
		},
		Verdict: verdict,
	})
}

// verdict reads an acknowledgement without the help of the package.
func verdict(r inbound.Reply) (bool, error) {
	body := string(r.Body)
	if strings.Contains(r.ContentType, "iso-8859-1") {
		body = inbound.FromWindows1252(r.Body) // its own characters are those of ISO 8859-1
	}
	if !utf8.ValidString(body) || !strings.HasSuffix(body, "\r") || strings.ContainsAny(body, "\n\x00\x01") {
		return false, errors.New("not UTF-8 lines that end in CR")
	}
	lines := strings.Split(strings.TrimSuffix(body, "\r"), "\r")
	if len(lines) < 2 || !strings.HasPrefix(lines[0], "MSH") || len(lines[0]) < 10 {
		return false, errors.New("no MSH and MSA")
	}
	sep := lines[0][3:4]
	msh := strings.Split(lines[0], sep)
	if len(msh) != 18 || !strings.HasPrefix(msh[8], "ACK") || msh[9] == "" || len(msh[9]) > 20 || !strings.HasPrefix(msh[11], "2.") {
		return false, fmt.Errorf("MSH has %d fields: %q", len(msh), lines[0])
	}
	msa := strings.Split(lines[1], sep)
	if msa[0] != "MSA" || len(msa) < 3 {
		return false, errors.New("no MSA")
	}
	for _, line := range lines[2:] {
		e := strings.Split(line, sep)
		if old := msh[11] < "2.5"; old && len(lines) == 3 && msa[1] != "AA" && len(e) == 2 && len(e[1]) > 5 && e[0] == "ERR" {
			continue // ERR-1 alone
		}
		if e[0] != "ERR" || len(e) != 9 || e[8] == "" {
			return false, fmt.Errorf("not an ERR segment: %q", line)
		}
	}
	switch msa[1] {
	case "AA":
		return true, nil
	case "AE", "AR":
		return false, nil
	}
	return false, fmt.Errorf("MSA-1 is %q", msa[1])
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte("\x0b" + header("||||||8859/1") + "\n\nPID|1||\"\"~^a&b\\X41\\^\xe9\x1c\r"))
	f.Add([]byte("MSH$%~/!$A$B$C$D$20260301$$REF%I12$X1$P$2.4\rPID$/F//.sp3//H/x/$"))
	f.Add([]byte(header("|||AL|NE")))
	f.Add([]byte(header("|||AL|AL") + "\rRF1||||||1&2^^3"))
	format := hl7v2.New(hl7v2.Limits{Bytes: 1 << 16, Nodes: 5000}).Answering(hl7v2.AnswerRRI)
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := format.Decode(body)
		if err != nil {
			inboundtest.CheckFault(t, err)
		} else {
			inboundtest.CheckTree(t, m)
		}
		for _, a := range []inbound.Answer{{}, {Fault: fault.New(fault.Profile, "PID-3[2].1.4", "text")}} {
			reply := format.Reply(m, a)
			if m != nil && m.Echo["MSH-15"]+m.Echo["MSH-16"] != "" || strings.Contains(string(reply.Body), "RRI") {
				if acks, err := hl7v2.Acknowledgements(reply.Body); err != nil && len(reply.Body) > 0 || len(acks) > 2 {
					t.Fatalf("reply: %d acknowledgements, %v", len(acks), err)
				}
				continue
			}
			if accepted, err := verdict(reply); err != nil || accepted != (a.Fault == nil) {
				t.Fatalf("reply: accepted %v, %v", accepted, err)
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	f := hl7v2.New()
	body := []byte(sample)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Decode(body); err != nil {
			b.Fatal(err)
		}
	}
}

// TestPlacesBefore25: a refusal in an older version says where in ERR-1, once
// for each place that is one of HL7; an acceptance and a refusal without a
// place have no ERR.
func TestPlacesBefore25(t *testing.T) {
	refusal := func(places ...string) inbound.Answer {
		f := &fault.Fault{Kind: fault.Unmappable}
		for _, p := range places {
			f.Issues = append(f.Issues, fault.Issue{Place: p, Text: "why"})
		}
		return inbound.Answer{Fault: f}
	}
	for _, c := range []struct {
		version, want string
		answer        inbound.Answer
	}{
		{"2.3", "ERR|PID^1^3^103&Table value not found&HL70357~OBX^2^5^103&Table value not found&HL70357", refusal("PID-3[2].1", "mapping.yaml:1:2", "OBX[2]-5")},
		{"2.4", "ERR|PID^1^^103&Table value not found&HL70357", refusal("PID")},
		{"2.4", "", refusal("mapping.yaml:1:2")},
		{"2.4", "", inbound.Answer{Flags: []fault.Issue{{Place: "PID-3", Text: "why"}}}},
		{"2.1", "", refusal("PID-3")},
	} {
		format := hl7v2.New()
		m, err := format.Decode([]byte(strings.Replace(header(""), "|2.4", "|"+c.version, 1)))
		if err != nil {
			t.Fatal(err)
		}
		_, got, _ := strings.Cut(string(format.Reply(m, c.answer).Body), "\rERR")
		if got != "" {
			got = "ERR" + strings.TrimSuffix(got, "\r")
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.version, got, c.want)
		}
	}
}
