package hl7v2_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/inbound/hl7v2"
)

// numbered is a message with a control id.
func numbered(id string) string {
	return "MSH|^~\\&|APP|FAC|LL|LL001|20260301||REF^I12|" + id + "|P|2.4\rPID|1||" + id + "\r"
}

const (
	fhs = "FHS|^~\\&|APP|FAC|LL|LL001|20260301||night run||F7\r"
	bhs = "BHS|^~\\&|APP|FAC|LL|LL001|20260301||referrals||B9\r"
)

func TestOpen(t *testing.T) {
	a, b := numbered("A"), numbered("B")
	for _, c := range []struct {
		name, body string
		want       []string // messages; nil: not an envelope
		shape      string   // segments of the answer
		says       string
	}{
		{"one message", a, nil, "", ""},
		{"one message that speaks of MSH", a + "NTE|1||see MSH|1\r", nil, "", ""},
		{"something else", "PID|1\rMSH|^~\\&\r", nil, "", ""},
		{"nothing", "", nil, "", ""},
		{"two messages", a + b, []string{a, b}, "MSH MSA MSH MSA", ""},
		{"framing left on", "\x0b" + a + b + "\x1c\r", []string{a, b}, "MSH MSA MSH MSA", ""},
		{"batch", bhs + a + b + "BTS|2\r", []string{a, b}, "BHS MSH MSA MSH MSA BTS", "BTS|2\r"},
		{"file", fhs + bhs + a + "BTS|1\r" + bhs + b + "BTS|1\rFTS|2\r", []string{a, b}, "FHS BHS MSH MSA BTS BHS MSH MSA BTS FTS", "FTS|2\r"},
		{"file without batches", fhs + a + "FTS\r", []string{a}, "FHS MSH MSA FTS", "FTS|0\r"},
		{"empty batch", bhs + "BTS|0\r", nil, "BHS BTS", "BTS|0\r"},
		{"line feeds", strings.ReplaceAll(bhs+a+"\r"+b+"BTS|2\r", "\r", "\n"), []string{a, b}, "BHS MSH MSA MSH MSA BTS", "BTS|2\r"},
		{"fewer than announced", bhs + a + "BTS|2\r", []string{a}, "BHS MSH MSA BTS", "BTS|1|2 messages were announced and 1 arrived\r"},
		{"no trailer", bhs + a, []string{a}, "BHS MSH MSA BTS", "no trailer BTS"},
		{"control ids", fhs + bhs + "BTS\rFTS\r", nil, "FHS BHS BTS FTS", "|B9\r"},
		{"other separators", "BHS$%/!*$APP$FAC$LL$LL$$$$$B1\r" + a + "BTS$1\r", []string{a}, "BHS MSH MSA BTS", "BHS$%/!*$LL$LL$APP$FAC$"},
		{"a message without its MSH", bhs + "PID|1\r" + a + "BTS|2\r", []string{"PID|1\r", a}, "BHS MSH MSA MSH MSA BTS", "MSA|AR|"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := hl7v2.New()
			env, err := f.Open([]byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if env == nil {
				if c.shape != "" {
					t.Fatal("not taken as an envelope")
				}
				return
			}
			var replies []inbound.Reply
			var got []string
			for _, body := range env.Messages {
				got = append(got, strings.TrimSpace(strings.ReplaceAll(string(body), "\n", "\r")))
				m, err := f.Decode(body)
				var flt *fault.Fault
				if err != nil {
					flt = fault.Of(err)
				}
				replies = append(replies, f.Reply(m, inbound.Answer{At: at, Fault: flt}))
			}
			var want []string
			for _, w := range c.want {
				want = append(want, strings.TrimSpace(w))
			}
			if !slices.Equal(got, want) {
				t.Errorf("messages %q, want %q", got, want)
			}
			answer := string(env.Answer(at, replies).Body)
			var shape []string
			for _, line := range strings.FieldsFunc(answer, func(r rune) bool { return r == '\r' }) {
				shape = append(shape, line[:3])
			}
			if s := strings.Join(shape, " "); s != c.shape || !strings.Contains(answer, c.says) {
				t.Errorf("answer %s, want %s with %q:\n%s", s, c.shape, c.says, strings.ReplaceAll(answer, "\r", "\n"))
			}
			if acks, err := hl7v2.Acknowledgements([]byte(answer)); len(c.want) > 0 && (err != nil || len(acks) != len(c.want)) {
				t.Errorf("read back: %d acknowledgements, %v", len(acks), err)
			}
		})
	}
}

func TestOpenLimit(t *testing.T) {
	f := hl7v2.New(hl7v2.Limits{Messages: 2})
	if _, err := f.Open([]byte(numbered("A") + numbered("B") + numbered("C"))); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("three messages of at most two: %v", err)
	}
	if _, err := f.Open([]byte(strings.Repeat("BHS|^~\\&\r", 3))); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("three batches of nothing: %v", err)
	}
}

