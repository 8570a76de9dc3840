package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// asProgram makes the test binary the program itself, for tests that need a
// process of their own.
const asProgram = "TEST_AS_LINKLOOP"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// process is a linkloop that serves in a process of its own.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	base string

	mu   sync.Mutex
	said bytes.Buffer
}

// startProcess starts linkloop serve and waits until it says where.
func startProcess(t *testing.T, file string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.CommandContext(t.Context(), os.Args[0], "serve", "--config", file)}
	p.cmd.Env = append(os.Environ(), asProgram+"=1")
	out, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			p.mu.Lock()
			p.said.WriteString(lines.Text() + "\n")
			p.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it has mostly ended by itself
		<-ended
	})
	p.wait("linkloop serves ")
	_, rest, _ := strings.Cut(p.output(), "linkloop serves ")
	p.base, _, _ = strings.Cut(rest, " ")
	return p
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.String()
}

// wait waits until the process has said something.
func (p *process) wait(words string) {
	p.t.Helper()
	p.until("it says "+words, func() bool { return strings.Contains(p.output(), words) })
}

func (p *process) until(what string, is func() bool) {
	p.t.Helper()
	for end := time.Now().Add(60 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("never: %s\n%s", what, p.output())
		}
	}
}

// status is how the process answers a request.
func (p *process) status(method, path, token, body string) int {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.base+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// TestHangUp: on SIGHUP a running process takes clients and senders over; a
// configuration that cannot be read, is not valid, names a mapping that is not
// there or needs a restart leaves the old one in use, and says why; SIGTERM
// ends the process without an error.
func TestHangUp(t *testing.T) {
	file := filepath.Join(t.TempDir(), "linkloop.yaml")
	data := t.TempDir()
	write := func(more string) {
		t.Helper()
		text := fmt.Sprintf("http: {listen: \"127.0.0.1:0\"}\nadmin: {listen: \"127.0.0.1:0\"}\ndata: {folder: %q}\n%s", data, more)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("")
	p := startProcess(t, file)
	hangUp := func() {
		t.Helper()
		if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	if s := p.status("GET", "/fhir/Task", "", ""); s != 200 {
		t.Fatalf("without clients: %d", s)
	}
	token := fmt.Sprintf("%x", sha256.Sum256([]byte("secret")))
	clients := "clients: [{name: gp, role: sender, senders: [gp], token_sha256: " + token + "}, {name: op, role: operator, token_sha256: " +
		fmt.Sprintf("%x", sha256.Sum256([]byte("op"))) + "}]\n"
	write(clients + "senders: [{name: gp, mapping: hl7v2-ref}]\n")
	hangUp()
	p.until("tokens are asked for", func() bool { return p.status("GET", "/fhir/Task", "", "") == 401 })
	send := func() int {
		return p.status("POST", "/intake/gp", "secret", "MSH|^~\\&|GP|Z00001|B|C|20260302||REF^I12|M-1|P|2.4\rPID|1||9990000379^^^NHS^NH\r")
	}
	p.until("the new sender is there", func() bool { return send() == 422 })
	for what, bad := range map[string]struct{ config, word string }{
		"a setting that there is not": {clients + "sendersx: []\n", "sendersx"},
		"no YAML":                     {"senders: [", "is not YAML"},
		"an unknown mapping":          {clients + "senders: [{name: gp, mapping: unheard-of}]\n", "unheard-of"},
		"a restart is needed":         {clients + "senders: [{name: gp, mapping: hl7v2-ref}]\nfiles: {parallel: 3}\n", "need a restart: files.parallel"},
	} {
		t.Run(what, func(t *testing.T) {
			p.t = t
			before := len(p.output())
			write(bad.config)
			hangUp()
			p.until("it says why", func() bool {
				said := p.output()[before:]
				return strings.Contains(said, "not reloaded, the old configuration stays in use") && strings.Contains(said, bad.word)
			})
			if s := send(); s != 422 {
				t.Errorf("the sender is answered with %d", s)
			}
		})
	}
	p.t = t
	write(strings.Replace(clients, "[gp]", "[elsewhere]", 1) + "senders: [{name: elsewhere, mapping: hl7v2-ref}]\n")
	hangUp()
	p.until("the sender is gone", func() bool { return send() == 404 })
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("ended with %v\n%s", err, p.output())
	}
	if strings.Contains(p.output(), "secret") || strings.Contains(p.output(), "9990000379") {
		t.Error("a token or an NHS number stands in the log")
	}
}
