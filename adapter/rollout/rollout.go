// Package rollout keeps the mappings that run. It looks at their folder again
// and again, and takes a changed mapping over when it has held still for two
// looks, compiles without an error and passes its examples; until then the one
// before it goes on, and it is known why. A mapping is taken over as a whole:
// what is judged is a copy in memory, never files that may still be written.
package rollout

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/linkloop/linkloop/adapter/mapping"
)

// Config is what a Rollout is made of.
type Config struct {
	Files  fs.FS // one folder for each mapping, and shared/
	Watch  bool  // Files may change; false: they are part of the program
	Poll   time.Duration
	Settle time.Duration // between the two looks of a check on demand
	// Names lists the mappings that are wanted besides those that run.
	Names func() ([]string, error)
	// Compile compiles the mapping in a folder; its error is mapping.Problems.
	Compile func(fsys fs.FS, name string) (*mapping.Mapping, error)
	// Examine runs the examples beside a mapping; nil problems: they all pass.
	Examine func(fsys fs.FS, m *mapping.Mapping) mapping.Problems
	// Use puts mappings in use, all of them or, on an error, none.
	Use func(map[string]*mapping.Mapping) error
	Now func() time.Time
	Log *slog.Logger
}

// Status is how one mapping stands.
type Status struct {
	Name    string    `json:"name"`
	Title   string    `json:"title,omitempty"`
	Version string    `json:"version,omitempty"`
	Format  string    `json:"format,omitempty"`
	Hash    string    `json:"hash,omitempty"`    // SHA-256 of the mapping that runs; empty: none does yet
	Source  string    `json:"source"`            // program or folder
	Loaded  time.Time `json:"loaded,omitzero"`   // when the one that runs was taken over
	Loads   int64     `json:"loads"`             // since the start
	Refusal *Refusal  `json:"refused,omitempty"` // what stands in the folder and does not run
	Refused int64     `json:"refusals"`          // since the start
}

// Refusal says why what stands in the folder does not run.
type Refusal struct {
	Hash     string           `json:"hash"` // SHA-256 over all files of the folder and of shared/
	At       time.Time        `json:"at"`
	Problems mapping.Problems `json:"problems"`
}

// state is one mapping and what was seen of its folder.
type state struct {
	running *mapping.Mapping
	loaded  time.Time
	from    string // content of the folder that runs
	seen    string // content at the last look
	judged  string // content refused last
	refusal *Refusal
	loads   int64
	refused int64
}

// Rollout keeps mappings. It is safe for concurrent use.
type Rollout struct {
	cfg  Config
	turn sync.Mutex // one change at a time
	mu   sync.Mutex // of states
	all  map[string]*state
}

// New returns a Rollout that runs nothing yet; see With.
func New(cfg Config) *Rollout {
	return &Rollout{cfg: cfg, all: map[string]*state{}}
}

// With gives use the mappings of these names, those that do not run yet as
// they stand in the folder now; others do not run any more. On an error, of a
// mapping or of use, nothing changes.
func (r *Rollout) With(names []string, use func(map[string]*mapping.Mapping) error) error {
	r.turn.Lock()
	defer r.turn.Unlock()
	given, fresh := map[string]*mapping.Mapping{}, map[string]*state{}
	running := r.runs()
	var errs []error
	for _, n := range names {
		if given[n] != nil {
			continue
		}
		if given[n] = running[n]; given[n] != nil {
			continue
		}
		s, err := r.first(n)
		if err != nil {
			errs = append(errs, fmt.Errorf("mapping %s:\n%w", n, err))
			continue
		}
		given[n], fresh[n] = s.running, s
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if err := use(given); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.all, func(n string, _ *state) bool { return !slices.Contains(names, n) })
	for n, s := range fresh {
		if old := r.all[n]; old != nil {
			s.refused = old.refused
		}
		r.all[n] = s
		r.cfg.Log.Info("mapping in use", "mapping", n, "version", s.running.Version(), "hash", s.running.Hash())
	}
	return nil
}

// first loads a mapping that nothing runs in the place of. Examples that fail
// are reported and do not keep it from running: a start is no change.
func (r *Rollout) first(name string) (*state, error) {
	if !r.cfg.Watch {
		m, err := r.cfg.Compile(r.cfg.Files, name)
		if err != nil {
			return nil, err
		}
		return &state{running: m, loaded: r.cfg.Now(), loads: 1}, nil
	}
	snap, err := take(r.cfg.Files, name)
	if err != nil {
		return nil, err
	}
	m, err := r.cfg.Compile(snap.files, name)
	if err != nil {
		return nil, err
	}
	s := &state{running: m, loaded: r.cfg.Now(), loads: 1, from: snap.hash, seen: snap.hash}
	if ps := r.cfg.Examine(snap.files, m); len(ps) > 0 {
		s.refuse(snap.hash, r.cfg.Now(), ps)
		s.from = ""
		r.cfg.Log.Warn("examples of a mapping fail", "mapping", name, "hash", m.Hash(), "problems", len(ps), "first", ps[0].String())
	}
	return s, nil
}

