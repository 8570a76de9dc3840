// Package inbox takes files from folders that senders write into. A file goes
// by renaming from inbox/ through working/ to done/ or failed/, and its receipt
// lies beside it there. Files of every format are taken, by the same way as an
// upload.
//
// Several instances may watch one folder. Whoever renames a file into working/
// has it, and shows by the time of the file that it lives; what shows no life
// any more is taken over. Nobody's clock is compared with anybody else's. A
// file that was taken over, or that was half done when the power went, is taken
// from its start: what was accepted of it is recognised and makes nothing new.
//
// Names of files may hold names of people, so they stand in no log and in no
// problem.
package inbox

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/linkloop/linkloop/adapter/batch"
)

// Taker takes one file; *batch.Taker is one.
type Taker interface {
	Take(ctx context.Context, f batch.File) *batch.Receipt
}

// Folder is where the files of one sender arrive.
type Folder struct {
	Sender string
	Path   string // of the folder that holds inbox/, working/, done/ and failed/
}

// Config is what a Watcher is made of.
type Config struct {
	Taker     Taker
	Poll      time.Duration               // how often folders are looked into
	Settle    time.Duration               // how long a file must not have changed before it is taken
	TimeLimit time.Duration               // for one file; what is not done then is tried again
	MaxFile   int64                       // bytes
	Beat      time.Duration               // how often a file in work shows that somebody has it; 0: 5 seconds
	Moved     func(sender, result string) // told done or failed for each file; may be nil
	Log       *slog.Logger
}

// lives is after how many beats without a sign of life a file is taken over.
const lives = 6

// State is how one folder stands, for operators.
type State struct {
	Sender  string
	Waiting int       // files in inbox/, those that still arrive included
	Working int       // files in work here
	Problem string    // what keeps files from being taken, empty: nothing
	Since   time.Time // when the problem was first seen
}

// Watcher watches folders.
type Watcher struct {
	cfg     Config
	changed chan struct{}

	mu      sync.Mutex
	wanted  []Folder
	running map[Folder]*running
}

type running struct {
	f    *folder
	stop context.CancelFunc
	done chan struct{}
}

// New returns a watcher of nothing; see Use and Run.
func New(cfg Config) *Watcher {
	if cfg.Beat <= 0 {
		cfg.Beat = 5 * time.Second
	}
	return &Watcher{cfg: cfg, changed: make(chan struct{}, 1), running: map[Folder]*running{}}
}

// Use watches these folders from now on and no others.
func (w *Watcher) Use(folders []Folder) {
	w.mu.Lock()
	w.wanted = slices.Clone(folders)
	w.mu.Unlock()
	select {
	case w.changed <- struct{}{}:
	default: // it is going to look anyway
	}
}

// Run watches until ctx is done. A file in work then stays in working/, with
// what was accepted of it on disk, and is taken up by whoever runs next.
func (w *Watcher) Run(ctx context.Context) {
	defer w.set(ctx, nil)
	for {
		w.mu.Lock()
		wanted := w.wanted
		w.mu.Unlock()
		w.set(ctx, wanted)
		select {
		case <-ctx.Done():
			return
		case <-w.changed:
		}
	}
}

// set starts and stops folders, and waits for those that it stops.
func (w *Watcher) set(ctx context.Context, wanted []Folder) {
	w.mu.Lock()
	var ended []*running
	for f, r := range w.running {
		if !slices.Contains(wanted, f) {
			r.stop()
			ended = append(ended, r)
			delete(w.running, f)
		}
	}
	for _, f := range wanted {
		if w.running[f] != nil || ctx.Err() != nil {
			continue
		}
		own, stop := context.WithCancel(ctx)
		r := &running{f: newFolder(w.cfg, f), stop: stop, done: make(chan struct{})}
		w.running[f] = r
		go func() {
			defer close(r.done)
			r.f.run(own)
		}()
	}
	w.mu.Unlock()
	for _, r := range ended {
		<-r.done
	}
}

// States tells how the folders stand, by sender.
func (w *Watcher) States() []State {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]State, 0, len(w.running))
	for _, r := range w.running {
		out = append(out, r.f.current())
	}
	slices.SortFunc(out, func(a, b State) int { return cmp.Compare(a.Sender, b.Sender) })
	return out
}
