package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/recordtest"
)

// database is a database server that can be killed.
type database interface {
	Kill()        // all its processes at once
	Start() error // returns when it takes connections again
}

// shared are servers on one database, under load all the time.
type shared struct {
	t      *testing.T
	sum    *crashTally
	db     database // nil: an embedded one
	folder string
	env    []string

	servers []*Server
	fleet   *fleet
	ledger  *ledger
	record  *StandIn
	gate    *gate
}

// path is where a server finds the record, by which it is known there.
func path(slot int) string { return fmt.Sprintf("/%c", 'a'+slot) }

// launch starts the server of a slot and lets it into the fleet.
func (s *shared) launch(slot int) {
	s.t.Helper()
	folder := filepath.Join(s.folder, path(slot))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		s.t.Fatal(err)
	}
	s.servers[slot] = launch(s.t, folder, slices.Concat(s.record.Env(path(slot)), crashSettings, s.env)...)
	await(s.t, s.servers[slot])
	s.fleet.set(slot, s.servers[slot])
}

// series puts servers under load that never stops while they are killed, stopped
// and started in turn; callers try again with another server. At the end
// everything is compared.
func (s *shared) series(instances, rounds int) {
	t := s.t
	var err error
	s.record, err = NewStandIn(func(h http.Handler) http.Handler { s.gate = newGate(h); return s.gate })
	if err != nil {
		t.Fatal(err)
	}
	defer s.record.Close()
	s.servers, s.fleet, s.ledger = make([]*Server, instances), newFleet(instances), newLedger("s")
	for slot := range instances {
		s.launch(slot)
	}
	ctx, cancel := context.WithCancel(t.Context())
	clients := s.ledger.load(ctx, s.fleet, 4, 4)
	for round := 0; round < rounds && len(s.ledger.problems) == 0; round++ {
		s.record.Set(weather())
		n := rand.IntN(20)
		if round < len(firstRounds) {
			n = firstRounds[round] // so that a short run has the worst of each
		}
		kind := s.round(round%instances, n)
		s.sum.rounds[kind]++
		s.ledger.checkRecent(t.Context(), s.fleet)
	}
	time.Sleep(100 * time.Millisecond)
	cancel()
	clients.Wait()
	s.record.Set(recordtest.Up)
	s.sum.unanswered += len(s.ledger.open)
	c := s.fleet.slots[0].Load()
	s.ledger.s.client = c
	s.ledger.checkAll(t.Context(), c, s.servers[0].Ops, s.record)
	s.sum.add(t, s.ledger, s.record)
	s.sum.cured += int(s.fleet.cured.Load())
	s.sum.longest = max(s.sum.longest, time.Duration(s.fleet.longest.Load()))
	s.fleet.close()
	for _, srv := range s.servers {
		if err := srv.Stop(20 * time.Second); err != nil {
			t.Error(err)
		}
		if b, err := os.ReadFile(srv.log); err != nil || strings.Contains(string(b), "panic") {
			t.Errorf("the log speaks of a panic (%v)", err)
		}
	}
}

// firstRounds are a death while delivering, one of the database, a rolling
// restart, and the death of all.
var firstRounds = []int{0, 4, 8, 11}

// round does one thing to the servers or to the database, n of 20.
func (s *shared) round(slot, n int) (kind string) {
	time.Sleep(short(50*time.Millisecond, 300*time.Millisecond))
	switch {
	case n < 4 && len(s.servers) > 1:
		return s.takeOver(slot)
	case n < 8 && s.db != nil:
		return s.killDatabase()
	case n < 11:
		return s.rolling()
	case n < 13:
		for _, srv := range s.servers {
			srv.Kill()
		}
		for i := range s.servers {
			s.launch(i)
		}
		return "all killed"
	}
	s.servers[slot].Kill()
	s.launch(slot)
	return "one killed"
}

// takeOver kills a server that has deliveries in its hands, and measures how
// long it is until another one has sent them. Nobody completes Tasks beside it,
// because what was due before goes before.
func (s *shared) takeOver(slot int) (kind string) {
	s.record.Set(recordtest.Up)
	s.ledger.rest.Store(true)
	defer s.ledger.rest.Store(false)
	drain(s.t.Context(), s.servers[slot].Ops, 0, 15*time.Second)
	s.ledger.rest.Store(false)
	s.gate.hold(path(slot), rand.IntN(2) == 0)
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if stuck, _, _ := s.gate.count(); stuck > 0 {
			break
		}
	}
	s.ledger.rest.Store(true)
	killed := time.Now()
	s.servers[slot].Kill()
	stuck := s.gate.release()
	for end := killed.Add(20 * time.Second); stuck > 0; time.Sleep(5 * time.Millisecond) {
		_, arrived, last := s.gate.count()
		if arrived == stuck {
			s.sum.waits = append(s.sum.waits, last.Sub(killed))
			break
		}
		if time.Now().After(end) {
			s.ledger.problem("%d of %d deliveries of a dead server were sent by no other one within 20 s", stuck-arrived, stuck)
			break
		}
	}
	s.launch(slot)
	if stuck == 0 {
		return "one killed"
	}
	return "one killed while delivering"
}

// rolling restarts the servers one after the other, as for a new version.
func (s *shared) rolling() (kind string) {
	for i, srv := range s.servers {
		if err := srv.Stop(20 * time.Second); err != nil {
			s.ledger.problem("rolling restart: %v", err)
		}
		s.launch(i)
	}
	return "rolling restart"
}

// killDatabase kills the database under running servers. Meanwhile they say that
// they cannot, and afterwards they can again without being touched.
func (s *shared) killDatabase() (kind string) {
	s.db.Kill()
	time.Sleep(short(20*time.Millisecond, 400*time.Millisecond))
	for slot := range s.servers {
		a, err := s.fleet.slots[slot].Load().do(s.t.Context(), http.MethodGet, "/fhir/Task?_count=1", "", "", nil)
		if err != nil || a.status != http.StatusServiceUnavailable {
			s.ledger.problem("without its database a server answers with %s (%v), not with 503", refusal(a), err)
		}
	}
	if err := s.db.Start(); err != nil {
		s.t.Fatal(err)
	}
	back := time.Now()
	for slot := range s.servers {
		c := s.fleet.slots[slot].Load()
		for {
			a, err := c.do(s.t.Context(), http.MethodGet, "/fhir/Task?_count=1", "", "", nil)
			if err == nil && a.status == http.StatusOK {
				break
			}
			if time.Since(back) > 30*time.Second {
				s.ledger.problem("a server does not recover within 30 s from the death of its database (%s, %v)", refusal(a), err)
				return "database killed"
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	s.sum.recoveries = append(s.sum.recoveries, time.Since(back))
	return "database killed"
}

// spread words the longest and the middle one of some times.
func spread(all []time.Duration) string {
	if len(all) == 0 {
		return "not measured"
	}
	sorted := slices.Sorted(slices.Values(all))
	return fmt.Sprintf("%s at most, %s in the middle, of %d", sorted[len(sorted)-1].Round(time.Millisecond), sorted[len(sorted)/2].Round(time.Millisecond), len(sorted))
}
