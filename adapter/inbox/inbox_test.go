package inbox_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/batch"
	"github.com/linkloop/linkloop/adapter/inbox"
)

// taker reads files and does as it is told.
type taker struct {
	mu    sync.Mutex
	taken []string // contents
	do    func(ctx context.Context, f batch.File, content string) *batch.Receipt
}

func (k *taker) Take(ctx context.Context, f batch.File) *batch.Receipt {
	b, err := io.ReadAll(f.Body)
	if err != nil {
		return &batch.Receipt{Status: batch.Refused, Sender: f.Sender, Reason: err.Error()}
	}
	k.mu.Lock()
	k.taken = append(k.taken, string(b))
	k.mu.Unlock()
	if k.do != nil {
		return k.do(ctx, f, string(b))
	}
	return &batch.Receipt{Status: batch.Complete, Sender: f.Sender, Messages: 1, Accepted: 1}
}

func (k *taker) all() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.taken)
}

// refused is the receipt of a file that nothing was taken of.
func refused() *batch.Receipt {
	return &batch.Receipt{Status: batch.Complete, Messages: 1, Refused: 1, Entries: []batch.Entry{{Number: 1}}}
}

type watched struct {
	t    *testing.T
	path string
	w    *inbox.Watcher
	log  *bytes.Buffer
	stop func()
}

// watch runs a watcher over a folder until the test ends or stop is called.
func watch(t *testing.T, path string, k inbox.Taker, change func(*inbox.Config)) *watched {
	t.Helper()
	log := &bytes.Buffer{}
	cfg := inbox.Config{Taker: k, Poll: 5 * time.Millisecond, Settle: 30 * time.Millisecond, TimeLimit: time.Minute, MaxFile: 1000,
		Beat: 10 * time.Millisecond, Log: slog.New(slog.NewTextHandler(log, nil))}
	if change != nil {
		change(&cfg)
	}
	w := inbox.New(cfg)
	w.Use([]inbox.Folder{{Sender: "s", Path: path}})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); w.Run(ctx) }()
	x := &watched{t: t, path: path, w: w, log: log}
	x.stop = func() { cancel(); <-done }
	t.Cleanup(x.stop)
	return x
}

