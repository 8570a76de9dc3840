package app_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/config"
)

// How many clients meet on how many Tasks; make contention runs the long form.
var (
	contenders = flag.Int("contenders", 20, "clients that claim, update and cancel the same Tasks at once")
	contested  = flag.Int("contested", 5, "Tasks that they meet on")
)

// contender is one client with a token and an organisation of its own, or one
// of the practice that asked.
type contender struct {
	h        *house
	http     *http.Client
	name     string
	practice bool
	rand     *rand.Rand
	notes    map[string][]string        // acknowledged, by Task
	claims   map[string]map[string]bool // versions that a claim of mine was answered with, by Task
}

// call sends a request and tries again where the server is busy.
func (c *contender) call(method, path, contentType string, body []byte, headers ...string) (response, error) {
	for try := 0; try < 200; try++ {
		req, err := http.NewRequest(method, c.h.base+path, bytes.NewReader(body))
		if err != nil {
			return response{}, err
		}
		req.Header.Set("Authorization", "Bearer "+c.name)
		if contentType != "" {
			req.Header.Set("Content-Type", contentType)
		}
		for i := 0; i+1 < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		res, err := c.http.Do(req)
		if err != nil {
			return response{}, err
		}
		b, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			return response{}, err
		}
		if res.StatusCode != http.StatusServiceUnavailable && res.StatusCode != http.StatusTooManyRequests {
			return response{res.StatusCode, res.Header, b}, nil
		}
		time.Sleep(time.Duration(10+c.rand.IntN(50)) * time.Millisecond)
	}
	return response{}, errors.New("the server is busy for ever")
}

// meet does something with one Task, as a tool would that has just read it.
func (c *contender) meet(task string) error {
	at := "/fhir/Task/" + task
	r, err := c.call("GET", at, "", nil)
	if err != nil || r.status != 200 {
		return fmt.Errorf("read: %d, %w", r.status, err)
	}
	v, err := element.Parse(r.body, element.Limits{})
	if err != nil {
		return err
	}
	etag := r.header.Get("ETag")
	if c.practice {
		return c.ask(at, v, etag)
	}
	switch status := v.Str("status"); {
	case status == "requested" && c.rand.IntN(3) > 0:
		return c.claim(task)
	case status == "requested":
		return c.put(at, v, "", func(v *element.Value) { // as a crude tool does
			v.SetString("status", "rejected")
			v.Set("statusReason", object("text", "full"))
		}, 0.1)
	}
	if err := c.note(task, v); err != nil {
		return err
	}
	switch status := v.Str("status"); {
	case c.rand.IntN(4) == 0:
		r, err = c.call("POST", at+"/$release", "", nil)
		return expect(r, err, 200, 409, 422)
	case status == "accepted" || status == "on-hold":
		return c.put(at, v, "", func(v *element.Value) { v.SetString("status", "in-progress") }, 1)
	case status == "in-progress" && c.rand.IntN(20) == 0:
		return c.put(at, v, etag, func(v *element.Value) {
			v.SetString("status", "completed")
			v.Append("output", element.NewObject(element.F("type", object("text", "Outcome")), element.S("valueString", "done")))
		}, 1)
	case status == "in-progress":
		return c.put(at, v, etag, func(v *element.Value) {
			v.SetString("status", "on-hold")
			v.Set("statusReason", object("text", "away"))
		}, 1)
	}
	return nil
}

// claim claims, and repeats the claim as after a lost answer.
func (c *contender) claim(task string) error {
	for range 1 + c.rand.IntN(2) {
		r, err := c.call("POST", "/fhir/Task/"+task+"/$claim", "", nil)
		if err := expect(r, err, 200, 409, 422); err != nil {
			return err
		}
		if r.status == 200 {
			if c.claims[task] == nil {
				c.claims[task] = map[string]bool{}
			}
			c.claims[task][strings.Trim(r.header.Get("ETag"), `W/"`)] = true
		}
	}
	return nil
}

