package sqlite

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// schema1 unpacks a data folder that a server of schema 1 left: 11 HL7
// referrals of made-up people, Tasks in several states, outcomes, and deliveries
// that are proven, owed, held and dead.
func schema1(t *testing.T) (place string) {
	t.Helper()
	place = t.TempDir()
	in, err := os.Open("testdata/schema-1.db.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	z, err := gzip.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(place, dataFile), b, 0o600); err != nil {
		t.Fatal(err)
	}
	return place
}

// contents is every row of every table of a folder that is not open, as text.
func contents(t *testing.T, place string) map[string]string {
	t.Helper()
	c, err := openConn(filepath.Join(place, dataFile), readWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	list := func(sql string) (out []string) {
		s := c.stmt(sql)
		defer s.done()
		for {
			ok, err := s.step()
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				return out
			}
			out = append(out, s.string(0))
		}
	}
	out := map[string]string{}
	for _, table := range list("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'") {
		// What later schemas added stands apart, so that the rows of old data
		// can be compared with what they became.
		columns := list("SELECT 'quote(' || name || ')' FROM pragma_table_info('" + table + "') WHERE '" + table + ".' || name NOT IN ('delivery.stage', 'attempt.channel', 'clock.folded')")
		rows := list("SELECT " + strings.Join(columns, " || ',' || ") + " FROM " + table)
		slices.Sort(rows)
		out[table] = strings.Join(rows, "\n")
	}
	out["schema"] = strings.Join(list("SELECT type || name || coalesce(sql, '') FROM sqlite_schema ORDER BY type, name"), "\n")
	return out
}

// sameRows compares all tables.
func sameRows(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	for _, table := range slices.Sorted(maps.Keys(want)) {
		have := got[table]
		if table == "tally" && strings.Count(want[table], "\n") < strings.Count(have, "\n") {
			have = strings.TrimSuffix(have, "\n6,0\n7,0\n8,0") // states that came later
		}
		if table != "schema" && have != want[table] {
			t.Errorf("%s: the rows of %s are not what they were: %d bytes, want %d", what, table, len(got[table]), len(want[table]))
		}
	}
}

func reopened(t *testing.T, cfg Config) *Store {
	t.Helper()
	s, err := Open(context.Background(), cfg)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return s
}

