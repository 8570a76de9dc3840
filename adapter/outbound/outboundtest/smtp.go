package outboundtest

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/outbound"
)

// smtpPhases are the points at which a mail server speaks: its greeting, then
// the answer to each command, and to the end of the message.
var smtpPhases = []string{"greeting", "MAIL", "RCPT", "DATA", "message"}

// RunMail runs the contract of a channel that sends by SMTP, RFC 5321, without
// TLS: every code in each phase, time-outs, answers half read, and nonsense. The
// delivery is one that the channel takes; it gives an answer within a second.
func RunMail(t *testing.T, open OpenAddress, d outbound.Delivery) {
	attempt := func(t *testing.T, phase string, say func(net.Conn)) outbound.Result {
		t.Helper()
		return mailed(t, open(t, mailServer(t, phase, say)), d)
	}
	t.Run("codes", func(t *testing.T) {
		for _, phase := range smtpPhases {
			for code := 400; code < 600; code++ {
				if phase == "greeting" && code == 421 {
					continue // below: it also ends the conversation
				}
				want := outbound.Retry
				if code >= 500 { // RFC 5321 section 4.2.1
					want = outbound.Dead
				}
				res := attempt(t, phase, func(c net.Conn) { fmt.Fprintf(c, "%d %s\r\n", code, Canary) })
				if res.State != want || res.Status != code {
					t.Errorf("%d at %s: %s with status %d, want %s", code, phase, res.State, res.Status, want)
				}
			}
		}
	})
	for _, phase := range smtpPhases {
		for name, say := range map[string]func(net.Conn){
			"421 and the end":      func(c net.Conn) { fmt.Fprintf(c, "421 %s\r\n", Canary); c.Close() },
			"ends":                 func(c net.Conn) { c.Close() },
			"resets":               func(c net.Conn) { reset(c); c.Close() },
			"says nothing":         func(net.Conn) { time.Sleep(2 * time.Second) },
			"half a line":          func(c net.Conn) { fmt.Fprint(c, "25"); time.Sleep(2 * time.Second) },
			"half a code, ends":    func(c net.Conn) { fmt.Fprint(c, "25"); c.Close() },
			"a code, ends":         func(c net.Conn) { fmt.Fprint(c, "250 fi"); c.Close() },
			"more lines, and ends": func(c net.Conn) { fmt.Fprint(c, "250-one\r\n250-two\r\n"); c.Close() },
			"nonsense":             func(c net.Conn) { fmt.Fprintf(c, "%s\r\n", Canary) },
			"another protocol":     func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 200 OK\r\n\r\n") },
			"a code out of range":  func(c net.Conn) { fmt.Fprint(c, "20 fine\r\n") },
		} {
			t.Run(phase+" "+name, func(t *testing.T) {
				t.Parallel()
				want := outbound.Retry
				if phase == "message" && name == "a code, ends" {
					want = outbound.Delivered // the code is what counts, RFC 5321 section 4.2, and it was read whole
				}
				if res := attempt(t, phase, say); res.State != want {
					t.Errorf("%s (%s), want %s", res.State, res.Reason, want)
				}
			})
		}
	}
	t.Run("does not accept", func(t *testing.T) {
		l := listen(t)
		l.Close()
		if res := mailed(t, open(t, l.Addr().String()), d); res.State != outbound.Retry || !res.Unsent {
			t.Errorf("%s, unsent %v, want retry of what was never sent", res.State, res.Unsent)
		}
	})
	t.Run("taken", func(t *testing.T) {
		if res := attempt(t, "", nil); res.State != outbound.Delivered {
			t.Errorf("%s (%s), want delivered", res.State, res.Reason)
		}
		// The message is taken; how the conversation ends after that is nothing.
		if res := attempt(t, "QUIT", func(c net.Conn) { fmt.Fprint(c, "500 no\r\n") }); res.State != outbound.Delivered {
			t.Errorf("%s (%s), want delivered", res.State, res.Reason)
		}
	})
}

// mailed makes one attempt and holds what goes for any result.
func mailed(t *testing.T, ch outbound.Channel, d outbound.Delivery) outbound.Result {
	t.Helper()
	res := ch.Deliver(t.Context(), d)
	if res.State != outbound.Delivered && res.Reason == "" {
		t.Error("a failure without a reason")
	}
	for _, secret := range []string{Canary, "127.0.0.1"} {
		if strings.Contains(res.Reason, secret) {
			t.Errorf("the reason repeats what it must not: %q", res.Reason)
		}
	}
	return res
}

// mailServer is an SMTP server that does what say does in one phase, and is
// fine in all others.
func mailServer(t *testing.T, phase string, say func(net.Conn)) string {
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
				converse(c, func(at, usual string) {
					if at == phase {
						say(c)
						return
					}
					fmt.Fprint(c, usual)
				})
			}()
		}
	}()
	return l.Addr().String()
}

// converse is a conversation of RFC 5321, until the other side ends it.
func converse(c net.Conn, answer func(phase, usual string)) {
	answer("greeting", "220 ready\r\n")
	r, in := bufio.NewReader(c), false
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		command, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " ")
		switch {
		case in && line == ".\r\n":
			in = false
			answer("message", "250 taken\r\n")
		case in:
		case command == "DATA":
			in = true
			answer("DATA", "354 go on\r\n")
		default:
			answer(command, "250 fine\r\n")
		}
	}
}
