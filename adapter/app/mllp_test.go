package app_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/app"
	"github.com/linkloop/linkloop/adapter/inbound/hl7v2"
	mllpwire "github.com/linkloop/linkloop/adapter/mllp/wire"
	"github.com/linkloop/linkloop/config"
)

// listening adds a listener for the shipped HL7 v2 mapping.
func listening(c *config.Config) {
	c.MLLP.Listeners = []config.Listener{{Listen: "127.0.0.1:0", Sender: "hl7v2-ref"}}
}

func (h *house) mllp(opt mllpwire.Options) *mllpwire.Client {
	h.t.Helper()
	c, err := mllpwire.Dial(h.t.Context(), h.app.MLLPAddresses()[0], opt)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { c.Close() })
	return c
}

// acknowledged sends a message and returns the codes of all that comes back in
// the first frame.
func acknowledged(t *testing.T, c *mllpwire.Client, message []byte) (codes string, acks []hl7v2.Acknowledgement) {
	t.Helper()
	answer, err := c.Send(t.Context(), message)
	if err != nil {
		t.Fatal(err)
	}
	acks, err = hl7v2.Acknowledgements(answer)
	if err != nil {
		t.Fatalf("%v: %q", err, answer)
	}
	var out []string
	for _, a := range acks {
		out = append(out, a.Code)
	}
	return strings.Join(out, " "), acks
}

