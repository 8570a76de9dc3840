package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/store/sqlite"
)

// model is what a store of resources with few terms should find.
type model map[string]map[resource.Term]bool

func (m model) clone() model {
	out := model{}
	for id, terms := range m {
		out[id] = terms
	}
	return out
}

func (m model) found(term resource.Term) (ids []string) {
	for id, terms := range m {
		if terms[term] {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

var errChanged = errors.New("changed my mind")

// TestFreshRows: whatever is created, changed, deleted, undone and indexed anew,
// in memory, half in the table or wholly there, before and after the process
// dies, a search finds what is there, and a snapshot what was there.
func TestFreshRows(t *testing.T) {
	for _, rows := range []int{1, 7, 60, 1000} {
		t.Run(fmt.Sprint(rows), func(t *testing.T) {
			place := t.TempDir()
			cfg := sqlite.Config{Path: place, FreshRows: rows, Group: 4}
			s := open(t, cfg)
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			dice := rand.New(rand.NewPCG(uint64(rows), seed))
			now := model{}
			numbers := map[string]int64{}
			for round := range 120 {
				was := now.clone()
				hold, done := make(chan struct{}), make(chan error, 1)
				if round%10 == 0 { // a snapshot that is open meanwhile
					taken := make(chan struct{})
					go func(s *sqlite.Store) {
						done <- s.View(context.Background(), func(r store.Reader) error {
							if _, err := r.Inbox().Get(1); err == nil { // the snapshot begins
								return errors.New("found what is not there")
							}
							close(taken)
							<-hold
							return agrees(r.Resources(), was)
						})
					}(s)
					<-taken
				}
				next, counts := now.clone(), map[string]int64{}
				fails := dice.IntN(5) == 0
				err := s.Decide(t.Context(), func(tx store.Tx) error {
					next, counts = now.clone(), map[string]int64{}
					for id, n := range numbers {
						counts[id] = n
					}
					for range 1 + dice.IntN(6) {
						if err := change(tx.Resources(), dice, next, counts); err != nil {
							return err
						}
						if dice.IntN(4) == 0 {
							if err := agrees(tx.Resources(), next); err != nil {
								return fmt.Errorf("inside: %w", err)
							}
						}
					}
					if fails {
						return errChanged
					}
					return nil
				})
				switch {
				case fails && errors.Is(err, errChanged):
				case err != nil:
					t.Fatal(err)
				default:
					now, numbers = next, counts
				}
				if close(hold); round%10 == 0 {
					if err := <-done; err != nil {
						t.Fatalf("round %d, a snapshot: %v", round, err)
					}
				}
				if err := s.View(t.Context(), func(r store.Reader) error { return agrees(r.Resources(), now) }); err != nil {
					t.Fatalf("round %d: %v", round, err)
				}
				if round%40 == 39 {
					beside := open(t, sqlite.Config{Path: place, ReadOnly: true})
					if err := beside.View(t.Context(), func(r store.Reader) error { return agrees(r.Resources(), now) }); err != nil {
						t.Fatalf("round %d, from another process: %v", round, err)
					}
					if err := beside.Close(); err != nil {
						t.Fatal(err)
					}
					s = died(t, s, cfg)
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// died opens a copy of the data as a killed process leaves it.
func died(t *testing.T, s *sqlite.Store, cfg sqlite.Config) *sqlite.Store {
	t.Helper()
	place := filepath.Join(t.TempDir(), "copy")
	err := os.CopyFS(place, os.DirFS(cfg.Path))
	err = errors.Join(err, s.Close(), os.RemoveAll(cfg.Path), os.Rename(place, cfg.Path))
	if err != nil {
		t.Fatal(err)
	}
	return open(t, cfg)
}

const aType = "Basic"

// change makes a random change of one of a few resources with a few terms.
func change(r store.ResourceWriter, dice *rand.Rand, m model, numbers map[string]int64) error {
	id := fmt.Sprintf("r%d", dice.IntN(12))
	key := store.Key{Type: aType, ID: id}
	ix, terms := resource.Index{}, map[resource.Term]bool{}
	for range 1 + dice.IntN(4) {
		term := resource.Term(1000 + dice.IntN(6))
		ix.Terms, terms[term] = append(ix.Terms, term), true
	}
	there := m[id] != nil
	switch {
	case there && dice.IntN(6) == 0:
		if _, err := r.Put(store.Write{Key: key, Expect: numbers[id]}); err != nil {
			return err
		}
		numbers[id]++
		delete(m, id)
	case there && dice.IntN(6) == 0:
		if err := r.Reindex(key, numbers[id], ix); err != nil {
			return err
		}
		m[id] = terms
	default:
		body := fmt.Appendf(nil, `{"resourceType":%q,"id":%q,"meta":{}}`, aType, id)
		v, err := r.Put(store.Write{Key: key, Body: body, Index: ix, Expect: numbers[id]})
		if err != nil {
			return err
		}
		numbers[id], m[id] = v.Number, terms
	}
	return nil
}

// agrees compares searches for each term, both ways round and page by page, with
// the model.
func agrees(r store.ResourceReader, m model) error {
	for term := resource.Term(1000); term < 1006; term++ {
		for _, newest := range []bool{false, true} {
			q := resource.Query{Type: aType, Limit: 3, Clauses: []resource.Clause{{Any: []resource.Term{term}}}, Order: resource.Order{Descending: newest}}
			var got []string
			var last int64
			for {
				page, err := r.Search(q)
				if err != nil {
					return err
				}
				for _, v := range page.Versions {
					at := v.Updated.UnixMicro()
					if last != 0 && (at > last) == newest {
						return fmt.Errorf("term %d, newest %v: out of order", term, newest)
					}
					last = at
					got = append(got, v.ID)
				}
				if q.After = page.Next; page.Next == "" {
					break
				}
			}
			slices.Sort(got)
			if want := m.found(term); !slices.Equal(got, want) {
				return fmt.Errorf("term %d, newest %v: found %v, want %v", term, newest, got, want)
			}
		}
	}
	return nil
}

// TestFreshPlan: a start looks at what is new, and not at the whole index.
func TestFreshPlan(t *testing.T) {
	plan, err := open(t, sqlite.Config{Path: t.TempDir()}).FreshPlan()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range plan {
		if strings.HasPrefix(line, "SCAN") && line != "SCAN t" {
			t.Errorf("%s", line)
		}
	}
	if len(plan) != 3 {
		t.Errorf("a plan of %q", plan)
	}
}
