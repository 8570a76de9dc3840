// Package mail sends alerts to people by e-mail. It carries nothing else: what
// is about a person never leaves by it.
//
// SMTP, RFC 5321, with STARTTLS, RFC 3207.
package mail

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/outbound"
)

// Config is one server and those who are told.
type Config struct {
	Address        string   // host:port of the SMTP server
	From           string   // sender address; also the user name where there is a password
	To             []string // who is told
	Password       string   // empty: the server asks for none
	TLS            *tls.Config
	AllowPlain     bool // without TLS; never with a password
	ConnectTimeout time.Duration
	RequestTimeout time.Duration // for the whole conversation
	// Text words an alert; its error is that the payload is none.
	Text func(payload []byte) (subject, body string, err error)
}

// Validate names every problem at once; none quotes the password.
func (c Config) Validate() error {
	var errs []error
	if host, _, err := net.SplitHostPort(c.Address); err != nil || host == "" {
		errs = append(errs, errors.New("address is not of the form host:port"))
	}
	for _, a := range append([]string{c.From}, c.To...) {
		if p, err := mail.ParseAddress(a); err != nil || p.Address != a {
			errs = append(errs, errors.New("from and to are plain e-mail addresses"))
			break
		}
	}
	if len(c.To) == 0 {
		errs = append(errs, errors.New("to is empty"))
	}
	if c.AllowPlain && c.Password != "" {
		errs = append(errs, errors.New("a password is not sent without TLS"))
	}
	if c.ConnectTimeout <= 0 || c.RequestTimeout <= 0 {
		errs = append(errs, errors.New("time-outs must be above zero"))
	}
	return errors.Join(errs...)
}

// Channel sends to one server. It is safe for concurrent use.
type Channel struct{ cfg Config }

// New returns a channel.
func New(cfg Config) (*Channel, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Channel{cfg}, nil
}

// Deliver sends an alert once.
func (c *Channel) Deliver(ctx context.Context, d outbound.Delivery) outbound.Result {
	subject, body, err := c.cfg.Text(d.Payload)
	if !strings.HasPrefix(d.Key, outbound.AlertKey) || err != nil {
		return outbound.Result{State: outbound.Dead, Stage: outbound.Refused, Reason: "mail carries alerts and nothing else"}
	}
	conn, err := (&net.Dialer{Timeout: c.cfg.ConnectTimeout}).DialContext(ctx, "tcp", c.cfg.Address)
	if err != nil {
		return outbound.Result{State: outbound.Retry, Unsent: true, Reason: "the mail server cannot be reached"}
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(c.cfg.RequestTimeout)) // a connection that is closed says so when it is used
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if err := c.talk(conn, c.message(d, subject, body)); err != nil {
		return refused(err)
	}
	return outbound.Result{State: outbound.Delivered, Status: 250}
}

// message is the mail, RFC 5322. Its id is the same on every attempt.
func (c *Channel) message(d outbound.Delivery, subject, body string) string {
	id := fmt.Sprintf("%x@linkloop", sha256.Sum256([]byte(d.Key)))
	return strings.Join([]string{
		"From: " + c.cfg.From, "To: " + strings.Join(c.cfg.To, ", "), "Subject: " + subject, "Message-ID: <" + id + ">",
		"Date: " + d.Created.UTC().Format(time.RFC1123Z), "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "",
		strings.ReplaceAll(body, "\n", "\r\n"),
	}, "\r\n")
}

var errNoTLS = errors.New("no STARTTLS")

func (c *Channel) talk(conn net.Conn, message string) error {
	host, _, err := net.SplitHostPort(c.cfg.Address)
	if err != nil {
		return err
	}
	s, err := smtp.NewClient(conn, host)
	if err != nil {
		return err
	}
	if !c.cfg.AllowPlain {
		if ok, _ := s.Extension("STARTTLS"); !ok {
			return errNoTLS
		}
		use := &tls.Config{MinVersion: tls.VersionTLS12}
		if c.cfg.TLS != nil {
			use = c.cfg.TLS.Clone()
		}
		use.ServerName = host
		if err := s.StartTLS(use); err != nil {
			return err
		}
	}
	if c.cfg.Password != "" {
		if err := s.Auth(smtp.PlainAuth("", c.cfg.From, c.cfg.Password, host)); err != nil {
			return err
		}
	}
	if err := s.Mail(c.cfg.From); err != nil {
		return err
	}
	for _, to := range c.cfg.To {
		if err := s.Rcpt(to); err != nil {
			return err
		}
	}
	w, err := s.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write([]byte(message)); err != nil {
		return err
	}
	return w.Close() // the answer to it is what counts; to QUIT it is not
}

// refused says what a failure means: a code of 5 is a no for good, RFC 5321
// section 4.2.1; everything else may pass.
func refused(err error) outbound.Result {
	res := outbound.Result{State: outbound.Retry, Reason: "the conversation with the mail server broke off"}
	var said *textproto.Error
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, errNoTLS):
		return outbound.Result{State: outbound.Dead, Stage: outbound.Refused, Reason: "the mail server offers no TLS; nothing was sent"}
	case errors.As(err, &certificate):
		res.Unsent, res.Reason = true, "the certificate of the mail server is not trusted, has expired or is for another name; nothing was sent"
	case errors.As(err, &said):
		res.Status, res.Reason = said.Code, fmt.Sprintf("the mail server answered %d", said.Code)
		if said.Code >= 500 {
			res.State, res.Stage = outbound.Dead, outbound.Refused
		}
	}
	return res
}
