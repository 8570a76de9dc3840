package hl7v2_test

import (
	"context"
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

const bundle = `{"resourceType":"Bundle","type":"transaction","entry":[
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

// read takes one message and returns it with its control id.
func read(c net.Conn) (msg, control string) {
	b, _, err := wire.NewReader(c, 1<<20).Next()
	if err != nil {
		return "", ""
	}
	return string(b), strings.Split(string(b), "|")[9]
}

func ack(code, control string) []byte {
	return wire.Append(nil, []byte("MSH|^~\\&|TIE|X|LINKLOOP||20260302||ACK|1|P|2.5.1\rMSA|"+code+"|"+control+"|"+outboundtest.Canary+"\r"))
}

// TestAcknowledgements: every code, and what is none.
func TestAcknowledgements(t *testing.T) {
	for name, c := range map[string]struct {
		say  func(c net.Conn, control string)
		want outbound.State
	}{
		"AA":              {func(c net.Conn, id string) { _, _ = c.Write(ack("AA", id)) }, outbound.Delivered},
		"CA":              {func(c net.Conn, id string) { _, _ = c.Write(ack("CA", id)) }, outbound.Delivered},
		"AE":              {func(c net.Conn, id string) { _, _ = c.Write(ack("AE", id)) }, outbound.Retry},
		"CE":              {func(c net.Conn, id string) { _, _ = c.Write(ack("CE", id)) }, outbound.Retry},
		"AR":              {func(c net.Conn, id string) { _, _ = c.Write(ack("AR", id)) }, outbound.Dead},
		"CR":              {func(c net.Conn, id string) { _, _ = c.Write(ack("CR", id)) }, outbound.Dead},
		"a made-up code":  {func(c net.Conn, id string) { _, _ = c.Write(ack("OK", id)) }, outbound.Retry},
		"another message": {func(c net.Conn, _ string) { _, _ = c.Write(ack("AA", "OTHER")) }, outbound.Retry},
		"no MSA":          {func(c net.Conn, _ string) { _, _ = c.Write(wire.Append(nil, []byte("MSH|^~\\&|TIE\r"))) }, outbound.Retry},
		"nonsense":        {func(c net.Conn, _ string) { _, _ = c.Write(wire.Append(nil, []byte("thanks, "+outboundtest.Canary))) }, outbound.Retry},
		"an empty frame":  {func(c net.Conn, _ string) { _, _ = c.Write(wire.Append(nil, nil)) }, outbound.Retry},
		"HTTP":            {func(c net.Conn, _ string) { _, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) }, outbound.Retry},
		"nothing":         {func(c net.Conn, _ string) {}, outbound.Retry},
		"silence":         {func(c net.Conn, _ string) { time.Sleep(time.Second) }, outbound.Retry},
		"half":            {func(c net.Conn, id string) { b := ack("AA", id); _, _ = c.Write(b[:len(b)/2]) }, outbound.Retry},
		"endless":         {func(c net.Conn, _ string) { _, _ = c.Write(append([]byte{0x0b}, make([]byte, 1<<20)...)) }, outbound.Retry},
		"a byte at a time": {func(c net.Conn, id string) {
			for _, b := range ack("AA", id) {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		}, outbound.Retry},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ch := open(t, engine(t, func(conn net.Conn) { _, id := read(conn); c.say(conn, id) }), hl7v2.Result)
			res := ch.Deliver(t.Context(), delivery)
			if res.State != c.want || res.State != outbound.Delivered && res.Reason == "" || res.Unsent || len(res.Evidence) > 16<<10 {
				t.Errorf("%+v, want %s", res, c.want)
			}
			if strings.Contains(res.Reason, "Zebedee") || strings.Contains(res.Reason, "127.0.0.1") {
				t.Errorf("the reason repeats what it must not: %q", res.Reason)
			}
		})
	}
}

// TestUnreachable: nothing was sent, and it is said so.
func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if res := open(t, l.Addr().String(), hl7v2.Result).Deliver(t.Context(), delivery); res.State != outbound.Retry || !res.Unsent {
		t.Errorf("%+v", res)
	}
	cfg := hl7v2.DefaultConfig()
	cfg.Address, cfg.TLS, cfg.ConnectTimeout = engine(t, func(c net.Conn) { read(c) }), &tls.Config{MinVersion: tls.VersionTLS12}, 300*time.Millisecond
	ch, err := hl7v2.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if res := ch.Deliver(t.Context(), delivery); res.State != outbound.Retry || !res.Unsent {
		t.Errorf("no TLS there: %+v", res)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ch = open(t, engine(t, func(c net.Conn) { read(c); cancel(); time.Sleep(time.Second) }), hl7v2.Result)
	if res := ch.Deliver(ctx, delivery); res.State != outbound.Retry || res.Unsent {
		t.Errorf("stopped: %+v", res)
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
TXA|1||TX||||20260302090000+0000|||||t1|||||AU||AV
OBX|1|FT|^Letter||Line one\.br\Line\F\two||||||F
`,
		hl7v2.Referral: `MSH|^~\&|LINKLOOP||TIE|A81001|20260302090000+0000||RRI^I12^RRI_I12|$ID|P|2.5.1||||||UNICODE UTF-8
RF1||||||t1^LINKLOOP
PID|1||9990000379^^^NHS^NH||^^^^^^U
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
