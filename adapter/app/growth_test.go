package app_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/app"
	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/store/postgrestest"
	"github.com/linkloop/linkloop/config"
)

var (
	growthSizes  = flag.String("growth", "", "numbers of referrals to measure at, with commas between, ascending; see make growth")
	growthFolder = flag.String("growth-folder", "", "where the data goes, about 13 kB a referral, in a folder for each size; one that an earlier run has filled is used again; empty: a temporary folder")
	growthStore  = flag.String("growth-store", "", "postgres: a PostgreSQL server started for this; empty: the embedded store")
	growthTime   = flag.Duration("growth-time", 5*time.Second, "how long each figure is measured in a round")
	growthRounds = flag.Int("growth-rounds", 3, "how many times the sizes are measured in turns; the medians are printed")
	growthOnly   = flag.String("growth-only", "", "a part of the names of what to measure; empty: all")
)

const (
	// owners is how many teams have Tasks of their own: at 10,000 referrals each has
	// a full page.
	owners = 25
	// known is how many Tasks and persons are asked for again and again, of those at
	// any place in the store: as many at any size, because what is measured is not
	// how many of them fit into memory.
	known = 500
	// untouched is up to how many Tasks are read or changed for the first time.
	untouched = 20_000
)

// growth is a house of one size that is filled, and what was measured on the way.
type growth struct {
	t       *testing.T
	size    int64
	cfg     config.Config
	a       *app.App
	http    *http.Client
	taken   atomic.Int64
	mu      sync.Mutex
	tasks   []string // some that referrals made, anywhere in the store
	turns   int      // among those known
	touched int      // of the others
	numbers []string // NHS numbers of persons that were referred
	found   map[string][]float64
	names   []string
}

// TestGrowth fills a store of each size by the way that referrals take, then
// measures them in turns, so that a slow minute of the machine, or of its disk
// after so much was written, is in all of them. It prints one table of medians,
// with the ratio of the last size to the first. What only reads or updates is
// measured before what makes the stores larger, and each of that by itself, because
// index rows are written some time after what they are of.
func TestGrowth(t *testing.T) {
	if *growthSizes == "" {
		t.Skip("no -growth given; make growth runs this")
	}
	var houses []*growth
	for _, s := range strings.Split(*growthSizes, ",") {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		houses = append(houses, fillGrowth(t, n))
	}
	for _, measure := range []func(*growth){(*growth).measure, (*growth).measureTasks, (*growth).measureReferrals} {
		for range *growthRounds {
			for _, g := range houses {
				g.note("start to ready, ms", float64(g.start().Microseconds())/1000)
				measure(g)
				g.stop()
			}
		}
	}
	t.Log(growthTable(houses))
}

// fillGrowth makes a house of n referrals, or finds it as an earlier run left it.
func fillGrowth(t *testing.T, n int64) *growth {
	t.Helper()
	g := &growth{t: t, size: n, cfg: config.Default(), found: map[string][]float64{},
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	g.cfg.HTTP.Listen, g.cfg.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0"
	folder := *growthFolder
	if folder == "" {
		folder = t.TempDir()
	}
	g.cfg.Data.Folder = filepath.Join(folder, strconv.FormatInt(n, 10))
	if *growthStore == "postgres" {
		dsn, err := postgrestest.Own(t).CreateDatabase()
		if err != nil {
			t.Fatal(err)
		}
		g.cfg.Data.Postgres = dsn
	}
	full := g.cfg.Data.Folder + ".full" // there when all referrals are
	_, err := os.Stat(full)
	again := err == nil && g.cfg.Data.Postgres == ""
	g.start()
	if again {
		g.find()
	} else {
		g.fill()
		if err := os.WriteFile(full, nil, 0o600); err != nil {
			t.Error(err)
		}
	}
	g.note("bytes per referral", float64(g.a.Stats().DataBytes)/float64(n))
	g.stop()
	rand.Shuffle(len(g.tasks), func(i, j int) { g.tasks[i], g.tasks[j] = g.tasks[j], g.tasks[i] })
	return g
}

// find remembers persons and Tasks of a house that an earlier run filled.
func (g *growth) find() {
	for range min(g.size/20, untouched) {
		number := person((1 + rand.Int64N(g.size/20)) * 20 % persons)
		g.remember(number)
		page, err := element.Parse(g.call("GET", "/fhir/Task?_elements=id&owner:missing=true&patient.identifier=https://fhir.nhs.uk/Id/nhs-number%7C"+number, nil, 200), element.Limits{})
		if err != nil {
			g.t.Fatal(err)
		}
		for _, e := range page.List("entry") {
			g.tasks = append(g.tasks, e.TextAt("resource.id"))
		}
	}
}

func (g *growth) start() time.Duration {
	g.t.Helper()
	began := time.Now()
	a, err := app.New(g.t.Context(), g.cfg, app.Options{})
	if err != nil {
		g.t.Fatal(err)
	}
	a.Start()
	for {
		if res, err := http.Get(a.OpsURL() + "/readyz"); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				break
			}
		}
	}
	g.a = a
	return time.Since(began)
}

