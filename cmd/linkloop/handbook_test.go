package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// commands are the command lines in a page: in lines of code and in the text.
var commands = regexp.MustCompile("(?m)^ {4,}(linkloop [a-z][^\n#]*)|`(linkloop [a-z][^`]*)`")

// TestPagesNameCommandsThatExist: every command line of the handbook and of the
// pages of the senders is one that the program takes.
func TestPagesNameCommandsThatExist(t *testing.T) {
	found := 0
	for _, page := range []string{
		"../../mappings/README.md", "../../mappings/emis-extract/README.md", "../../mappings/tpp-srreferralout/README.md",
	} {
		body, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range commands.FindAllStringSubmatch(string(body), -1) {
			line := strings.TrimSpace(m[1] + m[2])
			found++
			cmd := root()
			c, rest, err := cmd.Find(strings.Fields(line)[1:])
			if err == nil && c == cmd {
				t.Errorf("%s: %s: there is no such command", page, line)
				continue
			}
			if err == nil {
				err = c.ParseFlags(rest)
			}
			if err == nil {
				err = c.ValidateArgs(c.Flags().Args())
			}
			if err == nil {
				err = c.ValidateRequiredFlags()
			}
			if err != nil {
				t.Errorf("%s: %s: %v", page, line, err)
			}
		}
	}
	if found < 12 {
		t.Errorf("%d command lines", found)
	}
}

// handbookConfig is the configuration that the handbook gives to try a mapping
// with, and handbookCalls are its lines of curl against it.
var (
	handbookConfig = regexp.MustCompile(`(?m)^       http: \{listen: .*(?:\n       .*)+`)
	handbookSends  = regexp.MustCompile(`curl --data-binary @sample\.hl7 -H 'Content-Type: ([^']+)' http://127\.0\.0\.1:8080(\S+)`)
	handbookAsks   = regexp.MustCompile(`curl 'http://127\.0\.0\.1:8080(/fhir/Task[^']*)'`)
)

// TestHandbookLive: from a sample to a Task by what the handbook says, with the
// files and the lines that it gives.
func TestHandbookLive(t *testing.T) {
	page, err := os.ReadFile("../../mappings/README.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("../../mappings/hl7v2-ref/examples/walking-group.txtar")
	if err != nil {
		t.Fatal(err)
	}
	_, message, _ := bytes.Cut(example, []byte("-- in.hl7 --\n"))
	message, _, _ = bytes.Cut(message, []byte("\n-- "))
	config := handbookConfig.FindString(string(page))
	sends, asks := handbookSends.FindStringSubmatch(string(page)), handbookAsks.FindStringSubmatch(string(page))
	if config == "" || sends == nil || asks == nil {
		t.Fatal("the handbook does not say how to try a mapping")
	}
	t.Chdir(t.TempDir())
	for file, text := range map[string][]byte{
		"sample.hl7":    message,
		"linkloop.yaml": []byte(regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAllString(strings.ReplaceAll(config, "\n       ", "\n"), "127.0.0.1:0")),
	} {
		if err := os.WriteFile(file, bytes.TrimLeft(text, " "), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range []string{
		"mapping new northshire-pas --from sample.hl7 --folder mappings", "mapping lint northshire-pas --folder mappings",
		"mapping test northshire-pas --folder mappings", "mapping explain northshire-pas sample.hl7 --folder mappings",
	} {
		if !strings.Contains(string(page), "linkloop "+line) {
			t.Errorf("the handbook does not say linkloop %s", line)
		}
		if out, err := run(t, strings.Fields(line)...); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
	}
	p := startProcess(t, filepath.Join(".", "linkloop.yaml"))
	res, err := http.Post(p.base+sends[2], sends[1], bytes.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	answer := drained(t, res)
	if res.StatusCode != 200 || !strings.Contains(answer, "MSA|CA|") { // the sample asks for enhanced mode
		t.Errorf("status %d: %q", res.StatusCode, answer)
	}
	if res, err = http.Get(p.base + asks[1]); err != nil {
		t.Fatal(err)
	}
	task := drained(t, res)
	for _, want := range []string{`"status":"requested"`, `"focus":{"reference":"ServiceRequest/`, `"for":{"reference":"Patient/`, `"requester":{"reference":"`} {
		if !strings.Contains(task, want) {
			t.Errorf("the Task does not say %s", want)
		}
	}
}

func drained(t *testing.T, res *http.Response) string {
	t.Helper()
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
