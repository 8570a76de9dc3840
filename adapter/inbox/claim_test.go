package inbox

import (
	"os"
	"path/filepath"
	"testing"
)

func TestLinksAreNotFollowed(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	if f, err := open(file); err != nil {
		t.Error(err)
	} else {
		f.Close()
	}
	if f, err := open(link); err == nil {
		f.Close()
		t.Error("a link was followed")
	}
}

func TestNamesOfFiles(t *testing.T) {
	for name, want := range map[string]string{
		"0123456789abcdef-day.csv": "day.csv", "0123456789abcdef-": "0123456789abcdef-", "day.csv": "day.csv", "0123456789abcdeg-x": "0123456789abcdeg-x",
	} {
		if original(name) != want {
			t.Errorf("%s was %s, want %s", name, original(name), want)
		}
	}
	for n, want := range map[int]string{1: "day.tar.gz", 2: "day.tar-2.gz", 10: "day.tar-10.gz"} {
		if got := numbered("day.tar.gz", n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
	for name, want := range map[string]string{"day": "day-2", ".day": ".day-2"} {
		if got := numbered(name, 2); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