func (g *growth) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := g.a.Stop(ctx); err != nil {
		g.t.Error(err)
	}
	g.http.CloseIdleConnections()
}

func (g *growth) note(name string, v float64) {
	if !slices.Contains(g.names, name) {
		g.names = append(g.names, name)
	}
	g.found[name] = append(g.found[name], v)
}

// persons is how many different ones are referred at most; beyond, they come again.
const persons = 900_000

// person is a made-up NHS number of the range that is never given to anybody.
func person(i int64) string {
	for n := 999_000_0000 + i*11; ; n++ {
		digits, sum := strconv.FormatInt(n, 10), 0
		for k := range 9 {
			sum += int(digits[k]-'0') * (10 - k)
		}
		if check := (11 - sum%11) % 11; check < 10 && int(digits[9]-'0') == check {
			return digits
		}
	}
}

func (g *growth) refer(i int64) string {
	res, err := g.a.Accept(g.t.Context(), "hl7v2-ref", referral(int(i), person(i%persons)))
	if err != nil || res.Task == "" {
		g.t.Errorf("referral %d: %s, %v", i, res.Kind, err)
	}
	return res.Task
}

// fill takes referrals until there are as many as the house is to have, and gives
// every twentieth person a Task of a team.
func (g *growth) fill() {
	var all sync.WaitGroup
	began := time.Now()
	for range 32 {
		all.Go(func() {
			for !g.t.Failed() {
				i := g.taken.Add(1)
				if i > g.size {
					return
				}
				task := g.refer(i)
				if i%20 == 0 {
					g.assign(task, i)
					g.remember(person(i % persons))
				}
			}
		})
	}
	all.Wait()
	g.t.Logf("%d referrals in %s", g.size, time.Since(began).Round(time.Second))
}

// assign makes a second Task for the same request, owned by a team.
func (g *growth) assign(task string, i int64) {
	v, err := element.Parse(g.call("GET", "/fhir/Task/"+task, nil, 200), element.Limits{})
	if err != nil {
		g.t.Error(err)
		return
	}
	for _, name := range []string{"id", "meta", "identifier"} {
		v.Remove(name)
	}
	v.Set("owner", object("reference", fmt.Sprintf("Organization/team-%d", i/20%owners)))
	g.call("POST", "/fhir/Task", v.JSON(), 201)
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.tasks) < untouched {
		g.tasks = append(g.tasks, task)
	} else {
		g.tasks[rand.IntN(len(g.tasks))] = task
	}
}

func (g *growth) remember(number string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.numbers) < known {
		g.numbers = append(g.numbers, number)
	} else {
		g.numbers[rand.IntN(len(g.numbers))] = number
	}
}

