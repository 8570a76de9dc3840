package postgres

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
)

// decision is one function on its way through the queue.
type decision struct {
	fn     func(store.Tx) error
	hints  []store.Hint
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
// full queue is refused at once. Once fn has begun, a cancelled ctx is not
// obeyed any more, because the outcome must be told.
func (s *Store) Decide(ctx context.Context, fn func(tx store.Tx) error, hints ...store.Hint) error {
	if err := ctx.Err(); err != nil {
		return asFault(err)
	}
	d := &decision{fn: fn, hints: hints, answer: make(chan struct{})}
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

// writers is how many connections decide in turn: while one waits for its commit
// to be on disk, the other has the next group in work.
const writers = 2

// writer owns a connection that decides.
type writer struct {
	s     *Store
	c     *pgx.Conn // nil while the database is away
	group []*decision
	ctx   context.Context // of the group in work
	tried time.Time       // when a connection was last asked for in vain

	begun  time.Time // when the clock was read
	server int64     // what the clock of the server said then
	last   int64     // the last commit time given out
	kept   int64     // the last one that is in the database
	ids    counter   // the last ids given out
	given  counter   // those in the database

	held  *overlay  // what the decisions of the group made, not yet sent
	types []typeRow // that the group met for the first time
	cache cache
}

// counter is the last ids given out.
type counter struct{ message, delivery int64 }

func newWriter(s *Store, c *pgx.Conn) *writer { return &writer{s: s, c: c} }

// run takes decisions in groups until the queue is closed. While one writer
// commits, the next has asked for the row already; what comes meanwhile gathers
// in the queue, and is its group when it gets the row.
func (w *writer) run() {
	ended := false
	defer func() {
		if !ended { // a decision ended this goroutine: runtime.Goexit
			w.drop()
			w.answer(fault.New(fault.Internal, "", "a decision of this group did not return"))
			go w.run()
		}
	}()
	for d := range w.s.queue {
		w.group = append(w.group[:0], d)
		w.gather()
		w.decideGroup()
	}
	ended = true
	w.drop()
	w.s.writers.Done()
}

// gather adds to the group what waits, and returns it.
func (w *writer) gather() (added []*decision) {
	have := len(w.group)
	for len(w.group) < w.s.cfg.Group {
		select {
		case d, open := <-w.s.queue:
			if !open {
				return w.group[have:]
			}
			w.group = append(w.group, d)
		default:
			return w.group[have:]
		}
	}
	return w.group[have:]
}

// groupTime bounds a group: what it takes beyond the waiting for the row.
const groupTime = 30 * time.Second

// decideGroup runs the group in one transaction and answers all of it. When one
// of several decisions has asked for what the database cannot do, each runs
// again alone, so that it fails alone.
func (w *writer) decideGroup() {
	err := w.attempt(w.group, w.gather)
	if err == nil || len(w.group) == 1 || !ours(err) {
		w.answer(err)
		return
	}
	for _, d := range w.group {
		if err := w.attempt([]*decision{d}, nil); err != nil {
			d.err = w.told(err)
		}
	}
	w.answer(nil)
}

// attempt takes the row, decides and commits. more is asked for further
// decisions when the row is there.
func (w *writer) attempt(group []*decision, more func() []*decision) error {
	ctx, cancel := context.WithTimeout(context.Background(), groupTime+w.s.cfg.Hold)
	defer cancel()
	w.ctx = ctx
	err := w.open(group)
	if err == nil && more != nil {
		late := more()
		group = append(group[:len(group):len(group)], late...)
		err = w.readMore(late)
	}
	ran := 0
	for _, d := range group {
		if err != nil {
			break
		}
		if d.state.CompareAndSwap(waiting, claimed) || d.state.Load() == claimed {
			ran++
			d.err = w.decide(d.fn)
			err = w.held.broken
		}
	}
	if err == nil {
		err = w.commit()
	}
	if err != nil {
		w.s.stats.failedCommits.Add(1)
		w.undo()
		return err
	}
	w.s.stats.commits.Add(1)
	w.s.stats.decisions.Add(int64(ran))
	for _, d := range group {
		if d.err != nil {
			w.s.stats.failed.Add(1)
		}
	}
	return nil
}

// answer tells the group. A group that failed tells everyone the same, but
// nobody's own fault: nothing of it was acknowledged, so each may send again.
func (w *writer) answer(err error) {
	for _, d := range w.group {
		if err != nil && (d.state.CompareAndSwap(waiting, claimed) || d.state.Load() == claimed) {
			d.err = w.told(err)
		}
		close(d.answer)
	}
	clear(w.group)
	w.group = w.group[:0]
}

func (w *writer) told(err error) error {
	f := fault.Of(asFault(err))
	if ours(err) {
		return f
	}
	return &fault.Fault{Kind: fault.Transient, Issues: f.Issues, Cause: f.Cause, RetryAfter: retryAfter}
}

// reconnectEvery keeps a database that is away from being asked by every group.
const reconnectEvery = 200 * time.Millisecond

// open begins the transaction, takes the row, and reads what the decisions said
// they would read. A connection that broke while nobody used it is replaced
// without a word: no decision has begun.
func (w *writer) open(group []*decision) error {
	if w.c != nil && !w.c.IsClosed() {
		if err := w.take(group); err == nil || !w.c.IsClosed() {
			return err
		}
	}
	if time.Since(w.tried) < reconnectEvery {
		return transient(nil, "the database does not answer")
	}
	c, err := w.s.connect(w.ctx)
	if err != nil {
		w.tried = time.Now()
		return err
	}
	w.c = c
	return w.take(group)
}

// take begins the transaction in one round trip. The clock is read by a
// statement of its own: what the one before it reads besides the row may be
// from before the wait for it. Whoever runs the database may have chosen not to
// wait for its disk; this store does.
func (w *writer) take(group []*decision) error {
	w.held, w.types, w.cache = newOverlay(), nil, newCache()
	b := &pgx.Batch{}
	b.Queue("BEGIN")
	ms := w.s.cfg.Hold.Milliseconds()
	b.Queue("SELECT set_config('lock_timeout', $1, true), set_config('idle_in_transaction_session_timeout', $1, true), set_config('statement_timeout', $2, true), "+
		"set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, true)",
		fmt.Sprint(ms), fmt.Sprint(groupTime.Milliseconds()))
	b.Queue("SELECT last, message, delivery FROM linkloop.clock WHERE id = 0 FOR UPDATE").QueryRow(func(row pgx.Row) error {
		err := row.Scan(&w.kept, &w.ids.message, &w.ids.delivery)
		w.last, w.given = w.kept, w.ids
		return err
	})
	b.Queue(sqlServerClock).QueryRow(func(row pgx.Row) error {
		w.begun = time.Now()
		err := row.Scan(&w.server)
		w.s.skew.Store(w.server - w.begun.UnixMicro())
		return err
	})
	w.readAhead(b, group)
	return w.c.SendBatch(w.ctx, b).Close()
}

// readMore reads what decisions that came later said they would read.
func (w *writer) readMore(late []*decision) error {
	b := &pgx.Batch{}
	if w.readAhead(b, late); b.Len() == 0 {
		return nil
	}
	return w.c.SendBatch(w.ctx, b).Close()
}

// commit writes what the group made, and commits.
func (w *writer) commit() error {
	b := &pgx.Batch{}
	w.held.queue(b)
	if w.last != w.kept || w.ids != w.given {
		b.Queue("UPDATE linkloop.clock SET last = $1, message = $2, delivery = $3 WHERE id = 0", w.last, w.ids.message, w.ids.delivery)
	}
	done := false
	b.Queue("COMMIT").Exec(func(tag commandTag) error {
		done = tag.String() == "COMMIT"
		return nil
	})
	if err := w.c.SendBatch(w.ctx, b).Close(); err != nil {
		return err
	}
	if !done {
		return errors.New("postgres: the transaction did not commit")
	}
	w.s.types.add(w.types)
	w.s.stats.clockAhead.Store(max(w.last-w.clock(), 0))
	return nil
}

// undo gives the row back. A connection on which that fails is of no use.
func (w *writer) undo() {
	if w.c == nil || w.c.IsClosed() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if _, err := w.c.Exec(ctx, "ROLLBACK", pgx.QueryExecModeSimpleProtocol); err != nil {
		w.drop()
	}
}

func (w *writer) drop() {
	if w.c != nil {
		closeConn(w.c)
		w.c = nil
	}
}

// decide runs one decision; what it made is dropped when it fails.
func (w *writer) decide(fn func(store.Tx) error) error {
	t := &tx{w: w, made: newOverlay()}
	t.snapshot = snapshot{s: w.s, q: t}
	ids := w.ids
	err := call(fn, t)
	t.over = true
	if w.held.broken == nil {
		w.held.broken = t.made.broken
	}
	if w.held.broken != nil {
		return err
	}
	if err == nil {
		if t.saved {
			w.held.broken = w.exec("RELEASE SAVEPOINT decision")
		}
		w.held.join(t.made)
		w.types = append(w.types, t.types...)
		return nil
	}
	for i := len(t.undo) - 1; i >= 0; i-- {
		t.undo[i]()
	}
	w.ids = ids
	if t.saved {
		w.held.broken = w.exec("ROLLBACK TO SAVEPOINT decision; RELEASE SAVEPOINT decision")
	}
	return err
}

// exec runs statements without parameters.
func (w *writer) exec(sql string) error {
	_, err := w.c.Exec(w.ctx, sql, pgx.QueryExecModeSimpleProtocol)
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

// clock is the time now, by the clock that all instances share.
func (w *writer) clock() int64 {
	if w.s.cfg.Now != nil {
		return w.s.cfg.Now().UnixMicro()
	}
	return w.server + time.Since(w.begun).Microseconds()
}

// now is the next commit time: the clock, or a microsecond after the last one
// when the clock stands or has gone back.
func (w *writer) now() int64 {
	w.last = max(w.clock(), w.last+1)
	return w.last
}
