package app

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/linkloop/linkloop/adapter/escalation"
	"github.com/linkloop/linkloop/adapter/exchange"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/outbound/bars"
	"github.com/linkloop/linkloop/adapter/outbound/fhirapi"
	"github.com/linkloop/linkloop/adapter/outbound/hl7v2"
	"github.com/linkloop/linkloop/adapter/outbound/mail"
	"github.com/linkloop/linkloop/adapter/outbound/webhook"
	"github.com/linkloop/linkloop/adapter/outcome"
	"github.com/linkloop/linkloop/adapter/recall"
	"github.com/linkloop/linkloop/adapter/reconciliation"
	"github.com/linkloop/linkloop/adapter/routing"
	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/worklist"
	"github.com/linkloop/linkloop/config"
)

// way is how outcomes leave by one configuration.
type way struct {
	channels map[string]outbound.Channel
	table    *routing.Table
	outcomes *outcome.List
}

// outgoing is the way in use. A reload puts another one in its place.
type outgoing struct {
	channels atomic.Pointer[map[string]outbound.Channel]
	gate     *routing.Gate
}

func newOutgoing(now func() time.Time, cfg config.Config) *outgoing {
	without, _ := routing.ParseShare(cfg.Sharing.Without)
	unclear, _ := routing.ParseShare(cfg.Sharing.Unclear)
	return &outgoing{gate: &routing.Gate{
		Consents: routing.Consents{Without: without, Unclear: unclear}, Outcome: worklist.Outcome, Recheck: cfg.Relay.NotTakenFor, Now: now,
		Wordless: func(d store.Delivery) []byte {
			if d.Channel != responseChannel {
				return d.Payload
			}
			return bars.Wordless(d.Payload)
		},
	}}
}

func (o *outgoing) use(w way) {
	o.channels.Store(&w.channels)
	o.gate.Use(w.table)
}

// channel is a configured channel by its name, nil when there is none.
func (o *outgoing) channel(name string) outbound.Channel { return (*o.channels.Load())[name] }

// outgoingOf makes everything ready, or says what is wrong.
func outgoingOf(cfg config.Config) (way, error) {
	w := way{channels: map[string]outbound.Channel{}}
	for _, c := range cfg.Channels {
		ch, err := channelOf(c, cfg.Relay)
		if err != nil {
			return way{}, fmt.Errorf("channel %s: %w", c.Name, err)
		}
		w.channels[c.Name] = ch
	}
	outcomes, err := loadOutcomes(cfg.Workflow)
	if err != nil {
		return way{}, err
	}
	zone, err := time.LoadLocation("Europe/London")
	if err != nil {
		return way{}, fmt.Errorf("the time zone of the United Kingdom: %w", err)
	}
	if w.table, err = tableOf(cfg.Practices, groupsOf(outcomes), zone); err == nil {
		w.table.Refusal = outcomes.Refusal
	}
	w.outcomes = outcomes
	return w, err
}

// groupsOf are the groups of the codes of a list, by code.
func groupsOf(list *outcome.List) map[string]string {
	groups := map[string]string{}
	for _, c := range list.Codes {
		groups[c.Code] = c.Group
	}
	return groups
}

func tableOf(practices []config.Practice, groups map[string]string, zone *time.Location) (*routing.Table, error) {
	out := make([]routing.Practice, 0, len(practices))
	for _, p := range practices {
		rp := routing.Practice{ODS: p.ODS, GroupsOff: p.GroupsOff, CodesOnly: p.CodesOnly}
		for _, name := range p.Route {
			rp.Hops = append(rp.Hops, routing.Hop{Channel: name, FallBack: p.FallBackOn})
		}
		for _, text := range p.Quiet {
			q, err := routing.ParseWindow(text)
			if err != nil {
				return nil, fmt.Errorf("practice %s: quiet: %w", p.ODS, err)
			}
			rp.Quiet = append(rp.Quiet, q)
		}
		out = append(out, rp)
	}
	return routing.NewTable(out, groups, zone)
}

