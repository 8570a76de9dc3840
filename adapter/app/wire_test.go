package app_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/linkloop/linkloop/adapter/element"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// wire sends bytes as they are and reads one answer, so that nothing of what a
// client really sends is tidied up on the way.
func (h *house) wire(request []byte) (*http.Response, []byte, error) {
	h.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.base, "http://"))
	if err != nil {
		return nil, nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return nil, nil, err
	}
	if _, err := conn.Write(request); err != nil {
		return nil, nil, err
	}
	method, _, _ := bytes.Cut(request, []byte(" "))
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: string(method)})
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res, body, err
}

// shown are the headers of an answer that a client acts on.
var shown = []string{"Content-Type", "ETag", "Location", "Allow", "Accept-Patch", "Preference-Applied"}

var (
	anyInstant = regexp.MustCompile(`"20\d\d-\d\d-\d\dT[0-9:.]+(Z|[+-]\d\d:\d\d)"`)
	anyUUID    = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	anyList    = regexp.MustCompile(`; all: [^"]*`) // of search parameters, which grows
	anyMoment  = regexp.MustCompile(`(_lastUpdated=g[te]|_since=)20\d\d-\d\d-\d\dT[0-9A-F%.]+Z`)
)

// answered is an answer as a golden file has it: status, headers that count,
// and the body without what differs from run to run. Of a CapabilityStatement,
// which other tests are about, only the name is kept.
func (h *house) answered(res *http.Response, body []byte) []byte {
	var what struct{ ResourceType, FhirVersion string }
	statement := json.Unmarshal(body, &what) == nil && what.ResourceType == "CapabilityStatement"
	var b bytes.Buffer
	fmt.Fprintf(&b, "%d\n", res.StatusCode)
	for _, name := range shown {
		if v := res.Header.Get(name); v != "" && !(statement && name == "ETag") {
			fmt.Fprintf(&b, "%s: %s\n", name, v)
		}
	}
	switch {
	case statement:
		fmt.Fprintf(&b, "%s %s\n", what.ResourceType, what.FhirVersion)
	case len(body) > 0:
		body = withoutProgram(body)
		if json.Indent(&b, body, "", " ") != nil {
			b.Write(body)
		}
		b.WriteByte('\n')
	}
	out := strings.ReplaceAll(b.String(), h.base, "http://linkloop.example")
	out = anyInstant.ReplaceAllString(out, `"INSTANT"`)
	out = anyList.ReplaceAllString(out, "")
	out = anyMoment.ReplaceAllString(out, "${1}CURSOR")
	return []byte(anyUUID.ReplaceAllString(out, "UUID"))
}

// withoutProgram leaves out of a Bundle what comes with the program, which
// grows.
func withoutProgram(body []byte) []byte {
	v, err := element.Parse(body, element.Limits{})
	if err != nil || v.ResourceType() != "Bundle" || !bytes.Contains(body, []byte("OperationDefinition")) {
		return body
	}
	entries := v.Get("entry")
	entries.Items = slices.DeleteFunc(entries.Items, func(e *element.Value) bool {
		return e.TextAt("resource.publisher") == "linkloop"
	})
	return v.JSON()
}

// golden compares answers with a file, or writes it. Files of the archive that
// are no answers stay as they are.
func golden(t *testing.T, file string, was, got *txtar.Archive) {
	t.Helper()
	if *update && !onPostgres {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, txtar.Format(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if len(was.Files) != len(got.Files) {
		t.Errorf("%s has %d files, want %d; -update writes it again", file, len(was.Files), len(got.Files))
	}
	for i, f := range got.Files {
		if i < len(was.Files) && (was.Files[i].Name != f.Name || !bytes.Equal(was.Files[i].Data, f.Data)) {
			t.Errorf("%s: %s\n%s\nwant: %s\n%s", file, f.Name, f.Data, was.Files[i].Name, was.Files[i].Data)
		}
	}
}

// furnish makes what recorded requests are about: a Task with the id 1 at
// version 3 that nobody has claimed, and those whom it names.
func (h *house) furnish() {
	h.t.Helper()
	task := func(more string) string {
		return `{"resourceType":"Task","id":"1",` + more + `"status":"requested","intent":"order","priority":"routine",
			"identifier":[{"system":"urn:test:referral","value":"one"}],
			"code":{"coding":[{"system":"http://hl7.org/fhir/CodeSystem/task-code","code":"fulfill"}]},
			"focus":{"reference":"ServiceRequest/1"},"for":{"reference":"Patient/1"},"authoredOn":"2026-03-02T09:00:00Z",
			"requester":{"reference":"Organization/9"}}`
	}
	for _, put := range [][2]string{
		{"Patient/1", `{"resourceType":"Patient","id":"1","name":[{"family":"Canarybird"}]}`},
		{"Organization/1", `{"resourceType":"Organization","id":"1","name":"Harbour"}`},
		{"Organization/9", `{"resourceType":"Organization","id":"9","name":"Oakwood Surgery"}`},
		{"ServiceRequest/1", `{"resourceType":"ServiceRequest","id":"1","status":"active","intent":"order","authoredOn":"2026-03-02",
			"code":{"text":"company"},"subject":{"reference":"Patient/1"},"requester":{"reference":"Organization/9"}}`},
		{"Task/1", task("")},
		{"Task/1", task(`"description":"Would like company",`)},
		{"Task/1", task(`"description":"Would like company in the afternoon",`)},
	} {
		if r := h.call("PUT", "/fhir/"+put[0], []byte(put[1]), "Content-Type", fhirJSON); r.status > 201 {
			h.t.Fatalf("%s: status %d: %s", put[0], r.status, r.value(h.t).TextAt("issue.diagnostics"))
		}
	}
}

// recorded is one line of corpus/wire.
type recorded struct {
	Method, URL, Body string
	Headers           map[string]string
}

// bytes is the request as it went over the wire.
func (r recorded) bytes(host string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, r.URL, host)
	for _, name := range sortedKeys(r.Headers) {
		fmt.Fprintf(&b, "%s: %s\r\n", name, r.Headers[name])
	}
	if r.Body != "" || r.Method != "GET" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(r.Body))
	}
	b.WriteString("\r\n" + r.Body)
	return b.Bytes()
}

