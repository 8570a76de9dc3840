package sqlite_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/store/sqlite"
)

const keyFile = "installation.key"

// TestBackupDrill backs up a store that is written to, from beside it, restores
// the copy and goes on with it.
func TestBackupDrill(t *testing.T) {
	ctx := context.Background()
	place, backups, restored := t.TempDir(), filepath.Join(t.TempDir(), "backups"), filepath.Join(t.TempDir(), "restored")
	secret := bytes.Repeat([]byte("k"), 32)
	if err := os.WriteFile(filepath.Join(place, keyFile), secret, 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, sqlite.Config{Path: place, CheckpointPages: 100, WALPages: 200})
	var mu sync.Mutex
	var acknowledged []string
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				name := fmt.Sprintf("w%d-%d", w, i)
				if err := s.Decide(ctx, func(tx store.Tx) error { return crashDecision(tx, name) }); err != nil {
					t.Errorf("a decision beside the backup: %v", err)
					return
				}
				mu.Lock()
				acknowledged = append(acknowledged, name)
				mu.Unlock()
			}
		})
	}
	reader := open(t, sqlite.Config{Path: place, ReadOnly: true})
	defer reader.Close()
	var last string
	for i := range 3 {
		for seen := -1; ; time.Sleep(time.Millisecond) {
			mu.Lock()
			n := len(acknowledged)
			mu.Unlock()
			if seen < 0 {
				seen = n
			}
			if n > seen+50 {
				break
			}
		}
		mu.Lock()
		owed := slices.Clone(acknowledged)
		mu.Unlock()
		last = filepath.Join(backups, fmt.Sprint(i))
		from := reader
		if i == 1 {
			from = s // within the server too
		}
		if err := from.Backup(ctx, last, keyFile); err != nil {
			t.Fatalf("backup: %v", err)
		}
		folder := filepath.Join(restored, fmt.Sprint(i))
		if err := sqlite.Restore(ctx, last, folder); err != nil {
			t.Fatalf("restore: %v", err)
		}
		checkRestored(t, folder, owed)
		if key, err := os.ReadFile(filepath.Join(folder, keyFile)); err != nil || !bytes.Equal(key, secret) {
			t.Errorf("the key is not restored: %v", err)
		}
	}
	close(stop)
	wg.Wait()
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}

	if err := reader.Backup(ctx, last, keyFile); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a backup over a backup gave %v", err)
	}
	if err := sqlite.Restore(ctx, last, filepath.Join(restored, "0")); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a restore over data gave %v", err)
	}
	left, err := os.ReadDir(backups)
	if err != nil || len(left) != 3 {
		t.Errorf("%d names among the backups, %v", len(left), err)
	}
}

