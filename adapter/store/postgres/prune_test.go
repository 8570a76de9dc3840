package postgres_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/store/postgrestest"
)

// TestPruneLooksAtLittle: a round that finds nothing to remove must not read all
// there is, hour after hour.
func TestPruneLooksAtLittle(t *testing.T) {
	dsn := postgrestest.Database(t)
	s := open(t, dsn, nil)
	const n = 6000
	now := time.Now()
	for i := 0; i < n; {
		if err := s.Decide(t.Context(), func(tx store.Tx) error {
			for end := i + 1000; i < end; i++ {
				if _, err := tx.Inbox().Add(store.Message{Dedupe: [32]byte{byte(i), byte(i >> 8)}, State: store.Accepted, Received: now}); err != nil {
					return err
				}
				if err := tx.Ledger().Audit(store.AuditEvent{At: now}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	other := beside(t, dsn)
	read := func() int64 {
		if err := s.Close(); err != nil { // the sessions report what they read when they end
			t.Fatal(err)
		}
		for ask[int](t, other, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'linkloop'") > 0 {
		}
		return ask[int64](t, other, "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint FROM pg_stat_user_tables WHERE relname IN ('inbox', 'audit')")
	}
	before := read()
	s = open(t, dsn, nil)
	for more := true; more; {
		removed, again, err := s.Prune(t.Context(), store.Retention{Messages: now.Add(-time.Hour), Audit: now.Add(-time.Hour)})
		if err != nil || removed != 0 {
			t.Fatalf("removed %d: %v", removed, err)
		}
		more = again
	}
	if looked := read() - before; looked > n {
		t.Errorf("%d rows were read to remove none of %d", looked, 2*n)
	}
}

// TestPruneKeepsNobodyWaiting: the row that decisions wait for is not taken. It
// is held by somebody else while a round runs to its end.
func TestPruneKeepsNobodyWaiting(t *testing.T) {
	dsn := postgrestest.Database(t)
	s := open(t, dsn, nil)
	defer s.Close()
	old, cut := time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
	const n = 600
	if err := s.Decide(t.Context(), func(tx store.Tx) error {
		for i := range n {
			if _, err := tx.Inbox().Add(store.Message{Dedupe: [32]byte{byte(i), byte(i >> 8)}, State: store.Accepted, Received: old}); err != nil {
				return err
			}
			if _, _, err := tx.Deliveries().Owe(store.Delivery{Key: string(rune('a' + i)), Due: old}); err != nil {
				return err
			}
		}
		ds, err := tx.Deliveries().Lease(old, cut, n, nil)
		for _, d := range ds {
			d.State, d.Settled = store.Proven, old
			if err == nil {
				err = tx.Deliveries().Settle(d, store.Attempt{})
			}
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	held, err := beside(t, dsn).BeginTx(t.Context(), pgx.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := held.Exec(t.Context(), "SELECT FROM linkloop.clock FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	removed := 0
	for more := true; more; {
		n, again, err := s.Prune(t.Context(), store.Retention{Messages: cut, Deliveries: cut})
		if err != nil {
			t.Fatal(err)
		}
		removed, more = removed+n, again
	}
	if removed != 2*(n-1) { // the newest of each stay
		t.Errorf("removed %d, want %d", removed, 2*(n-1))
	}
	if err := held.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
}
