package sqlite_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/store/sqlite"
)

func TestASecondServerIsKeptAway(t *testing.T) {
	place := t.TempDir()
	s := open(t, sqlite.Config{Path: place})
	_, err := sqlite.Open(context.Background(), sqlite.Config{Path: place})
	if fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "stop it") {
		t.Errorf("a second open gave %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := open(t, sqlite.Config{Path: place}).Close(); err != nil {
		t.Errorf("after the first was closed: %v", err)
	}
}

func TestReadOnlyBesideAServer(t *testing.T) {
	place := t.TempDir()
	s := open(t, sqlite.Config{Path: place})
	defer s.Close()
	k := put(t, s, "a")
	r := open(t, sqlite.Config{Path: place, ReadOnly: true})
	defer r.Close()
	if err := r.View(context.Background(), func(r store.Reader) error { _, err := r.Resources().Get(k); return err }); err != nil {
		t.Errorf("read: %v", err)
	}
	if err := r.Check(context.Background()); err != nil {
		t.Errorf("check: %v", err)
	}
	err := r.Decide(context.Background(), func(store.Tx) error { return nil })
	if fault.KindOf(err) != fault.MethodNotAllowed {
		t.Errorf("a decision gave %v", err)
	}
	if _, err := sqlite.Open(context.Background(), sqlite.Config{Path: t.TempDir(), ReadOnly: true}); err == nil {
		t.Error("an empty folder opened for reading only")
	}
}

func TestDataOfANewerVersionIsRefused(t *testing.T) {
	place := t.TempDir()
	if err := open(t, sqlite.Config{Path: place}).Close(); err != nil {
		t.Fatal(err)
	}
	// user_version is a big-endian int at offset 60 of the file
	// (https://www.sqlite.org/fileformat2.html#the_database_header).
	f, err := os.OpenFile(filepath.Join(place, "linkloop.db"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{0, 0, 0, 99}, 60); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = sqlite.Open(context.Background(), sqlite.Config{Path: place})
	if fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "newer version") {
		t.Errorf("open gave %v", err)
	}
}

func TestNotADatabase(t *testing.T) {
	place := t.TempDir()
	if err := os.WriteFile(filepath.Join(place, "linkloop.db"), []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := sqlite.Open(context.Background(), sqlite.Config{Path: place})
	if fault.KindOf(err) != fault.Internal || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("open gave %v", err)
	}
}

func TestConfigNamesEveryProblem(t *testing.T) {
	err := sqlite.Config{Queue: -1, Group: 5000, Readers: -2, CheckpointPages: 20_000, WALPages: 10_000}.Validate()
	for _, part := range []string{"store.path", "store.queue", "store.group", "store.readers", "store.wal_pages"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s is not named in %v", part, err)
		}
	}
	if err := sqlite.DefaultConfig().Validate(); err != nil {
		t.Errorf("the default is refused: %v", err)
	}
	if _, err := sqlite.Open(context.Background(), sqlite.Config{}); err == nil {
		t.Error("an invalid configuration opened")
	}
}

func TestAFullQueueIsRefusedAtOnce(t *testing.T) {
	s := open(t, sqlite.Config{Path: t.TempDir(), Queue: 3})
	defer s.Close()
	held, release := make(chan struct{}), make(chan struct{})
	answers := make(chan error, 8)
	go func() {
		answers <- s.Decide(context.Background(), func(store.Tx) error { close(held); <-release; return nil })
	}()
	<-held
	// The queue takes three; which of the eight they are does not matter.
	for range 8 {
		go func() { answers <- s.Decide(context.Background(), func(store.Tx) error { return nil }) }()
	}
	refused := 0
	for range 5 {
		f := fault.Of(<-answers)
		if f.Kind == fault.Transient && f.RetryAfter > 0 {
			refused++
		}
	}
	close(release)
	for range 4 {
		if err := <-answers; err != nil {
			t.Errorf("a queued decision: %v", err)
		}
	}
	if refused != 5 || s.Stats().Refused != 5 {
		t.Errorf("%d were refused, stats say %d, want 5", refused, s.Stats().Refused)
	}
}

// A decision that ends its goroutine, as t.FailNow does, must not end the store.
func TestADecisionThatDoesNotReturn(t *testing.T) {
	s := open(t, sqlite.Config{Path: t.TempDir()})
	defer s.Close()
	err := s.Decide(context.Background(), func(tx store.Tx) error {
		if _, err := tx.Ledger().Once("gone"); err != nil {
			return err
		}
		goexit()
		return nil
	})
	if fault.KindOf(err) != fault.Transient {
		t.Errorf("it gave %v", err)
	}
	if err := s.Decide(context.Background(), func(tx store.Tx) error {
		if first, err := tx.Ledger().Once("gone"); err != nil || !first {
			return errors.Join(err, errors.New("its change is there"))
		}
		return nil
	}); err != nil {
		t.Errorf("the next decision: %v", err)
	}
}

func TestStatsAndChecks(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	s := open(t, sqlite.Config{Path: t.TempDir(), Now: func() time.Time { return at }})
	defer s.Close()
	put(t, s, "a")
	if err := s.Check(context.Background()); err != nil {
		t.Errorf("check: %v", err)
	}
	if err := s.QuickCheck(context.Background()); err != nil {
		t.Errorf("quick check: %v", err)
	}
	wrong := errors.New("wrong")
	if err := s.Decide(context.Background(), func(store.Tx) error { return wrong }); !errors.Is(err, wrong) {
		t.Errorf("got %v", err)
	}
	got := s.Stats()
	if got.Decisions != 3 || got.Failed != 1 || got.Commits == 0 || got.LogBytes == 0 || got.DataBytes == 0 || got.FailedCommits != 0 {
		t.Errorf("stats are %+v", got)
	}
	at = at.Add(-time.Minute)
	if err := s.Check(context.Background()); err != nil {
		t.Errorf("check: %v", err)
	}
	if ahead := s.Stats().ClockAhead; ahead < time.Minute || ahead > time.Minute+time.Second {
		t.Errorf("the clock went back a minute, stats say %v", ahead)
	}
}

// The log must not grow without bound while writes go on, nor must a reader
// that stays open stop the writer. Beside a copy that has not ended yet it may
// have twice its length.
func TestTheLogIsBounded(t *testing.T) {
	s := open(t, sqlite.Config{Path: t.TempDir(), CheckpointPages: 100, WALPages: 200})
	defer s.Close()
	write := func(n int) {
		for i := range n {
			put(t, s, strings.Repeat("x", 1+i%60))
		}
	}
	write(400)
	if frames := s.WALFrames(); frames > 500 {
		t.Errorf("%d frames in the log", frames)
	}
	if err := s.View(context.Background(), func(r store.Reader) error {
		if _, err := r.Deliveries().NextDue(); err != nil {
			return err
		}
		write(200)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	write(200)
	if frames := s.WALFrames(); frames > 500 {
		t.Errorf("%d frames in the log after a long reader", frames)
	}
}

// TestOnlyTheOwnerReads: patient data is nobody else's on the machine.
func TestOnlyTheOwnerReads(t *testing.T) {
	place := t.TempDir()
	c := sqlite.DefaultConfig()
	c.Path = place
	s, err := sqlite.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	files, err := os.ReadDir(place)
	if err != nil || len(files) < 2 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s may be read by others: %s", f.Name(), info.Mode())
		}
	}
}
