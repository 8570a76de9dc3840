package postgres_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/store/postgres"
	"github.com/linkloop/linkloop/adapter/store/postgrestest"
)

// beside is a connection to the store's database that is not the store's.
func beside(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

func ask[T any](t *testing.T, c *pgx.Conn, sql string, args ...any) (out T) {
	t.Helper()
	if err := c.QueryRow(t.Context(), sql, args...).Scan(&out); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return out
}

func putTask(s store.Store, id string) error {
	k := store.Key{Type: "Task", ID: id}
	body := element.Canonical(element.NewObject(element.S("resourceType", k.Type), element.S("id", k.ID)))
	return s.Decide(context.Background(), func(tx store.Tx) error {
		_, err := tx.Resources().Put(store.Write{Key: k, Body: body})
		return err
	})
}

func current(t *testing.T, s store.Store, id string) (v store.Version, err error) {
	t.Helper()
	err = s.View(t.Context(), func(r store.Reader) error {
		v, err = r.Resources().Get(store.Key{Type: "Task", ID: id})
		return err
	})
	return v, err
}

// TestBrokenWhileIdle cuts every connection of a store that has nothing to do,
// as firewalls and restarts of the server do: the next callers do not feel it.
func TestBrokenWhileIdle(t *testing.T) {
	dsn := postgrestest.Database(t)
	s := open(t, dsn, nil)
	defer s.Close()
	other := beside(t, dsn)
	for round, id := range []string{"a", "b", "c"} {
		for range 4 { // both writers
			if err := putTask(s, id+time.Now().Format("150405.000000000")[7:]); err != nil {
				t.Errorf("round %d: %v", round, err)
			}
		}
		if err := putTask(s, id); err != nil {
			t.Errorf("round %d: %v", round, err)
		}
		if v, err := current(t, s, id); err != nil || v.Number != 1 {
			t.Errorf("round %d: version %d, %v", round, v.Number, err)
		}
		cut := ask[int](t, other, "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
		if cut < 2 {
			t.Errorf("%d connections were cut", cut)
		}
	}
}

// TestViewGivesUp: a fn that breaks its connection every time is not run for
// ever.
func TestViewGivesUp(t *testing.T) {
	dsn := postgrestest.Database(t)
	s := open(t, dsn, nil)
	defer s.Close()
	other := beside(t, dsn)
	runs := 0
	err := s.View(t.Context(), func(r store.Reader) error {
		runs++
		if _, err := r.Deliveries().NextDue(); err != nil {
			return err
		}
		if _, err := r.Deliveries().Counts(); err != nil { // now in a transaction
			return err
		}
		ask[int](t, other, "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
		_, err := r.Deliveries().NextDue()
		return err
	})
	if err == nil || fault.KindOf(err) != fault.Transient || runs > 40 {
		t.Errorf("after %d runs: %v", runs, err)
	}
	if _, err := current(t, s, "nobody"); err == nil || fault.KindOf(err) != fault.NotFound {
		t.Errorf("afterwards: %v", err)
	}
}

// TestTimeAfterWait: the time of a decision that had to wait for the row is not
// from before the wait, and the clock of the store does not go back by it.
func TestTimeAfterWait(t *testing.T) {
	dsn := postgrestest.Database(t)
	s := open(t, dsn, nil)
	defer s.Close()
	holder, other := beside(t, dsn), beside(t, dsn)
	held, err := holder.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := held.Exec(t.Context(), "SELECT FROM linkloop.clock FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	var at time.Time
	done := make(chan error)
	go func() {
		done <- s.Decide(context.Background(), func(tx store.Tx) error { at = tx.Time(); return nil })
	}()
	for ask[int](t, other, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") == 0 {
	}
	const nap = 300 * time.Millisecond
	time.Sleep(nap) // what the time would be wrong by
	waited := ask[int64](t, other, "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
	if err := held.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if at.UnixMicro() < waited {
		t.Errorf("the decision's time is %v before the end of its wait", time.UnixMicro(waited).Sub(at))
	}
	server := ask[int64](t, other, "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
	if off := time.UnixMicro(server).Sub(s.Now()); off > nap/2 {
		t.Errorf("the clock of the store is %v behind the server's", off)
	}
}

// TestSlowInstance: an instance that holds the row for too long loses it. What
// it had in work is told to try again, and nothing of it stays.
func TestSlowInstance(t *testing.T) {
	dsn := postgrestest.Database(t)
	c := postgres.DefaultConfig()
	c.DSN, c.Hold = dsn, 200*time.Millisecond
	slow, err := postgres.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	quick := open(t, dsn, nil) // waits for the row longer than the other may hold it
	defer quick.Close()
	began, end, done := make(chan struct{}), make(chan struct{}), make(chan error)
	var runs atomic.Int32
	go func() {
		k := store.Key{Type: "Task", ID: "slow"}
		body := element.Canonical(element.NewObject(element.S("resourceType", k.Type), element.S("id", k.ID)))
		done <- slow.Decide(context.Background(), func(tx store.Tx) error {
			if runs.Add(1) == 1 {
				close(began)
			}
			_, err := tx.Resources().Put(store.Write{Key: k, Body: body})
			<-end
			return err
		})
	}()
	<-began
	if err := putTask(quick, "quick"); err != nil {
		t.Errorf("the other instance: %v", err)
	}
	close(end)
	if err := <-done; err == nil || fault.KindOf(err) != fault.Transient || runs.Load() != 1 {
		t.Errorf("the slow one, run %d times: %v", runs.Load(), err)
	}
	if _, err := current(t, quick, "slow"); err == nil || fault.KindOf(err) != fault.NotFound {
		t.Errorf("what the slow one made: %v", err)
	}
	if err := putTask(slow, "again"); err != nil {
		t.Errorf("the slow one again: %v", err)
	}
}

// TestAnsweredMeansOnDisk: even where the database is set not to wait for its
// disk.
func TestAnsweredMeansOnDisk(t *testing.T) {
	dsn := postgrestest.Database(t)
	first := open(t, dsn, nil)
	other := beside(t, dsn)
	if _, err := other.Exec(t.Context(), "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET synchronous_commit = off'; END $$"); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	s := open(t, dsn, nil)
	defer s.Close()
	for i := range 20 {
		before := ask[string](t, other, "SELECT pg_current_wal_insert_lsn()::text")
		if err := putTask(s, time.Now().Format("150405.000000000")[7:]); err != nil {
			t.Fatal(err)
		}
		if !ask[bool](t, other, "SELECT pg_current_wal_flush_lsn() > $1::text::pg_lsn", before) {
			t.Fatalf("decision %d was answered before its log was written out", i)
		}
	}
}
