package app_test

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
)

// seen is what one poller was shown: each version of each Task, once.
type seen struct {
	t        *testing.T
	name     string
	versions map[string]bool // Task/1/_history/2
	newest   map[string]int  // version number by id
	cursor   string          // the greatest lastUpdated so far
}

// take notes one version; a version is shown once.
func (s *seen) take(v *element.Value) {
	number, err := strconv.Atoi(v.TextAt("meta.versionId"))
	name := v.ID() + "/_history/" + v.TextAt("meta.versionId")
	if err != nil || s.versions[name] {
		s.t.Errorf("%s: %s was shown twice", s.name, name)
	}
	s.versions[name] = true
	s.newest[v.ID()] = max(s.newest[v.ID()], number)
}

// pages follows a search or history to its end and returns the resources in
// the order in which they were shown.
func (h *house) pages(path string) ([]*element.Value, error) {
	var out []*element.Value
	for path != "" {
		r, err := h.try("GET", path, nil)
		if err != nil || r.status != 200 {
			return nil, fmt.Errorf("status %d, %T", r.status, err)
		}
		v, err := element.Parse(r.body, element.Limits{})
		if err != nil {
			return nil, err
		}
		for _, e := range v.List("entry") {
			out = append(out, e.Get("resource"))
		}
		path = ""
		for _, l := range v.List("link") {
			if l.Str("relation") == "next" {
				_, path, _ = strings.Cut(l.Str("url"), "/fhir/")
				path = "/fhir/" + path
			}
		}
	}
	return out, nil
}

// round polls once and moves the cursor.
func (s *seen) round(h *house, query func(cursor string) string, boundary bool) {
	list, err := h.pages(query(url.QueryEscape(s.cursor)))
	if err != nil {
		s.t.Errorf("%s: %v", s.name, err)
		return
	}
	before := s.cursor
	for _, v := range list {
		at := v.TextAt("meta.lastUpdated")
		if at < before || at == before && !boundary {
			s.t.Errorf("%s: a version of %s after %s", s.name, at, before)
		}
		if at != before { // the boundary itself is shown again by ge and _since
			s.take(v)
		}
		s.cursor = max(s.cursor, at)
	}
}

// TestPollingIsGapFree: pollers that go on from the greatest lastUpdated they
// saw are shown every Task as it is in the end, and those of a history every
// version, exactly once, while others write, over every instance.
func TestPollingIsGapFree(t *testing.T) {
	const writers, changes = 4, 20
	houses := instances(t)
	h := houses[0]
	first := h.unowned(1)
	origin := h.want(h.call("GET", "/fhir/Task/"+first, nil), 200).value(t)
	begin := origin.TextAt("meta.lastUpdated")

	rules := []struct {
		name     string
		query    func(cursor string) string
		boundary bool // the last one seen comes again
		every    bool // every version is shown, not only the newest
	}{
		{"gt", func(c string) string { return "/fhir/Task?_lastUpdated=gt" + c + "&_sort=_lastUpdated&_count=5" }, false, false},
		{"ge", func(c string) string { return "/fhir/Task?_lastUpdated=ge" + c + "&_sort=_lastUpdated&_count=5" }, true, false},
		{"gt, newest first", func(c string) string { return "/fhir/Task?_lastUpdated=gt" + c + "&_sort=-_lastUpdated&_count=1000" }, false, false},
		{"history of the type", func(c string) string { return "/fhir/Task/_history?_since=" + c + "&_count=5" }, true, true},
		{"history of one", func(c string) string { return "/fhir/Task/" + first + "/_history?_since=" + c + "&_count=3" }, true, true},
	}
	pollers := make([]*seen, len(rules)*len(houses))
	var stop atomic.Bool
	var polling, writing sync.WaitGroup
	for i := range pollers {
		rule, at := rules[i%len(rules)], houses[i/len(rules)]
		s := &seen{t: t, name: rule.name, versions: map[string]bool{}, newest: map[string]int{}, cursor: begin}
		s.take(origin)
		pollers[i] = s
		polling.Go(func() {
			for !t.Failed() {
				last := stop.Load() // what was written before is all there is
				s.round(at, rule.query, rule.boundary)
				if last {
					return
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
	for w := range writers {
		at := houses[w%len(houses)]
		writing.Go(func() {
			mine := []string{first}
			for n := range changes {
				if n%4 == 0 {
					v := origin.Clone()
					v.Remove("meta")
					r, err := at.try("POST", "/fhir/Task", v.JSON(), "Content-Type", fhirJSON)
					if err != nil || r.status != 201 {
						t.Errorf("create: status %d, %T", r.status, err)
						return
					}
					mine = append(mine, strings.Split(strings.SplitAfter(r.header.Get("Location"), "/Task/")[1], "/")[0])
				}
				patch := fmt.Appendf(nil, `[{"op":"add","path":"/description","value":"writer %d, change %d"}]`, w, n)
				r, err := at.try("PATCH", "/fhir/Task/"+mine[n%len(mine)], patch, "Content-Type", jsonPatch)
				if err != nil || r.status != 200 {
					t.Errorf("patch: status %d, %T", r.status, err)
					return
				}
			}
		})
	}
	writing.Wait()
	stop.Store(true)
	polling.Wait()

	current := map[string]int{}
	times := map[string]bool{}
	all, err := h.pages("/fhir/Task/_history?_count=1000")
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range all {
		at := v.TextAt("meta.lastUpdated")
		if times[at] || i > 0 && at >= all[i-1].TextAt("meta.lastUpdated") {
			t.Errorf("versions are not in strict order of time at %s", at)
		}
		times[at] = true
		n, _ := strconv.Atoi(v.TextAt("meta.versionId"))
		current[v.ID()] = max(current[v.ID()], n)
	}
	if want := 1 + writers*changes + writers*changes/4; len(all) != want {
		t.Errorf("%d versions were written, want %d", len(all), want)
	}
	for i, s := range pollers {
		rule := rules[i%len(rules)]
		for id, n := range current {
			if rule.name == "history of one" && id != first {
				continue
			}
			if s.newest[id] != n {
				t.Errorf("%s: of %s version %d was the last one seen, want %d", s.name, id, s.newest[id], n)
			}
			for v := 1; v <= n && rule.every; v++ {
				if !s.versions[fmt.Sprintf("%s/_history/%d", id, v)] {
					t.Errorf("%s: version %d of %s was missed", s.name, v, id)
				}
			}
		}
	}
}
