// Package storetest is the suite that every store must pass: what the rest of
// linkloop relies on, in tests. A database's own tests call Run.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// Open opens the store that lives at place, an existing folder that is the
// test's own; a database server may use its path as a name. Opening a place
// again after Close finds the same data. now is the clock to use.
type Open func(t *testing.T, place string, now func() time.Time) store.Store

// Run runs the whole suite.
func Run(t *testing.T, open Open) {
	for _, part := range []struct {
		name string
		run  func(*testing.T, Open)
	}{
		{"Resources", testResources},
		{"Times", testTimes},
		{"Decisions", testDecisions},
		{"Concurrency", testConcurrency},
		{"Search", testSearch},
		{"Inside", testInside},
		{"Checked", testChecked},
		{"Reindex", testReindex},
		{"Paging", testPaging},
		{"Sorting", testSorting},
		{"History", testHistory},
		{"Inbox", testInbox},
		{"Deliveries", testDeliveries},
		{"Leases", testLeases},
		{"Lanes", testLanes},
		{"Proof", testProof},
		{"Marks", testMarks},
		{"Switches", testSwitches},
		{"Ledger", testLedger},
		{"Receipts", testReceipts},
		{"Audit", testAudit},
		{"Prune", testPrune},
		{"Model", testModel},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(t, open) })
	}
}

// start is when the suite's clocks begin.
var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// clock is a clock that tests set.
type clock struct{ micros atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.set(start)
	return c
}

func (c *clock) set(t time.Time)  { c.micros.Store(t.UnixMicro()) }
func (c *clock) now() time.Time   { return time.UnixMicro(c.micros.Load()).UTC() }
func (c *clock) tick() time.Time  { return time.UnixMicro(c.micros.Add(1000)).UTC() }
func ctx() context.Context        { return context.Background() }
func term(s string) resource.Term { return hash("term " + s) }
func param(s string) resource.Term {
	return hash("param " + s)
}

// hash is FNV-1a: good enough for tests, where nobody crafts collisions.
func hash(s string) resource.Term {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return resource.Term(h)
}

// fresh opens a store in a folder of its own, with a clock that ticks.
func fresh(t *testing.T, open Open) store.Store {
	t.Helper()
	s := open(t, t.TempDir(), newClock().tick)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func key(typ, id string) store.Key { return store.Key{Type: typ, ID: id} }

// body is a canonical resource that says something.
func body(k store.Key, text string) []byte {
	return element.Canonical(element.NewObject(
		element.S("resourceType", k.Type), element.S("id", k.ID), element.S("description", text)))
}

// facts is an index of the named terms.
func facts(terms ...string) resource.Index {
	var ix resource.Index
	for _, t := range terms {
		ix.Terms = append(ix.Terms, term(t))
	}
	return ix
}

func decide(t *testing.T, s store.Store, fn func(tx store.Tx) error) {
	t.Helper()
	if err := s.Decide(ctx(), fn); err != nil {
		t.Fatalf("decide: %v (cause %v)", err, errors.Unwrap(err))
	}
}

func view(t *testing.T, s store.Store, fn func(r store.Reader) error) {
	t.Helper()
	if err := s.View(ctx(), fn); err != nil {
		t.Fatalf("view: %v (cause %v)", err, errors.Unwrap(err))
	}
}

// put writes a version in a decision of its own.
func put(t *testing.T, s store.Store, k store.Key, expect int64, text string, ix resource.Index) store.Version {
	t.Helper()
	var v store.Version
	decide(t, s, func(tx store.Tx) (err error) {
		v, err = tx.Resources().Put(store.Write{Key: k, Body: body(k, text), Index: ix, Expect: expect})
		return err
	})
	return v
}

func remove(t *testing.T, s store.Store, k store.Key, expect int64) store.Version {
	t.Helper()
	var v store.Version
	decide(t, s, func(tx store.Tx) (err error) {
		v, err = tx.Resources().Put(store.Write{Key: k, Expect: expect})
		return err
	})
	return v
}

func get(t *testing.T, s store.Store, k store.Key) (v store.Version, err error) {
	t.Helper()
	err = s.View(ctx(), func(r store.Reader) (err error) {
		v, err = r.Resources().Get(k)
		return err
	})
	return v, err
}

func search(t *testing.T, s store.Store, q resource.Query) store.Page {
	t.Helper()
	var page store.Page
	view(t, s, func(r store.Reader) (err error) {
		page, err = r.Resources().Search(q)
		return err
	})
	return page
}

// ids lists a page's resource ids in order.
func ids(page store.Page) string {
	var out []string
	for _, v := range page.Versions {
		out = append(out, v.ID)
	}
	return strings.Join(out, " ")
}

// numbered lists a page's ids with their version numbers.
func numbered(page store.Page) string {
	var out []string
	for _, v := range page.Versions {
		d := ""
		if v.Deleted {
			d = "-"
		}
		out = append(out, fmt.Sprintf("%s/%d%s", v.ID, v.Number, d))
	}
	return strings.Join(out, " ")
}

func wantKind(t *testing.T, err error, k fault.Kind) {
	t.Helper()
	if err == nil || fault.KindOf(err) != k {
		t.Errorf("error is %v, want kind %s", err, k)
	}
}

func want(t *testing.T, what string, got, want any) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
