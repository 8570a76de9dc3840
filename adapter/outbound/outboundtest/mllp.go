package outboundtest

import (
	"bytes"
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/mllp/wire"
	"github.com/linkloop/linkloop/adapter/outbound"
)

// OpenAddress returns the channel under test for a peer at host:port. It gives
// an answer within a second, and reads at most 16 KiB of one.
type OpenAddress func(t *testing.T, address string) outbound.Channel

// RunAcknowledged runs the contract of a channel that sends HL7 v2 over MLLP and
// takes an acknowledgement of HL7 v2 table 0008 for an answer: every code, what
// is none, time-outs at each phase, answers half read, and answers that lie. The
// payload is one the channel takes.
func RunAcknowledged(t *testing.T, open OpenAddress, payload []byte) {
	s := suite{payload: payload}
	t.Run("codes", func(t *testing.T) { s.codes(t, open) })
	t.Run("answers", func(t *testing.T) { s.answers(t, open) })
	t.Run("connections", func(t *testing.T) { s.connections(t, open) })
	t.Run("repeats", func(t *testing.T) { s.repeats(t, open) })
}

// acknowledge is an acknowledgement in its frame, with words that nobody may
// repeat.
func acknowledge(code, control string) []byte {
	return wire.Append(nil, []byte("MSH|^~\\&|TIE|X|LINKLOOP||20260302||ACK|1|P|2.5.1\rMSA|"+code+"|"+control+"|"+Canary+"\rERR|||207|E|||"+Canary+"\r"))
}

// codes of MSA-1, and what each means: only AE and CE may pass.
func (s suite) codes(t *testing.T, open OpenAddress) {
	for code, want := range map[string]outbound.State{
		"AA": outbound.Delivered, "CA": outbound.Delivered,
		"AE": outbound.Retry, "CE": outbound.Retry,
		"AR": outbound.Dead, "CR": outbound.Dead,
		"": outbound.Retry, "OK": outbound.Retry, "aa": outbound.Retry, "AAA": outbound.Retry, "A": outbound.Retry, "200": outbound.Retry,
	} {
		address := receiver(t, func(c net.Conn, id string) { _, _ = c.Write(acknowledge(code, id)) })
		res := s.deliver(t, t.Context(), open(t, address), s.payload)
		if res.State != want || res.Unsent {
			t.Errorf("%q: %s (%s), unsent %v, want %s", code, res.State, res.Reason, res.Unsent, want)
		}
		if !bytes.Contains(res.Evidence, []byte(Canary)) {
			t.Errorf("%q: what the peer said is not kept", code)
		}
	}
}

// answers that are no word about what was sent, or come too late, or twice.
// Nobody knows what the receiver did, unless its first word says so.
func (s suite) answers(t *testing.T, open OpenAddress) {
	framed := func(text string) func(net.Conn, string) {
		return func(c net.Conn, _ string) { _, _ = c.Write(wire.Append(nil, []byte(text))) }
	}
	plain := func(text string) func(net.Conn, string) {
		return func(c net.Conn, _ string) { _, _ = c.Write([]byte(text)) }
	}
	const header = "MSH|^~\\&|TIE|X|LINKLOOP||20260302||ACK|1|P|2.5.1\r"
	for name, c := range map[string]struct {
		say  func(c net.Conn, control string)
		want outbound.State
	}{
		"of another message":    {func(c net.Conn, _ string) { _, _ = c.Write(acknowledge("AA", "OTHER")) }, outbound.Retry},
		"a no to another":       {func(c net.Conn, _ string) { _, _ = c.Write(acknowledge("AR", "OTHER")) }, outbound.Retry},
		"of no message":         {func(c net.Conn, _ string) { _, _ = c.Write(acknowledge("AA", "")) }, outbound.Retry},
		"of nearly this one":    {func(c net.Conn, id string) { _, _ = c.Write(acknowledge("AA", id[:len(id)-1])) }, outbound.Retry},
		"without MSA":           {framed(header), outbound.Retry},
		"a short MSA":           {framed(header + "MSA|AA"), outbound.Retry},
		"MSA without MSH":       {func(c net.Conn, id string) { _, _ = c.Write(wire.Append(nil, []byte("MSA|AA|"+id+"\r"))) }, outbound.Retry},
		"words":                 {framed("thanks, " + Canary), outbound.Retry},
		"an empty frame":        {framed(""), outbound.Retry},
		"HTTP":                  {plain("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), outbound.Retry},
		"no frame":              {plain(header + "MSA|AA|1\r"), outbound.Retry},
		"a frame without end":   {plain("\x0b" + header), outbound.Retry},
		"another delimiter":     {func(c net.Conn, id string) { _, _ = c.Write(wire.Append(nil, []byte("MSH#^~\\&#X\rMSA#AA#"+id+"\r"))) }, outbound.Delivered},
		"lines of Unix":         {func(c net.Conn, id string) { _, _ = c.Write(wire.Append(nil, []byte("MSH|^~\\&|X\nMSA|AA|"+id+"\n"))) }, outbound.Delivered},
		"what was sent":         {echo, outbound.Retry},
		"two, the first yes":    {two("AA", "AR"), outbound.Delivered},
		"two, the first no":     {two("AR", "AA"), outbound.Dead},
		"two, the first unsure": {two("AE", "AA"), outbound.Retry},
		"endless":               {func(c net.Conn, _ string) { _, _ = c.Write(append([]byte{0x0b}, make([]byte, 1<<20)...)) }, outbound.Retry},
		"much before the frame": {func(c net.Conn, id string) {
			_, _ = c.Write(append(bytes.Repeat([]byte{' '}, 1<<20), acknowledge("AA", id)...))
		}, outbound.Retry},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := s.deliver(t, t.Context(), open(t, receiver(t, c.say)), s.payload)
			if res.State != c.want || res.Unsent {
				t.Errorf("%s (%s), unsent %v, want %s", res.State, res.Reason, res.Unsent, c.want)
			}
		})
	}
}

