package postgres_test

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/store/postgrestest"
)

// TestPlansOfEmptyTables: statements that were planned when there was nothing do
// not read whole tables when there is something. Nobody analyzes the tables
// before a minute has passed.
func TestPlansOfEmptyTables(t *testing.T) {
	dsn := postgrestest.Database(t)
	s := open(t, dsn, nil)
	rng := rand.New(rand.NewPCG(1, 1))
	const n = 200
	for range n {
		r := newReferral(rng)
		if err := s.Decide(t.Context(), r.file, r.hint()); err != nil {
			t.Fatal(err)
		}
		w := r.writes[0]
		if err := s.Decide(t.Context(), func(tx store.Tx) error { // a second version, which replaces index rows
			w.Expect = 1
			_, err := tx.Resources().Put(w)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if err := s.View(context.Background(), func(r store.Reader) error {
			if _, err := r.Resources().Get(w.Key); err != nil {
				return err
			}
			_, err := r.Resources().Search(resource.Query{Type: w.Type, Limit: 5, Clauses: []resource.Clause{
				{Any: w.Index.Terms[:1]}, {Any: w.Index.Terms[1:3]}, {Any: w.Index.Terms[4:], Not: true}}})
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil { // the sessions report what they read when they end
		t.Fatal(err)
	}
	other := beside(t, dsn)
	for ask[int](t, other, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'linkloop'") > 0 {
	}
	if vacuumed := ask[int64](t, other, "SELECT coalesce(sum(autoanalyze_count + autovacuum_count), 0)::bigint FROM pg_stat_user_tables WHERE relname = 'version'"); vacuumed > 0 {
		t.Skip("the tables were analyzed meanwhile")
	}
	for _, table := range []string{"version", "resource", "posting", "span", "inbox"} {
		if read := ask[int64](t, other, "SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = $1", table); read > 20*n {
			t.Errorf("%d rows of %s were read in passing", read, table)
		}
	}
}

// TestHistoryOfATypeLooksAtLittle: a page of it takes the newest of two lists,
// however long they are.
func TestHistoryOfATypeLooksAtLittle(t *testing.T) {
	dsn := postgrestest.Database(t)
	rng := rand.New(rand.NewPCG(2, 2))
	s := open(t, dsn, nil)
	var typ string
	const n, pages, size = 300, 20, 5
	for range n {
		r := newReferral(rng)
		typ = r.writes[0].Type
		if err := s.Decide(t.Context(), r.file, r.hint()); err != nil {
			t.Fatal(err)
		}
	}
	other := beside(t, dsn)
	looked := func() int64 { // the sessions report what they read when they end
		t.Helper()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		for ask[int](t, other, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'linkloop'") > 0 {
		}
		return ask[int64](t, other, "SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes WHERE relname = 'posting'")
	}
	before := looked()
	s = open(t, dsn, nil)
	for range pages {
		page, err := historyOf(s, typ, size)
		if err != nil || len(page.Versions) != size {
			t.Fatalf("%d versions, %v", len(page.Versions), err)
		}
	}
	if read := looked() - before; read == 0 || read > pages*4*(size+1) {
		t.Errorf("%d rows of the index were read for %d pages of %d", read, pages, size)
	}
}

func historyOf(s store.Store, typ string, n int) (page store.Page, err error) {
	err = s.View(context.Background(), func(r store.Reader) (err error) {
		page, err = r.Resources().History(store.HistoryQuery{Key: store.Key{Type: typ}, Limit: n})
		return err
	})
	return page, err
}
