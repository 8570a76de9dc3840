package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/inbound/hl7v2"
	"github.com/linkloop/linkloop/adapter/mllp/wire"
)

// memory reads what the process holds, in bytes: now (VmRSS) or at most so far
// (VmHWM).
func (p *process) memory(which string) int64 {
	p.t.Helper()
	b, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/status")
	if err != nil {
		p.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), which+":")
	rest, _, _ = strings.Cut(strings.TrimSpace(rest), " ")
	kb, err := strconv.ParseInt(rest, 10, 64)
	if err != nil {
		p.t.Fatal(err)
	}
	return kb << 10
}

// besieged is a process with a sender of each format and an MLLP listener.
func besieged(t *testing.T) (p *process, mllp string) {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	mllp = free.Addr().String()
	free.Close()
	file := filepath.Join(t.TempDir(), "linkloop.yaml")
	text := fmt.Sprintf(`http: {listen: "127.0.0.1:0"}
admin: {listen: "127.0.0.1:0"}
data: {folder: %q}
log: {level: error}
mllp: {max_connections: 1100, listeners: [{listen: %q, sender: hl7}]}
senders:
  - {name: hl7, mapping: hl7v2-ref}
  - {name: json, mapping: generic-json}
  - {name: fhir, mapping: bars-r4}
  - {name: rows, mapping: tpp-srreferralout}
`, t.TempDir(), mllp)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return startProcess(t, file), mllp
}

// good is a referral that is accepted.
func good(n int) []byte {
	return []byte(strings.ReplaceAll(fmt.Sprintf("MSH|^~\\&|EPR|Z00001|TIE|LINKLOOP|20260302091500+0000||REF^I12|G-%d|P|2.5.1\nRF1||R||||SP-%d|20260302\n"+
		"PRD|RP|Hartley^Miriam|||||C3456789^GMC\nPID|1||%d^^^LOCAL^MR||Canarybird^Zebedee||19700611|1\nPD1|||Oakwood Surgery^^Z00001\nNTE|1||Would like company.\n", n, n, n), "\n", "\r"))
}

// endless gives bytes without an end, and counts them.
type endless struct {
	of   []byte
	sent atomic.Int64
}

func (e *endless) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		n += copy(p[n:], e.of)
	}
	e.sent.Add(int64(n))
	return n, nil
}