func (g *growth) call(method, path string, body []byte, want int) []byte {
	req, err := http.NewRequest(method, g.a.BaseURL()+path, bytes.NewReader(body))
	if err != nil {
		g.t.Error(err)
		return nil
	}
	if method != http.MethodGet {
		req.Header.Set("Content-Type", fhirJSON)
	}
	res, err := g.http.Do(req)
	if err != nil {
		g.t.Errorf("%s: %T", method, err)
		return nil
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != want {
		g.t.Errorf("%s: status %d, want %d", method, res.StatusCode, want)
	}
	return b
}

// rate does work with some clients for a while. The first second does not count:
// it reads things for the first time, at any size.
func (g *growth) rate(name string, clients int, work func()) {
	if !strings.Contains(name, *growthOnly) {
		return
	}
	for began := time.Now(); time.Since(began) < time.Second && !g.t.Failed(); {
		work()
	}
	var mu sync.Mutex
	var took []time.Duration
	var all sync.WaitGroup
	began := time.Now()
	for range clients {
		all.Go(func() {
			var mine []time.Duration
			for time.Since(began) < *growthTime && !g.t.Failed() {
				at := time.Now()
				work()
				mine = append(mine, time.Since(at))
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, mine...)
		})
	}
	all.Wait()
	slices.Sort(took)
	g.note(name+", per second", float64(len(took))/time.Since(began).Seconds())
	g.note(name+", p50 ms", float64(took[len(took)/2].Microseconds())/1000)
	g.note(name+", p99 ms", float64(took[len(took)*99/100].Microseconds())/1000)
}

// measure measures what leaves the house as large as it is.
func (g *growth) measure() {
	any := func() string { return g.tasks[rand.IntN(min(known, len(g.tasks)))] }
	worklist := func() {
		g.call("GET", fmt.Sprintf("/fhir/Task?owner=Organization/team-%d&status=requested&_sort=-_lastUpdated&_count=20", rand.IntN(owners)), nil, 200)
	}
	g.rate("worklist, 1 client", 1, worklist)
	g.rate("worklist, 8 clients", 8, worklist)
	g.rate("Tasks of an NHS number (chained), 8 clients", 8, func() {
		g.call("GET", "/fhir/Task?patient.identifier=https://fhir.nhs.uk/Id/nhs-number%7C"+g.numbers[rand.IntN(len(g.numbers))], nil, 200)
	})
	g.rate("Patients by name, 8 clients", 8, func() { g.call("GET", "/fhir/Patient?family=canarybird&_count=20", nil, 200) })
	g.rate("worklist with Patient and request (_include), 8 clients", 8, func() {
		g.call("GET", fmt.Sprintf("/fhir/Task?owner=Organization/team-%d&status=requested&_count=20&_include=Task:patient&_include=Task:focus", rand.IntN(owners)), nil, 200)
	})
	g.rate("history of a Task, 8 clients", 8, func() { g.call("GET", "/fhir/Task/"+any()+"/_history", nil, 200) })
	g.rate("history of all Tasks, 20 of it, 8 clients", 8, func() { g.call("GET", "/fhir/Task/_history?_count=20", nil, 200) })
	g.rate("read, 8 clients", 8, func() { g.call("GET", "/fhir/Task/"+any(), nil, 200) })
	g.rate("read and update, 8 clients", 8, func() { g.update(g.again()) })
	g.rate("read and update, each Task for the first time, 8 clients", 8, func() { g.update(g.next()) })
}

// update writes a Task as it is once more.
func (g *growth) update(id string) {
	g.call("PUT", "/fhir/Task/"+id, g.call("GET", "/fhir/Task/"+id, nil, 200), 200)
}

// again is the known Tasks in turn, so that no two clients have the same one.
func (g *growth) again() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.turns++
	return g.tasks[g.turns%min(known, len(g.tasks))]
}

// next is the Tasks in turn: where there are enough, one that was not asked for.
func (g *growth) next() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.touched++
	return g.tasks[(known+g.touched)%len(g.tasks)]
}

// measureTasks measures Tasks that tools make.
func (g *growth) measureTasks() {
	template, err := element.Parse(g.call("GET", "/fhir/Task/"+g.next(), nil, 200), element.Limits{})
	if err != nil {
		g.t.Fatal(err)
	}
	for _, name := range []string{"id", "meta", "identifier"} {
		template.Remove(name)
	}
	body := template.JSON()
	g.rate("Task create, 8 clients", 8, func() { g.call("POST", "/fhir/Task", body, 201) })
}

// measureReferrals measures the way that referrals take.
func (g *growth) measureReferrals() {
	extra := time.Now().UnixMicro() // numbers that no earlier run has used on this folder
	g.rate("referral in, 16 clients", 16, func() {
		g.call("POST", "/intake/hl7v2-ref", referral(int(atomic.AddInt64(&extra, 1)), person(rand.Int64N(min(g.size, persons)))), 200)
	})
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	g.note("Go heap, MB", float64(m.HeapAlloc)/1e6)
}

// growthTable is the medians of what was measured.
func growthTable(houses []*growth) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n| |")
	for _, g := range houses {
		fmt.Fprintf(&b, " %d |", g.size)
	}
	fmt.Fprintf(&b, " last to first |\n|---|%s---|\n", strings.Repeat("---|", len(houses)))
	for _, name := range houses[0].names {
		fmt.Fprintf(&b, "| %s |", name)
		var medians []float64
		for _, g := range houses {
			vs := slices.Sorted(slices.Values(g.found[name]))
			medians = append(medians, vs[len(vs)/2])
			fmt.Fprintf(&b, " %.4g |", vs[len(vs)/2])
		}
		fmt.Fprintf(&b, " %.2f |\n", medians[len(medians)-1]/medians[0])
	}
	return b.String()
}