// note adds a note that nobody else has: from the copy that was read, without
// If-Match, or by a patch.
func (c *contender) note(task string, v *element.Value) error {
	text := fmt.Sprintf("%s-%d", c.name, c.rand.Uint64())
	at := "/fhir/Task/" + task
	var r response
	var err error
	if c.rand.IntN(2) == 0 {
		v := v.Clone()
		v.Append("note", object("text", text))
		r, err = c.call("PUT", at, fhirJSON, v.JSON())
	} else {
		patch := fmt.Sprintf(`{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"add"},{"name":"path","valueString":"Task"},
			{"name":"name","valueString":"note"},{"name":"value","part":[{"name":"text","valueMarkdown":%q}]}]}]}`, text)
		r, err = c.call("PATCH", at, fhirJSON, []byte(patch))
	}
	if r.status == 200 {
		c.notes[task] = append(c.notes[task], text)
	}
	return expect(r, err, 200, 403, 409, 412, 422)
}

// ask is what the practice does: it changes the priority, and seldom cancels.
func (c *contender) ask(at string, v *element.Value, etag string) error {
	if c.rand.IntN(*contenders) == 0 {
		return c.put(at, v, etag, func(v *element.Value) {
			v.SetString("status", "cancelled")
			v.Set("statusReason", object("text", "moved away"))
		}, 1)
	}
	return c.put(at, v, "", func(v *element.Value) {
		v.SetString("priority", []string{"routine", "urgent", "asap", "stat"}[c.rand.IntN(4)])
	}, 1)
}

// put sends an edited copy back, with a probability.
func (c *contender) put(at string, v *element.Value, etag string, edit func(*element.Value), chance float64) error {
	if c.rand.Float64() > chance {
		return nil
	}
	v = v.Clone()
	edit(v)
	var headers []string
	if etag != "" {
		headers = []string{"If-Match", etag}
	}
	r, err := c.call("PUT", at, fhirJSON, v.JSON(), headers...)
	return expect(r, err, 200, 403, 409, 412, 422)
}

// expect is nil for an answer with one of the statuses.
func expect(r response, err error, statuses ...int) error {
	if err == nil && !slices.Contains(statuses, r.status) {
		err = fmt.Errorf("status %d, want one of %v", r.status, statuses)
	}
	return err
}

// TestContention: many clients claim, update, give back and cancel the same
// Tasks. The history of each Task is a legal path, every acknowledged note is
// still there, and each time exactly one claim wins.
func TestContention(t *testing.T) {
	clients := []config.Client{{Name: "gp", Role: config.RoleSender, Senders: []string{"hl7v2-ref"}, TokenSHA256: sha("gp")}}
	var all []*contender
	transport := &http.Transport{MaxIdleConnsPerHost: *contenders}
	t.Cleanup(transport.CloseIdleConnections)
	for i := range *contenders {
		c := &contender{
			http: &http.Client{Transport: transport, Timeout: 2 * time.Minute}, name: fmt.Sprintf("client-%d", i), practice: i%10 == 9,
			rand: rand.New(rand.NewPCG(1, uint64(i))), notes: map[string][]string{}, claims: map[string]map[string]bool{},
		}
		one := config.Client{Name: c.name, Role: config.RoleLinkWorker, Organization: fmt.Sprintf("X%05d", i), TokenSHA256: sha(c.name)}
		if c.practice {
			one.Role, one.Organization = config.RolePractice, "Z00001"
		}
		clients = append(clients, one)
		all = append(all, c)
	}
	h := open(t, func(c *config.Config) { c.Clients = clients })
	bearer := func(name string) []string { return []string{"Authorization", "Bearer " + name} }
	for n := range *contested {
		h.want(h.call("POST", "/intake/hl7v2-ref", referral(n, "9990000379"), bearer("gp")...), 200)
	}
	var tasks []string
	for _, e := range h.want(h.call("GET", "/fhir/Task?_count=1000", nil, bearer(all[0].name)...), 200).value(t).List("entry") {
		tasks = append(tasks, e.TextAt("resource.id"))
	}
	if len(tasks) != *contested {
		t.Fatalf("%d Tasks, want %d", len(tasks), *contested)
	}

	var wg sync.WaitGroup
	for _, c := range all {
		c.h = h
		wg.Go(func() {
			mine := slices.Clone(tasks)
			for range 2 {
				c.rand.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
				for _, task := range mine {
					for range 3 { // who wins goes on to work
						if err := c.meet(task); err != nil {
							t.Errorf("%s: %v", c.name, err)
							return
						}
					}
				}
			}
		})
	}
	wg.Wait()
	moves, won := 0, 0
	for _, task := range tasks {
		m, w := legal(t, h, all, task)
		moves, won = moves+m, won+w
	}
	if won == 0 || moves < len(tasks) {
		t.Errorf("%d moves and %d claims: the clients hardly met", moves, won)
	}
	t.Logf("%d clients on %d Tasks: %d moves, %d claims won", len(all), len(tasks), moves, won)
}

