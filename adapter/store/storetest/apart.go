package storetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// apart opens a place several times. The clocks disagree by an hour each,
// because machines do.
func apart(t *testing.T, open Open, place string, n int) []store.Store {
	t.Helper()
	out := make([]store.Store, n)
	for i := range out {
		c := newClock()
		c.set(start.Add(-time.Duration(i) * time.Hour))
		out[i] = open(t, place, c.tick)
		t.Cleanup(func() {
			if err := out[i].Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
	return out
}

// sharedTypesUndone: a type that only a decision knew that failed is nobody's.
func sharedTypesUndone(t *testing.T, open Open) {
	place := t.TempDir()
	s := apart(t, open, place, 2)
	put(t, s[0], key("Task", "t"), 0, "", facts())
	for _, one := range s {
		err := one.Decide(ctx(), func(tx store.Tx) error {
			k := key("Consent", "c")
			if _, err := tx.Resources().Put(store.Write{Key: k, Body: body(k, "")}); err != nil {
				return err
			}
			if _, err := tx.Resources().Search(resource.Query{Type: "Consent", Limit: 1}); err != nil {
				return err
			}
			_, err := tx.Resources().Get(key("Library", "nobody"))
			wantKind(t, err, fault.NotFound)
			return errRefused
		})
		want(t, "refused", errors.Is(err, errRefused), true)
	}
	for i, typ := range []string{"Patient", "Consent", "Patient", "Consent"} {
		put(t, s[i%2], key(typ, fmt.Sprint("t", i)), 0, "", facts())
	}
	for _, one := range append(s, apart(t, open, place, 1)...) {
		want(t, "Patients", ids(search(t, one, resource.Query{Type: "Patient", Limit: 10})), "t0 t2")
		want(t, "Consents", ids(search(t, one, resource.Query{Type: "Consent", Limit: 10})), "t1 t3")
	}
}

// sharedClocks: decisions of all instances run one after the other, each
// on what the one before left, at a later time.
func sharedClocks(t *testing.T, open Open) {
	const callers, each = 9, 15
	s := apart(t, open, t.TempDir(), 3)
	k := key("Task", "shared")
	var mu sync.Mutex
	at := map[time.Time]int64{}
	together(callers, func(i int) {
		for range each {
			var v store.Version
			err := s[i%len(s)].Decide(ctx(), func(tx store.Tx) error {
				cur, err := tx.Resources().Get(k)
				if err != nil && fault.KindOf(err) != fault.NotFound {
					return err
				}
				v, err = tx.Resources().Put(store.Write{Key: k, Body: body(k, ""), Expect: cur.Number, Index: facts("k")})
				return err
			}, store.Hint{Keys: []store.Key{k}})
			if err != nil {
				t.Errorf("caller %d: %v (%v)", i, err, errors.Unwrap(err))
				return
			}
			mu.Lock()
			if n, taken := at[v.Updated]; taken {
				t.Errorf("versions %d and %d have the same time", n, v.Number)
			}
			at[v.Updated] = v.Number
			mu.Unlock()
		}
	})
	v, err := get(t, s[1], k)
	want(t, "last version", fmt.Sprint(v.Number, err), fmt.Sprint(callers*each, nil))
	want(t, "index rows", numbered(search(t, s[2], termQuery("k"))), fmt.Sprint("shared/", callers*each))
	last := int64(0)
	for _, when := range slices.SortedFunc(maps.Keys(at), time.Time.Compare) {
		if at[when] != last+1 {
			t.Errorf("by time version %d follows version %d", at[when], last)
		}
		last = at[when]
	}
}

// sharedPruning: retention on two instances at once, beside deliveries that are
// leased and settled, disturbs nobody.
func sharedPruning(t *testing.T, open Open) {
	s := apart(t, open, t.TempDir(), 2)
	const n = 300
	for i := 0; i < n; {
		decide(t, s[0], func(tx store.Tx) error {
			for end := i + 50; i < end; i++ {
				if _, _, err := tx.Deliveries().Owe(store.Delivery{Key: fmt.Sprint(i), Due: start}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	var settled atomic.Int64
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for {
				var taken int
				err := s[i%2].Decide(ctx(), func(tx store.Tx) error {
					taken = 0
					ds, err := tx.Deliveries().Lease(start.Add(time.Hour), start.Add(2*time.Hour), 5, nil)
					for j, d := range ds {
						if d.State = store.Proven; j%2 == 0 {
							d.State = store.Delivered
						}
						d.Settled = start
						err = errors.Join(err, tx.Deliveries().Settle(d, store.Attempt{Started: start, Ended: start}))
						taken++
					}
					return err
				})
				if err != nil {
					t.Errorf("settle: %v (%v)", err, errors.Unwrap(err))
					return
				}
				settled.Add(int64(taken))
				if taken == 0 {
					return
				}
			}
		}()
	}
	var removed atomic.Int64
	stop := make(chan struct{})
	var pruning sync.WaitGroup
	for _, one := range s {
		pruning.Add(1)
		go func() {
			defer pruning.Done()
			for {
				got, _, err := one.Prune(ctx(), store.Retention{Deliveries: days(1)})
				if err != nil {
					t.Errorf("prune: %v (%v)", err, errors.Unwrap(err))
					return
				}
				removed.Add(int64(got))
				select {
				case <-stop:
					return
				default:
				}
			}
		}()
	}
	wg.Wait()
	close(stop)
	pruning.Wait()
	want(t, "settled", settled.Load(), int64(n))
	owe(t, s[0], store.Delivery{Key: "newest", Due: start})
	// A round that was under way may have passed the last one when it was still
	// the newest; the next one finds it.
	for range 2 {
		removed.Add(int64(prune(t, s[1], store.Retention{Deliveries: days(1)})))
	}
	want(t, "removed", removed.Load(), int64(n))
	view(t, s[0], func(r store.Reader) error {
		list, err := r.Deliveries().List(store.DeliveryFilter{})
		want(t, "left", keys(list), "newest")
		counts, _ := r.Deliveries().Counts()
		want(t, "counts", fmt.Sprint(counts[store.Owed], counts[store.Leased], counts[store.Delivered], counts[store.Proven]), "1 0 0 0")
		return err
	})
}