func drop(t *testing.T, path, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(path, "inbox"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(path, "inbox", name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// names lists a folder within the watched one.
func names(path, dir string) []string {
	entries, _ := os.ReadDir(filepath.Join(path, dir))
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// eventually waits for what other goroutines do.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

func holds(path, dir string, want ...string) func() bool {
	return func() bool {
		got := names(path, dir)
		return len(got) == 3*len(want) && !slices.ContainsFunc(want, func(n string) bool {
			return !slices.Contains(got, n) || !slices.Contains(got, n+".receipt.json") || !slices.Contains(got, n+".receipt.csv")
		})
	}
}

func TestFilesMoveThrough(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made", "when missing")
	k := &taker{do: func(_ context.Context, _ batch.File, content string) *batch.Receipt {
		if content == "bad" {
			return refused()
		}
		return &batch.Receipt{Status: batch.Complete, Messages: 1, Accepted: 1}
	}}
	var moved sync.Map
	x := watch(t, path, k, func(c *inbox.Config) { c.Moved = func(sender, result string) { moved.Store(sender+" "+result, true) } })
	drop(t, path, "day.csv", "one")
	drop(t, path, "bad Canarybird.csv", "bad")
	drop(t, path, "large", strings.Repeat("x", 1001))
	old := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	if err := os.Chtimes(filepath.Join(path, "inbox", "day.csv"), old, old); err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{"a.tmp", "b.PART", "c.filepart", ".hidden", "~lock"} {
		drop(t, path, n, "unfinished")
	}
	if err := os.Symlink("/etc/hostname", filepath.Join(path, "inbox", "link")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "day.csv is done", holds(path, "done", "day.csv"))
	eventually(t, "two files failed", holds(path, "failed", "bad Canarybird.csv", "large"))
	drop(t, path, "day.csv", "two") // the next day, by the same name
	eventually(t, "both days are done", holds(path, "done", "day.csv", "day-2.csv"))
	if got := names(path, "working"); len(got) != 0 {
		t.Errorf("working/ holds %d files", len(got))
	}
	if got := names(path, "inbox"); len(got) != 6 {
		t.Errorf("inbox/ holds %v", got)
	}
	if b, err := os.ReadFile(filepath.Join(path, "done", "day-2.csv")); err != nil || string(b) != "two" {
		t.Errorf("%s, %v", b, err)
	}
	if b, err := os.ReadFile(filepath.Join(path, "failed", "large.receipt.json")); err != nil || !strings.Contains(string(b), "larger than 1000 bytes") {
		t.Errorf("%s, %v", b, err)
	}
	if info, err := os.Stat(filepath.Join(path, "done", "day.csv")); err != nil || !info.ModTime().Equal(old) {
		t.Error("the file does not keep the time its sender gave it")
	}
	for _, want := range []string{"s done", "s failed"} {
		if _, ok := moved.Load(want); !ok {
			t.Errorf("nobody was told: %s", want)
		}
	}
	x.stop()
	if strings.Contains(x.log.String(), "Canarybird") || !strings.Contains(x.log.String(), "result=done") {
		t.Errorf("log: %s", x.log)
	}
}

// TestAFileThatIsStillWrittenWaits until it stands still.
func TestAFileThatIsStillWrittenWaits(t *testing.T) {
	path := t.TempDir()
	drop(t, path, "slow", "")
	k := &taker{}
	watch(t, path, k, func(c *inbox.Config) { c.Settle = 300 * time.Millisecond })
	f, err := os.OpenFile(filepath.Join(path, "inbox", "slow"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		time.Sleep(30 * time.Millisecond)
		fmt.Fprint(f, "x")
	}
	f.Close()
	eventually(t, "the file is done", holds(path, "done", "slow"))
	if got := k.all(); !slices.Equal(got, []string{"xxxxxxxxxx"}) {
		t.Errorf("taken %q", got)
	}
}

// TestAFileThatGrowsInWorkIsTakenAgain, because its sender did not wait.
func TestAFileThatGrowsInWorkIsTakenAgain(t *testing.T) {
	path := t.TempDir()
	drop(t, path, "early", "one")
	f, err := os.OpenFile(filepath.Join(path, "inbox", "early"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	k := &taker{do: func(_ context.Context, _ batch.File, content string) *batch.Receipt {
		if content == "one" {
			fmt.Fprint(f, " two")
		}
		return &batch.Receipt{Status: batch.Complete, Messages: 1, Accepted: 1}
	}}
	watch(t, path, k, nil)
	eventually(t, "the file is done", holds(path, "done", "early"))
	if got := k.all(); !slices.Equal(got, []string{"one", "one two"}) {
		t.Errorf("taken %q", got)
	}
}

// TestSeveralInstances: many files, each taken by one.
func TestSeveralInstances(t *testing.T) {
	path := t.TempDir()
	var want []string
	for n := range 60 {
		name := fmt.Sprintf("f%02d", n)
		drop(t, path, name, name)
		want = append(want, name)
	}
	k := &taker{do: func(context.Context, batch.File, string) *batch.Receipt {
		time.Sleep(time.Millisecond)
		return &batch.Receipt{Status: batch.Complete, Messages: 1, Accepted: 1}
	}}
	for range 4 {
		watch(t, path, k, func(c *inbox.Config) { c.Beat = time.Second })
	}
	eventually(t, "all are done", holds(path, "done", want...))
	got := k.all()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%d files were taken %d times", len(want), len(got))
	}
}

// TestAfterACrash: what nobody shows life for is taken over; what somebody
// works on is not.
func TestAfterACrash(t *testing.T) {
	path := t.TempDir()
	release, began := make(chan struct{}), make(chan struct{})
	slow := &taker{do: func(context.Context, batch.File, string) *batch.Receipt {
		close(began)
		<-release
		return &batch.Receipt{Status: batch.Complete, Messages: 1, Accepted: 1}
	}}
	drop(t, path, "slow", "slow")
	watch(t, path, slow, nil)
	<-began
	// Another instance died with this one in its hands.
	if err := os.WriteFile(filepath.Join(path, "working", "0123456789abcdef-left.csv"), []byte("left"), 0o600); err != nil {
		t.Fatal(err)
	}
	second := &taker{}
	watch(t, path, second, nil)
	eventually(t, "the left file is done", holds(path, "done", "left.csv"))
	time.Sleep(200 * time.Millisecond) // more than six beats
	if got := second.all(); !slices.Equal(got, []string{"left"}) {
		t.Errorf("the second instance took %q", got)
	}
	close(release)
	eventually(t, "the slow file is done", holds(path, "done", "left.csv", "slow"))
}

// TestAStopLeavesTheFile for whoever runs next.
func TestAStopLeavesTheFile(t *testing.T) {
	path := t.TempDir()
	drop(t, path, "half", "half")
	began := make(chan struct{})
	x := watch(t, path, &taker{do: func(ctx context.Context, _ batch.File, _ string) *batch.Receipt {
		close(began)
		<-ctx.Done()
		return &batch.Receipt{Status: batch.Partial}
	}}, nil)
	<-began
	x.stop()
	if got := names(path, "working"); len(got) != 1 || !strings.HasSuffix(got[0], "-half") {
		t.Fatalf("working/ holds %v", got)
	}
	watch(t, path, &taker{}, nil)
	eventually(t, "the file is done", holds(path, "done", "half"))
}

// TestWhatDoesNotWorkIsTriedAgain and seen meanwhile: a disk that takes no
// receipt, and a folder that is none.
func TestWhatDoesNotWorkIsTriedAgain(t *testing.T) {
	path := t.TempDir()
	k := &taker{}
	x := watch(t, path, k, nil)
	eventually(t, "the folders are made", func() bool { return len(names(path, "")) == 4 })
	done := filepath.Join(path, "done")
	eventually(t, "a file stands in the place of done/", func() bool { // which the watcher makes again at once
		_ = os.Remove(done)
		return os.WriteFile(done, nil, 0o600) == nil
	})
	drop(t, path, "Canarybird", "x")
	problem := func() string { return x.w.States()[0].Problem }
	eventually(t, "the problem is seen", func() bool { return problem() != "" })
	if p := problem(); strings.Contains(p, "Canarybird") || strings.Contains(p, path) {
		t.Errorf("the problem names the file: %s", p)
	}
	if err := os.Remove(done); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the file is done", holds(path, "done", "Canarybird"))
	eventually(t, "the problem is gone", func() bool { return problem() == "" })
	if err := inbox.Check(path); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(path, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := inbox.Check(filepath.Join(path, "file")); err == nil || strings.Contains(err.Error(), path) {
		t.Errorf("a file as a folder: %v", err)
	}
}

// TestOtherFolders are watched from the next moment on.
func TestOtherFolders(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	k := &taker{}
	x := watch(t, a, k, nil)
	eventually(t, "the first folder is watched", func() bool { return len(names(a, "")) == 4 })
	x.w.Use([]inbox.Folder{{Sender: "t", Path: b}})
	drop(t, b, "f", "f")
	eventually(t, "the file is done", holds(b, "done", "f"))
	drop(t, a, "g", "g")
	time.Sleep(100 * time.Millisecond)
	if st := x.w.States(); len(st) != 1 || st[0].Sender != "t" || !slices.Equal(k.all(), []string{"f"}) {
		t.Errorf("%v, taken %q", st, k.all())
	}
}
