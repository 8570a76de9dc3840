package app_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/app"
	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/fhir/fhirxml"
	"github.com/linkloop/linkloop/adapter/store/postgrestest"
	"github.com/linkloop/linkloop/config"
)

// house is one running linkloop under test, used from outside only.
type house struct {
	t    *testing.T
	app  *app.App
	base string
	ops  string
	log  *lockedBuffer
}

// lockedBuffer is a log sink that many goroutines write to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// open starts a house on free ports over a new data folder.
func open(t *testing.T, change func(*config.Config)) *house {
	t.Helper()
	return openWith(t, app.Options{}, change)
}

func openWith(t *testing.T, opt app.Options, change func(*config.Config)) *house {
	t.Helper()
	cfg := config.Default()
	cfg.HTTP.Listen, cfg.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0"
	cfg.Data.Folder = t.TempDir()
	if onPostgres {
		cfg.Data.Postgres = postgrestest.Database(t)
	}
	cfg.Relay.BackoffMin, cfg.Relay.BackoffMax = 10*time.Millisecond, 50*time.Millisecond
	if change != nil {
		change(&cfg)
	}
	log := &lockedBuffer{}
	opt.Log = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	a, err := app.New(t.Context(), cfg, opt)
	if err != nil {
		t.Fatal(err)
	}
	a.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := a.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return &house{t: t, app: a, base: a.BaseURL(), ops: a.OpsURL(), log: log}
}

// response is what came back over HTTP.
type response struct {
	status int
	header http.Header
	body   []byte
}

func (r response) value(t *testing.T) *element.Value {
	t.Helper()
	v, err := element.Parse(r.body, element.Limits{})
	if err != nil {
		t.Fatalf("the answer is not JSON: %v", err)
	}
	return v
}

// call sends a request; headers come in pairs.
func (h *house) call(method, path string, body []byte, headers ...string) response {
	h.t.Helper()
	r, err := h.try(method, path, body, headers...)
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

func (h *house) try(method, path string, body []byte, headers ...string) (response, error) {
	req, err := http.NewRequest(method, h.base+path, bytes.NewReader(body))
	if err != nil {
		return response{}, err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return response{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	r := response{res.StatusCode, res.Header, b}
	if err == nil {
		if wrong := refusalOf(method, path, r); wrong != "" {
			h.t.Errorf("%s %s: %s", method, path, wrong)
		}
	}
	return r, err
}

// refusalOf says what is wrong with a refusal over FHIR: every one is an
// OperationOutcome in the format that its Content-Type says, each issue with
// severity, code and diagnostics, and with the headers that its status asks for.
func refusalOf(method, path string, r response) string {
	if r.status < 400 || !strings.HasPrefix(path, "/fhir") {
		return ""
	}
	if r.status == 405 && r.header.Get("Allow") == "" {
		return "405 without Allow"
	}
	if r.status == 503 && r.header.Get("Retry-After") == "" {
		return "503 without Retry-After"
	}
	if method == http.MethodHead {
		return ""
	}
	var v *element.Value
	var err error
	switch kind := r.header.Get("Content-Type"); kind {
	case "application/fhir+json; charset=utf-8", "application/json; charset=utf-8", "text/json; charset=utf-8":
		v, err = element.Parse(r.body, element.Limits{})
	case "application/fhir+xml; charset=utf-8", "application/xml; charset=utf-8", "text/xml; charset=utf-8":
		v, err = fhirxml.Read(r.body, element.Limits{})
	default:
		return fmt.Sprintf("%d with the content type %q", r.status, kind)
	}
	switch {
	case err != nil:
		return fmt.Sprintf("%d with a body that cannot be read: %v", r.status, err)
	case v.ResourceType() != "OperationOutcome" || len(v.List("issue")) == 0:
		return fmt.Sprintf("%d with a %s and no OperationOutcome", r.status, v.ResourceType())
	case len(fhir.Check(v)) > 0:
		return fmt.Sprintf("%d with an OperationOutcome that is not FHIR: %v", r.status, fhir.Check(v))
	}
	for _, is := range v.List("issue") {
		if is.Str("severity") == "" || is.Str("code") == "" || is.Str("diagnostics") == "" {
			return fmt.Sprintf("%d with an issue that says nothing: %s", r.status, is.JSON())
		}
	}
	return ""
}

// want checks the status and that every refusal over FHIR is an OperationOutcome.
func (h *house) want(r response, status int) response {
	h.t.Helper()
	if r.status != status {
		h.t.Fatalf("status %d, want %d", r.status, status)
	}
	return r
}

// refused checks status, issue code and a word of the reason.
func (h *house) refused(r response, status int, code, word string) {
	h.t.Helper()
	if r.status != status {
		h.t.Errorf("status %d, want %d", r.status, status)
		return
	}
	v := r.value(h.t)
	if v.ResourceType() != "OperationOutcome" || code != "" && v.TextAt("issue.code") != code || !strings.Contains(v.TextAt("issue.diagnostics"), word) {
		h.t.Errorf("the refusal is %s with code %q and text %q, want an OperationOutcome with code %q that says %q",
			v.ResourceType(), v.TextAt("issue.code"), v.TextAt("issue.diagnostics"), code, word)
	}
}

const fhirJSON = "application/fhir+json"

// referral is a complete REF^I12 of a made-up person. NHS numbers come from
// the 999 range, which is never given to anybody.
func referral(n int, nhsNumber string) []byte {
	return []byte(strings.ReplaceAll(fmt.Sprintf(`MSH|^~\&|EPR|Z00001|TIE|LINKLOOP|20260302091500+0000||REF^I12^REF_I12|MSG-%d|P|2.5.1
RF1||R|||O|SP-%d|20260302|20260902
PRD|RP|Hartley^Miriam^^^Dr|||^WPN^PH^^^^^^^^^0113 496 0101||C3456789^GMC
PID|1||%s^^^NHS^NH||Canarybird^Zebedee^^^Mr||19700611|1|||14 Quetzal Lane^^Otley^^LS21 9ZZ||^PRN^PH^^^^^^^^^01943 490123
PD1|||Oakwood Surgery^^Z00001
DG1|1||267076002^Feeling lonely^SCT
NTE|1||Would like company.
`, n, n, nhsNumber), "\n", "\r"))
}

// task is the id of the Task that a referral made.
func (h *house) task(n int) string {
	h.t.Helper()
	r := h.want(h.call("GET", fmt.Sprintf("/fhir/ServiceRequest?identifier=SP-%d", n), nil), 200)
	entries := r.value(h.t).List("entry")
	if len(entries) != 1 {
		h.t.Fatalf("%d ServiceRequests for referral %d, want 1", len(entries), n)
	}
	r = h.want(h.call("GET", "/fhir/Task?focus=ServiceRequest/"+entries[0].TextAt("resource.id"), nil), 200)
	entries = r.value(h.t).List("entry")
	if len(entries) != 1 {
		h.t.Fatalf("%d Tasks for referral %d, want 1", len(entries), n)
	}
	return entries[0].TextAt("resource.id")
}

// change reads a Task, edits it and writes it back with If-Match.
func (h *house) change(task string, edit func(*element.Value)) response {
	h.t.Helper()
	r := h.want(h.call("GET", "/fhir/Task/"+task, nil), 200)
	v := r.value(h.t)
	edit(v)
	return h.call("PUT", "/fhir/Task/"+task, v.JSON(), "Content-Type", fhirJSON, "If-Match", r.header.Get("ETag"))
}

func sha(token string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(token))) }

func object(name, text string) *element.Value { return element.NewObject(element.S(name, text)) }
