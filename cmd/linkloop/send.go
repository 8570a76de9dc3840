package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/linkloop/linkloop/adapter/inbound/hl7v2"
	"github.com/linkloop/linkloop/adapter/mllp/wire"
)

// sending is one call of linkloop send.
type sending struct {
	to, tokenFile, contentType string
	caFile, certFile, keyFile  string
	serverName                 string
	timeout                    time.Duration
}

func sendCommand() *cobra.Command {
	s := &sending{}
	cmd := &cobra.Command{
		Use:   "send FILE...",
		Short: "Send messages as a clinical system would, and show what is answered",
		Long: `Send files, one after the other, and print the code and the words of each answer.

  linkloop send --to mllp://127.0.0.1:2575 referral.hl7          HL7 v2 over MLLP; mllps:// with TLS
  linkloop send --to http://127.0.0.1:8080/intake/generic-json referral.json

A file of HL7 v2 may hold several messages or a batch. The exit status is 0 only
when everything was accepted; - is standard input.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return s.run(cmd, args) },
	}
	f := cmd.Flags()
	f.StringVar(&s.to, "to", "http://127.0.0.1:8080/intake/hl7v2-ref", "mllp://host:port, mllps://host:port, or the http address of an intake")
	f.StringVar(&s.tokenFile, "token-file", "", "file with the bearer token, for http")
	f.StringVar(&s.contentType, "content-type", "", "content type, for http; empty: from the end of the file name")
	f.StringVar(&s.caFile, "ca", "", "file with the authorities that the server's certificate must come from, PEM; empty: those of the system")
	f.StringVar(&s.certFile, "cert", "", "file with a certificate to show to the server, PEM")
	f.StringVar(&s.keyFile, "key", "", "file with the key of that certificate, PEM")
	f.StringVar(&s.serverName, "server-name", "", "name in the server's certificate; empty: the host of --to")
	f.DurationVar(&s.timeout, "timeout", 30*time.Second, "how long an answer may take")
	return cmd
}

// outcome is what became of one file.
type outcome struct {
	accepted bool
	lines    []string
}

func (s *sending) run(cmd *cobra.Command, files []string) error {
	to, err := url.Parse(s.to)
	if err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	secure, err := s.tls()
	if err != nil {
		return err
	}
	var send func(ctx context.Context, name string, body []byte) (outcome, error)
	switch to.Scheme {
	case "mllp", "mllps":
		if _, _, err := net.SplitHostPort(to.Host); err != nil || strings.Trim(to.Path, "/") != "" {
			return errors.New("--to: write it like mllp://127.0.0.1:2575")
		}
		if to.Scheme == "mllp" {
			secure = nil
		}
		c := &mllpSender{address: to.Host, opt: wire.Options{TLS: secure, Answer: s.timeout, Limit: maxAnswer}, patience: s.timeout}
		defer c.close()
		send = c.send
	case "http", "https":
		send = (&httpSender{sending: s, client: &http.Client{Timeout: s.timeout, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: secure}}}).send
	default:
		return errors.New("--to: it begins with mllp://, mllps://, http:// or https://")
	}
	failed := false
	for _, name := range files {
		body, err := readInput(cmd, name)
		if err != nil {
			return err
		}
		o, err := send(cmd.Context(), name, body)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for _, line := range o.lines {
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", name, line)
		}
		failed = failed || !o.accepted
	}
	if failed {
		return quietError{}
	}
	return nil
}

func readInput(cmd *cobra.Command, name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(cmd.InOrStdin())
	}
	return os.ReadFile(name)
}

// tls is how the server is checked, and who we are.
func (s *sending) tls() (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: s.serverName}
	if s.caFile != "" {
		pem, err := os.ReadFile(s.caFile)
		if err != nil {
			return nil, err
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: there is no certificate in it", s.caFile)
		}
	}
	if s.certFile != "" || s.keyFile != "" {
		pair, err := tls.LoadX509KeyPair(s.certFile, s.keyFile)
		if err != nil {
			return nil, err
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}

// mllpSender sends HL7 v2 over one connection.
type mllpSender struct {
	address  string
	opt      wire.Options
	patience time.Duration
	client   *wire.Client
}

func (m *mllpSender) close() {
	if m.client != nil {
		_ = m.client.Close() // everything was answered
	}
}

// send sends the messages of a file one after the other, a batch as a whole.
func (m *mllpSender) send(ctx context.Context, _ string, body []byte) (outcome, error) {
	o := outcome{accepted: true}
	for _, message := range hl7v2.Frames(carriage(body)) {
		if m.client == nil {
			c, err := wire.Dial(ctx, m.address, m.opt)
			if err != nil {
				return o, err
			}
			m.client = c
		}
		if err := m.one(ctx, message, &o); err != nil {
			m.close()
			m.client = nil
			return o, err
		}
	}
	return o, nil
}

// carriage ends the segments of HL7 v2 as they must on the wire, with a carriage
// return; editors write line feeds.
func carriage(body []byte) []byte {
	return bytes.ReplaceAll(bytes.ReplaceAll(body, []byte("\r\n"), []byte("\r")), []byte("\n"), []byte("\r"))
}

// one sends a message and reads what it asks for: none, one answer or two.
func (m *mllpSender) one(ctx context.Context, message []byte, o *outcome) error {
	if err := m.client.Post(ctx, message); err != nil {
		return err
	}
	commit, application := asked(message)
	if commit == "NE" && (application == "NE" || application == "") || commit == "" && application == "NE" {
		o.lines = append(o.lines, "sent; it asks for no answer")
		return nil
	}
	for {
		answer, err := m.client.Receive(ctx)
		if err != nil {
			return err
		}
		acks, err := hl7v2.Acknowledgements(answer)
		if err != nil {
			return fmt.Errorf("the answer is not an acknowledgement: %w", err)
		}
		more := len(acks) == 1 && acks[0].Code == "CA" && application == "AL"
		for _, a := range acks {
			o.accepted = o.accepted && a.Accepted()
			o.lines = append(o.lines, ackLine(a))
		}
		if !more {
			return nil
		}
	}
}

// asked reads MSH-15 and MSH-16.
func asked(message []byte) (commit, application string) {
	m, err := hl7v2.New().Decode(message)
	if err != nil && m == nil {
		return "", ""
	}
	return m.Echo["MSH-15"], m.Echo["MSH-16"]
}

func ackLine(a hl7v2.Acknowledgement) string {
	line := a.Code
	if a.ID != "" {
		line += " " + a.ID
	}
	if len(a.Text) > 0 {
		line += ": " + strings.Join(a.Text, "; ")
	}
	return line
}

// httpSender posts files to an intake.
type httpSender struct {
	sending *sending
	client  *http.Client
}

// contentTypes are those of the formats by the end of the file name; the intake
// knows the format by the sender and does not need them.
var contentTypes = map[string]string{
	".hl7": "x-application/hl7-v2+er7", ".json": "application/json", ".xml": "application/xml",
	".csv": "text/csv", ".tsv": "text/tab-separated-values",
}

func (h *httpSender) send(ctx context.Context, name string, body []byte) (outcome, error) {
	kind := h.sending.contentType
	if kind == "" {
		kind = "application/octet-stream"
		for end, t := range contentTypes {
			if strings.HasSuffix(strings.ToLower(name), end) {
				kind = t
			}
		}
	}
	if kind == contentTypes[".hl7"] {
		body = carriage(body)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.sending.to, bytes.NewReader(body))
	if err != nil {
		return outcome{}, err
	}
	req.Header.Set("Content-Type", kind)
	if h.sending.tokenFile != "" {
		token, err := os.ReadFile(h.sending.tokenFile)
		if err != nil {
			return outcome{}, err
		}
		req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	}
	res, err := h.client.Do(req)
	if err != nil {
		return outcome{}, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return outcome{}, err
	}
	// 207: of several messages some were refused.
	o := outcome{accepted: res.StatusCode < 300 && res.StatusCode != http.StatusMultiStatus}
	if acks, err := hl7v2.Acknowledgements(answer); err == nil && len(acks) > 0 {
		for _, a := range acks {
			o.accepted = o.accepted && a.Accepted()
			o.lines = append(o.lines, fmt.Sprintf("%d %s", res.StatusCode, ackLine(a)))
		}
		return o, nil
	}
	o.lines = []string{strings.TrimSpace(fmt.Sprintf("%d %s", res.StatusCode, words(answer)))}
	return o, nil
}

// words are what an answer in JSON says: a receipt, a receipt of a file, an
// OperationOutcome, or a message with one in it.
func words(answer []byte) string {
	type issue struct{ Code, Diagnostics string }
	var v struct {
		Status                      string
		Receipt                     string
		Messages, Accepted, Refused int
		Errors, Flags               []struct{ Field, Reason string }
		Entries                     []struct {
			Reasons []struct{ Place, Reason string }
		}
		Issue []issue
		Entry []struct {
			Resource struct {
				ResourceType string
				Response     struct{ Code string }
				Issue        []issue
			}
		}
	}
	if json.Unmarshal(answer, &v) != nil {
		return ""
	}
	var out []string
	add := func(parts ...string) {
		var said []string
		for _, p := range parts {
			if p != "" {
				said = append(said, p)
			}
		}
		if len(said) > 0 {
			out = append(out, strings.Join(said, ": "))
		}
	}
	add(v.Status)
	if v.Messages > 0 {
		add(fmt.Sprintf("%d messages, %d accepted, %d refused", v.Messages, v.Accepted, v.Refused))
	}
	for _, e := range append(v.Errors, v.Flags...) {
		add(e.Field, e.Reason)
	}
	for _, e := range v.Entries {
		for _, r := range e.Reasons {
			add(r.Place, r.Reason)
		}
	}
	for _, i := range v.Issue {
		add(i.Code, i.Diagnostics)
	}
	for _, e := range v.Entry {
		add(e.Resource.Response.Code)
		for _, i := range e.Resource.Issue {
			add(i.Code, i.Diagnostics)
		}
	}
	return strings.Join(out, "; ")
}
