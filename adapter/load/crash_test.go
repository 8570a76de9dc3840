package load

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/recordtest"
)

var (
	crashBinary = flag.String("binary", "", "linkloop binary to crash; see make crash")
	crashRounds = flag.Int("rounds", 4, "how often something is killed, on each store")
	crashStores = flag.String("stores", "sqlite", "stores to crash on, with commas between")
)

// crashSettings make a round short: leases that end soon, and no long waits
// between attempts.
var crashSettings = []string{
	"LINKLOOP_RELAY_LEASE=1s", "LINKLOOP_RELAY_BACKOFF_MIN=50ms", "LINKLOOP_RELAY_BACKOFF_MAX=300ms",
}

// crashTally is what the rounds of a store add up to.
type crashTally struct {
	rounds                               map[string]int // by what was killed and when
	messages, unanswered, tasks, settled int
	repeats                              int // deliveries that the record had seen before
	problems                             int
	cured                                int             // requests that were answered when tried again
	longest                              time.Duration   // until a request was answered, all tries together
	waits                                []time.Duration // from the death of a server until another one had sent its deliveries
	recoveries                           []time.Duration // from the return of the database until every server answered
}

func (c *crashTally) String() string {
	var kinds []string
	for _, k := range slices.Sorted(maps.Keys(c.rounds)) {
		kinds = append(kinds, fmt.Sprintf("%s %d", k, c.rounds[k]))
	}
	return fmt.Sprintf("rounds: %s; %d messages acknowledged, %d without an answer at first, %d Tasks moved, %d outcomes in the record (%d entries sent again and recognised), %d problems",
		strings.Join(kinds, ", "), c.messages, c.unanswered, c.tasks, c.settled, c.repeats, c.problems)
}

// add takes over what a series did, and says what went wrong.
func (c *crashTally) add(t *testing.T, l *ledger, record *StandIn) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	tally := record.Tally()
	c.messages += len(l.replies)
	c.tasks += len(l.tasks)
	c.settled += tally.Creating
	c.repeats += tally.Repeats
	c.problems += len(l.problems)
	for _, p := range l.problems {
		t.Error(p)
	}
}

// TestCrash kills servers under load again and again. What was acknowledged must
// be there afterwards, to the byte, and nothing twice: every message, sent again,
// gets its first answer, and has one ServiceRequest and one Task; a moved Task
// is where it was said to be; the outcome of a completed Task is in the record
// once; commit times strictly increase.
func TestCrash(t *testing.T) {
	if *crashBinary == "" {
		t.Skip("no -binary given; make crash builds one and runs this")
	}
	for _, store := range strings.Split(*crashStores, ",") {
		t.Run(store, func(t *testing.T) {
			switch store {
			case "sqlite":
				crashSQLite(t, *crashRounds)
			case "postgres":
				crashPostgres(t, *crashRounds)
			default:
				t.Fatalf("no store %q: sqlite or postgres", store)
			}
		})
	}
}

// seriesRounds is how many rounds share one data folder, which bounds the disk
// and the check of everything at the end.
const seriesRounds = 40

// crashSQLite kills one server on one data folder: mostly round by round, each
// with a check, and in every fifth series under load that never stops.
func crashSQLite(t *testing.T, rounds int) {
	sum := &crashTally{rounds: map[string]int{}}
	begun := time.Now()
	for done := 0; done < rounds && !t.Failed(); {
		n := min(seriesRounds, rounds-done)
		if done/seriesRounds%5 == 1 {
			crashFolder(t, func(folder string) { (&shared{t: t, sum: sum, folder: folder}).series(1, n) })
		} else {
			crashFolder(t, func(folder string) { seriesSQLite(t, sum, folder, n) })
		}
		done += n
		t.Logf("%5d rounds, %s: %d messages, %d outcomes, %d problems", done, time.Since(begun).Round(time.Second), sum.messages, sum.settled, sum.problems)
	}
	t.Logf("sqlite: %s", sum)
	if sum.longest > 0 {
		t.Logf("sqlite: while callers tried again, the longest wait for an answer was %s", sum.longest.Round(time.Millisecond))
	}
	if sum.messages == 0 || sum.settled == 0 {
		t.Error("nothing was accepted or nothing was delivered: there was no load")
	}
}

