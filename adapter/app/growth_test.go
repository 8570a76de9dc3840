package app_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
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
	growthFolder = flag.String("growth-folder", "", "where the data goes, about 13 kB a referral; one with data is filled on; empty: a temporary folder")
	growthFrom   = flag.Int64("growth-from", 0, "how many referrals the folder has from an earlier run")
	growthStore  = flag.String("growth-store", "", "postgres: a PostgreSQL server started for this; an address: that database; empty: the embedded store")
	growthTime   = flag.Duration("growth-time", 5*time.Second, "how long each figure is measured")
)

// owners is how many teams have Tasks of their own: at 10,000 referrals each has
// a full page.
const owners = 25

// growth is a house that is filled, and what was measured on the way.
type growth struct {
	t       *testing.T
	cfg     config.Config
	a       *app.App
	http    *http.Client
	filled  atomic.Int64
	mu      sync.Mutex
	tasks   []string // some that referrals made
	numbers []string // NHS numbers of persons that were referred
	current map[string][]float64
	names   []string
}

// TestGrowth fills a store by the way that referrals take and measures at each
// size. It prints one table, with the ratio of the last to the first.
func TestGrowth(t *testing.T) {
	if *growthSizes == "" {
		t.Skip("no -growth given; make growth runs this")
	}
	g := &growth{t: t, cfg: config.Default(), current: map[string][]float64{},
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	g.cfg.HTTP.Listen, g.cfg.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0"
	g.cfg.Data.Folder = *growthFolder
	if g.cfg.Data.Folder == "" {
		g.cfg.Data.Folder = t.TempDir()
	}
	switch *growthStore {
	case "":
	case "postgres":
		dsn, err := postgrestest.Own(t).CreateDatabase()
		if err != nil {
			t.Fatal(err)
		}
		g.cfg.Data.Postgres = dsn
	default:
		g.cfg.Data.Postgres = *growthStore
	}
	g.start()
	g.resume()
	var sizes []int64
	for _, s := range strings.Split(*growthSizes, ",") {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, n)
		g.fill(n)
		g.stop()
		g.note("start to ready, ms", float64(g.start().Microseconds())/1000)
		g.measure(n)
		g.print(sizes)
	}
	g.stop()
}

// resume goes on with what an earlier run left.
func (g *growth) resume() {
	if *growthFrom == 0 {
		return
	}
	g.filled.Store(*growthFrom)
	page, err := element.Parse(g.call("GET", "/fhir/Task?owner:missing=true&_count=1000", nil, 200), element.Limits{})
	if err != nil {
		g.t.Fatal(err)
	}
	for _, e := range page.List("entry") {
		g.tasks = append(g.tasks, e.TextAt("resource.id"))
	}
	for i := int64(20); i <= *growthFrom; i += 20 {
		g.remember(person(i % 900_000))
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
	g.current[name] = append(g.current[name], v)
}

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
	res, err := g.a.Accept(g.t.Context(), "hl7v2-ref", referral(int(i), person(i%900_000)))
	if err != nil || res.Task == "" {
		g.t.Errorf("referral %d: %s, %v", i, res.Kind, err)
	}
	return res.Task
}

// fill takes referrals until there are n, and gives every twentieth person a
// Task of a team.
func (g *growth) fill(n int64) {
	var all sync.WaitGroup
	began, had := time.Now(), g.filled.Load()
	for range 32 {
		all.Go(func() {
			for !g.t.Failed() {
				i := g.filled.Add(1)
				if i > n {
					return
				}
				task := g.refer(i)
				if i%20 == 0 {
					g.assign(task, i)
					g.remember(person(i % 900_000))
				}
			}
		})
	}
	all.Wait()
	g.filled.Store(n)
	g.t.Logf("filled from %d to %d in %s", had, n, time.Since(began).Round(time.Second))
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
	if len(g.tasks) < 20_000 {
		g.tasks = append(g.tasks, task)
	} else {
		g.tasks[rand.IntN(len(g.tasks))] = task
	}
}

func (g *growth) remember(number string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	// As many at any size: what is measured is not how many of them fit into memory.
	if len(g.numbers) < 500 {
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

func (g *growth) measure(n int64) {
	g.note("bytes per referral", float64(g.a.Stats().DataBytes)/float64(n))
	any := func() string { return g.tasks[rand.IntN(len(g.tasks))] }
	worklist := func() {
		g.call("GET", fmt.Sprintf("/fhir/Task?owner=Organization/team-%d&status=requested&_sort=-_lastUpdated&_count=20", rand.IntN(owners)), nil, 200)
	}
	g.rate("worklist, 1 client", 1, worklist)
	g.rate("worklist, 8 clients", 8, worklist)
	if len(g.numbers) > 0 {
		g.rate("Tasks of an NHS number (chained), 8 clients", 8, func() {
			g.call("GET", "/fhir/Task?patient.identifier=https://fhir.nhs.uk/Id/nhs-number%7C"+g.numbers[rand.IntN(len(g.numbers))], nil, 200)
		})
		g.rate("Patients by name, 8 clients", 8, func() { g.call("GET", "/fhir/Patient?family=canarybird&_count=20", nil, 200) })
	}
	g.rate("worklist with Patient and request (_include), 8 clients", 8, func() {
		g.call("GET", fmt.Sprintf("/fhir/Task?owner=Organization/team-%d&status=requested&_count=20&_include=Task:patient&_include=Task:focus", rand.IntN(owners)), nil, 200)
	})
	g.rate("history of a Task, 8 clients", 8, func() { g.call("GET", "/fhir/Task/"+any()+"/_history", nil, 200) })
	g.rate("history of all Tasks, 20 of it, 8 clients", 8, func() { g.call("GET", "/fhir/Task/_history?_count=20", nil, 200) })
	g.rate("read, 8 clients", 8, func() { g.call("GET", "/fhir/Task/"+any(), nil, 200) })
	var turn atomic.Int64
	g.rate("read and update, 8 clients", 8, func() {
		id := g.tasks[int(turn.Add(1))%len(g.tasks)]
		g.call("PUT", "/fhir/Task/"+id, g.call("GET", "/fhir/Task/"+id, nil, 200), 200)
	})
	template, err := element.Parse(g.call("GET", "/fhir/Task/"+any(), nil, 200), element.Limits{})
	if err != nil {
		g.t.Fatal(err)
	}
	for _, name := range []string{"id", "meta", "identifier"} {
		template.Remove(name)
	}
	body := template.JSON()
	g.rate("Task create, 8 clients", 8, func() { g.call("POST", "/fhir/Task", body, 201) })
	extra := time.Now().UnixMicro() // numbers that no earlier run has used on this folder
	g.rate("referral in, 16 clients", 16, func() {
		g.call("POST", "/intake/hl7v2-ref", referral(int(atomic.AddInt64(&extra, 1)), person(rand.Int64N(900_000))), 200)
	})
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	g.note("Go heap, MB", float64(m.HeapAlloc)/1e6)
}

func (g *growth) print(sizes []int64) {
	var b strings.Builder
	fmt.Fprintf(&b, "\n| |")
	for _, n := range sizes {
		fmt.Fprintf(&b, " %d |", n)
	}
	fmt.Fprintf(&b, " last to first |\n|---|%s---|\n", strings.Repeat("---|", len(sizes)))
	for _, name := range g.names {
		vs := g.current[name]
		fmt.Fprintf(&b, "| %s |", name)
		for _, v := range vs {
			fmt.Fprintf(&b, " %.4g |", v)
		}
		fmt.Fprintf(&b, " %.2f |\n", vs[len(vs)-1]/vs[0])
	}
	g.t.Log(b.String())
}
