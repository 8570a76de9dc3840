package rollout_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/rollout"
)

const source = `mapping: NAME
title: Made up for this test
version: 1.0.0
format: json
accepts: [referral]
resources:
  patient:
    resourceType: Patient
    gender: unknown
    name:
      - family: <- family
`

// bench is a rollout over a folder in memory.
type bench struct {
	t  *testing.T
	r  *rollout.Rollout
	in map[string]*mapping.Mapping // what was put in use last

	mu     sync.Mutex
	files  fstest.MapFS
	names  []string
	fails  string // examples fail of mappings that hold this
	refuse error  // of use
	log    bytes.Buffer
}

// Open implements fs.FS: the folder as it is now.
func (b *bench) Open(name string) (fs.File, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.files.Open(name)
}

// write puts a file in place of another; an empty text removes it.
func (b *bench) write(name, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	next := maps.Clone(b.files)
	if delete(next, name); text != "" {
		next[name] = &fstest.MapFile{Data: []byte(text)}
	}
	b.files = next
}

func (b *bench) use(m map[string]*mapping.Mapping) error {
	if b.refuse != nil {
		return b.refuse
	}
	b.in = m
	return nil
}

// status is how a mapping stands; the zero Status when there is none.
func (b *bench) status(name string) rollout.Status {
	for _, s := range b.r.Status() {
		if s.Name == name {
			return s
		}
	}
	return rollout.Status{}
}

func named(name string) string { return strings.ReplaceAll(source, "NAME", name) }

func newBench(t *testing.T, change func(*rollout.Config)) *bench {
	t.Helper()
	b := &bench{t: t, names: []string{"oak"}, files: fstest.MapFS{"oak/mapping.yaml": {Data: []byte(named("oak"))}}}
	cfg := rollout.Config{
		Files: b, Watch: true, Settle: time.Millisecond,
		Names:   func() ([]string, error) { return b.names, nil },
		Compile: func(fsys fs.FS, name string) (*mapping.Mapping, error) { return mapping.Compile(fsys, name) },
		Examine: func(_ fs.FS, m *mapping.Mapping) mapping.Problems {
			if b.fails != "" && bytes.Contains(m.Source(), []byte(b.fails)) {
				return mapping.Problems{{File: "examples/one.txtar", Text: "comes out otherwise", Severity: mapping.Error}}
			}
			return nil
		},
		Use: b.use, Now: time.Now, Log: slog.New(slog.NewTextHandler(&b.log, nil)),
	}
	if change != nil {
		change(&cfg)
	}
	b.r = rollout.New(cfg)
	return b
}