// two acknowledgements of one message; the first counts.
func two(first, second string) func(net.Conn, string) {
	return func(c net.Conn, id string) {
		_, _ = c.Write(append(acknowledge(first, id), acknowledge(second, id)...))
	}
}

// echo answers with a message that has the control id where a message has its own.
func echo(c net.Conn, id string) {
	_, _ = c.Write(wire.Append(nil, []byte("MSH|^~\\&|LINKLOOP||TIE||20260302||ORU^R01^ORU_R01|"+id+"|P|2.5.1\rPID|1\r")))
}

// connections fail in each phase. Only where none was made it is certain that
// nothing arrived.
func (s suite) connections(t *testing.T, open OpenAddress) {
	const nothing = 2 * time.Second // longer than a channel waits
	half := func(rest func(net.Conn)) func(net.Conn, string) {
		return func(c net.Conn, id string) {
			b := acknowledge("AA", id)
			_, _ = c.Write(b[:len(b)/2])
			rest(c)
		}
	}
	for name, say := range map[string]func(net.Conn, string){
		"ends without a word":  func(net.Conn, string) {},
		"resets":               func(c net.Conn, _ string) { reset(c) },
		"says nothing":         func(net.Conn, string) { time.Sleep(nothing) },
		"half, then ends":      half(func(net.Conn) {}),
		"half, then resets":    half(reset),
		"half, then waits":     half(func(net.Conn) { time.Sleep(nothing) }),
		"all but the last two": func(c net.Conn, id string) { b := acknowledge("AA", id); _, _ = c.Write(b[:len(b)-2]) },
		"a byte at a time": func(c net.Conn, id string) {
			for _, b := range acknowledge("AA", id) {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if res := s.deliver(t, t.Context(), open(t, receiver(t, say)), s.payload); res.State != outbound.Retry || res.Unsent {
				t.Errorf("%s (%s), unsent %v, want retry", res.State, res.Reason, res.Unsent)
			}
		})
	}
	t.Run("does not accept", func(t *testing.T) {
		l := listen(t)
		l.Close()
		if res := s.deliver(t, t.Context(), open(t, l.Addr().String()), s.payload); res.State != outbound.Retry || !res.Unsent {
			t.Errorf("%s (%s), unsent %v, want retry of what was never sent", res.State, res.Reason, res.Unsent)
		}
	})
	t.Run("connects and does not read", func(t *testing.T) {
		// Nobody accepts: the kernel completes the handshake and that is all.
		if res := s.deliver(t, t.Context(), open(t, listen(t).Addr().String()), s.payload); res.State != outbound.Retry || res.Unsent {
			t.Errorf("%s (%s), unsent %v, want retry", res.State, res.Reason, res.Unsent)
		}
	})
	t.Run("stopped", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ch := open(t, receiver(t, func(net.Conn, string) { cancel(); time.Sleep(nothing) }))
		for i, unsent := range []bool{false, true} { // while it waits, and before it began
			if res := s.deliver(t, ctx, ch, s.payload); res.State != outbound.Retry || res.Unsent != unsent {
				t.Errorf("%d: %s (%s), unsent %v, want retry", i, res.State, res.Reason, res.Unsent)
			}
		}
	})
}

// repeats carry the same control id: that is all a receiver can know them by.
func (s suite) repeats(t *testing.T, open OpenAddress) {
	ids := make(chan string, 2)
	ch := open(t, receiver(t, func(c net.Conn, id string) { ids <- id; _, _ = c.Write(acknowledge("AA", id)) }))
	for range 2 {
		if res := s.deliver(t, t.Context(), ch, s.payload); res.State != outbound.Delivered {
			t.Fatalf("%s (%s), want delivered", res.State, res.Reason)
		}
	}
	if a, b := <-ids, <-ids; a != b || a == "" || len(a) > 20 {
		t.Errorf("control ids %q and %q", a, b)
	}
	for _, payload := range []string{"", "{}", "null", "[]", Canary, `{"resourceType":"Bundle"}`, `{"resourceType":"Bundle","entry":[]}`} {
		if res := s.deliver(t, t.Context(), ch, []byte(payload)); res.State != outbound.Dead {
			t.Errorf("%.60s: %s, want dead", payload, res.State)
		}
	}
	if len(ids) != 0 {
		t.Error("a payload that is none was sent")
	}
}

// receiver takes one message on each connection, and then does what say does
// with its control id.
func receiver(t *testing.T, say func(c net.Conn, control string)) string {
	t.Helper()
	l := listen(t)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				b, _, err := wire.NewReader(c, 1<<20).Next()
				if f := strings.Split(string(b), "|"); err == nil && len(f) > 9 {
					say(c, f[9])
				}
			}()
		}
	}()
	return l.Addr().String()
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
}
