package hl7v2_test

import (
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/mllp/wire"
	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/outbound/hl7v2"
	"github.com/linkloop/linkloop/adapter/outbound/outboundtest"
)

const bundle = `{"resourceType":"Bundle","type":"transaction","meta":{"tag":[{"system":"urn:linkloop:outcome-list","code":"x"},{"system":"http://hl7.org/fhir/task-status","code":"completed"}]},"entry":[
{"resource":{"resourceType":"Procedure","status":"completed","code":{"coding":[{"system":"http://snomed.info/sct","code":"975131000000104","display":"Signposting | ^ & ~ \\"}]},"subject":{"reference":"Patient?identifier=https%3A%2F%2Ffhir.nhs.uk%2FId%2Fnhs-number%7C9990000379"},"performedDateTime":"2026-03-02"}},
{"resource":{"resourceType":"Observation","status":"entered-in-error","code":{"coding":[{"system":"http://snomed.info/sct","code":"718466001","display":"Score"}]},"valueQuantity":{"value":21.5},"effectiveDateTime":"2026-03-02T10:00:00+01:00"}},
{"resource":{"resourceType":"DocumentReference","status":"current","content":[{"attachment":{"contentType":"text/plain; charset=utf-8","data":"TGluZSBvbmUKTGluZXx0d28="}}]}}]}`

// engine is a receiver that does what say tells it with each connection.
func engine(t *testing.T, say func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); say(c) }()
		}
	}()
	return l.Addr().String()
}

func open(t *testing.T, address, message string) *hl7v2.Channel {
	t.Helper()
	cfg := hl7v2.DefaultConfig()
	cfg.Address, cfg.Message, cfg.Application, cfg.MaxAnswer = address, message, "TIE", 4096
	cfg.ConnectTimeout, cfg.RequestTimeout = 300*time.Millisecond, 500*time.Millisecond
	ch, err := hl7v2.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

var delivery = outbound.Delivery{ID: 1, Key: "Task/t1/outcome", Task: "t1", Destination: "A81001", Payload: []byte(bundle), Attempt: 1,
	Created: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}

// read takes one message and returns it with its control id. What comes may be
// no message: a TLS handshake is random, and may happen to hold a frame.
func read(c net.Conn) (msg, control string) {
	b, _, err := wire.NewReader(c, 1<<20).Next()
	fields := strings.Split(string(b), "|")
	if err != nil || len(fields) < 10 {
		return "", ""
	}
	return string(b), fields[9]
}

func ack(code, control string) []byte {
	return wire.Append(nil, []byte("MSH|^~\\&|TIE|X|LINKLOOP||20260302||ACK|1|P|2.5.1\rMSA|"+code+"|"+control+"|"+outboundtest.Canary+"\r"))
}

// TestContract: every code and what is none, over TCP, with time-outs at each
// phase.
func TestContract(t *testing.T) {
	outboundtest.RunAcknowledged(t, func(t *testing.T, address string) outbound.Channel { return open(t, address, hl7v2.Result) }, []byte(bundle))
}

// TestNoTLSThere: a receiver without TLS gets nothing from a channel with it.
func TestNoTLSThere(t *testing.T) {
	cfg := hl7v2.DefaultConfig()
	cfg.Address, cfg.TLS, cfg.ConnectTimeout = engine(t, func(c net.Conn) { read(c) }), &tls.Config{MinVersion: tls.VersionTLS12}, 300*time.Millisecond
	ch, err := hl7v2.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if res := ch.Deliver(t.Context(), delivery); res.State != outbound.Retry || !res.Unsent {
		t.Errorf("%+v", res)
	}
}

// TestMessages: what each message says, the same on every attempt.
func TestMessages(t *testing.T) {
	for message, want := range map[string]string{
		hl7v2.Result: `MSH|^~\&|LINKLOOP||TIE|A81001|20260302090000+0000||ORU^R01^ORU_R01|$ID|P|2.5.1||||||UNICODE UTF-8
PID|1||9990000379^^^NHS^NH||^^^^^^U
OBR|1||t1^LINKLOOP|^Social prescribing outcome|||20260302090000+0000|||||||||||||||20260302090000+0000|||F
OBX|1|CWE|975131000000104^Signposting \F\ \S\ \T\ \R\ \E\^SCT||975131000000104^Signposting \F\ \S\ \T\ \R\ \E\^SCT||||||F|||20260302
OBX|2|NM|718466001^Score^SCT||21.5||||||D|||20260302090000+0000
OBX|3|FT|^Letter||Line one\.br\Line\F\two||||||F
`,
		hl7v2.Document: `MSH|^~\&|LINKLOOP||TIE|A81001|20260302090000+0000||MDM^T02^MDM_T02|$ID|P|2.5.1||||||UNICODE UTF-8
EVN|T02|20260302090000+0000
PID|1||9990000379^^^NHS^NH||^^^^^^U
PV1|1|N
TXA|1|PR|TEXT|||20260302090000+0000|20260302090000+0000|||||$ID^LINKLOOP|||t1^LINKLOOP||DO||AV
OBX|1|FT|^Letter||Line one\.br\Line\F\two||||||F
`,
		hl7v2.Referral: `MSH|^~\&|LINKLOOP||TIE|A81001|20260302090000+0000||RRI^I12^RRI_I12|$ID|P|2.5.1||||||UNICODE UTF-8
RF1|A^Accepted^HL70283|||||t1^LINKLOOP
PRD|RP||||||A81001
PID|1||9990000379^^^NHS^NH||^^^^^^U
OBR|1||t1^LINKLOOP|^Social prescribing outcome|||20260302090000+0000|||||||||||||||20260302090000+0000|||F
OBX|1|CWE|975131000000104^Signposting \F\ \S\ \T\ \R\ \E\^SCT||975131000000104^Signposting \F\ \S\ \T\ \R\ \E\^SCT||||||F|||20260302
`,
	} {
		var got []string
		ch := open(t, engine(t, func(c net.Conn) {
			msg, id := read(c)
			got = append(got, strings.ReplaceAll(strings.ReplaceAll(msg, id, "$ID"), "\r", "\n"))
			_, _ = c.Write(ack("AA", id))
		}), message)
		for range 2 {
			if res := ch.Deliver(t.Context(), delivery); res.State != outbound.Delivered {
				t.Fatalf("%s: %+v", message, res)
			}
		}
		if got[0] != got[1] || !strings.HasPrefix(got[0], want) {
			t.Errorf("%s\n%s\nwant\n%s", message, got[0], want)
		}
	}
	ch := open(t, "127.0.0.1:1", hl7v2.Document)
	for _, payload := range []string{"", "nonsense", `{"resourceType":"Bundle"}`, strings.Replace(bundle, "DocumentReference", "Basic", 1)} {
		d := delivery
		d.Payload = []byte(payload)
		if res := ch.Deliver(t.Context(), d); res.State != outbound.Dead {
			t.Errorf("%.40q: %+v", payload, res)
		}
	}
}