func (b *bench) first() {
	b.t.Helper()
	if err := b.r.With(b.names, b.use); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) check() {
	b.t.Helper()
	if err := b.r.Check(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

// TestTakenOver: a change that is good runs after it was looked at twice; one
// that is bad leaves the one before it running, and says why, until it is put
// right or taken back.
func TestTakenOver(t *testing.T) {
	b := newBench(t, nil)
	b.first()
	old := b.r.Running("oak")
	if old == nil || b.in["oak"] != old {
		t.Fatal("the first one does not run")
	}
	b.check()
	if s := b.status("oak"); s.Loads != 1 || s.Refusal != nil || s.Source != "folder" || s.Hash != old.Hash() {
		t.Errorf("with nothing changed: %+v", s)
	}
	b.write("oak/mapping.yaml", strings.Replace(named("oak"), "1.0.0", "1.1.0", 1))
	b.check()
	if s := b.status("oak"); s.Version != "1.1.0" || s.Loads != 2 || b.in["oak"].Version() != "1.1.0" {
		t.Errorf("a good change: %+v", s)
	}
	for what, bad := range map[string]string{
		"no YAML":       "mapping: [",
		"a wrong path":  strings.Replace(named("oak"), "<- family", "<- ..family[", 1),
		"examples fail": strings.Replace(named("oak"), "1.0.0", "6.6.6", 1),
	} {
		t.Run(what, func(t *testing.T) {
			b.t, b.fails = t, "6.6.6"
			refused := b.status("oak").Refused
			b.write("oak/mapping.yaml", bad)
			b.check()
			s := b.status("oak")
			if s.Refusal == nil || len(s.Refusal.Problems) == 0 || s.Version != "1.1.0" || s.Refused != refused+1 || b.in["oak"].Version() != "1.1.0" {
				t.Errorf("%+v", s)
			}
			if b.check(); b.status("oak").Refused != refused+2 { // asked for, it is judged again
				t.Errorf("%d refusals", b.status("oak").Refused)
			}
			b.write("oak/mapping.yaml", strings.Replace(named("oak"), "1.0.0", "1.1.0", 1))
			if b.check(); b.status("oak").Refusal != nil || b.status("oak").Loads != 2 {
				t.Errorf("taken back: %+v", b.status("oak"))
			}
		})
	}
	b.t = t
	b.write("oak/mapping.yaml", "")
	b.check()
	if s := b.status("oak"); s.Refusal == nil || b.r.Running("oak") == nil {
		t.Errorf("without its file: %+v", s)
	}
}

// TestNotWhileItIsWritten: what changed between two looks is not taken.
func TestNotWhileItIsWritten(t *testing.T) {
	b := newBench(t, func(c *rollout.Config) { c.Settle = time.Hour })
	b.first()
	b.write("oak/mapping.yaml", strings.Replace(named("oak"), "1.0.0", "1.1.0", 1))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := b.r.Check(ctx); !errors.Is(err, context.DeadlineExceeded) || b.r.Running("oak").Version() != "1.0.0" {
		t.Errorf("after one look: %v, %s", err, b.r.Running("oak").Version())
	}
	b.write("oak/mapping.yaml", strings.Replace(named("oak"), "1.0.0", "1.2.0", 1))
	if err := b.r.Check(ctx); !errors.Is(err, context.DeadlineExceeded) || b.r.Running("oak").Version() != "1.0.0" {
		t.Errorf("after two looks at different files: %v, %s", err, b.r.Running("oak").Version())
	}
	if err := b.r.Check(ctx); !errors.Is(err, context.DeadlineExceeded) || b.r.Running("oak").Version() != "1.2.0" {
		t.Errorf("after two looks at the same files: %v, %s", err, b.r.Running("oak").Version())
	}
}

// TestWithAllOrNothing: mappings are put in use together or not at all.
func TestWithAllOrNothing(t *testing.T) {
	b := newBench(t, nil)
	b.first()
	b.write("elm/mapping.yaml", named("elm"))
	b.write("ash/mapping.yaml", "mapping: [")
	err := b.r.With([]string{"oak", "elm", "ash", "none"}, b.use)
	if err == nil || !strings.Contains(err.Error(), "mapping ash") || !strings.Contains(err.Error(), "mapping none") || b.r.Running("elm") != nil {
		t.Errorf("with bad ones: %v", err)
	}
	b.refuse = errors.New("not this one")
	if err := b.r.With([]string{"oak", "elm"}, b.use); !errors.Is(err, b.refuse) || b.r.Running("elm") != nil {
		t.Errorf("refused: %v", err)
	}
	b.write("oak/mapping.yaml", strings.Replace(named("oak"), "1.0.0", "1.1.0", 1))
	b.check()
	if s := b.status("oak"); s.Refusal == nil || !strings.Contains(s.Refusal.Problems.Error(), "not this one") || s.Version != "1.0.0" {
		t.Errorf("a change that is not put in use: %+v", s)
	}
	b.refuse = nil
	if err := b.r.With([]string{"elm", "elm"}, b.use); err != nil || b.r.Running("oak") != nil || b.r.Running("elm") == nil {
		t.Errorf("in its place: %v", err)
	}
	if got := slices.Sorted(maps.Keys(b.in)); !slices.Equal(got, []string{"elm"}) {
		t.Errorf("in use: %v", got)
	}
}

// TestANewFolder is found by the names that are wanted, and forgotten with its
// folder when it never ran.
func TestANewFolder(t *testing.T) {
	b := newBench(t, nil)
	b.first()
	b.names = []string{"oak", "elm"}
	b.write("elm/mapping.yaml", "mapping: [")
	if b.check(); b.status("elm").Refusal == nil || b.r.Running("elm") != nil {
		t.Errorf("a bad one: %+v", b.status("elm"))
	}
	b.write("elm/mapping.yaml", named("elm"))
	if b.check(); b.r.Running("elm") == nil || b.status("elm").Refusal != nil || b.in["elm"] == nil || b.in["oak"] == nil {
		t.Errorf("put right: %+v", b.status("elm"))
	}
	b.names = []string{"oak", "elm", "ash"}
	b.write("ash/mapping.yaml", "mapping: [")
	b.check()
	b.names = []string{"oak", "elm"}
	b.write("ash/mapping.yaml", "")
	if b.check(); b.status("ash").Name != "" {
		t.Errorf("it is remembered: %+v", b.status("ash"))
	}
}

// TestTooMuch: a folder that is no mapping is not read to its end.
func TestTooMuch(t *testing.T) {
	b := newBench(t, nil)
	b.first()
	b.mu.Lock()
	b.files = maps.Clone(b.files)
	for n := range 2001 {
		b.files["oak/examples/"+strings.Repeat("x", 1+n%7)+string(rune('a'+n%26))+time.Duration(n).String()+".txtar"] = &fstest.MapFile{Data: []byte("x")}
	}
	b.mu.Unlock()
	if b.check(); b.status("oak").Refusal == nil || !strings.Contains(b.status("oak").Refusal.Problems.Error(), "more than 2000 files") {
		t.Errorf("many files: %+v", b.status("oak").Refusal)
	}
	b = newBench(t, nil)
	b.first()
	b.write("oak/a/b/c/d/e/f.yaml", "x: 1")
	if b.check(); b.status("oak").Refusal == nil || !strings.Contains(b.status("oak").Refusal.Problems.Error(), "folders in one another") {
		t.Errorf("deep folders: %+v", b.status("oak").Refusal)
	}
	b = newBench(t, nil)
	b.first()
	b.write("oak/.git/config.yaml", "x: 1")
	b.write("oak/notes.txt", "x")
	if b.check(); b.status("oak").Refusal != nil || b.status("oak").Loads != 1 {
		t.Errorf("files that are no part: %+v", b.status("oak"))
	}
}

// TestPartOfTheProgram: embedded mappings are read once and never looked at again.
func TestPartOfTheProgram(t *testing.T) {
	b := newBench(t, func(c *rollout.Config) { c.Watch = false })
	b.fails = "1.0.0" // examples are those of the build
	b.first()
	b.write("oak/mapping.yaml", "mapping: [")
	b.check()
	if s := b.status("oak"); s.Source != "program" || s.Refusal != nil || s.Version != "1.0.0" {
		t.Errorf("%+v", s)
	}
	done := make(chan struct{})
	go func() { defer close(done); b.r.Run(t.Context()) }()
	<-done // there is nothing to look at
}

// TestRun looks by itself until it is stopped.
func TestRun(t *testing.T) {
	b := newBench(t, func(c *rollout.Config) { c.Poll = time.Millisecond })
	b.first()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); b.r.Run(ctx) }()
	b.write("oak/mapping.yaml", strings.Replace(named("oak"), "1.0.0", "1.1.0", 1))
	for end := time.Now().Add(20 * time.Second); b.r.Running("oak").Version() != "1.1.0"; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the change is never taken over")
		}
	}
	cancel()
	<-done
}
