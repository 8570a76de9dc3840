package app_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/batch"
	"github.com/linkloop/linkloop/adapter/store/postgrestest"
	"github.com/linkloop/linkloop/config"
)

// TestFolderOfTwoInstances: two instances on one database watch one folder. Each
// file is taken by one of them and has one receipt, and of rows that stand in
// several files one referral is made.
func TestFolderOfTwoInstances(t *testing.T) {
	if !onPostgres {
		t.Skip("several instances share a database on PostgreSQL only")
	}
	const files, each = 40, 5
	folder, dsn := t.TempDir(), postgrestest.Database(t)
	inbox := filepath.Join(folder, "inbox")
	if err := os.MkdirAll(inbox, 0o700); err != nil {
		t.Fatal(err)
	}
	for n := range files {
		text := rowHeader
		for i := range each {
			text += row(n/2*each + i) // two files of the same rows
		}
		if err := os.WriteFile(filepath.Join(inbox, fmt.Sprintf("f%02d.csv", n)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	change := func(c *config.Config) {
		rows(c)
		c.Data.Postgres = dsn
		c.Senders[0].Folder = folder
		c.Files.Poll, c.Files.Settle = 10*time.Millisecond, 0
	}
	houses := []*house{open(t, change), open(t, change)}
	moved := func() int {
		names, err := filepath.Glob(filepath.Join(folder, "done", "*.csv"))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, name := range names {
			if !strings.HasSuffix(name, ".receipt.csv") {
				n++
			}
		}
		return n
	}
	for end := time.Now().Add(60 * time.Second); moved() < files; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d of %d files are done", moved(), files)
		}
	}
	accepted, repeated := 0, 0
	for n := range files {
		b, err := os.ReadFile(filepath.Join(folder, "done", fmt.Sprintf("f%02d.csv.receipt.json", n)))
		var r batch.Receipt
		if err == nil {
			err = json.Unmarshal(b, &r)
		}
		if err != nil || r.Refused+r.Untaken != 0 || r.ID == "" {
			t.Errorf("file %d: %s, %v", n, b, err)
		}
		accepted, repeated = accepted+r.Accepted, repeated+r.Repeated
	}
	if want := files / 2 * each; accepted != want || repeated != want {
		t.Errorf("%d rows were accepted and %d repeated, want %d of each", accepted, repeated, want)
	}
	for _, h := range houses {
		if n := h.accepted(); n != files/2*each {
			t.Errorf("%d referrals, want %d", n, files/2*each)
		}
		t.Logf("one instance took %d files", strings.Count(h.log.String(), `"file from folder"`))
	}
	for _, dir := range []string{"inbox", "working", "failed"} {
		if left, err := os.ReadDir(filepath.Join(folder, dir)); err != nil || len(left) != 0 {
			t.Errorf("%s/ holds %d files, %v", dir, len(left), err)
		}
	}
}
