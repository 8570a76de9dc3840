package sqlite_test

import (
	"context"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/store/sqlite"
	"github.com/linkloop/linkloop/adapter/store/storetest"
)

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T, place string, now func() time.Time) store.Store {
		return open(t, sqlite.Config{Path: place, Now: now})
	})
}

func open(t testing.TB, cfg sqlite.Config) *sqlite.Store {
	t.Helper()
	if _, bench := t.(*testing.B); cfg.FreshRows == 0 && !bench {
		cfg.FreshRows = 40 // so that index rows go from memory into the table all the time
	}
	s, err := sqlite.Open(context.Background(), cfg)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return s
}
