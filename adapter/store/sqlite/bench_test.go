package sqlite_test

import (
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/store/sqlite"
)

var benchTasks = flag.Int("tasks", 100_000, "the larger number of Tasks in the worklist benchmarks")

// referral is one realistic referral: the message as received, nine resources
// of about 0.7 kB, 45 terms of which 18 are of
// this referral alone (identifiers, references to its own resources), 9
// intervals, one delivery owed.
type referral struct {
	message  store.Message
	writes   []store.Write
	delivery store.Delivery
}

func newReferral(rng *rand.Rand) referral {
	var r referral
	for i := range r.message.Dedupe {
		r.message.Dedupe[i] = byte(rng.Uint32())
	}
	r.message.Sender, r.message.MessageID, r.message.Format = "northgate-surgery", fmt.Sprint(rng.Uint32()), "hl7v2"
	r.message.State, r.message.Mapping = store.Accepted, "5f2c1d9ab8e7463355f2c1d9ab8e746335f2c1d9ab8e746335f2c1d9ab8e7463"
	r.message.Body, r.message.Reply = words(rng, 1300), words(rng, 180)
	r.message.ReplyStatus, r.message.ReplyType, r.message.Seen = 200, "x-application/hl7-v2+er7", 1
	// A quarter of the patients and all the organisations are known already in
	// real life; here all are new, which is the dearer case.
	for _, typ := range []string{"Patient", "Organization", "Organization", "Practitioner", "PractitionerRole", "ServiceRequest", "Consent", "Task", "Provenance"} {
		k := store.Key{Type: typ, ID: uuid(rng)}
		v := element.NewObject(element.S("resourceType", typ), element.S("id", k.ID), element.S("text", string(words(rng, 570))))
		w := store.Write{Key: k, Body: element.Canonical(v)}
		for j := range 5 {
			if j < 3 { // shared values: status, organisation, code
				w.Index.Terms = append(w.Index.Terms, resource.Term(rng.Uint64N(200)*0x9e3779b97f4a7c15|1<<63|uint64(j)))
			} else {
				w.Index.Terms = append(w.Index.Terms, resource.Term(rng.Uint64()))
			}
		}
		at := int64(1_770_000_000_000_000) + rng.Int64N(86_400_000_000) // authored today
		if typ == "Patient" {
			at = rng.Int64N(1_700_000_000_000_000) // born
		}
		w.Index.Ranges = append(w.Index.Ranges, resource.Range{Param: resource.Term(len(typ)), Low: at, High: at + 999_999})
		if typ == "Task" {
			r.message.Task = k.ID
			r.delivery = store.Delivery{Key: "notify " + k.ID, Lane: "A81001", Channel: "fhirapi", Task: k.ID, Payload: words(rng, 200)}
		}
		r.writes = append(r.writes, w)
	}
	return r
}

func uuid(rng *rand.Rand) string {
	a, b := rng.Uint64(), rng.Uint64()
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", a>>32, a>>16&0xffff, a&0xffff, b>>48, b&0xffffffffffff)
}

// prose is text of about the entropy of FHIR JSON.
var prose = func() []byte {
	const text = "system value code display reference status identifier https nhs uk id organization patient referral "
	rng := rand.New(rand.NewPCG(7, 8))
	out := make([]byte, 0, 1<<20)
	for len(out) < 1<<20 {
		i := rng.IntN(len(text) - 8)
		out = append(out, text[i:i+8]...)
	}
	return out
}()

func words(rng *rand.Rand, n int) []byte {
	i := rng.IntN(len(prose) - n)
	return prose[i : i+n]
}

// file writes the referral the way intake does, reads included.
func (r referral) file(tx store.Tx) error {
	if _, err := tx.Inbox().Find(r.message.Dedupe); fault.KindOf(err) != fault.NotFound {
		return errors.Join(err, errors.New("a message that cannot be there"))
	}
	for _, w := range r.writes {
		if _, err := tx.Resources().Get(w.Key); fault.KindOf(err) != fault.NotFound {
			return errors.Join(err, errors.New("a resource that cannot be there"))
		}
		if _, err := tx.Resources().Put(w); err != nil {
			return err
		}
	}
	m := r.message
	m.Received = tx.Time()
	if _, err := tx.Inbox().Add(m); err != nil {
		return err
	}
	if _, _, err := tx.Deliveries().Owe(r.delivery); err != nil {
		return err
	}
	return tx.Ledger().Audit(store.AuditEvent{Agent: "northgate-surgery", Action: "intake", Entity: "Task/" + m.Task, Outcome: "success"})
}

