package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/inbound/hl7v2"
	"github.com/linkloop/linkloop/adapter/intake"
	"github.com/linkloop/linkloop/adapter/mllp"
	"github.com/linkloop/linkloop/config"
)

// listenMLLP binds the listeners and makes their server; without listeners it
// does nothing. On an error what was bound is left in mllpSockets, for close.
func (a *App) listenMLLP() error {
	m := a.cfg.MLLP
	if len(m.Listeners) == 0 {
		return nil
	}
	c := mllp.Config{
		Handler: mllpHandler{a}, MaxConnections: m.MaxConnections, MaxFrame: int(m.FrameLimit), FrameMemory: int64(m.FrameMemory),
		FrameTime: m.FrameTimeout, AnswerTime: m.AnswerTimeout, IdleTime: m.IdleTimeout,
		Observer: newMLLPMetrics(a.metrics.registry), Log: a.log,
	}
	for i, l := range m.Listeners {
		key := fmt.Sprintf("mllp.listeners[%d]", i+1)
		s, ok := a.intake.Sender(l.Sender)
		if !ok {
			return fmt.Errorf("%s.sender: there is no sender %q", key, l.Sender)
		}
		if s.FormatName != "hl7v2" {
			return fmt.Errorf("%s.sender: the mapping of %q is for the format %s, and MLLP carries hl7v2", key, l.Sender, s.FormatName)
		}
		x := mllp.Listener{Sender: l.Sender}
		for _, p := range l.AllowedPeers {
			n, err := netip.ParsePrefix(p)
			if err != nil {
				return fmt.Errorf("%s.allowed_peers: %w", key, err)
			}
			x.Peers = append(x.Peers, n)
		}
		if l.CertificateFile != "" {
			keys, err := loadTLSKeys(l)
			if err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			cell := &atomic.Pointer[tls.Config]{}
			cell.Store(keys)
			a.mllpKeys = append(a.mllpKeys, cell)
			x.TLS = &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return cell.Load(), nil }}
		} else {
			a.mllpKeys = append(a.mllpKeys, nil)
		}
		socket, err := net.Listen("tcp", l.Listen)
		if err != nil {
			return fmt.Errorf("%s.listen: %w", key, err)
		}
		a.mllpSockets = append(a.mllpSockets, socket)
		x.Socket = socket
		c.Listeners = append(c.Listeners, x)
	}
	a.mllp = mllp.New(c)
	return nil
}

// MLLPAddresses are where the listeners listen, in the order of the
// configuration.
func (a *App) MLLPAddresses() []string {
	var out []string
	for _, s := range a.mllpSockets {
		out = append(out, s.Addr().String())
	}
	return out
}

// loadTLSKeys reads the certificate and the authorities of a listener.
func loadTLSKeys(l config.Listener) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(l.CertificateFile, l.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("certificate_file and key_file: %w", err)
	}
	out := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	if l.ClientCAFile == "" {
		return out, nil
	}
	pem, err := os.ReadFile(l.ClientCAFile)
	if err != nil {
		return nil, fmt.Errorf("client_ca_file: %w", err)
	}
	out.ClientCAs, out.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
	if !out.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, errors.New("client_ca_file: there is no certificate in it")
	}
	if names := l.ClientNames; len(names) > 0 {
		out.VerifyConnection = func(s tls.ConnectionState) error {
			leaf := s.PeerCertificates[0] // verified, so that there is one
			if slices.Contains(names, leaf.Subject.CommonName) || slices.ContainsFunc(leaf.DNSNames, func(n string) bool { return slices.Contains(names, n) }) {
				return nil
			}
			return errors.New("the certificate bears none of the names of mllp.listeners[].client_names")
		}
	}
	return out, nil
}

// reloadTLS reads the certificates of the listeners again, all or none, and
// returns what puts them in use.
func (a *App) reloadTLS(cfg config.Config) (use func(), err error) {
	var next []*tls.Config
	for i, l := range cfg.MLLP.Listeners {
		var keys *tls.Config
		if l.CertificateFile != "" {
			if keys, err = loadTLSKeys(l); err != nil {
				return nil, fmt.Errorf("mllp.listeners[%d]: %w", i+1, err)
			}
		}
		next = append(next, keys)
	}
	return func() {
		for i, keys := range next {
			if keys != nil {
				a.mllpKeys[i].Store(keys)
			}
		}
	}, nil
}