// TestHostileInput: what is meant to exhaust a server is refused within limits,
// each alone and all together, while the memory stays flat and others are
// served as if nothing were.
func TestHostileInput(t *testing.T) {
	p, mllp := besieged(t)
	const mb = 1 << 20
	laughs := "<!DOCTYPE x [<!ENTITY a0 \"ha\">"
	for n := 1; n < 30; n++ {
		laughs += fmt.Sprintf("<!ENTITY a%d \"&a%d;&a%d;\">", n, n-1, n-1)
	}
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	for range 100 {
		if _, err := z.Write(make([]byte, mb)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	header := strings.Repeat("Column,", 10_000)
	post := func(path, contentType, encoding string, body io.Reader) (int, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.base+path, body)
		if err != nil {
			return 0, err
		}
		req.Header.Set("Content-Type", contentType)
		if encoding != "" {
			req.Header.Set("Content-Encoding", encoding)
		}
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		res, err := client.Do(req)
		if err != nil {
			return 0, err
		}
		defer res.Body.Close()
		_, err = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<20))
		return res.StatusCode, err
	}
	const fhirJSON, fhirXML, hl7 = "application/fhir+json", "application/fhir+xml", "x-application/hl7-v2+er7"
	attacks := []struct {
		name, path, contentType, encoding string
		body                              func() io.Reader
	}{
		{"1 MB of brackets", "/intake/json", "application/json", "", func() io.Reader { return strings.NewReader(strings.Repeat("[", mb)) }},
		{"1 MB of nested objects", "/intake/json", "application/json", "", func() io.Reader { return strings.NewReader(strings.Repeat(`{"a":`, mb/5)) }},
		{"1 MB of brackets in a message", "/fhir/$process-message", fhirJSON, "", func() io.Reader {
			return strings.NewReader(`{"resourceType":"Bundle","type":"message","entry":` + strings.Repeat("[", mb))
		}},
		{"1 MB of nested elements", "/intake/fhir", fhirXML, "", func() io.Reader {
			return strings.NewReader(`<Bundle xmlns="http://hl7.org/fhir">` + strings.Repeat("<entry>", mb/7))
		}},
		{"1 MB of nested extensions", "/intake/fhir", fhirXML, "", func() io.Reader {
			return strings.NewReader(`<Patient xmlns="http://hl7.org/fhir">` + strings.Repeat(`<extension url="x">`, mb/19))
		}},
		{"billion laughs", "/intake/fhir", fhirXML, "", func() io.Reader {
			return strings.NewReader(laughs + `]><Bundle xmlns="http://hl7.org/fhir"><id value="&a29;"/></Bundle>`)
		}},
		{"an external entity", "/intake/fhir", fhirXML, "", func() io.Reader {
			return strings.NewReader(`<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><Bundle xmlns="http://hl7.org/fhir"><id value="&e;"/></Bundle>`)
		}},
		{"100 MB in 100 kB of gzip", "/intake/json", "application/json", "gzip", func() io.Reader { return bytes.NewReader(bomb.Bytes()) }},
		{"gzip for a message", "/fhir/$process-message", fhirJSON, "gzip", func() io.Reader { return bytes.NewReader(bomb.Bytes()) }},
		{"a row of 10,000 columns", "/intake/rows", "text/csv", "", func() io.Reader { return strings.NewReader("RowIdentifier\n" + strings.Repeat("x,", 10_000) + "\n") }},
		{"a header of 10,000 columns", "/intake/rows", "text/csv", "", func() io.Reader { return strings.NewReader(header + "\n" + header + "\n") }},
		{"a quotation mark that never ends", "/intake/rows", "text/csv", "", func() io.Reader { return strings.NewReader("RowIdentifier\n\"" + strings.Repeat("x", 4*mb)) }},
		{"a body without an end", "/intake/json", "application/json", "", func() io.Reader { return &endless{of: []byte(`[1,`)} }},
		{"a resource without an end", "/fhir/Patient", fhirJSON, "", func() io.Reader { return &endless{of: []byte(`{"a":`)} }},
		{"1 MB of separators", "/intake/hl7", hl7, "", func() io.Reader {
			return strings.NewReader("MSH|^~\\&|A|B|C|D|2026||REF^I12|1|P|2.4\rPID|" + strings.Repeat("|^~&", mb/4) + "\r")
		}},
		{"1 MB of segments", "/intake/hl7", hl7, "", func() io.Reader {
			return strings.NewReader("MSH|^~\\&|A|B|C|D|2026||REF^I12|1|P|2.4\r" + strings.Repeat("NTE\r", mb/4))
		}},
		{"a batch of 1 MB of headers", "/intake/hl7", hl7, "", func() io.Reader { return strings.NewReader(strings.Repeat("BHS|^~\\&\r", mb/9)) }},
	}

	// Somebody else goes on sending all the time.
	var served, unserved atomic.Int64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		c, err := wire.Dial(t.Context(), mllp, wire.Options{})
		if err != nil {
			unserved.Add(1)
			return
		}
		defer c.Close()
		for n := 1; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			answer, err := c.Send(t.Context(), good(n))
			acks, err2 := hl7v2.Acknowledgements(answer)
			if err != nil || err2 != nil || len(acks) != 1 || acks[0].Code != "AA" {
				unserved.Add(1)
				return
			}
			served.Add(1)
			time.Sleep(5 * time.Millisecond)
		}
	}()
	p.until("somebody is served", func() bool { return served.Load() > 20 || unserved.Load() > 0 })
	before := p.memory("VmRSS")

	refuse := func(t *testing.T, path, contentType, encoding string, body io.Reader) {
		status, err := post(path, contentType, encoding, body)
		e, without := body.(*endless)
		switch {
		case without && e.sent.Load() > 64*mb:
			t.Errorf("%d MB were sent until it was refused", e.sent.Load()/mb)
		case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), without && err != nil:
			// It was refused in the middle of the upload, and the connection closed.
		case err != nil:
			t.Error(err)
		case status < 400 || status >= 500:
			t.Errorf("answered with %d", status)
		}
	}
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) { refuse(t, a.path, a.contentType, a.encoding, a.body()) })
	}
	frame := func(t *testing.T) {
		conn, err := net.Dial("tcp", mllp)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(2 * time.Minute))
		e := &endless{of: []byte("MSH|^~\\&|A|B|C|D|2026||REF^I12|1|P|2.4\rNTE|endless\r")}
		if _, err := conn.Write([]byte{0x0b}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(conn, e); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the frame was not ended: %v", err)
		}
		if e.sent.Load() > 64*mb {
			t.Errorf("%d MB were sent until it was ended", e.sent.Load()/mb)
		}
	}
	t.Run("an MLLP frame without an end", frame)
	t.Run("all at once", func(t *testing.T) {
		for range 2 {
			for _, a := range attacks {
				t.Run(a.name, func(t *testing.T) {
					t.Parallel()
					refuse(t, a.path, a.contentType, a.encoding, a.body())
				})
			}
			t.Run("an MLLP frame without an end", func(t *testing.T) {
				t.Parallel()
				frame(t)
			})
		}
	})
	close(stop)
	<-stopped
	peak := p.memory("VmHWM")
	t.Logf("%d referrals were taken meanwhile; the process held %d MB before, %d MB at most, %d MB after", served.Load(), before/mb, peak/mb, p.memory("VmRSS")/mb)
	if unserved.Load() > 0 {
		t.Error("somebody else was not served")
	}
	// It grows by about 90 MB. The limits of bodies and frames allow for 128 MB
	// each, which the collector of Go may double.
	if peak-before > 512*mb && !raced {
		t.Errorf("the memory grew by %d MB", (peak-before)/mb)
	}
	if s := p.output(); strings.Contains(s, "panic") || strings.Contains(s, "root:") {
		t.Error("the process panicked, or read a file for a stranger")
	}
}

