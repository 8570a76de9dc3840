package app_test

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/app"
	"github.com/linkloop/linkloop/config"
)

// TestFolder: files of two formats go from inbox/ to where they belong, and a
// folder that does not work is seen wherever an operator looks.
func TestFolder(t *testing.T) {
	root := t.TempDir()
	at := func(parts ...string) string { return filepath.Join(append([]string{root}, parts...)...) }
	h := open(t, func(c *config.Config) {
		c.Files.Poll, c.Files.Settle = 10*time.Millisecond, 0
		c.Senders = []config.Sender{
			{Name: "hl7", Mapping: "hl7v2-ref", Folder: at("hl7")},
			{Name: "bad", Mapping: "hl7v2-ref", Folder: at("file", "below")},
		}
		if err := os.WriteFile(at("file"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if app.Doctor(t.Context(), *c, &out) || !strings.Contains(out.String(), "ok    folder         files of hl7") || !strings.Contains(out.String(), "FAIL  folder bad") {
			t.Errorf("doctor:\n%s", out.String())
		}
	})
	put := func(name string, body []byte) {
		if err := os.WriteFile(at("hl7", "inbox", name+".tmp"), body, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(at("hl7", "inbox", name+".tmp"), at("hl7", "inbox", name)); err != nil {
			t.Fatal(err)
		}
	}
	put("one.hl7", referral(1, "9990000018"))
	put("two.hl7", []byte("MSH|^~\\&|no end"))
	wait := func(path, want string) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			b, err := os.ReadFile(path)
			if err == nil && strings.Contains(string(b), want) {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("%s never says %s: %s, %v", filepath.Base(path), want, b, err)
			}
		}
	}
	wait(at("hl7", "done", "one.hl7"), "MSH")
	wait(at("hl7", "done", "one.hl7.receipt.json"), `"accepted": 1`)
	wait(at("hl7", "failed", "two.hl7"), "no end")
	wait(at("hl7", "failed", "two.hl7.receipt.csv"), "message 1")
	h.task(1)
	put("again.hl7", referral(1, "9990000018"))
	wait(at("hl7", "done", "again.hl7.receipt.json"), `"repeated": 1`)

	get := func(path string) string {
		res, err := http.Get(h.ops + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != 200 {
			t.Errorf("%s: status %d, %v", path, res.StatusCode, err)
		}
		return string(b)
	}
	if r := get("/readyz"); !strings.Contains(r, "ready\nbut the folder of bad does not work") {
		t.Errorf("readyz: %s", r)
	}
	m := ""
	for end := time.Now().Add(20 * time.Second); !strings.Contains(m, `files_total{result="done",sender="hl7"} 2`) && time.Now().Before(end); {
		m = get("/metrics") // a file is counted after it was moved
	}
	for _, want := range []string{`linkloop_folder_problem{sender="bad"} 1`, `linkloop_folder_problem{sender="hl7"} 0`,
		`linkloop_folder_files_total{result="done",sender="hl7"} 2`, `linkloop_folder_files_total{result="failed",sender="hl7"} 1`,
		`linkloop_folder_waiting{sender="hl7"} 0`} {
		if !strings.Contains(m, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if strings.Contains(h.log.String(), "one.hl7") {
		t.Error("the name of a file stands in the log")
	}
}

// TestFolderOfRows: a file is half done when linkloop is stopped; the next start
// ends it, and nothing is made twice.
func TestFolderOfRows(t *testing.T) {
	folder, data := t.TempDir(), t.TempDir()
	change := func(c *config.Config) {
		rows(c)
		c.Senders[0].Folder = folder
		c.Files.Poll, c.Files.Settle, c.Files.Parallel = 10*time.Millisecond, 0, 2
		if c.Data.Postgres == "" {
			c.Data.Folder = data
		}
	}
	file := rowHeader
	for n := range 400 {
		file += row(n)
	}
	if err := os.MkdirAll(filepath.Join(folder, "inbox"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "inbox", "day.csv"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	if onPostgres {
		t.Skip("a second start on the same database is that of the embedded one")
	}
	first := open(t, change)
	for first.accepted() == 0 {
		time.Sleep(5 * time.Millisecond)
	}
	if err := first.app.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(folder, "working", "*-day.csv"))
	if err != nil || len(left) != 1 {
		t.Fatalf("working/ holds %d files, %v", len(left), err)
	}
	// Whoever starts next waits until it is sure that nobody has the file; a
	// person who knows may put it back.
	if err := os.Rename(left[0], filepath.Join(folder, "inbox", "day.csv")); err != nil {
		t.Fatal(err)
	}
	second := open(t, change)
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		b, err := os.ReadFile(filepath.Join(folder, "done", "day.csv.receipt.json"))
		if err == nil && len(b) > 0 {
			if !strings.Contains(string(b), `"refused": 0`) || strings.Contains(string(b), `"repeated": 0`) {
				t.Errorf("receipt: %s", b)
			}
			break
		}
		if time.Now().After(end) {
			t.Fatal("the file is not done")
		}
	}
	if n := second.accepted(); n != 400 {
		t.Errorf("%d referrals, want 400", n)
	}
}