func mustClose(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

// TestSchema1: what was released first opens, row by row as it was, in the
// schema that a new folder has, and works.
func TestSchema1(t *testing.T) {
	place, fresh := schema1(t), t.TempDir()
	before := contents(t, place)
	if before["inbox"] == "" || before["attempt"] == "" || strings.Count(before["version"], "\n") < 60 {
		t.Fatal("the old data holds too little to be a test")
	}
	mustClose(t, reopened(t, Config{Path: place}))
	mustClose(t, reopened(t, Config{Path: fresh}))
	after := contents(t, place)
	sameRows(t, "opened", after, before)
	if made := contents(t, fresh)["schema"]; after["schema"] != made {
		t.Errorf("the schema became\n%s\nand a new one is\n%s", after["schema"], made)
	}

	s := reopened(t, Config{Path: place})
	defer s.Close()
	if err := s.view(context.Background(), func(snap *snapshot) error {
		mode, err := snap.c.int64Of("PRAGMA auto_vacuum")
		if mode != incremental {
			t.Errorf("auto_vacuum is %d: space would not come back", mode)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	old := allVersions(t, s)
	latest := map[store.Key]int64{}
	for _, v := range old {
		latest[v.Key] = max(latest[v.Key], v.Number)
	}
	checkFound(t, s, latest)
	future := time.Now().AddDate(1, 0, 0)
	for {
		_, more, err := s.Prune(context.Background(), store.Retention{Messages: future, Deliveries: future, History: future, Audit: future})
		if err != nil {
			t.Fatalf("prune: %v", err)
		}
		if !more {
			break
		}
	}
	left := allVersions(t, s)
	if len(left) != len(latest) || len(left) == len(old) {
		t.Errorf("%d versions are left of %d, want the %d current ones", len(left), len(old), len(latest))
	}
	checkFound(t, s, latest)
	if err := s.View(context.Background(), func(r store.Reader) error {
		n, err := r.Deliveries().Counts()
		if n[store.Proven] != 0 || n[store.Owed] != 2 || n[store.Held] != 1 || n[store.Dead] != 1 {
			t.Errorf("deliveries after pruning: %v", n)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// allVersions is the history of everything.
func allVersions(t *testing.T, s *Store) (out []store.Version) {
	t.Helper()
	if err := s.View(context.Background(), func(r store.Reader) error {
		page, err := r.Resources().History(store.HistoryQuery{Limit: maxPage})
		out = page.Versions
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// checkFound: every current version is found by its type, and the history of
// each resource ends with it.
func checkFound(t *testing.T, s *Store, latest map[store.Key]int64) {
	t.Helper()
	found := 0
	if err := s.View(context.Background(), func(r store.Reader) error {
		for typ := range s.types.committed.Load().byName {
			page, err := r.Resources().Search(resource.Query{Type: typ, Limit: maxPage})
			if err != nil {
				return err
			}
			for _, v := range page.Versions {
				if found++; latest[v.Key] != v.Number {
					t.Errorf("found version %d of %s, want %d", v.Number, v.Key, latest[v.Key])
				}
				h, err := r.Resources().History(store.HistoryQuery{Key: v.Key})
				if err != nil || len(h.Versions) == 0 || h.Versions[0].Number != v.Number {
					t.Errorf("history of %s: %v, %v", v.Key, h.Versions, err)
				}
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if found != len(latest) {
		t.Errorf("%d resources found, want %d", found, len(latest))
	}
}

// TestMigrationOnABadDisk: wherever the disk fails on the way from schema 1,
// nothing is lost and the next start does it.
func TestMigrationOnABadDisk(t *testing.T) {
	before := contents(t, schema1(t))
	step := 2
	if testing.Short() {
		step = 17
	}
	failed := 0
	for n := 1; ; n += step {
		place := schema1(t)
		d := NewFaultyDisk(place, uint64(n))
		seen := 0
		d.Fail(func(op DiskOp, _ string) int32 {
			if op != DiskWrite && op != DiskSync && op != DiskTruncate {
				return 0
			}
			if seen++; seen < n {
				return 0
			}
			return []int32{DiskFull, WriteError, SyncError}[n%3]
		})
		s, err := Open(context.Background(), Config{Path: place})
		if err != nil {
			failed++
			if k := fault.KindOf(err); k != fault.Transient {
				t.Errorf("fault %d: %v", n, err)
			}
		} else {
			_ = s.Close()
		}
		d.Fail(nil)
		mustClose(t, reopened(t, Config{Path: place}))
		after := contents(t, place)
		sameRows(t, fmt.Sprint("fault ", n), after, before)
		if !strings.Contains(after["schema"], "delivery_removed") {
			t.Errorf("fault %d: the next start did not migrate", n)
		}
		if seen < n {
			t.Logf("%d faults, %d of them kept it from opening", n, failed)
			if failed == 0 {
				t.Error("no fault kept it from opening")
			}
			return
		}
	}
}

// TestRestoreOfSchema1: a backup that an older version made is restored and then
// brought up to date; here only its data is old.
func TestRestoreOfSchema1(t *testing.T) {
	place := schema1(t)
	before := contents(t, place)
	ctx := context.Background()
	c, err := openConn(filepath.Join(place, dataFile), readWrite)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := countRows(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	data, err := sumFile(ctx, filepath.Join(place, dataFile))
	if err != nil {
		t.Fatal(err)
	}
	m := manifest{Format: 1, Schema: 1, Rows: rows, Files: map[string]sum{dataFile: data}}
	if err := m.save(place); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(t.TempDir(), "new")
	if err := Restore(ctx, place, folder); err != nil {
		t.Fatalf("restore: %v", err)
	}
	mustClose(t, reopened(t, Config{Path: folder}))
	sameRows(t, "restored", contents(t, folder), before)
}

// TestBackupIsTheSame: row by row.
func TestBackupIsTheSame(t *testing.T) {
	place, backup, folder := schema1(t), filepath.Join(t.TempDir(), "b"), filepath.Join(t.TempDir(), "new")
	s := reopened(t, Config{Path: place})
	if err := s.Backup(context.Background(), backup); err != nil {
		t.Fatalf("backup: %v", err)
	}
	mustClose(t, s)
	if err := Restore(context.Background(), backup, folder); err != nil {
		t.Fatalf("restore: %v", err)
	}
	sameRows(t, "restored", contents(t, folder), contents(t, place))
}
