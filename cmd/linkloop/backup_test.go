package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/app"
	"github.com/linkloop/linkloop/config"
)

// serveFolder runs a server over a data folder until the function it returns is
// called.
func serveFolder(t *testing.T, folder string) (*app.App, func()) {
	t.Helper()
	return started(t, func(c *config.Config) { c.Data.Folder = folder })
}

// TestBackupAndRestore: a copy made beside a running server becomes a server
// that knows the same messages and people.
func TestBackupAndRestore(t *testing.T) {
	data, backup, again := t.TempDir(), filepath.Join(t.TempDir(), "copy"), filepath.Join(t.TempDir(), "data")
	a, stop := serveFolder(t, data)
	res, err := http.Post(a.BaseURL()+"/intake/hl7v2-ref", "x-application/hl7-v2+er7", strings.NewReader(refused))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	t.Setenv("LINKLOOP_DATA_FOLDER", data)
	out, err := run(t, "backup", backup)
	if err != nil {
		t.Fatal(err)
	}
	says(t, out, "compared", "key of this installation")
	if _, err := run(t, "backup", backup); err == nil {
		t.Error("a backup was overwritten")
	}
	if _, err := run(t, "restore", backup); err == nil {
		t.Error("data was overwritten")
	}
	before, err := run(t, "messages", "list", "--server", a.BaseURL())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, "compact"); err == nil {
		t.Error("the data of a running server was written anew")
	}
	stop()
	if out, err = run(t, "compact"); err != nil {
		t.Error(err)
	}
	says(t, out, "no free space")

	t.Setenv("LINKLOOP_DATA_FOLDER", again)
	if out, err = run(t, "restore", backup); err != nil {
		t.Fatal(err)
	}
	says(t, out, "restored and sound")
	b, stop := serveFolder(t, again)
	after, err := run(t, "messages", "list", "--server", b.BaseURL())
	if err != nil || after != before || !strings.Contains(after, "hl7v2-ref") {
		t.Errorf("messages before:\n%s\nafter (%v):\n%s", before, err, after)
	}
	if out, err = run(t, "deliveries", "stops", "--server", b.BaseURL()); err != nil || strings.Contains(out, "restored from a backup") {
		t.Errorf("%v\n%s", err, out)
	}
	stop()

	t.Setenv("LINKLOOP_DATA_FOLDER", filepath.Join(t.TempDir(), "stopped"))
	if _, err = run(t, "restore", backup, "--stop"); err != nil {
		t.Fatal(err)
	}
	c, _ := serveFolder(t, os.Getenv("LINKLOOP_DATA_FOLDER"))
	if out, err = run(t, "deliveries", "stops", "--server", c.BaseURL()); err != nil {
		t.Fatal(err)
	}
	says(t, out, "*", "linkloop restore", "restored from a backup")
}

// TestBackupOfServer: where the data is in a database server, its own tools are
// named.
func TestBackupOfServer(t *testing.T) {
	t.Setenv("LINKLOOP_DATA_POSTGRES", "postgres:///linkloop")
	for _, args := range [][]string{{"backup", "x"}, {"restore", "x"}, {"compact"}} {
		if _, err := run(t, args...); err == nil || !strings.Contains(err.Error(), "tools of PostgreSQL") {
			t.Errorf("%s: %v", args[0], err)
		}
	}
}