// BenchmarkReferral files referrals from several callers at once.
func BenchmarkReferral(b *testing.B) {
	for _, writers := range []int{1, 16, 64} {
		b.Run(fmt.Sprint("writers=", writers), func(b *testing.B) {
			s := open(b, sqlite.Config{Path: b.TempDir()})
			defer s.Close()
			took := make([]time.Duration, b.N)
			before := s.Stats()
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ResetTimer()
			for w := range writers {
				wg.Add(1)
				go func() {
					defer wg.Done()
					rng := rand.New(rand.NewPCG(1, uint64(w)))
					for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
						r := newReferral(rng)
						begun := time.Now()
						if err := s.Decide(context.Background(), r.file); err != nil {
							b.Error(err)
							return
						}
						took[i] = time.Since(begun)
					}
				}()
			}
			wg.Wait()
			b.StopTimer()
			after := s.Stats()
			slices.Sort(took)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "referrals/s")
			b.ReportMetric(float64(took[b.N/2].Microseconds()), "p50-us")
			b.ReportMetric(float64(took[b.N*99/100].Microseconds()), "p99-us")
			b.ReportMetric(float64(b.N)/float64(after.Commits-before.Commits), "referrals/commit")
			b.ReportMetric(float64(after.LogBytes)/(1<<20), "wal-MB")
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(s.Stats().DataBytes)/float64(b.N), "bytes/referral")
		})
	}
}

// fill makes n Tasks of 200 owners, a quarter of each owner's in each state, and
// gives the combined term of owner and status to find them by.
func fill(b *testing.B, s *sqlite.Store, n int) []store.Key {
	rng := rand.New(rand.NewPCG(3, 4))
	keys := make([]store.Key, 0, n)
	for len(keys) < n {
		if err := s.Decide(context.Background(), func(tx store.Tx) error {
			for i := 0; i < 500 && len(keys) < n; i++ {
				k := store.Key{Type: "Task", ID: uuid(rng)}
				v := element.NewObject(element.S("resourceType", "Task"), element.S("id", k.ID), element.S("text", string(words(rng, 800))))
				owner, status := rng.Uint64N(200), rng.Uint64N(4)
				ix := resource.Index{Terms: []resource.Term{mix(1, owner), mix(2, status), mix(3, owner<<8|status), mix(4, rng.Uint64())}}
				if _, err := tx.Resources().Put(store.Write{Key: k, Body: element.Canonical(v), Index: ix}); err != nil {
					return err
				}
				keys = append(keys, k)
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	return keys
}

func mix(kind, v uint64) resource.Term {
	var buf [16]byte
	binary.LittleEndian.PutUint64(buf[:], kind)
	binary.LittleEndian.PutUint64(buf[8:], v)
	h := uint64(14695981039346656037)
	for _, c := range buf {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return resource.Term(h)
}

// BenchmarkRead reads by id and searches the worklist.
func BenchmarkRead(b *testing.B) {
	sizes := []int{10_000, *benchTasks}
	for _, n := range sizes {
		b.Run(fmt.Sprint("tasks=", n), func(b *testing.B) {
			s := open(b, sqlite.Config{Path: b.TempDir()})
			defer s.Close()
			keys := fill(b, s, n)
			ctx := context.Background()
			each := func(name string, fn func(r store.Reader, rng *rand.Rand) error) {
				b.Run(name, func(b *testing.B) {
					rng := rand.New(rand.NewPCG(5, 6))
					took := make([]time.Duration, b.N)
					b.ReportAllocs()
					b.ResetTimer()
					for i := range b.N {
						begun := time.Now()
						if err := s.View(ctx, func(r store.Reader) error { return fn(r, rng) }); err != nil {
							b.Fatal(err)
						}
						took[i] = time.Since(begun)
					}
					b.StopTimer()
					slices.Sort(took)
					b.ReportMetric(float64(took[b.N*99/100].Microseconds()), "p99-us")
				})
			}
			each("get", func(r store.Reader, rng *rand.Rand) error {
				_, err := r.Resources().Get(keys[rng.IntN(len(keys))])
				return err
			})
			page := func(r store.Reader, clauses ...resource.Clause) error {
				p, err := r.Resources().Search(resource.Query{Type: "Task", Clauses: clauses, Order: resource.Order{Descending: true}, Limit: 20})
				if err == nil && len(p.Versions) == 0 {
					err = errors.New("an empty worklist")
				}
				return err
			}
			each("worklist", func(r store.Reader, rng *rand.Rand) error {
				return page(r, resource.Clause{Any: []resource.Term{mix(3, rng.Uint64N(200)<<8|rng.Uint64N(4))}})
			})
			each("worklist-two-terms", func(r store.Reader, rng *rand.Rand) error {
				return page(r, resource.Clause{Any: []resource.Term{mix(1, rng.Uint64N(200))}}, resource.Clause{Any: []resource.Term{mix(2, rng.Uint64N(4))}})
			})
			each("worklist-or-not", func(r store.Reader, rng *rand.Rand) error {
				return page(r, resource.Clause{Any: []resource.Term{mix(1, rng.Uint64N(200)), mix(1, rng.Uint64N(200))}}, resource.Clause{Any: []resource.Term{mix(2, rng.Uint64N(4))}, Not: true})
			})
		})
	}
}
