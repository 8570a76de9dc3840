package postgres_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
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

func message(n uint64, state store.MessageState) store.Message {
	m := store.Message{State: state, Received: time.Now(), Body: []byte("MSH|")}
	binary.BigEndian.PutUint64(m.Dedupe[:], n)
	return m
}

// add puts one message and one resource into the store.
func add(ctx context.Context, s store.Store, n uint64) error {
	k := store.Key{Type: "Task", ID: fmt.Sprint("t", n)}
	body := element.Canonical(element.NewObject(element.S("resourceType", k.Type), element.S("id", k.ID)))
	m := message(n, store.Accepted)
	return s.Decide(ctx, func(tx store.Tx) error {
		if _, err := tx.Inbox().Find(m.Dedupe); err == nil {
			return nil // it came in although nobody was told
		}
		if _, err := tx.Inbox().Add(m); err != nil {
			return err
		}
		_, err := tx.Resources().Put(store.Write{Key: k, Body: body})
		return err
	}, store.Hint{Keys: []store.Key{k}, Dedupe: [][32]byte{m.Dedupe}})
}

// TestServerKilled: two instances decide while the database server is killed
// and started again. Meanwhile they answer Transient; afterwards they go on by
// themselves, and what was acknowledged is there once.
func TestServerKilled(t *testing.T) {
	server := postgrestest.Own(t)
	dsn, err := server.CreateDatabase()
	if err != nil {
		t.Fatal(err)
	}
	stores := []*postgres.Store{open(t, dsn, nil), open(t, dsn, nil)}
	var next, refused atomic.Uint64
	var mu sync.Mutex
	var acked []uint64
	stop := make(chan struct{})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				n := next.Add(1)
				err := add(context.Background(), stores[i%2], n)
				switch {
				case err == nil:
					mu.Lock()
					acked = append(acked, n)
					mu.Unlock()
				case fault.KindOf(err) == fault.Transient && fault.Of(err).RetryAfter > 0:
					refused.Add(1)
					time.Sleep(5 * time.Millisecond)
				default:
					t.Errorf("decide: %v (cause %v)", err, errors.Unwrap(err))
				}
			}
		})
	}
	count := func() int { mu.Lock(); defer mu.Unlock(); return len(acked) }
	reach := func(n int) {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); count() < n; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%d were acknowledged, want %d", count(), n)
			}
		}
	}
	for range 3 {
		reach(count() + 50)
		if err := server.Restart(); err != nil {
			t.Fatal(err)
		}
	}
	reach(count() + 50)
	close(stop)
	all.Wait()
	if refused.Load() == 0 {
		t.Error("nothing was refused: the server was not away")
	}
	held := map[uint64]int{}
	if err := stores[0].View(t.Context(), func(r store.Reader) error {
		clear(held)
		for f := (store.InboxFilter{Limit: 1000}); ; {
			list, err := r.Inbox().List(f)
			if err != nil || len(list) == 0 {
				return err
			}
			for _, m := range list {
				held[binary.BigEndian.Uint64(m.Dedupe[:])]++
			}
			f.Before = list[len(list)-1].ID
		}
	}); err != nil {
		t.Fatal(err)
	}
	for _, n := range acked {
		if held[n] != 1 {
			t.Errorf("message %d was acknowledged and is there %d times", n, held[n])
		}
		if _, err := read(t, stores[1], store.Key{Type: "Task", ID: fmt.Sprint("t", n)}); err != nil {
			t.Errorf("the resource of message %d: %v", n, err)
		}
	}
	for _, s := range stores {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func read(t *testing.T, s store.Store, k store.Key) (v store.Version, err error) {
	t.Helper()
	err = s.View(t.Context(), func(r store.Reader) error {
		v, err = r.Resources().Get(k)
		return err
	})
	return v, err
}

// TestPoison: what the database refuses of one decision does not fail those
// that share its commit.
func TestPoison(t *testing.T) {
	dsn := postgrestest.Database(t)
	s := open(t, dsn, nil)
	defer s.Close()
	execute(t, dsn, "ALTER TABLE linkloop.inbox ADD CHECK (seen <> 666)")
	hold, held := make(chan struct{}), make(chan struct{})
	var once sync.Once
	go func() {
		_ = s.Decide(t.Context(), func(store.Tx) error { once.Do(func() { close(held) }); <-hold; return nil })
	}()
	<-held
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			m := message(uint64(i), store.Accepted)
			if i == 4 {
				m.Seen = 666
			}
			err := s.Decide(t.Context(), func(tx store.Tx) error { _, err := tx.Inbox().Add(m); return err })
			if i == 4 && fault.KindOf(err) != fault.Internal || i != 4 && err != nil {
				t.Errorf("decision %d: %v", i, err)
			}
		})
	}
	close(hold)
	all.Wait()
	if err := s.View(t.Context(), func(r store.Reader) error {
		list, err := r.Inbox().List(store.InboxFilter{})
		if len(list) != 9 {
			t.Errorf("%d messages are there, want 9", len(list))
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}

func execute(t *testing.T, dsn, sql string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	if _, err := c.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

// TestDeadHost: an instance that vanishes without closing its connection while
// it holds the row keeps the others waiting for a bounded time only.
func TestDeadHost(t *testing.T) {
	dsn := postgrestest.Database(t)
	c := postgres.DefaultConfig()
	c.DSN, c.Hold = dsn, 300*time.Millisecond
	s, err := postgres.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	dead, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer dead.Close(context.Background())
	for _, sql := range []string{"BEGIN", "SELECT set_config('idle_in_transaction_session_timeout', '300', true)", "SELECT * FROM linkloop.clock FOR UPDATE"} {
		if _, err := dead.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for end := time.Now().Add(20 * time.Second); ; {
		err := add(t.Context(), s, 1)
		if err == nil {
			return
		}
		if fault.KindOf(err) != fault.Transient || time.Now().After(end) {
			t.Fatalf("decide: %v", err)
		}
	}
}

// TestNewerData: data of a newer version is refused with advice, and a database
// that was never used is told from one that is away.
func TestNewerData(t *testing.T) {
	dsn := postgrestest.Database(t)
	c := postgres.DefaultConfig()
	c.DSN, c.ReadOnly = dsn, true
	if _, err := postgres.Open(t.Context(), c); !postgres.Empty(err) {
		t.Errorf("an empty database: %v", err)
	}
	if err := open(t, dsn, nil).Close(); err != nil {
		t.Fatal(err)
	}
	execute(t, dsn, "UPDATE linkloop.schema_version SET version = 99")
	for _, c.ReadOnly = range []bool{true, false} {
		_, err := postgres.Open(t.Context(), c)
		if fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "newer version") || postgres.Empty(err) {
			t.Errorf("newer data: %v", err)
		}
	}
	c.DSN = "postgres://linkloop@127.0.0.1:1/none"
	if _, err := postgres.Open(t.Context(), c); fault.KindOf(err) != fault.Transient {
		t.Errorf("a database that is away: %v", err)
	}
}

// TestKey: all instances get the same secret, and get it again.
func TestKey(t *testing.T) {
	dsn := postgrestest.Database(t)
	var keys [][]byte
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 4 {
		s := open(t, dsn, nil)
		defer s.Close()
		all.Go(func() {
			key, err := s.Key(t.Context())
			if err != nil || len(key) != 32 {
				t.Errorf("key of %d bytes, %v", len(key), err)
			}
			mu.Lock()
			keys = append(keys, key)
			mu.Unlock()
		})
	}
	all.Wait()
	for _, k := range keys {
		if !slices.Equal(k, keys[0]) {
			t.Error("two instances have different secrets")
		}
	}
}

// TestSpaceComesBack: a store that is filled and emptied again and again does
// not grow.
func TestSpaceComesBack(t *testing.T) {
	dsn := postgrestest.Database(t)
	s := open(t, dsn, nil)
	defer s.Close()
	size := func() (n int64) {
		c, err := pgx.Connect(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close(t.Context())
		if err := c.QueryRow(t.Context(), "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c WHERE relnamespace = 'linkloop'::regnamespace AND relkind = 'r'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	var first int64
	for round := range 5 {
		year := time.Date(2020+round, 6, 1, 0, 0, 0, 0, time.UTC)
		for i := range 20 {
			if err := s.Decide(t.Context(), func(tx store.Tx) error {
				for j := range 100 {
					m := message(uint64(round*10_000+i*100+j), store.Accepted)
					m.Received, m.Body = year, []byte(strings.Repeat("x", 1500))
					if _, err := tx.Inbox().Add(m); err != nil {
						return err
					}
					if err := tx.Ledger().Audit(store.AuditEvent{At: year, Entity: "Task/1"}); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		if round == 0 {
			first = size()
		}
		for more := true; more; {
			var err error
			if _, more, err = s.Prune(t.Context(), store.Retention{Messages: year.AddDate(0, 1, 0), Audit: year.AddDate(0, 1, 0)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if last := size(); last > first*13/10 {
		t.Errorf("%d bytes after five rounds, %d after the first", last, first)
	}
}
