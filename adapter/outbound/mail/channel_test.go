package mail_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/outbound/mail"
	"github.com/linkloop/linkloop/adapter/outbound/outboundtest"
)

// server is an SMTP server that answers each command with what is said for it.
func server(t *testing.T, say map[string]string, got chan<- string) string {
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
			go talk(c, say, got)
		}
	}()
	return l.Addr().String()
}

func talk(c net.Conn, say map[string]string, got chan<- string) {
	defer c.Close()
	answer := func(command, usual string) bool {
		text, ok := say[command]
		if !ok {
			text = usual
		}
		_, err := fmt.Fprint(c, text)
		return err == nil && text != ""
	}
	if !answer("", "220 ready\r\n") {
		return
	}
	r := bufio.NewReader(c)
	data, in := "", false
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		command := strings.ToUpper(strings.Fields(line + " x")[0])
		switch {
		case in && line == ".\r\n":
			in = false
			got <- data
			if !answer(".", "250 taken\r\n") {
				return
			}
		case in:
			data += line
		case command == "DATA":
			in = say["DATA"] == ""
			if !answer("DATA", "354 go on\r\n") {
				return
			}
		default:
			if !answer(command, "250 fine\r\n") {
				return
			}
		}
	}
}

func open(t *testing.T, address string, change func(*mail.Config)) *mail.Channel {
	t.Helper()
	cfg := mail.Config{Address: address, From: "linkloop@example.org", To: []string{"duty@example.org"}, AllowPlain: true,
		ConnectTimeout: 300 * time.Millisecond, RequestTimeout: 500 * time.Millisecond,
		Text: func(payload []byte) (string, string, error) {
			if string(payload) != "alert" {
				return "", "", errors.New("none")
			}
			return "two wait", "practice A81001: 2\n.hidden\n", nil
		}}
	if change != nil {
		change(&cfg)
	}
	ch, err := mail.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

var alert = outbound.Delivery{Key: "alert/0/1", Payload: []byte("alert"), Created: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}

func TestAlert(t *testing.T) {
	got := make(chan string, 1)
	res := open(t, server(t, nil, got), nil).Deliver(t.Context(), alert)
	text := <-got
	if res.State != outbound.Delivered || !strings.Contains(text, "Subject: two wait\r\n") || !strings.Contains(text, "\r\n\r\npractice A81001: 2\r\n..hidden\r\n") {
		t.Errorf("%+v\n%s", res, text)
	}
}

// TestContract: each phase fails in each way.
func TestContract(t *testing.T) {
	outboundtest.RunMail(t, func(t *testing.T, address string) outbound.Channel { return open(t, address, nil) }, alert)
}

// TestOldServers: one that knows HELO only is spoken to; one without TLS gets
// nothing where TLS is wanted.
func TestOldServers(t *testing.T) {
	got := make(chan string, 1)
	old := open(t, server(t, map[string]string{"EHLO": "502 what\r\n"}, got), nil)
	if res := old.Deliver(t.Context(), alert); res.State != outbound.Delivered {
		t.Errorf("HELO only: %+v", res)
	}
	secure := open(t, server(t, nil, nil), func(c *mail.Config) { c.AllowPlain = false })
	if res := secure.Deliver(t.Context(), alert); res.State != outbound.Dead {
		t.Errorf("without TLS: %+v", res)
	}
}

// TestHazardDisclosureByMail: nothing but an alert leaves by mail.
func TestHazardDisclosureByMail(t *testing.T) {
	ch := open(t, "127.0.0.1:1", nil)
	for _, d := range []outbound.Delivery{
		{Key: "Task/t/outcome", Payload: outboundtest.Payload("t")}, {Key: "Task/t/outcome", Payload: []byte("alert")},
		{Key: "alert/1", Payload: outboundtest.Payload("t")},
	} {
		if res := ch.Deliver(t.Context(), d); res.State != outbound.Dead {
			t.Errorf("%s: %+v", d.Key, res)
		}
	}
}

func TestConfig(t *testing.T) {
	_, err := mail.New(mail.Config{AllowPlain: true, Password: "canary"})
	if err == nil || strings.Count(err.Error(), "\n") != 4 || strings.Contains(err.Error(), "canary") {
		t.Errorf("%v", err)
	}
}
