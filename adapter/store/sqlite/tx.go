package sqlite

import (
	"context"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
)

// snapshot is what reading needs: a connection inside a transaction. A View is
// one; a tx is one that sees its own changes.
type snapshot struct {
	c          *conn
	ctx        context.Context
	types      func() *typeTable
	flush      func() error // brings the posting lists up to date; nil in a View
	shelf      *store.Shelf // versions read lately; nil in a decision, which may see what is never committed
	fresh      *generation  // the oldest index rows in memory that may be needed; nil: they are read from the data
	countLimit int
}

func (s *snapshot) Resources() store.ResourceReader { return resources{s} }
func (s *snapshot) Inbox() store.InboxReader        { return inbox{s} }
func (s *snapshot) Deliveries() store.DeliveryReader {
	return deliveries{s}
}

func (s *snapshot) Switches() store.SwitchReader { return switches{s} }

// tx is one running decision.
type tx struct {
	snapshot
	w      *writer
	time   int64
	next   int64
	open   bool // the savepoint is there
	over   bool
	absent []store.Key // asked for and not there
	broken error       // the first failed write: the decision cannot succeed any more

	before *typeTable
	mark   int // the pending postings of earlier decisions
	noted  int // the changes of earlier decisions to the index rows in memory
}

func (t *tx) Resources() store.ResourceWriter { return resourceWriter{resources{&t.snapshot}, t} }
func (t *tx) Inbox() store.InboxWriter        { return inboxWriter{inbox{&t.snapshot}, t} }
func (t *tx) Deliveries() store.DeliveryWriter {
	return deliveryWriter{deliveries{&t.snapshot}, t}
}
func (t *tx) Switches() store.SwitchWriter { return switchWriter{switches{&t.snapshot}, t} }
func (t *tx) Ledger() store.Ledger         { return ledger{t} }

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

// writing opens the savepoint before the first change. Decisions that only read
// do without.
func (t *tx) writing() error {
	if t.over {
		return fault.New(fault.Internal, "", "a decision was used after it ended")
	}
	if t.broken != nil {
		return asFault(t.broken)
	}
	if !t.open {
		if err := t.w.c.run("SAVEPOINT decision"); err != nil {
			return t.breaks(err)
		}
		t.open = true
	}
	return nil
}

// breaks notes a failed write: part of a change may be there, so the decision
// must not succeed even when fn overlooks the error.
func (t *tx) breaks(err error) error {
	if err != nil && t.broken == nil {
		t.broken = err
	}
	return asFault(err)
}

// flush writes the pending postings, because somebody wants to search. Those of
// earlier decisions of the group are remembered when they go into this
// decision's savepoint, for it may be undone.
func (t *tx) flush() error {
	p := &t.w.postings
	if len(p.ops) == 0 {
		return nil
	}
	if t.open && p.held == nil {
		p.held = append(make([]posting, 0, t.mark), p.ops[:t.mark]...)
	}
	if err := p.write(t.w.c); err != nil {
		t.w.torn = err
		return t.breaks(err)
	}
	t.mark = 0
	return nil
}

// View runs fn on a snapshot that no later commit changes. It waits while all
// readers are busy.
func (s *Store) View(ctx context.Context, fn func(r store.Reader) error) (err error) {
	c, err := s.takeReader(ctx)
	if err != nil {
		return asFault(err)
	}
	// The deferred return also holds when fn panics.
	defer func() {
		if end := c.run("COMMIT"); end != nil && c.inTransaction() {
			_ = c.close()
			s.tickets <- struct{}{}
			if err == nil {
				err = asFault(end)
			}
			return
		}
		s.readers <- c
	}()
	oldest := s.fresh.Load() // before the snapshot: what is folded after it is still needed
	if err := c.run("BEGIN"); err != nil {
		return asFault(err)
	}
	table := s.types.committed.Load()
	return fn(&snapshot{c: c, ctx: ctx, types: func() *typeTable { return table }, shelf: s.shelf, fresh: oldest, countLimit: s.cfg.CountLimit})
}

func (s *Store) takeReader(ctx context.Context) (*conn, error) {
	s.closing.RLock()
	closed := s.closed
	s.closing.RUnlock()
	if closed {
		return nil, transient(nil, "the store is closing")
	}
	select {
	case c := <-s.readers:
		return c, nil
	default:
	}
	select {
	case c := <-s.readers:
		return c, nil
	case <-s.tickets:
		c, err := s.reader()
		if err != nil {
			s.tickets <- struct{}{}
		}
		return c, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