// channelOf makes the channel of an entry.
func channelOf(c config.Channel, r config.Relay) (outbound.Channel, error) {
	secured, err := clientTLS(c)
	if err != nil {
		return nil, err
	}
	switch c.Kind {
	case config.KindHL7v2:
		hc := hl7v2.DefaultConfig()
		hc.Address, hc.Application, hc.ConnectTimeout, hc.RequestTimeout = c.Address, c.Application, r.ConnectTimeout, r.RequestTimeout
		if c.Message != "" {
			hc.Message = c.Message
		}
		host, _, _ := net.SplitHostPort(c.Address)
		if hc.TLS = secured; hc.TLS == nil && !c.AllowPlain && !config.Loopback(host) {
			hc.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		return hl7v2.New(hc)
	case config.KindMail:
		return mail.New(mail.Config{
			Address: c.Address, From: c.From, To: c.To, Password: c.Secret.Reveal(), TLS: secured, AllowPlain: c.AllowPlain,
			ConnectTimeout: r.ConnectTimeout, RequestTimeout: r.RequestTimeout, Text: worded,
		})
	case config.KindWebhook:
		wc := webhook.DefaultConfig()
		wc.URL, wc.Secret, wc.TLS, wc.Await = c.URL, []byte(c.Secret.Reveal()), secured, r.AckWithin
		wc.ConnectTimeout, wc.RequestTimeout = r.ConnectTimeout, r.RequestTimeout
		return webhook.New(wc)
	}
	fc := fhirapi.DefaultConfig()
	fc.BaseURL, fc.TLS, fc.ConnectTimeout, fc.RequestTimeout = c.URL, secured, r.ConnectTimeout, r.RequestTimeout
	if c.TokenURL == "" {
		fc.Token = c.Secret.Reveal()
		return fhirapi.New(fc)
	}
	key, err := privateKey(c.KeyFile)
	if err != nil {
		return nil, err
	}
	tc := exchange.TokenConfig{URL: c.TokenURL, ClientID: c.ClientID, KeyID: c.KeyID, Algorithm: c.Algorithm, Key: key, Scope: c.Scope}
	if tc.Algorithm == "" {
		tc.Algorithm = "RS512"
	}
	if err := tc.Validate(); err != nil {
		return nil, err
	}
	fc.Tokens = exchange.NewTokens(tc, exchange.Config{TLS: secured, ConnectTimeout: r.ConnectTimeout, RequestTimeout: r.RequestTimeout})
	return fhirapi.New(fc)
}

// clientTLS is what a peer is trusted by and what it is shown; nil when nothing
// is configured.
func clientTLS(c config.Channel) (*tls.Config, error) {
	if c.CAFile == "" && c.CertificateFile == "" {
		return nil, nil
	}
	out := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		b, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, errors.New("ca_file cannot be read")
		}
		if out.RootCAs = x509.NewCertPool(); !out.RootCAs.AppendCertsFromPEM(b) {
			return nil, errors.New("ca_file holds no certificate in PEM")
		}
	}
	if c.CertificateFile != "" {
		pair, err := tls.LoadX509KeyPair(c.CertificateFile, c.CertificateKey)
		if err != nil {
			return nil, errors.New("certificate_file and certificate_key_file are no pair in PEM")
		}
		out.Certificates = []tls.Certificate{pair}
	}
	return out, nil
}

// privateKey reads a key in PEM: PKCS #8, PKCS #1 or SEC 1.
func privateKey(file string) (crypto.Signer, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, errors.New("key_file cannot be read")
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, errors.New("key_file holds no key in PEM")
	}
	if k, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return k, nil
	}
	if k, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return k, nil
	}
	if k, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		if s, ok := k.(crypto.Signer); ok {
			return s, nil
		}
	}
	return nil, errors.New("key_file holds no key that can sign")
}

// acknowledge takes an acknowledgement that a receiver posts about what it took
// with 202.
func (a *App) acknowledge(ctx context.Context, channel, id, said string, evidence []byte) error {
	if a.outgoing.channel(channel) == nil {
		return fault.New(fault.NotFound, "", "no such channel")
	}
	ack, err := webhook.Acknowledgement(channel, id, strings.ToLower(said), evidence)
	if err != nil {
		return err
	}
	return a.relay.Acknowledge(ctx, ack)
}

// recalls takes back what turned out wrong; nothing is replaced by a code that
// is not on the list as it is approved when it is done.
func (a *App) recalls() *recall.Service {
	return &recall.Service{Store: a.store, Owed: a.relay.Notify, Unsaid: a.outgoing.gate.Unsaid, List: func() (*outcome.List, error) { return loadOutcomes(a.cfg.Workflow) }}
}

// worded are the words for people of what mail carries: a daily report or an alert.
func worded(payload []byte) (subject, body string, err error) {
	if subject, body, err = reconciliation.Text(payload); err == nil {
		return subject, body, nil
	}
	return escalation.Text(payload)
}

// report sends the daily report until ctx ends.
func (a *App) report(ctx context.Context) {
	at, err := reconciliation.ParseTimeOfDay(a.cfg.Report.At)
	if err != nil {
		a.log.Error("no daily report is sent: report.at is no time of day") // which the configuration was checked for
		return
	}
	d := &reconciliation.Daily{Store: a.store, At: at, Channels: a.cfg.Report.Channels, Every: time.Minute, Owed: a.relay.Notify, Log: a.log}
	d.Run(ctx)
}

// escalate tells people of what waits for them until ctx ends.
func (a *App) escalate(ctx context.Context) {
	w := &escalation.Watcher{Store: a.store, Every: time.Minute, Owed: a.relay.Notify, Log: a.log}
	for _, e := range a.cfg.Escalation {
		w.Steps = append(w.Steps, escalation.Step{After: e.After, Channel: e.Channel})
	}
	w.Run(ctx)
}