// crashFolder gives a series a folder. Data and logs stay in it when something
// went wrong.
func crashFolder(t *testing.T, series func(folder string)) {
	t.Helper()
	folder, err := os.MkdirTemp("", "linkloop-crash-")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if t.Failed() {
			t.Logf("kept: %s", folder)
		} else if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	}()
	series(folder)
}

func crashRecord(t *testing.T) *StandIn {
	t.Helper()
	record, err := NewStandIn(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(record.Close)
	return record
}

// await waits until a launched server is ready.
func await(t *testing.T, s *Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Await(ctx); err != nil {
		b, _ := os.ReadFile(s.log)
		t.Fatalf("%v\nthe end of server.log:\n%s", err, b[max(0, len(b)-4000):])
	}
}

func launch(t *testing.T, folder string, env ...string) *Server {
	t.Helper()
	s, err := Launch(*crashBinary, folder, env...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	return s
}

// short is a random time between two.
func short(from, to time.Duration) time.Duration { return from + rand.N(to-from) }

func seriesSQLite(t *testing.T, sum *crashTally, folder string, rounds int) {
	record := crashRecord(t)
	l := newLedger("c")
	ports, err := freePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	env := append(record.Env(""), crashSettings...)
	env = append(env, mllpSetting(ports[0], l.s.cfg.HL7Sender))
	for range rand.IntN(4) { // the first start of all makes the data
		srv := launch(t, folder, env...)
		time.Sleep(rand.N(80 * time.Millisecond))
		srv.Kill()
		sum.rounds["in the first start"]++
	}
	srv := launch(t, folder, env...)
	await(t, srv)
	for range rounds {
		l.s.client.base = srv.URL
		record.Set(weather())
		ctx, cancel := context.WithCancel(t.Context())
		clients := l.load(ctx, &ways{door: l.s.client, mllp: ports[0]}, 5, 5)
		kind := killSQLite(srv, folder)
		sum.rounds[kind]++
		cancel()
		clients.Wait()
		sum.unanswered += len(l.open)
		l.s.client.http.CloseIdleConnections()
		srv = launch(t, folder, env...)
		if rand.IntN(8) == 0 { // and once more while it starts
			time.Sleep(rand.N(100 * time.Millisecond))
			srv.Kill()
			sum.rounds["while starting"]++
			srv = launch(t, folder, env...)
		}
		await(t, srv)
		l.s.client.base = srv.URL
		l.settle(t.Context(), l.s.client)
		l.checkRecent(t.Context(), l.s.client)
		if len(l.problems) > 0 {
			break
		}
	}
	record.Set(recordtest.Up)
	l.checkAll(t.Context(), l.s.client, srv.Ops, record)
	sum.add(t, l, record)
	if err := srv.Stop(20 * time.Second); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(srv.log); err != nil || strings.Contains(string(b), "panic") {
		t.Errorf("the log speaks of a panic (%v)", err)
	}
}

// weather is how the record behaves for a while: mostly well.
func weather() recordtest.Mode {
	switch rand.IntN(10) {
	case 0:
		return recordtest.LosesAnswers
	case 1:
		return recordtest.Down
	}
	return recordtest.Up
}

// killSQLite lets the load go on for a while and kills the server: at any
// moment, while it stops, or while it copies its log into the data file, which
// is when the data file changes.
func killSQLite(s *Server, folder string) (kind string) {
	kind = "under load"
	switch rand.IntN(8) {
	case 0:
		if !changes(filepath.Join(folder, "data", "linkloop.db"), 2500*time.Millisecond) {
			break
		}
		time.Sleep(rand.N(5 * time.Millisecond))
		kind = "while copying the log"
	case 1:
		time.Sleep(short(50*time.Millisecond, 400*time.Millisecond))
		s.ask()
		time.Sleep(rand.N(60 * time.Millisecond))
		kind = "while stopping"
	default:
		time.Sleep(short(50*time.Millisecond, 400*time.Millisecond))
	}
	s.Kill()
	return kind
}

// changes waits until a file is written to.
func changes(file string, patience time.Duration) bool {
	before, err := os.Stat(file)
	if err != nil {
		return false
	}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(500 * time.Microsecond) {
		if now, err := os.Stat(file); err == nil && !now.ModTime().Equal(before.ModTime()) {
			return true
		}
	}
	return false
}