// TestIdleConnections: a thousand MLLP connections that have sent a referral and
// now wait cost less than 50 MB together.
func TestIdleConnections(t *testing.T) {
	const many, most = 1000, 50 << 20
	p, mllp := besieged(t)
	var open []*wire.Client
	connect := func(n int) {
		t.Helper()
		c, err := wire.Dial(t.Context(), mllp, wire.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		answer, err := c.Send(t.Context(), good(n))
		if acks, err2 := hl7v2.Acknowledgements(answer); err != nil || err2 != nil || acks[0].Code != "AA" {
			t.Fatalf("connection %d: %v, %v", n, err, err2)
		}
		open = append(open, c)
	}
	// One connection sends as much first, so that what the store and the
	// collector keep because of the referrals is not counted.
	connect(0)
	for n := range many {
		if _, err := open[0].Send(t.Context(), good(10_000+n)); err != nil {
			t.Fatal(err)
		}
	}
	before := p.memory("VmRSS")
	for n := range many {
		connect(1 + n)
	}
	extra := p.memory("VmRSS") - before
	t.Logf("%d idle MLLP connections: %.1f MB more, %.1f kB each (the process held %d MB before)", many, float64(extra)/(1<<20), float64(extra)/many/1024, before>>20)
	if extra > most && !raced {
		t.Errorf("%d idle connections cost %d MB", many, extra>>20)
	}
	if _, err := open[many/2].Send(t.Context(), good(50_000)); err != nil {
		t.Errorf("one of them, later: %v", err)
	}
}