// TestMLLP is a referral over TCP: the answer comes after the commit, the
// referral is there, and the same message again makes nothing.
func TestMLLP(t *testing.T) {
	h := open(t, listening)
	c := h.mllp(mllpwire.Options{})
	for range 2 {
		codes, acks := acknowledged(t, c, referral(1, "9990000379"))
		if codes != "AA" || acks[0].ID != "MSG-1" {
			t.Fatalf("answered %+v", acks)
		}
		h.task(1)
	}
	h.want(h.call("POST", "/intake/hl7v2-ref", referral(1, "9990000379")), 200)
	h.task(1) // the same bytes by another way are the same message
	lines := bytes.ReplaceAll(referral(1, "9990000379"), []byte("\r"), []byte("\r\n"))
	twice := append(referral(1, "9990000379"), bytes.TrimSuffix(referral(1, "9990000379"), []byte("\r"))...)
	for _, body := range [][]byte{lines, twice} { // and so they are with other line ends
		r := h.want(h.call("POST", "/intake/hl7v2-ref", body), 200)
		if bytes.Count(r.body, []byte("MSA|AA|")) != bytes.Count(body, []byte("MSH")) {
			t.Errorf("%q", r.body)
		}
	}
	h.task(1)

	// What cannot be read is AR, what nobody is named in AE, and the connection stays.
	if codes, _ := acknowledged(t, c, []byte("hello")); codes != "AR" {
		t.Errorf("no HL7 at all: %s", codes)
	}
	nobody := []byte(strings.Replace(string(referral(2, "9990000387")), "Canarybird^Zebedee", "", 1))
	if codes, acks := acknowledged(t, c, []byte(strings.Replace(string(nobody), "MSH|^~\\&|EPR|Z00001|TIE|LINKLOOP|20260302091500+0000|", "MSH|^~\\&|EPR|Z00001|TIE|LINKLOOP||", 1))); codes == "AA" && len(acks[0].Text) == 0 {
		t.Errorf("a referral of nobody at no time: %+v", acks)
	}
	if codes, _ := acknowledged(t, c, referral(3, "9990000395")); codes != "AA" {
		t.Errorf("the next one: %s", codes)
	}
	res, err := http.Get(h.ops + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	metrics, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`linkloop_mllp_connections{sender="hl7v2-ref"} 1`, `linkloop_mllp_answer_seconds_count{sender="hl7v2-ref"} 5`,
		`linkloop_intake_messages_total{result="accepted",sender="hl7v2-ref"} 2`} {
		if !strings.Contains(string(metrics), want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if strings.Contains(h.log.String()+string(metrics), "Canarybird") {
		t.Error("log or metrics name a patient")
	}
}

// TestEnhancedMode: a commit and an application acknowledgement, each in a
// frame of its own; one; or none.
func TestEnhancedMode(t *testing.T) {
	h := open(t, listening)
	c := h.mllp(mllpwire.Options{})
	asks := func(n int, nhs, commit, application string) []byte {
		return []byte(strings.Replace(string(referral(n, nhs)), "|P|2.5.1", "|P|2.5.1|||"+commit+"|"+application, 1))
	}
	if codes, _ := acknowledged(t, c, asks(1, "9990000379", "AL", "AL")); codes != "CA" {
		t.Fatalf("first %s, want CA", codes)
	}
	second, err := c.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if acks, err := hl7v2.Acknowledgements(second); err != nil || len(acks) != 1 || acks[0].Code != "AA" {
		t.Errorf("then %+v, %v, want AA", acks, err)
	}
	if codes, _ := acknowledged(t, c, asks(2, "9990000387", "AL", "NE")); codes != "CA" {
		t.Errorf("commit only: %s", codes)
	}
	if err := c.Post(t.Context(), asks(3, "9990000395", "NE", "NE")); err != nil {
		t.Fatal(err)
	}
	if codes, acks := acknowledged(t, c, asks(4, "9990000409", "NE", "AL")); codes != "AA" || acks[0].ID != "MSG-4" {
		t.Errorf("behind a message that wants no answer: %+v", acks)
	}
	// HTTP has one answer to a request, and it is the second of the two.
	r := h.want(h.call("POST", "/intake/hl7v2-ref", asks(1, "9990000379", "AL", "AL")), 200)
	if string(r.body) != string(second) {
		t.Errorf("over HTTP: %q, over MLLP %q", r.body, second)
	}
	for n := 1; n <= 4; n++ {
		h.task(n)
	}
}

// TestBatch: each message of a batch has its own fate and acknowledgement, over
// MLLP and over HTTP, and the same batch again makes nothing.
func TestBatch(t *testing.T) {
	h := open(t, listening)
	bad := strings.Replace(string(referral(2, "9990000387")), "PID|1|", "not a segment\rPID|1|", 1)
	batch := "BHS|^~\\&|EPR|Z00001|TIE|LINKLOOP|20260302||night||B-1\r" + string(referral(1, "9990000379")) + bad + string(referral(3, "9990000395")) + "BTS|3\r"
	c := h.mllp(mllpwire.Options{})
	answer, err := c.Send(t.Context(), []byte(batch))
	if err != nil {
		t.Fatal(err)
	}
	acks, err := hl7v2.Acknowledgements(answer)
	if err != nil || len(acks) != 3 || acks[0].Code != "AA" || acks[1].Code != "AR" || acks[2].Code != "AA" || acks[1].ID != "MSG-2" {
		t.Fatalf("%+v, %v", acks, err)
	}
	if s := string(answer); !strings.HasPrefix(s, "BHS|") || !strings.Contains(s, "|B-1\r") || !strings.HasSuffix(s, "BTS|3\r") {
		t.Errorf("not a batch: %q", s)
	}
	h.task(1)
	h.task(3)
	r := h.want(h.call("POST", "/intake/hl7v2-ref", []byte(batch)), 207)
	if again, err := hl7v2.Acknowledgements(r.body); err != nil || len(again) != 3 || again[0].Code != "AA" || again[1].Code != "AR" {
		t.Errorf("again over HTTP: %+v, %v", again, err)
	}
	h.task(1)
}

// TestResponseMessages: a sender is answered with RRI where it is configured so,
// and to a question about a referral by itself.
func TestResponseMessages(t *testing.T) {
	for answer, want := range map[string][2]string{"": {"ACK^I12^ACK", "RRI^I15^RRI_I12"}, "rri": {"RRI^I12^RRI_I12", "RRI^I15^RRI_I12"}, "ack": {"ACK^I12^ACK", "ACK^I15^ACK"}} {
		h := open(t, func(c *config.Config) {
			c.Senders = []config.Sender{{Name: "hl7v2-ref", Mapping: "hl7v2-ref", HL7Answer: answer}}
		})
		send := func(message []byte) string {
			return string(h.want(h.call("POST", "/intake/hl7v2-ref", message), 200).body)
		}
		asks := strings.NewReplacer("REF^I12^REF_I12", "REF^I15^REF_I12", "MSG-1", "MSG-2").Replace(string(referral(1, "9990000379")))
		if got := send(referral(1, "9990000379")); !strings.Contains(got, "|"+want[0]+"|") {
			t.Errorf("%q: a new referral is answered %q", answer, got)
		}
		got := send([]byte(asks))
		if !strings.Contains(got, "|"+want[1]+"|") || !strings.Contains(got, "the Task is requested") {
			t.Errorf("%q: a question is answered %q", answer, got)
		}
		if strings.HasPrefix(want[1], "RRI") && !strings.Contains(got, "RF1|P^Pending^HL70283^requested^requested^http://hl7.org/fhir/task-status|||||SP-1|") {
			t.Errorf("%q: RF1 is not the status: %q", answer, got)
		}
	}
}

// TestMLLPWithCertificates: only who bears a certificate of the authority with
// the right name is listened to, and a renewed certificate is taken by a reload.
func TestMLLPWithCertificates(t *testing.T) {
	dir := t.TempDir()
	ca := newAuthority(t, dir)
	server := ca.issue(t, "server", "localhost")
	good, other := ca.issue(t, "tie", "tie.example"), ca.issue(t, "other", "other.example")
	var used config.Config
	h := open(t, func(c *config.Config) {
		listening(c)
		l := &c.MLLP.Listeners[0]
		l.CertificateFile, l.KeyFile, l.ClientCAFile = server+".crt", server+".key", ca.file
		l.ClientNames = []string{"tie.example"}
		used = *c
	})
	as := func(name string) *tls.Config {
		cfg := &tls.Config{RootCAs: ca.pool, ServerName: "localhost"}
		if name != "" {
			pair, err := tls.LoadX509KeyPair(name+".crt", name+".key")
			if err != nil {
				t.Fatal(err)
			}
			cfg.Certificates = []tls.Certificate{pair}
		}
		return cfg
	}
	if codes, _ := acknowledged(t, h.mllp(mllpwire.Options{TLS: as(good)}), referral(1, "9990000379")); codes != "AA" {
		t.Errorf("answered %s", codes)
	}
	refused := func(name string, cfg *tls.Config) {
		t.Helper()
		c, err := mllpwire.Dial(t.Context(), h.app.MLLPAddresses()[0], mllpwire.Options{TLS: cfg})
		if err != nil {
			return
		}
		defer c.Close()
		if answer, err := c.Send(t.Context(), referral(2, "9990000387")); err == nil {
			t.Errorf("%s is answered %q", name, answer)
		}
	}
	refused("no certificate", as(""))
	refused("a certificate with another name", as(other))
	refused("no TLS", nil)

	var said strings.Builder
	if app.Doctor(t.Context(), used, &said); !strings.Contains(said.String(), "warn  mllp.listeners[1] the certificate ends on ") {
		t.Errorf("the doctor does not see that the certificate ends in an hour:\n%s", said.String())
	}
	old, err := os.ReadFile(server + ".crt")
	if err != nil {
		t.Fatal(err)
	}
	ca.issue(t, "server", "localhost")
	if err := h.app.Reload(used); err != nil {
		t.Fatal(err)
	}
	cfg := as(good)
	cfg.VerifyConnection = func(s tls.ConnectionState) error {
		block, _ := pem.Decode(old)
		if s.PeerCertificates[0].Equal(must(x509.ParseCertificate(block.Bytes))) {
			return fmt.Errorf("the old certificate")
		}
		return nil
	}
	if codes, _ := acknowledged(t, h.mllp(mllpwire.Options{TLS: cfg}), referral(3, "9990000395")); codes != "AA" {
		t.Errorf("answered %s", codes)
	}
	if err := os.WriteFile(server+".crt", []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := h.app.Reload(used); err == nil || !strings.Contains(err.Error(), "certificate_file") {
		t.Errorf("a broken certificate is taken: %v", err)
	}
}

// TestMLLPNeedsItsSender: a listener for nobody, or for another format, is an
// error at the start.
func TestMLLPNeedsItsSender(t *testing.T) {
	for _, sender := range []string{"nobody", "generic-json"} {
		cfg := config.Default()
		cfg.HTTP.Listen, cfg.Admin.Listen, cfg.Data.Folder = "127.0.0.1:0", "127.0.0.1:0", t.TempDir()
		cfg.MLLP.Listeners = []config.Listener{{Listen: "127.0.0.1:0", Sender: sender}}
		if _, err := app.New(t.Context(), cfg, app.Options{}); err == nil || !strings.Contains(err.Error(), "mllp.listeners[1].sender") {
			t.Errorf("%s: %v", sender, err)
		}
	}
}

// TestMLLPDrains: a stop answers what is in work, and what was answered is kept.
func TestMLLPDrains(t *testing.T) {
	h := open(t, listening)
	c := h.mllp(mllpwire.Options{})
	answers := make(chan error, 1)
	go func() {
		for n := 1; ; n++ {
			answer, err := c.Send(context.Background(), referral(n, "9990000379"))
			if err != nil {
				answers <- nil
				return
			}
			if acks, err := hl7v2.Acknowledgements(answer); err != nil || !acks[0].Accepted() {
				answers <- fmt.Errorf("message %d: %+v, %w", n, acks, err)
				return
			}
		}
	}()
	time.Sleep(50 * time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := h.app.Stop(ctx); err != nil {
		t.Error(err)
	}
	if err := <-answers; err != nil {
		t.Error(err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// authority is a certificate authority of the tests.
type authority struct {
	dir, file string
	key       *ecdsa.PrivateKey
	cert      *x509.Certificate
	pool      *x509.CertPool
	serial    int64
}

func newAuthority(t *testing.T, dir string) *authority {
	t.Helper()
	a := &authority{dir: dir, file: filepath.Join(dir, "ca.crt"), pool: x509.NewCertPool()}
	a.key = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der := must(x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key))
	a.cert = must(x509.ParseCertificate(der))
	a.pool.AddCert(a.cert)
	a.write(t, a.file, "CERTIFICATE", der)
	return a
}

// issue writes name.crt and name.key and returns their path without the end.
func (a *authority) issue(t *testing.T, name, dns string) string {
	t.Helper()
	a.serial++
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{SerialNumber: big.NewInt(a.serial + 1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{dns},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der := must(x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key))
	path := filepath.Join(a.dir, name)
	a.write(t, path+".crt", "CERTIFICATE", der)
	a.write(t, path+".key", "PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(key)))
	return path
}

func (a *authority) write(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
