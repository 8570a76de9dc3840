package inbox_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/linkloop/linkloop/adapter/inbox"
)

// smallDisk mounts a file system of its own; the test is skipped where this
// user may not.
func smallDisk(t *testing.T) (folder string) {
	t.Helper()
	folder = t.TempDir()
	err := syscall.Mount("linkloop-test", folder, "tmpfs", 0, "size=262144,mode=700")
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

// fill takes all the room there is, and gives it back.
func fill(t *testing.T, folder string) (free func()) {
	t.Helper()
	name := filepath.Join(folder, "ballast")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(bytes.Repeat([]byte{1}, 4096))
	}
	if cerr := f.Close(); !errors.Is(err, syscall.ENOSPC) || cerr != nil {
		t.Fatalf("the disk does not get full: %v, %v", err, cerr)
	}
	return func() {
		if err := os.Remove(name); err != nil {
			t.Error(err)
		}
	}
}

// readOnly makes the file system take no changes, or take them again.
func readOnly(t *testing.T, folder string, on bool) {
	t.Helper()
	flags := uintptr(syscall.MS_REMOUNT)
	if on {
		flags |= syscall.MS_RDONLY
	}
	if err := syscall.Mount("linkloop-test", folder, "tmpfs", flags, "size=262144"); err != nil {
		t.Fatal(err)
	}
}

// TestAFullDisk: a file whose receipt there is no room for stays in working/,
// is not taken a second time, leaves nothing half written in done/, and goes on
// by itself when there is room again.
func TestAFullDisk(t *testing.T) {
	path := smallDisk(t)
	k, began, release := held()
	x := watch(t, path, k, nil)
	drop(t, path, "Canarybird.csv", "x")
	<-began
	free := fill(t, path)
	close(release)
	eventually(t, "the full disk is seen", func() bool { return strings.Contains(x.w.States()[0].Problem, "no space left") })
	if p := x.w.States()[0].Problem; strings.Contains(p, "Canarybird") || strings.Contains(p, path) {
		t.Errorf("the problem names the file: %s", p)
	}
	if done, working := names(path, "done"), names(path, "working"); len(done) != 0 || len(working) != 1 {
		t.Errorf("done/ holds %v, working/ %d", done, len(working))
	}
	if err := inbox.Check(path); err == nil || strings.Contains(err.Error(), path) {
		t.Errorf("the check says %v", err)
	}
	free()
	eventually(t, "the file is done", holds(path, "done", "Canarybird.csv"))
	eventually(t, "the problem is gone", func() bool { return x.w.States()[0].Problem == "" })
	if got := k.all(); !slices.Equal(got, []string{"x"}) {
		t.Errorf("taken %q", got)
	}
	if b, err := os.ReadFile(filepath.Join(path, "done", "Canarybird.csv.receipt.json")); err != nil || !bytes.Contains(b, []byte(`"accepted": 1`)) {
		t.Errorf("the receipt: %s, %v", b, err)
	}
}

// TestAReadOnlyFolder: what cannot be renamed is not taken, what was taken waits
// to be moved, and both go on by themselves.
func TestAReadOnlyFolder(t *testing.T) {
	path := smallDisk(t)
	k, began, release := held()
	x := watch(t, path, k, nil)
	drop(t, path, "first", "first")
	<-began
	drop(t, path, "second", "second")
	readOnly(t, path, true)
	close(release)
	eventually(t, "it is seen", func() bool { return strings.Contains(x.w.States()[0].Problem, "read-only file system") })
	if err := inbox.Check(path); err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("the check says %v", err)
	}
	if got := k.all(); !slices.Equal(got, []string{"first"}) || len(names(path, "inbox")) != 1 || len(names(path, "done")) != 0 {
		t.Errorf("taken %q, inbox/ holds %v, done/ %v", got, names(path, "inbox"), names(path, "done"))
	}
	readOnly(t, path, false)
	eventually(t, "both are done", holds(path, "done", "first", "second"))
	eventually(t, "the problem is gone", func() bool { return x.w.States()[0].Problem == "" })
	if got := k.all(); !slices.Equal(got, []string{"first", "second"}) {
		t.Errorf("taken %q", got)
	}
}
