package postgres_test

import (
	"sync"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/store/postgres"
	"github.com/linkloop/linkloop/adapter/store/postgrestest"
	"github.com/linkloop/linkloop/adapter/store/storetest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// places are the databases that stand for the folders of the suite.
var places sync.Map

func database(t testing.TB, place string) string {
	t.Helper()
	if dsn, ok := places.Load(place); ok {
		return dsn.(string)
	}
	dsn := postgrestest.Database(t)
	places.Store(place, dsn)
	return dsn
}

func open(t testing.TB, dsn string, now func() time.Time) *postgres.Store {
	t.Helper()
	c := postgres.DefaultConfig()
	c.DSN, c.Now = dsn, now
	s, err := postgres.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T, place string, now func() time.Time) store.Store {
		return open(t, database(t, place), now)
	})
}
