package postgres_test

import (
	"errors"
	"net/url"
	"os"
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
var (
	making sync.Mutex
	places = map[string]string{}
)

func database(t testing.TB, place string) string {
	t.Helper()
	making.Lock()
	defer making.Unlock()
	if places[place] == "" {
		places[place] = postgrestest.Database(t)
	}
	return places[place]
}

func open(t testing.TB, dsn string, now func() time.Time) *postgres.Store {
	t.Helper()
	c := postgres.DefaultConfig()
	c.DSN, c.Now = dsn, now
	s, err := postgres.Open(t.Context(), c)
	if err != nil {
		t.Fatalf("%v (cause %v)", err, errors.Unwrap(err))
	}
	return s
}

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T, place string, now func() time.Time) store.Store {
		return open(t, database(t, place), now)
	})
}

func TestShared(t *testing.T) {
	storetest.RunShared(t, func(t *testing.T, place string, now func() time.Time) store.Store {
		return open(t, database(t, place), now)
	})
}

// TestPooled: the same suites through a connection pooler in transaction mode,
// which knows no prepared statements and gives no session to keep.
func TestPooled(t *testing.T) {
	pooled := sync.OnceValue(func() string { return postgrestest.Pooled(t, postgrestest.Shared(t).DSN("postgres")) })
	through := func(t *testing.T, place string, now func() time.Time) store.Store {
		u, err := url.Parse(pooled())
		if err != nil {
			t.Fatal(err)
		}
		direct, err := url.Parse(database(t, place))
		if err != nil {
			t.Fatal(err)
		}
		u.Path = direct.Path
		return open(t, u.String(), now)
	}
	if os.Getenv(postgrestest.NeedEnv) != "" { // half a minute, for the CI machine
		t.Run("contract", func(t *testing.T) { storetest.Run(t, through) })
	}
	t.Run("shared", func(t *testing.T) { storetest.RunShared(t, through) })
}