// mllp tries the listeners for HL7 v2: their ports and their certificates.
func (x *examination) mllp(cfg config.Config) {
	for i, l := range cfg.MLLP.Listeners {
		key := fmt.Sprintf("mllp.listeners[%d]", i+1)
		x.port(key, l.Listen)
		if l.CertificateFile == "" {
			continue
		}
		keys, err := loadTLSKeys(l)
		if err != nil {
			x.fail(key, "put the files there, PEM, readable for this user", "%v", err)
			continue
		}
		leaf := keys.Certificates[0].Leaf
		switch left := time.Until(leaf.NotAfter); {
		case left <= 0:
			x.fail(key, "put a new certificate in its place and reload", "the certificate ended on %s", leaf.NotAfter.Format(time.DateOnly))
		case left < certificateSoon:
			x.warn(key, "put a new certificate in its place and reload", "the certificate ends on %s", leaf.NotAfter.Format(time.DateOnly))
		default:
			x.ok(key, "the certificate is good until %s", leaf.NotAfter.Format(time.DateOnly))
		}
	}
}

// certificateSoon is how long before its end a certificate is worth a word.
const certificateSoon = 30 * 24 * time.Hour

// mllpHandler joins the MLLP edge with the intake. Messages stand in line with
// HTTP requests, each sender as a caller of its own.
type mllpHandler struct{ a *App }

func (h mllpHandler) Take(ctx context.Context, m mllp.Message) mllp.Answer {
	reply, err := h.a.files.Message(ctx, intake.Submission{Sender: m.Sender, Body: m.Body, Received: m.Received},
		func(ctx context.Context, work func(context.Context) error) error {
			return h.a.gateway.Turn(ctx, "mllp/"+m.Sender, work)
		})
	if err != nil {
		reply = h.a.files.Refuse(m.Sender, m.Body, err)
	}
	return framed(reply)
}

func (h mllpHandler) Refuse(m mllp.Message, f *fault.Fault) mllp.Answer {
	return framed(h.a.files.Refuse(m.Sender, m.Body, f))
}

// framed is a reply in frames. One without words is silence, which a sender may
// have asked for; where the message was not kept it is the end of the
// connection, so that its sender does not take the silence for success.
func framed(r inbound.Reply) mllp.Answer {
	frames := hl7v2.Frames(r.Body)
	kept := r.Status != 0 && r.Status != fault.Transient.Row().HTTP && r.Status != fault.Throttled.Row().HTTP && r.Status != fault.Timeout.Row().HTTP
	return mllp.Answer{Frames: frames, Close: len(frames) == 0 && !kept}
}

// mllpMetrics implements mllp.Observer.
type mllpMetrics struct {
	connections *prometheus.GaugeVec
	turned, cut *prometheus.CounterVec
	stray       *prometheus.CounterVec
	answers     *prometheus.HistogramVec
}

func newMLLPMetrics(r *prometheus.Registry) *mllpMetrics {
	m := &mllpMetrics{
		connections: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "linkloop_mllp_connections", Help: "Open MLLP connections, by sender of the listener."}, []string{"sender"}),
		turned: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "linkloop_mllp_turned_away_total", Help: "MLLP connections turned away: full, peer (address), tls or stopping."}, []string{"sender", "reason"}),
		cut: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "linkloop_mllp_cut_total", Help: "MLLP connections ended over a frame that was not taken: too-large, slow, memory, lost, garbage, stopping or panic."}, []string{"sender", "reason"}),
		stray: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "linkloop_mllp_stray_bytes_total", Help: "Bytes outside of MLLP frames."}, []string{"sender"}),
		answers: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "linkloop_mllp_answer_seconds", Help: "Time from the last byte of an MLLP frame to its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, 1, 5}}, []string{"sender"}),
	}
	r.MustRegister(m.connections, m.turned, m.cut, m.stray, m.answers)
	return m
}

func (m *mllpMetrics) Connections(sender string, change int) {
	m.connections.WithLabelValues(sender).Add(float64(change))
}
func (m *mllpMetrics) Turned(sender, reason string) { m.turned.WithLabelValues(sender, reason).Inc() }
func (m *mllpMetrics) Cut(sender, reason string)    { m.cut.WithLabelValues(sender, reason).Inc() }
func (m *mllpMetrics) Stray(sender string, n int)   { m.stray.WithLabelValues(sender).Add(float64(n)) }
func (m *mllpMetrics) Answered(sender string, took time.Duration) {
	m.answers.WithLabelValues(sender).Observe(took.Seconds())
}
