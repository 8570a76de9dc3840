package app

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"slices"
	"time"

	"github.com/linkloop/linkloop/config"
)

// outgoing makes channels and routes as a start does, so that what would stop one
// is told before, and looks whether the peers of channels can be reached.
func (x *examination) outgoing(ctx context.Context, cfg config.Config) {
	for _, c := range cfg.Channels {
		what := "channel " + c.Name
		if _, err := channelOf(c, cfg.Relay); err != nil {
			x.fail(what, "correct the entry in channels; linkloop does not start and does not reload with it", "%v", err)
			continue
		}
		x.reach(ctx, what, c, cfg.Relay.ConnectTimeout)
	}
	// What is wrong with the rules themselves is told by tables.
	if rules, err := ReadOutcomeRules(cfg.Workflow); err == nil {
		for _, p := range cfg.Practices {
			if _, err := tableOf([]config.Practice{p}, groupsOf(rules.List), time.UTC); err != nil {
				x.fail("practice "+p.ODS, "correct the entry in practices; linkloop does not start and does not reload with it", "%v", err)
			}
		}
	}
	for _, p := range cfg.Practices {
		if asksRecord(p) && !slices.ContainsFunc(cfg.Records, func(r config.Record) bool { return r.ODS == p.ODS || r.ODS == config.AnyPractice }) {
			x.warn("practice "+p.ODS, "add one to records, or a channel to its route; or leave it so, and send letters by hand",
				"no record endpoint is configured for it: what comes to fhirapi waits for a human")
		}
	}
}

// asksRecord reports whether the route of a practice has its record endpoint.
func asksRecord(p config.Practice) bool {
	return p.ODS != config.AnyPractice && (len(p.Route) == 0 || slices.Contains(p.Route, config.RecordChannel))
}

// reach connects to the peer of a channel and sends nothing.
func (x *examination) reach(ctx context.Context, what string, c config.Channel, limit time.Duration) {
	places := []string{c.URL, c.TokenURL}
	if c.Address != "" {
		places = []string{c.Address}
	}
	for _, place := range places {
		if place == "" {
			continue
		}
		address, secured := addressOf(c, place)
		if err := connect(ctx, c, address, secured, limit); err != nil {
			x.fail(what, "check the address, the network, certificates and the peer; what is owed waits meanwhile", "%s cannot be reached: %v", address, err)
			continue
		}
		x.ok(what, "%s can be reached", address)
	}
}

// addressOf is host and port of an address of a channel, and whether it speaks TLS
// from the first byte. Mail begins plain and changes over.
func addressOf(c config.Channel, place string) (address string, secured bool) {
	if c.Address != "" {
		host, _, _ := net.SplitHostPort(c.Address)
		return place, c.Kind == config.KindHL7v2 && (c.CAFile != "" || c.CertificateFile != "" || !c.AllowPlain && !config.Loopback(host))
	}
	u, err := url.Parse(place)
	if err != nil {
		return place, false // the configuration was checked
	}
	secured = u.Scheme == "https"
	port := u.Port()
	if port == "" {
		port = map[bool]string{true: "443", false: "80"}[secured]
	}
	return net.JoinHostPort(u.Hostname(), port), secured
}

// connect opens a connection as a channel does, and closes it.
func connect(ctx context.Context, c config.Channel, address string, secured bool, limit time.Duration) error {
	d := &net.Dialer{Timeout: limit}
	if !secured {
		conn, err := d.DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	}
	conf, err := clientTLS(c)
	if err != nil {
		return err
	}
	if conf == nil {
		conf = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	conn, err := (&tls.Dialer{NetDialer: d, Config: conf}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}
