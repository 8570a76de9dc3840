package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
)

// query is how a snapshot asks the database: inside a decision or in a View.
type query interface {
	// rows runs a query. What is pending of a decision is in the database then.
	rows(sql string, args ...any) (pgx.Rows, error)
	// fixed asks for rows that never change once they are in a snapshot. They
	// may still be gone: pruned is called when one is missing.
	fixed(sql string, args ...any) (pgx.Rows, error)
	pruned() error
	// shelf has versions read lately; nil in a decision, which may see what is
	// never committed.
	shelf() *store.Shelf
}

// snapshot is what reading needs.
type snapshot struct {
	s *Store
	q query
}

func (s *snapshot) Resources() store.ResourceReader  { return resources{s} }
func (s *snapshot) Inbox() store.InboxReader         { return inbox{s} }
func (s *snapshot) Deliveries() store.DeliveryReader { return deliveries{s} }
func (s *snapshot) Switches() store.SwitchReader     { return switches{s} }

// tx is one running decision.
type tx struct {
	snapshot
	w     *writer
	made  *overlay
	undo  []func() // takes what it made out of the cache, last first
	time  int64
	next  int64
	types []typeRow // met for the first time
	saved bool      // part of what it made is behind a savepoint
	over  bool
}

func (t *tx) Resources() store.ResourceWriter  { return resourceWriter{resources{&t.snapshot}, t} }
func (t *tx) Inbox() store.InboxWriter         { return inboxWriter{inbox{&t.snapshot}, t} }
func (t *tx) Deliveries() store.DeliveryWriter { return deliveryWriter{deliveries{&t.snapshot}, t} }
func (t *tx) Switches() store.SwitchWriter     { return switchWriter{switches{&t.snapshot}, t} }
func (t *tx) Ledger() store.Ledger             { return ledger{t} }

// Time is given out when first asked for, so that decisions that change nothing
// do not move the clock.
func (t *tx) Time() time.Time { return time.UnixMicro(t.micros()).UTC() }

func (t *tx) micros() int64 {
	if t.time == 0 && !t.over {
		t.time = t.w.now()
		t.next = t.time
	}
	return t.time
}

// seq is the commit time of the next version: the first has the decision's.
func (t *tx) seq() int64 {
	t.micros()
	seq := t.next
	t.next++
	t.w.last = max(t.w.last, seq)
	return seq
}

// writing refuses changes after the end.
func (t *tx) writing() error {
	if t.over {
		return fault.New(fault.Internal, "", "a decision was used after it ended")
	}
	return asFault(t.made.broken)
}

// breaks notes trouble with the database.
func (t *tx) breaks(err error) error {
	if err != nil && t.made.broken == nil {
		t.made.broken = err
	}
	return asFault(err)
}

// direct runs a query that the pending changes do not matter for.
func (t *tx) direct(sql string, args ...any) (pgx.Rows, error) {
	if err := t.writing(); err != nil {
		return nil, err
	}
	rows, err := t.w.c.Query(t.w.ctx, sql, args...)
	if err != nil {
		return nil, t.breaks(err)
	}
	return watched{rows, t}, nil
}

// rows first brings the database up to date: with what earlier decisions of the
// group made, and behind a savepoint, because it may be undone, with what this
// one made.
func (t *tx) rows(sql string, args ...any) (pgx.Rows, error) {
	if err := t.writing(); err != nil {
		return nil, err
	}
	b := &pgx.Batch{}
	t.w.held.queue(b)
	if !t.made.empty() {
		if !t.saved {
			b.Queue("SAVEPOINT decision")
			t.saved = true
		}
		t.made.queue(b)
	}
	if b.Len() > 0 {
		if err := t.w.c.SendBatch(t.w.ctx, b).Close(); err != nil {
			return nil, t.breaks(err)
		}
		clear(t.w.cache.carrying) // what was pending is in the database now
	}
	return t.direct(sql, args...)
}

func (t *tx) fixed(sql string, args ...any) (pgx.Rows, error) { return t.rows(sql, args...) }

func (t *tx) pruned() error { return errMissingRow }

func (t *tx) shelf() *store.Shelf { return nil }

// watched notes an error that comes while rows are read.
type watched struct {
	pgx.Rows
	t *tx
}

func (w watched) Err() error {
	err := w.Rows.Err()
	_ = w.t.breaks(err)
	return err
}

// View runs fn on a snapshot that no later commit changes. A fn that asks once
// is answered by one statement, which is a snapshot by itself; one that asks
// again runs once more, in a transaction. A connection that broke while nobody
// used it is replaced without a word.
func (s *Store) View(ctx context.Context, fn func(r store.Reader) error) error {
	s.closing.RLock()
	closed := s.closed
	s.closing.RUnlock()
	if closed {
		return transient(nil, "the store is closing")
	}
	// Each try throws one broken connection away; the last one is made anew.
	for tries := 0; ; tries++ {
		broke, err := s.viewOnce(ctx, fn)
		if !broke || tries == s.cfg.Readers || ctx.Err() != nil {
			return err
		}
	}
}

// viewOnce reports too whether it failed because the connection broke.
func (s *Store) viewOnce(ctx context.Context, fn func(r store.Reader) error) (broke bool, err error) {
	c, err := s.pool.Acquire(ctx)
	if err != nil {
		return false, asFault(err)
	}
	v := &view{ctx: ctx, c: c.Conn(), kept: s.shelf}
	defer func() { v.end(); c.Release() }()
	again, err := v.once(fn, &snapshot{s: s, q: v})
	if again {
		if err = asFault(v.begin()); err == nil {
			err = fn(&snapshot{s: s, q: v})
		}
	}
	return err != nil && v.c.IsClosed(), err
}

// view is the connection of a View.
type view struct {
	ctx   context.Context
	c     *pgx.Conn
	kept  *store.Shelf
	asked bool
	open  bool
}

// again unwinds a fn that asks a second time without a transaction.
type again struct{}

// once runs fn for as long as it asks once. Unwinding it, rather than failing
// its second question, keeps it from taking that for an answer.
func (v *view) once(fn func(store.Reader) error, r store.Reader) (asksAgain bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			if _, asksAgain = p.(again); !asksAgain {
				panic(p)
			}
		}
	}()
	return false, fn(r)
}

func (v *view) rows(sql string, args ...any) (pgx.Rows, error) {
	if !v.open && v.asked {
		panic(again{})
	}
	v.asked = true
	return v.c.Query(v.ctx, sql, args...)
}

func (v *view) fixed(sql string, args ...any) (pgx.Rows, error) {
	return v.c.Query(v.ctx, sql, args...)
}

// pruned begins again in a transaction, in which nothing goes away.
func (v *view) pruned() error {
	if !v.open {
		panic(again{})
	}
	return errMissingRow
}

func (v *view) shelf() *store.Shelf { return v.kept }

func (v *view) begin() error {
	_, err := v.c.Exec(v.ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", pgx.QueryExecModeSimpleProtocol)
	v.open = err == nil
	return err
}

func (v *view) end() {
	if !v.open || v.c.IsClosed() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), connectTime)
	defer cancel()
	if _, err := v.c.Exec(ctx, "COMMIT", pgx.QueryExecModeSimpleProtocol); err != nil {
		closeConn(v.c) // the pool throws away what is closed
	}
}

// micros is a time as stored; the zero time is 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// instant is a stored time.
func instant(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}
