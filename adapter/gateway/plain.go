package gateway

import (
	"bytes"
	"net"
	"strconv"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
)

// Outcomes is a listener whose connections answer with an OperationOutcome where
// net/http itself refuses what is no HTTP, in plain text and before any handler
// sees it.
func Outcomes(l net.Listener) net.Listener { return outcomes{l} }

type outcomes struct{ net.Listener }

// Accept implements net.Listener.
func (o outcomes) Accept() (net.Conn, error) {
	c, err := o.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return outcomeConn{c}, nil
}

// outcomeConn is one connection of outcomes.
type outcomeConn struct{ net.Conn }

// plainRefusal is what stands behind the status line of such a refusal. No
// answer of a handler looks like it: those have a date.
const plainRefusal = "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"

// Write implements net.Conn.
func (c outcomeConn) Write(b []byte) (int, error) {
	line, _, plain := bytes.Cut(b, []byte(plainRefusal))
	protocol, status, _ := bytes.Cut(line, []byte(" "))
	if !plain || string(protocol) != "HTTP/1.1" || bytes.IndexByte(line, '\r') >= 0 || len(status) < 3 {
		return c.Conn.Write(b)
	}
	if _, err := c.Conn.Write(refusal(string(status[:3]))); err != nil {
		return 0, err
	}
	return len(b), nil
}

// refusal is the answer for a status of net/http.
func refusal(status string) []byte {
	kind, text, line := fault.Malformed, "this is no request of HTTP/1.1", "400 Bad Request"
	switch status {
	case "431":
		kind, text, line = fault.TooLarge, "the headers are larger than is taken", "431 Request Header Fields Too Large"
	case "501":
		kind, text, line = fault.Unsupported, "this transfer encoding is not supported", "501 Not Implemented"
	case "505":
		kind, text, line = fault.Unsupported, "this version of HTTP is not supported", "505 HTTP Version Not Supported"
	}
	body := fhir.OperationOutcome(kind, []fault.Issue{{Text: text}}).JSON()
	out := []byte("HTTP/1.1 " + line + "\r\nContent-Type: " + contentType + "\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\nConnection: close\r\n\r\n")
	return append(out, body...)
}
