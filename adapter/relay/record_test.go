package relay_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/outbound/fhirapi"
	"github.com/linkloop/linkloop/adapter/outbound/outboundtest"
	"github.com/linkloop/linkloop/adapter/recordtest"
	"github.com/linkloop/linkloop/adapter/relay"
	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/store/sqlite"
)

// heard tells each attempt to a channel, so that a test can wait for one.
type heard chan string

func (h heard) Attempt(_, state string, _ time.Duration) { h <- state }

// TestToARecord brings a hundred deliveries through the real store and channel
// to a record that loses its answers at first: each is there once.
func TestToARecord(t *testing.T) {
	record := newRecord()
	record.Set(recordtest.LosesAnswers)
	srv := httptest.NewServer(record)
	defer srv.Close()
	cfg := fhirapi.DefaultConfig()
	cfg.BaseURL = srv.URL
	ch, err := fhirapi.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(t.Context(), sqlite.Config{Path: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	const n = 100
	err = db.Decide(t.Context(), func(tx store.Tx) error {
		for i := range n {
			key := fmt.Sprintf("t%d", i)
			if _, _, err := tx.Deliveries().Owe(store.Delivery{
				Key: key, Lane: fmt.Sprintf("P%d", i%7), Channel: "gp", Payload: outboundtest.Payload(key),
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	rc := relay.DefaultConfig()
	rc.BackoffMin, rc.BackoffMax = time.Millisecond, 5*time.Millisecond
	attempts := make(heard, 1)
	r, err := relay.New(rc, relay.Parts{Store: db, Channels: map[string]outbound.Channel{"gp": ch}, Observer: attempts})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { r.Run(ctx) })
	lost, proven := 0, 0
	for proven < n {
		switch state := <-attempts; state {
		case string(outbound.Retry):
			lost++
		case string(outbound.Proven):
			proven++
		default:
			t.Fatalf("an attempt ended %s", state)
		}
		if lost == n/2 {
			record.Set(recordtest.Up)
		}
	}
	stop()
	done.Wait()
	got := record.Tally()
	if got.Creating != n || got.Doubled != 0 || got.ByType["Procedure"] != n || got.ByType["DocumentReference"] != n || lost < n/2 {
		t.Errorf("%d answers lost; the record holds %+v", lost, got)
	}
	err = db.View(t.Context(), func(rd store.Reader) error {
		counts, err := rd.Deliveries().Counts()
		if counts[store.Proven] != n {
			t.Errorf("the store says %v", counts)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