// checkRestored opens a restored folder: what was acknowledged is there, the
// books balance, and the store continues where it stood.
func checkRestored(t *testing.T, folder string, owed []string) {
	t.Helper()
	s := open(t, sqlite.Config{Path: folder})
	defer s.Close()
	if err := s.QuickCheck(context.Background()); err != nil {
		t.Errorf("quick check: %v", err)
	}
	var newest store.Version
	var ids int64
	if err := s.View(context.Background(), func(r store.Reader) error {
		for _, name := range owed {
			if v, err := r.Resources().Get(store.Key{Type: "Task", ID: name}); err != nil || v.Number != 1 {
				return fmt.Errorf("%s: version %d, %w", name, v.Number, err)
			}
		}
		counts, err := r.Deliveries().Counts()
		if err != nil {
			return err
		}
		if newest, err = r.Resources().Get(store.Key{Type: "Task", ID: "shared"}); err != nil {
			return err
		}
		list, err := r.Deliveries().List(store.DeliveryFilter{Limit: 1})
		if err != nil {
			return err
		}
		ids = list[0].ID
		if newest.Number != counts[store.Owed] || newest.Number < int64(len(owed)) {
			t.Errorf("%d acknowledged before, %d deliveries, %d versions", len(owed), counts[store.Owed], newest.Number)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Decide(context.Background(), func(tx store.Tx) error {
		if !tx.Time().After(newest.Updated) {
			t.Errorf("the time is %v after %v", tx.Time(), newest.Updated)
		}
		id, _, err := tx.Deliveries().Owe(store.Delivery{Key: "after the restore"})
		if id <= ids {
			t.Errorf("delivery %d follows %d", id, ids)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func TestBackupsThatAreNotSound(t *testing.T) {
	ctx := context.Background()
	place := t.TempDir()
	s := open(t, sqlite.Config{Path: place})
	defer s.Close()
	for i := range 50 {
		put(t, s, fmt.Sprint("task-", i))
	}
	good := filepath.Join(t.TempDir(), "good")
	if err := s.Backup(ctx, good); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		spoil func(folder string) error
		kind  fault.Kind
		says  string
	}{
		"no manifest":   {func(f string) error { return os.Remove(filepath.Join(f, "backup.json")) }, fault.Malformed, "not a backup"},
		"half manifest": {func(f string) error { return os.Truncate(filepath.Join(f, "backup.json"), 50) }, fault.Malformed, "damaged"},
		"short data":    {func(f string) error { return os.Truncate(filepath.Join(f, "linkloop.db"), 8192) }, fault.Internal, "damaged"},
		"a byte": {func(f string) error {
			return edit(filepath.Join(f, "linkloop.db"), func(b []byte) []byte { b[len(b)-3000] ^= 1; return b })
		}, fault.Internal, "damaged"},
		"newer": {func(f string) error {
			return edit(filepath.Join(f, "backup.json"), func(b []byte) []byte {
				return regexp.MustCompile(`"schema": \d+`).ReplaceAll(b, []byte(`"schema": 99`))
			})
		}, fault.Conflict, "version"},
		"outside": {func(f string) error {
			return edit(filepath.Join(f, "backup.json"), func(b []byte) []byte {
				return bytes.Replace(b, []byte(`"files": {`), []byte(`"files": {"../x": {"bytes": 0, "sha256": ""},`), 1)
			})
		}, fault.Malformed, "outside"},
	} {
		t.Run(name, func(t *testing.T) {
			bad, folder := filepath.Join(t.TempDir(), "bad"), filepath.Join(t.TempDir(), "data")
			if err := os.CopyFS(bad, os.DirFS(good)); err != nil {
				t.Fatal(err)
			}
			if err := c.spoil(bad); err != nil {
				t.Fatal(err)
			}
			err := sqlite.Restore(ctx, bad, folder)
			if fault.KindOf(err) != c.kind || !strings.Contains(fmt.Sprint(err), c.says) {
				t.Errorf("restore gave %v", err)
			}
			if _, err := os.Stat(filepath.Join(folder, "linkloop.db")); err == nil {
				t.Error("a spoilt backup left data")
			}
		})
	}
	t.Run("stopped", func(t *testing.T) {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		parent := t.TempDir()
		if err := s.Backup(ctx, filepath.Join(parent, "b")); fault.KindOf(err) != fault.Transient {
			t.Errorf("backup gave %v", err)
		}
		if left, err := os.ReadDir(parent); err != nil || len(left) != 0 {
			t.Errorf("%d names are left, %v", len(left), err)
		}
	})
	t.Run("after one that was interrupted", func(t *testing.T) {
		backup, folder := filepath.Join(t.TempDir(), "b"), t.TempDir()
		if err := os.WriteFile(filepath.Join(place, keyFile), []byte("secret"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := s.Backup(ctx, backup, keyFile); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, keyFile), []byte("another"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := sqlite.Restore(ctx, backup, folder); fault.KindOf(err) != fault.Conflict {
			t.Errorf("over the key of another installation: %v", err)
		}
		if err := os.WriteFile(filepath.Join(folder, keyFile), []byte("secret"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := sqlite.Restore(ctx, backup, folder); err != nil {
			t.Errorf("beside its own key: %v", err)
		}
		if err := os.Remove(filepath.Join(place, keyFile)); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("a missing key", func(t *testing.T) {
		if err := s.Backup(ctx, filepath.Join(t.TempDir(), "b"), keyFile); err == nil {
			t.Error("a backup without the key it should hold")
		}
	})
}

func edit(name string, change func([]byte) []byte) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return os.WriteFile(name, change(b), 0o600)
}

// TestCompact: a folder that is not in use is rewritten, one that is, is not.
func TestCompact(t *testing.T) {
	ctx := context.Background()
	place := t.TempDir()
	s := open(t, sqlite.Config{Path: place})
	k := put(t, s, "kept")
	fillYear(t, s, 500, 2020)
	if err := sqlite.Compact(ctx, place); fault.KindOf(err) != fault.Conflict {
		t.Errorf("beside a server: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	r := open(t, sqlite.Config{Path: place, ReadOnly: true})
	if err := sqlite.Compact(ctx, place); fault.KindOf(err) != fault.Conflict {
		t.Errorf("beside a reader: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := sqlite.Compact(ctx, place); err != nil {
		t.Fatalf("compact: %v", err)
	}
	if err := sqlite.Compact(ctx, t.TempDir()); fault.KindOf(err) != fault.NotFound {
		t.Errorf("of nothing: %v", err)
	}
	s = open(t, sqlite.Config{Path: place})
	defer s.Close()
	put(t, s, "kept")
	if err := s.View(ctx, func(r store.Reader) error {
		v, err := r.Resources().Get(k)
		if v.Number != 2 {
			t.Errorf("version %d", v.Number)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(place, "linkloop.db"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}
