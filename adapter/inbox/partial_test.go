package inbox_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/batch"
)

// held is a taker that waits with each file until it is let go.
func held() (k *taker, began chan struct{}, release chan struct{}) {
	began, release = make(chan struct{}, 10), make(chan struct{})
	return &taker{do: func(context.Context, batch.File, string) *batch.Receipt {
		began <- struct{}{}
		<-release
		return &batch.Receipt{Status: batch.Complete, Messages: 1, Accepted: 1}
	}}, began, release
}

// TestAMoveThatBrokeOff: when the power went between the receipts and the file,
// the file is taken again and moved beside the receipts of the first time; no
// receipt is written over and nothing stays behind in working/.
func TestAMoveThatBrokeOff(t *testing.T) {
	path := t.TempDir()
	put := func(dir, name, content string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(path, dir), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(path, dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("working", "0123456789abcdef-day.csv", "day")
	put("done", "day.csv.receipt.json", "the first time")
	put("done", "day.csv.receipt.csv", "the first time")
	put("working", "0123456789abcdef-night.csv", "night")
	put("done", "night.csv.receipt.json", "") // the name was kept, and no more
	put("done", ".0123456789abcdef.tmp", "half")
	put("working", "not ours", "loose") // put there by hand
	k := &taker{}
	watch(t, path, k, nil)
	want := []string{"day-2.csv", "night-2.csv", "not ours"}
	eventually(t, "all are done", func() bool {
		got := names(path, "done")
		return !slices.ContainsFunc(want, func(n string) bool {
			return !slices.Contains(got, n) || !slices.Contains(got, n+".receipt.json") || !slices.Contains(got, n+".receipt.csv")
		})
	})
	if left := names(path, "working"); len(left) != 0 {
		t.Errorf("working/ holds %v", left)
	}
	if b, err := os.ReadFile(filepath.Join(path, "done", "day.csv.receipt.json")); err != nil || string(b) != "the first time" {
		t.Errorf("the first receipt is %q, %v", b, err)
	}
	got := k.all()
	slices.Sort(got)
	if !slices.Equal(got, []string{"day", "loose", "night"}) {
		t.Errorf("taken %q", got)
	}
}

// TestAFileThatIsTakenAway while it is in work, by a person or by another
// instance, is not moved, and what comes behind it is taken.
func TestAFileThatIsTakenAway(t *testing.T) {
	path := t.TempDir()
	k, began, release := held()
	x := watch(t, path, k, nil)
	drop(t, path, "gone", "gone")
	<-began
	left := names(path, "working")
	if len(left) != 1 || !strings.HasSuffix(left[0], "-gone") {
		t.Fatalf("working/ holds %v", left)
	}
	if err := os.Remove(filepath.Join(path, "working", left[0])); err != nil {
		t.Fatal(err)
	}
	close(release)
	drop(t, path, "next", "next")
	eventually(t, "the next one is done", holds(path, "done", "next"))
	if st := x.w.States()[0]; st.Problem != "" || st.Working != 0 {
		t.Errorf("%+v", st)
	}
}