func (s *state) refuse(hash string, at time.Time, ps mapping.Problems) {
	s.judged, s.refusal = hash, &Refusal{hash, at, ps}
	s.refused++
}

// runs is every mapping that runs, by name.
func (r *Rollout) runs() map[string]*mapping.Mapping {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[string]*mapping.Mapping{}
	for n, s := range r.all {
		if s.running != nil {
			out[n] = s.running
		}
	}
	return out
}

// Running is the mapping of a name that runs now; nil: none does.
func (r *Rollout) Running(name string) *mapping.Mapping { return r.runs()[name] }

// Run looks at the folder until ctx ends.
func (r *Rollout) Run(ctx context.Context) {
	if !r.cfg.Watch || r.cfg.Poll <= 0 {
		return
	}
	tick := time.NewTicker(r.cfg.Poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			r.look()
		}
	}
}

// Check looks twice at once, and so takes over what holds still for the time
// between. What was refused before is judged again.
func (r *Rollout) Check(ctx context.Context) error {
	if !r.cfg.Watch {
		return nil
	}
	r.mu.Lock()
	for _, s := range r.all {
		s.judged = ""
	}
	r.mu.Unlock()
	r.look()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(r.cfg.Settle):
	}
	r.look()
	return nil
}

// look compares every wanted mapping with its folder once.
func (r *Rollout) look() {
	r.turn.Lock()
	defer r.turn.Unlock()
	names, err := r.cfg.Names()
	if err != nil {
		r.cfg.Log.Error("the folder of mappings cannot be read", "cause", fmt.Sprintf("%T", err))
		return
	}
	r.mu.Lock()
	for n, s := range r.all {
		switch wanted := slices.Contains(names, n); {
		case wanted:
		case s.running == nil:
			delete(r.all, n)
		default: // its folder is gone
			names = append(names, n)
		}
	}
	r.mu.Unlock()
	for _, n := range names {
		r.one(n)
	}
}

// one compares a mapping with its folder.
func (r *Rollout) one(name string) {
	r.mu.Lock()
	s := r.all[name]
	if s == nil {
		s = &state{}
		r.all[name] = s
	}
	r.mu.Unlock()
	snap, err := take(r.cfg.Files, name)
	r.mu.Lock()
	steady := s.seen == snap.hash
	s.seen = snap.hash
	if snap.hash == s.from { // as it was, or as it was again
		s.refusal, s.judged = nil, ""
	}
	idle := snap.hash == s.from || snap.hash == s.judged || !steady
	r.mu.Unlock()
	if idle {
		return
	}
	var m *mapping.Mapping
	if err == nil {
		m, err = r.judge(snap.files, name)
	}
	if err == nil && (s.running == nil || m.Hash() != s.running.Hash()) {
		next := r.runs()
		next[name] = m
		err = r.cfg.Use(next)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		ps := problems(err)
		s.refuse(snap.hash, r.cfg.Now(), ps)
		r.cfg.Log.Warn("mapping refused, the one before it goes on", "mapping", name, "hash", snap.hash,
			"problems", len(ps), "first", ps[0].String())
		return
	}
	s.from, s.refusal, s.judged = snap.hash, nil, ""
	if s.running != nil && m.Hash() == s.running.Hash() {
		return // only its examples changed, or a shared file that it does not use
	}
	s.running, s.loaded = m, r.cfg.Now()
	s.loads++
	r.cfg.Log.Info("mapping taken over", "mapping", name, "version", m.Version(), "hash", m.Hash())
}

// judge compiles a mapping and runs its examples.
func (r *Rollout) judge(files fs.FS, name string) (*mapping.Mapping, error) {
	m, err := r.cfg.Compile(files, name)
	if err != nil {
		return nil, err
	}
	if ps := r.cfg.Examine(files, m); len(ps) > 0 {
		return nil, ps
	}
	return m, nil
}

// problems words any error as a list that is not empty.
func problems(err error) mapping.Problems {
	var ps mapping.Problems
	if errors.As(err, &ps) && len(ps) > 0 {
		return ps
	}
	return mapping.Problems{{File: "mapping.yaml", Text: err.Error(), Severity: mapping.Error}}
}

// Status says how each mapping stands, by name.
func (r *Rollout) Status() []Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	source := "folder"
	if !r.cfg.Watch {
		source = "program"
	}
	out := []Status{}
	for n, s := range r.all {
		st := Status{Name: n, Source: source, Loaded: s.loaded, Loads: s.loads, Refusal: s.refusal, Refused: s.refused}
		if m := s.running; m != nil {
			st.Title, st.Version, st.Format, st.Hash = m.Title(), m.Version(), m.Format(), m.Hash()
		}
		out = append(out, st)
	}
	slices.SortFunc(out, func(a, b Status) int { return strings.Compare(a.Name, b.Name) })
	return out
}
