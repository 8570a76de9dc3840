package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
)

// decision is one function on its way through the queue.
type decision struct {
	fn     func(store.Tx) error
	state  atomic.Int32
	err    error
	answer chan struct{}
}

// A decision is claimed either by the writer or by its caller giving up.
const (
	waiting int32 = iota
	claimed
	abandoned
)

// Decide queues fn for the writer and waits until its effects are on disk. A
// full queue is refused at once: the caller, who holds the message in memory,
// must slow its sender down rather than pile up here. Once fn has begun, a
// cancelled ctx is not obeyed any more, because the outcome must be told. Hints
// are ignored: reading one row is as quick as reading it ahead.
func (s *Store) Decide(ctx context.Context, fn func(tx store.Tx) error, _ ...store.Hint) error {
	if err := ctx.Err(); err != nil {
		return asFault(err)
	}
	d := &decision{fn: fn, answer: make(chan struct{})}
	if err := s.enqueue(d); err != nil {
		s.stats.refused.Add(1)
		return err
	}
	select {
	case <-d.answer:
	case <-ctx.Done():
		if d.state.CompareAndSwap(waiting, abandoned) {
			return asFault(ctx.Err())
		}
		<-d.answer
	}
	return d.err
}

func (s *Store) enqueue(d *decision) error {
	if s.cfg.ReadOnly {
		return fault.New(fault.MethodNotAllowed, "", "the store was opened for reading only")
	}
	s.closing.RLock()
	defer s.closing.RUnlock()
	if s.closed {
		return transient(nil, "the store is closing")
	}
	select {
	case s.queue <- d:
		return nil
	default:
		return transient(nil, "too many decisions wait for the store")
	}
}

// writer owns the one connection that writes.
type writer struct {
	s     *Store
	c     *conn
	types *typeTable
	last  int64 // the last time given out, microseconds
	kept  int64 // the last time known to be on disk
	// postings wait here until the group commits, and go in sorted.
	postings postings
	fresh    fresh
	group    []*decision
	torn     error // pending postings of earlier decisions were written in part
	frames   int64 // pages written when the log last began anew
	asked    bool  // the background has been asked to copy since then
	// distrusted: a write failed, so the connection is opened anew; full: for
	// want of room. forgot is when forget was last tried.
	distrusted, full bool
	forgot           time.Time
}

func newWriter(s *Store, c *conn) (*writer, error) {
	last, err := c.int64Of("SELECT last FROM clock")
	if err != nil {
		return nil, err
	}
	w := &writer{s: s, c: c, types: s.types.committed.Load(), last: last, kept: last, fresh: fresh{oldest: &s.fresh, limit: s.cfg.FreshRows}}
	return w, w.fresh.begin(c)
}

// run takes decisions in groups until the queue is closed. While a commit waits
// for the disk the next group gathers in the queue, so grouping needs no timer
// and a lone decision no waiting.
func (w *writer) run() {
	ended := false
	defer func() {
		if !ended { // a decision ended this goroutine: runtime.Goexit
			w.giveUp(fault.New(fault.Internal, "", "a decision of this group did not return"))
			go w.run()
		}
	}()
	for d := range w.s.queue {
		w.group = append(w.group[:0], d)
		for more := true; more && len(w.group) < w.s.cfg.Group; {
			select {
			case next, open := <-w.s.queue:
				if more = open; open {
					w.group = append(w.group, next)
				}
			default:
				more = false
			}
		}
		w.decideGroup()
		if w.c != nil {
			w.afterCommit()
		}
	}
	ended = true
	w.end()
}

// decideGroup runs the group in one transaction and answers all of it.
func (w *writer) decideGroup() {
	if err := w.ready(); err != nil {
		w.giveUp(asFault(err))
		return
	}
	if err := w.c.run("BEGIN IMMEDIATE"); err != nil {
		w.giveUp(asFault(err))
		return
	}
	ran := 0
	for _, d := range w.group {
		if !d.state.CompareAndSwap(waiting, claimed) {
			continue
		}
		ran++
		d.err = w.decide(d.fn)
		if w.torn != nil || !w.c.inTransaction() {
			w.giveUp(asFault(errors.Join(d.err, w.torn)))
			return
		}
	}
	if err := w.commit(); err != nil {
		w.giveUp(asFault(err))
		return
	}
	w.s.types.committed.Store(w.types)
	w.s.stats.commits.Add(1)
	w.s.stats.decisions.Add(int64(ran))
	for _, d := range w.group {
		if d.err != nil {
			w.s.stats.failed.Add(1)
		}
		close(d.answer)
	}
	clear(w.group)
	w.group = w.group[:0]
}

