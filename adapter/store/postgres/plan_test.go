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