// TestModes: which acknowledgements follow from MSH-15 and MSH-16.
func TestModes(t *testing.T) {
	accepted, refused := inbound.Answer{At: at}, inbound.Answer{At: at, Fault: fault.New(fault.Profile, "PID-3", "text")}
	lost := inbound.Answer{At: at, Fault: fault.New(fault.Transient, "", "text")}
	unread := inbound.Answer{At: at, Fault: fault.New(fault.Malformed, "MSH-9", "text")}
	for _, c := range []struct{ commit, application, accepted, refused, lost, unread string }{
		{"", "", "AA", "AE", "AE", "AR"},
		{"AL", "NE", "CA", "CE", "CE", "CR"},
		{"AL", "", "CA", "CE", "CE", "CR"},
		{"AL", "AL", "CA AA", "CA AE", "CE", "CR"},
		{"NE", "AL", "AA", "AE", "AE", "AR"},
		{"", "AL", "AA", "AE", "AE", "AR"},
		{"AL", "ER", "CA", "CA AE", "CE", "CR"},
		{"AL", "SU", "CA AA", "CE", "CE", "CR"},
		{"ER", "NE", "", "CE", "CE", "CR"},
		{"SU", "NE", "CA", "", "", ""},
		{"SU", "ER", "CA", "CA AE", "AE", "AR"},
		{"NE", "NE", "", "", "", ""},
		{"", "NE", "", "", "", ""},
		{"XX", "NE", "CA", "CE", "CE", "CR"},
	} {
		f := hl7v2.New()
		m, err := f.Decode([]byte(header("|||" + c.commit + "|" + c.application)))
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range []struct {
			a    inbound.Answer
			want string
		}{{accepted, c.accepted}, {refused, c.refused}, {lost, c.lost}, {unread, c.unread}} {
			body := f.Reply(m, x.a).Body
			var codes, ids []string
			for _, frame := range hl7v2.Frames(body) {
				acks, err := hl7v2.Acknowledgements(frame)
				if err != nil || len(acks) != 1 || acks[0].ID != "M1" {
					t.Fatalf("%q: %v", frame, err)
				}
				codes, ids = append(codes, acks[0].Code), append(ids, strings.Split(string(frame), "|")[9])
			}
			if got := strings.Join(codes, " "); got != x.want {
				t.Errorf("MSH-15 %q, MSH-16 %q: %q, want %q", c.commit, c.application, got, x.want)
			}
			if len(ids) == 2 && ids[0] == ids[1] {
				t.Error("two messages have one control id")
			}
		}
	}
}

// TestCondense: where there is one answer, it is the one that says more.
func TestCondense(t *testing.T) {
	one := "MSH|^~\\&|||||||ACK|1|P|2.4\rMSA|CA|M1|\r"
	two := "MSH|^~\\&|||||||ACK|1a|P|2.4\rMSA|AE|M1|text\r"
	other := "MSH|^~\\&|||||||ACK|2|P|2.4\rMSA|CA|M2|\r"
	for in, want := range map[string]string{
		"": "", one: one, two: two, one + two: two, two + one: two + one, one + other: one + other,
		other + one + two + other: other + two + other, bhs + one + two + "BTS|2\r": bhs + one + two + "BTS|2\r",
	} {
		if got := hl7v2.New().Condense(inbound.Reply{Status: 200, Body: []byte(in)}); string(got.Body) != want || got.Status != 200 {
			t.Errorf("%q\nis condensed to %q", in, got.Body)
		}
	}
}

func TestAcknowledgements(t *testing.T) {
	for _, c := range []struct{ body, code, text string }{
		{"MSH|^~\\&|||||||ACK|1|P|2.3\rMSA|AE|M1|no such code", "AE", "no such code"},
		{"MSH|^~\\&|||||||ACK|1|P|2.5.1\rMSA|AR|M1\rERR||PID^1^3|101^Required field missing^HL70357|E||||the NHS number is missing", "AR", "the NHS number is missing"},
		{"MSH|^~\\&|||||||ACK|1|P|2.5.1\rMSA|AR|M1\rERR||PID^1^3|101^Required field missing^HL70357|E", "AR", "Required field missing"},
	} {
		acks, err := hl7v2.Acknowledgements([]byte(c.body))
		if err != nil || len(acks) != 1 || acks[0].Code != c.code || acks[0].ID != "M1" || strings.Join(acks[0].Text, "/") != c.text || acks[0].Accepted() {
			t.Errorf("%q: %+v, %v", c.body, acks, err)
		}
	}
	for _, body := range []string{"", "hello", header(""), "MSH|^~\\&|||||||ACK|1|P|2.3\rMSA|OK|M1"} {
		if acks, err := hl7v2.Acknowledgements([]byte(body)); err == nil || len(acks) > 0 {
			t.Errorf("%q is taken for an acknowledgement: %v", body, acks)
		}
	}
}

// FuzzOpen: nothing of a batch is lost, and its answer is one for each message.
func FuzzOpen(f *testing.F) {
	f.Add([]byte(fhs + bhs + numbered("A") + numbered("B") + "BTS|2\rFTS|1\r"))
	f.Add([]byte(numbered("A") + "\n" + numbered("B")))
	f.Add([]byte(bhs + "PID|1\rBTS|1\rPID|2\rFTS"))
	format := hl7v2.New(hl7v2.Limits{Messages: 50})
	f.Fuzz(func(t *testing.T, body []byte) {
		env, err := format.Open(body)
		if err != nil || env == nil {
			return
		}
		var replies []inbound.Reply
		rest, size := body, 0
		for _, m := range env.Messages {
			i := bytes.Index(rest, m)
			if len(m) == 0 || i < 0 {
				t.Fatalf("%q is not in what follows", m)
			}
			rest = rest[i+len(m):]
			size += len(m)
			replies = append(replies, inbound.Reply{Body: []byte(numbered("x"))})
		}
		if size > len(body) {
			t.Fatal("messages overlap")
		}
		if n := bytes.Count(env.Answer(at, replies).Body, []byte("PID|1||x\r")); n != len(replies) {
			t.Fatalf("%d answers to %d messages", n, len(replies))
		}
	})
}