// commit writes what was held back for the whole group and commits.
func (w *writer) commit() error {
	if w.last != w.kept {
		if err := w.fresh.fold(w.c, w.last); err != nil {
			return err
		}
	}
	if err := w.postings.write(w.c); err != nil {
		return err
	}
	if w.last != w.kept {
		s := w.c.stmt("UPDATE clock SET last = ?")
		err := s.int(w.last).exec()
		s.done()
		if err != nil {
			return err
		}
	}
	if err := w.c.run("COMMIT"); err != nil {
		return err
	}
	w.kept = w.last
	w.fresh.committed()
	return nil
}

// giveUp undoes the group and tells everyone in it. Nothing of it was
// acknowledged, so each may send again. Internal trouble stays Internal for
// all: the group did not fail because of any one of them.
func (w *writer) giveUp(err error) {
	w.s.stats.failedCommits.Add(1)
	w.distrusted, w.full = w.distrusted || distrusts(err), w.full || isFull(err)
	if w.c != nil && w.c.inTransaction() {
		if back := w.c.run("ROLLBACK"); back != nil {
			err = errors.Join(err, back)
		}
	}
	w.types = w.s.types.committed.Load()
	w.postings.clear()
	w.fresh.failed()
	w.torn = nil
	f := fault.Of(err)
	for _, d := range w.group {
		if d.state.CompareAndSwap(waiting, claimed) || d.state.Load() == claimed {
			d.err = &fault.Fault{Kind: fault.Transient, Issues: f.Issues, Cause: err, RetryAfter: retryAfter}
		}
		close(d.answer)
	}
	clear(w.group)
	w.group = w.group[:0]
}

// decide runs one decision; what it changed is undone when it fails.
func (w *writer) decide(fn func(store.Tx) error) error {
	t := &tx{w: w, before: w.types, mark: len(w.postings.ops), noted: len(w.fresh.journal)}
	t.snapshot = snapshot{c: w.c, ctx: context.Background(), types: func() *typeTable { return w.types }, flush: t.flush, fresh: w.s.fresh.Load(), countLimit: w.s.cfg.CountLimit}
	err := call(fn, t)
	t.over = true
	if err == nil {
		err = asFault(t.broken)
	}
	if err == nil && t.open {
		err = asFault(w.c.run("RELEASE decision"))
	}
	if err == nil {
		w.postings.held = nil
		return nil
	}
	w.types = t.before
	w.fresh.undo(t.noted)
	if w.postings.held != nil {
		w.postings.ops, w.postings.held = w.postings.held, nil
	} else {
		w.postings.ops = w.postings.ops[:t.mark]
	}
	if t.open && w.c.inTransaction() {
		if back := w.c.exec("ROLLBACK TO decision; RELEASE decision"); back != nil {
			err = errors.Join(err, back, w.c.exec("ROLLBACK"))
		}
	}
	return err
}

// call turns a panic into a fault. The value of the panic may quote what the
// decision was about, so only its type is kept.
func call(fn func(store.Tx) error, t *tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault.Wrap(fault.Internal, fmt.Errorf("panic of type %T in a decision\n%s", p, debug.Stack()), "a decision failed unexpectedly")
		}
	}()
	return fn(t)
}

// now is the next commit time: the clock, or a microsecond after the last one
// when the clock stands or has gone back.
func (w *writer) now() int64 {
	clock := w.s.cfg.Now().UnixMicro()
	w.s.stats.clockAhead.Store(max(w.last-clock, 0))
	w.last = max(clock, w.last+1)
	return w.last
}

func (w *writer) end() {
	var err error
	if w.c != nil {
		w.s.checkpoint.Lock()
		if err = w.s.copyTo(w.c, checkpointTruncate); errors.Is(err, errUncertain) {
			err = nil // the log stays, and is copied when it is opened again
		}
		w.s.checkpoint.Unlock()
		if cerr := w.c.close(); err == nil {
			err = cerr
		}
	}
	w.s.endErr = err
	close(w.s.stopped)
}

// instant is a stored time.
func instant(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// micros is a time as stored; the zero time is 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}