// legalMoves is the table of the guide and the release, written once more.
var legalMoves = map[string]string{
	"requested":   "accepted rejected cancelled",
	"accepted":    "in-progress on-hold completed failed cancelled requested",
	"in-progress": "on-hold completed failed cancelled requested",
	"on-hold":     "in-progress completed failed cancelled requested",
}

// legal walks the history of one Task.
func legal(t *testing.T, h *house, all []*contender, task string) (moves, won int) {
	t.Helper()
	r := h.want(h.call("GET", "/fhir/Task/"+task+"/_history?_count=1000", nil, "Authorization", "Bearer client-0"), 200).value(t)
	var versions []*element.Value
	for _, e := range r.List("entry") {
		versions = append(versions, e.Get("resource"))
	}
	slices.Reverse(versions)
	for i, v := range versions {
		if v.TextAt("meta.versionId") != fmt.Sprint(i+1) {
			t.Fatalf("version %s stands at place %d of the history", v.TextAt("meta.versionId"), i+1)
		}
		if i == 0 {
			continue
		}
		was := versions[i-1]
		from, to := was.Str("status"), v.Str("status")
		if from != to {
			moves++
			if !slices.Contains(strings.Fields(legalMoves[from]), to) {
				t.Errorf("version %d moved from %s to %s", i+1, from, to)
			}
		}
		if a, b := was.Clone(), v.Clone(); legalMoves[from] == "" {
			for _, name := range []string{"meta", "businessStatus"} { // what came of its outcome is told there
				a.Remove(name)
				b.Remove(name)
			}
			if !element.Equal(a, b) {
				t.Errorf("version %d changed what was %s", i+1, from)
			}
		}
		before, after := was.TextAt("owner.reference"), v.TextAt("owner.reference")
		claimed := before == "" && after != ""
		switch {
		case claimed != (from == "requested" && to == "accepted"):
			t.Errorf("version %d: from %s of %q to %s of %q", i+1, from, before, to, after)
		case before != after && !claimed && (after != "" || to != "requested"):
			t.Errorf("version %d took the Task from %q to %q", i+1, before, after)
		}
		winners := 0
		for _, c := range all {
			if claimed && c.claims[task][fmt.Sprint(i+1)] {
				winners++
			}
		}
		if claimed {
			won++
			if winners != 1 {
				t.Errorf("version %d is a claim that %d clients won", i+1, winners)
			}
		}
	}
	last := versions[len(versions)-1]
	var notes []string
	for _, n := range last.All("note.text") {
		notes = append(notes, n.Text)
	}
	for _, c := range all {
		for _, text := range c.notes[task] {
			if !slices.Contains(notes, text) {
				t.Errorf("an acknowledged note of %s was lost", c.name)
			}
		}
	}
	return moves, won
}