func sortedKeys(m map[string]string) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// TestRecordedClients replays what unmodified client libraries were recorded
// to send, byte for byte, and compares the answers.
func TestRecordedClients(t *testing.T) {
	files, _ := filepath.Glob("../../../shared/corpus/wire/*.jsonl")
	if len(files) == 0 {
		t.Skip("the recorded requests are not here")
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".jsonl")
		t.Run(name, func(t *testing.T) {
			h := open(t, nil)
			h.furnish()
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", "wire", name+".txtar")
			was := archive(t, path)
			got := &txtar.Archive{Comment: was.Comment}
			for i, line := range bytes.Split(bytes.TrimSpace(b), []byte("\n")) {
				var r recorded
				if err := json.Unmarshal(line, &r); err != nil {
					t.Fatal(err)
				}
				res, body, err := h.wire(r.bytes(strings.TrimPrefix(h.base, "http://")))
				if err != nil {
					t.Fatalf("request %d: %T", i+1, err)
				}
				h.outcome(res, body)
				got.Files = append(got.Files, txtar.File{Name: fmt.Sprintf("%02d %s %s", i+1, r.Method, r.URL), Data: h.answered(res, body)})
			}
			golden(t, path, was, got)
		})
	}
}

// outcome checks that a refusal is an OperationOutcome, and none a 5xx.
func (h *house) outcome(res *http.Response, body []byte) {
	h.t.Helper()
	if res.StatusCode >= 500 || res.StatusCode >= 400 && res.Request.Method != "HEAD" && !bytes.Contains(body, []byte("OperationOutcome")) {
		h.t.Errorf("status %d without an OperationOutcome", res.StatusCode)
	}
}

func archive(t *testing.T, path string) *txtar.Archive {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil && !*update {
		t.Fatal(err)
	}
	return txtar.Parse(b)
}

// TestWireStories plays stories of tools, each a file of requests as they go
// over the wire and their answers: a light tool that polls, claims and works
// from a cached copy, and the like. ETAG in a request is that of the answer
// before, CURSOR the lastUpdated that was last seen.
func TestWireStories(t *testing.T) {
	files, _ := filepath.Glob("testdata/wire/story-*.txtar")
	if len(files) < 3 {
		t.Fatalf("%d stories, want 3 or more", len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			h := open(t, nil)
			h.furnish()
			was := archive(t, file)
			got := &txtar.Archive{Comment: was.Comment}
			etag, cursor := "", ""
			for _, f := range was.Files {
				if !strings.HasSuffix(f.Name, ".http") {
					continue
				}
				got.Files = append(got.Files, f)
				text := strings.NewReplacer("ETAG", etag, "CURSOR", cursor).Replace(string(f.Data))
				head, body, _ := strings.Cut(text, "\n\n")
				body = strings.TrimSuffix(body, "\n")
				request := strings.ReplaceAll(strings.TrimSuffix(head, "\n"), "\n", "\r\n") + "\r\nHost: " + strings.TrimPrefix(h.base, "http://") + "\r\n"
				switch {
				case strings.Contains(head, "Transfer-Encoding: chunked"):
					body = fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
				case body != "":
					request += fmt.Sprintf("Content-Length: %d\r\n", len(body))
				}
				res, answer, err := h.wire([]byte(request + "\r\n" + body))
				if err != nil {
					t.Fatalf("%s: %T", f.Name, err)
				}
				h.outcome(res, answer)
				etag = res.Header.Get("ETag")
				for _, m := range regexp.MustCompile(`"lastUpdated":"([^"]+)"`).FindAllSubmatch(answer, -1) {
					cursor = max(cursor, string(m[1]))
				}
				got.Files = append(got.Files, txtar.File{Name: strings.TrimSuffix(f.Name, ".http") + ".want", Data: h.answered(res, answer)})
			}
			golden(t, file, was, got)
		})
	}
}
