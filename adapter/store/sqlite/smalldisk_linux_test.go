package sqlite_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/store/sqlite"
)

// smallDisk mounts a file system of so many bytes; the test is skipped where
// this user may not.
func smallDisk(t *testing.T, size int) (folder string) {
	t.Helper()
	folder = t.TempDir()
	err := syscall.Mount("linkloop-test", folder, "tmpfs", 0, fmt.Sprintf("size=%d,mode=700", size))
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.ENOSYS) {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(folder, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return folder
}

// ballast takes what room there is, but for so many bytes, and gives it back.
func ballast(t *testing.T, folder string, leave int) (remove func()) {
	t.Helper()
	name := filepath.Join(folder, "ballast")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	written := 0
	for block := bytes.Repeat([]byte{1}, 4096); ; {
		n, err := f.Write(block)
		written += n
		if errors.Is(err, syscall.ENOSPC) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(f.Truncate(int64(max(written-leave, 0))), f.Close()); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(name); err != nil {
			t.Error(err)
		}
	}
}

// TestFullDisk fills a real file system, twice: decisions are refused with the
// reason, what was acknowledged is there, reading goes on, and when there is
// room again so do decisions. Nothing is restarted.
func TestFullDisk(t *testing.T) {
	disk := smallDisk(t, 12<<20)
	place, b := filepath.Join(disk, "data"), newBooks()
	s := open(t, sqlite.Config{Path: place, CheckpointPages: 200, WALPages: 400})
	for round := range 2 {
		remove := ballast(t, disk, 1<<20)
		refused := 0
		for i := 0; refused < 20; i++ {
			if i == 20_000 {
				t.Fatal("the disk does not get full")
			}
			err := b.decide(t.Context(), s, fmt.Sprintf("r%d-%d", round, i))
			if err == nil {
				continue
			}
			if refused++; fault.KindOf(err) != fault.Transient || !strings.Contains(err.Error(), "full") {
				t.Errorf("a full disk gave %v (%v)", err, errors.Unwrap(err))
			}
		}
		// Its small commit may fit in where a decision does not.
		if err := s.Check(t.Context()); err != nil && fault.KindOf(err) != fault.Transient {
			t.Errorf("readiness on a full disk: %v", err)
		}
		if err := s.View(t.Context(), func(r store.Reader) error {
			_, err := r.Resources().Get(store.Key{Type: "Task", ID: "shared"})
			return err
		}); err != nil {
			t.Errorf("reading on a full disk: %v", err)
		}
		if err := s.Backup(t.Context(), filepath.Join(disk, "backup")); fault.KindOf(err) != fault.Transient || !strings.Contains(err.Error(), "full") {
			t.Errorf("a backup to a full disk: %v", err)
		}
		names, err := os.ReadDir(disk)
		if err != nil || len(names) != 2 {
			t.Errorf("%d names on the disk, want the data and the ballast: %v", len(names), err)
		}
		remove()
		for i := range 20 {
			if err := b.decide(t.Context(), s, fmt.Sprintf("r%d-again%d", round, i)); err != nil {
				t.Errorf("with room again: %v (%v)", err, errors.Unwrap(err))
			}
		}
		b.balance(t, fmt.Sprint("round ", round), s, b.acknowledged())
	}
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	s = open(t, sqlite.Config{Path: place})
	b.balance(t, "opened again", s, b.acknowledged())
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// TestStartOnAFullDisk: a server that cannot write says so, and starts when
// there is room.
func TestStartOnAFullDisk(t *testing.T) {
	disk := smallDisk(t, 4<<20)
	place, b := filepath.Join(disk, "data"), newBooks()
	remove := ballast(t, disk, 0)
	if _, err := sqlite.Open(t.Context(), sqlite.Config{Path: place}); fault.KindOf(err) != fault.Transient {
		t.Errorf("open gave %v", err)
	}
	remove()
	s := open(t, sqlite.Config{Path: place})
	if err := b.decide(t.Context(), s, "a"); err != nil {
		t.Errorf("with room: %v", err)
	}
	b.balance(t, "with room", s, b.acknowledged())
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}
