package postgres_test

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/store/postgres"
	"github.com/linkloop/linkloop/adapter/store/postgrestest"
)

var benchTasks = flag.Int("tasks", 100_000, "the larger number of Tasks in the worklist benchmarks")

// referral is one realistic referral, of the same shape as in the benchmarks of
// the embedded store: the message as received, nine resources of about 0.7 kB,
// 45 terms of which 18 are of this referral alone, 9 intervals, one delivery.
type referral struct {
	message  store.Message
	writes   []store.Write
	delivery store.Delivery
}

var nine = []string{"Patient", "Organization", "Organization", "Practitioner", "PractitionerRole", "ServiceRequest", "Consent", "Task", "Provenance"}

func newReferral(rng *rand.Rand) referral { return referralOf(rng, nine, 5, 570) }

func referralOf(rng *rand.Rand, types []string, terms, text int) referral {
	var r referral
	for i := range r.message.Dedupe {
		r.message.Dedupe[i] = byte(rng.Uint32())
	}
	r.message.Sender, r.message.MessageID, r.message.Format = "northgate-surgery", fmt.Sprint(rng.Uint32()), "hl7v2"
	r.message.State, r.message.Mapping = store.Accepted, "5f2c1d9ab8e7463355f2c1d9ab8e746335f2c1d9ab8e746335f2c1d9ab8e7463"
	r.message.Body, r.message.Reply = prose(rng, 1300), prose(rng, 180)
	r.message.ReplyStatus, r.message.ReplyType, r.message.Seen = 200, "x-application/hl7-v2+er7", 1
	for _, typ := range types {
		k := store.Key{Type: typ, ID: uuid(rng)}
		v := element.NewObject(element.S("resourceType", typ), element.S("id", k.ID), element.S("text", string(prose(rng, text))))
		w := store.Write{Key: k, Body: element.Canonical(v)}
		for j := range terms {
			if j*5 < terms*3 { // shared values: status, organisation, code
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
			r.delivery = store.Delivery{Key: "notify " + k.ID, Lane: "A81001", Channel: "fhirapi", Task: k.ID, Payload: prose(rng, 200)}
		}
		r.writes = append(r.writes, w)
	}
	return r
}

func uuid(rng *rand.Rand) string {
	a, b := rng.Uint64(), rng.Uint64()
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", a>>32, a>>16&0xffff, a&0xffff, b>>48, b&0xffffffffffff)
}

var text = func() []byte {
	const words = "system value code display reference status identifier https nhs uk id organization patient referral "
	rng := rand.New(rand.NewPCG(7, 8))
	out := make([]byte, 0, 1<<20)
	for len(out) < 1<<20 {
		i := rng.IntN(len(words) - 8)
		out = append(out, words[i:i+8]...)
	}
	return out
}()

// prose is text of about the entropy of FHIR JSON.
func prose(rng *rand.Rand, n int) []byte {
	i := rng.IntN(len(text) - n)
	return text[i : i+n]
}

// hint is what intake says of a message before it is decided.
func (r referral) hint() store.Hint {
	h := store.Hint{Dedupe: [][32]byte{r.message.Dedupe}}
	for _, w := range r.writes {
		h.Keys = append(h.Keys, w.Key)
	}
	return h
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

// ownDatabase is on a server that waits for its disk.
func ownDatabase(b *testing.B) (*postgrestest.Server, string) {
	b.Helper()
	server := postgrestest.Own(b)
	dsn, err := server.CreateDatabase()
	if err != nil {
		b.Fatal(err)
	}
	return server, dsn
}

// measured runs fn and reports how much of it there was in a second, and what
// one cost the server and this process in processor time.
func measured(b *testing.B, server *postgrestest.Server, unit string, fn func()) {
	ours, theirs, log := ownCPU(), server.CPU(), logWritten(b, server)
	b.ResetTimer()
	fn()
	b.StopTimer()
	per := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(b.N) }
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), unit+"/s")
	b.ReportMetric(per(server.CPU()-theirs), "server-cpu-us")
	b.ReportMetric(per(ownCPU()-ours), "own-cpu-us")
	b.ReportMetric((logWritten(b, server)-log)/float64(b.N), "wal-bytes")
}

// logWritten is how many bytes of write-ahead log the server has made.
func logWritten(b *testing.B, server *postgrestest.Server) (n float64) {
	c, err := pgx.Connect(b.Context(), server.DSN("postgres"))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close(context.Background())
	if err := c.QueryRow(b.Context(), "SELECT (pg_current_wal_insert_lsn() - '0/0')::float8").Scan(&n); err != nil {
		b.Fatal(err)
	}
	return n
}

func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkReferral files referrals from several callers at once.
func BenchmarkReferral(b *testing.B) { referrals(b, func(dsn string) string { return dsn }) }

// BenchmarkReferralPooled does it behind a pooler, without prepared statements.
func BenchmarkReferralPooled(b *testing.B) {
	referrals(b, func(dsn string) string { return postgrestest.Pooled(b, dsn) })
}

func referrals(b *testing.B, through func(dsn string) string) {
	for _, callers := range []int{1, 16, 64} {
		b.Run(fmt.Sprint("callers=", callers), func(b *testing.B) {
			server, dsn := ownDatabase(b)
			dsn = through(dsn)
			s := open(b, dsn, nil)
			defer s.Close()
			warm(b, s)
			before := s.Stats()
			atOnce(b, server, "referrals", callers, func(rng *rand.Rand) func() error {
				r := newReferral(rng)
				return func() error { return s.Decide(context.Background(), r.file, r.hint()) }
			})
			b.ReportMetric(float64(b.N)/float64(s.Stats().Commits-before.Commits), "referrals/commit")
		})
	}
}

// warm has every connection make its statements: latencies are of a server that
// runs, not of one that starts.
func warm(b *testing.B, s *postgres.Store) {
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(9, uint64(i)))
			for range 20 {
				r := newReferral(rng)
				if err := s.Decide(context.Background(), r.file, r.hint()); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// atOnce has callers do b.N things; next prepares one, which is not counted in
// its latency.
func atOnce(b *testing.B, server *postgrestest.Server, unit string, callers int, next func(*rand.Rand) func() error) {
	took := make([]time.Duration, b.N)
	measured(b, server, unit, func() {
		var given atomic.Int64
		var all sync.WaitGroup
		for c := range callers {
			all.Go(func() {
				rng := rand.New(rand.NewPCG(5, uint64(c)))
				for i := given.Add(1) - 1; i < int64(b.N); i = given.Add(1) - 1 {
					do := next(rng)
					begun := time.Now()
					if err := do(); err != nil {
						b.Error(err)
						return
					}
					took[i] = time.Since(begun)
				}
			})
		}
		all.Wait()
	})
	slices.Sort(took)
	b.ReportMetric(float64(took[b.N/2].Microseconds()), "p50-us")
	b.ReportMetric(float64(took[b.N*99/100].Microseconds()), "p99-us")
}

// BenchmarkBareLoop is what the same rows cost without the store around them:
// one connection, one statement for each table, one round trip for a commit.
func BenchmarkBareLoop(b *testing.B) {
	for _, group := range []int{1, 8, 32} {
		b.Run(fmt.Sprint("group=", group), func(b *testing.B) {
			server, dsn := ownDatabase(b)
			if err := open(b, dsn, nil).Close(); err != nil {
				b.Fatal(err)
			}
			c, err := pgx.Connect(b.Context(), dsn)
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close(context.Background())
			bare := bareLoop{seq: time.Now().UnixMicro()}
			rng := rand.New(rand.NewPCG(1, 2))
			measured(b, server, "referrals", func() {
				for i := 0; i < b.N; i += group {
					batch := &pgx.Batch{}
					batch.Queue("BEGIN")
					bare.rows(batch, rng, min(group, b.N-i))
					batch.Queue("COMMIT")
					if err := c.SendBatch(b.Context(), batch).Close(); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

type bareLoop struct{ seq, id int64 }

func (l *bareLoop) rows(b *pgx.Batch, rng *rand.Rand, n int) {
	var seq, list, at, pSeq, param, low, high, ids []int64
	var typ []int32
	var key, facts, body, dedupe, task, reply, message, owed, payload, entity [][]byte
	type posting struct{ list, seq int64 }
	var postings []posting
	for range n {
		r := newReferral(rng)
		for i, w := range r.writes {
			l.seq++
			seq, typ, key = append(seq, l.seq), append(typ, int32(i)), append(key, []byte(w.ID[:17]))
			facts = append(facts, make([]byte, 1+8*len(w.Index.Terms)+24*len(w.Index.Ranges)))
			body = append(body, element.Stamp(w.Body, 1, time.UnixMicro(l.seq)))
			for _, t := range append(w.Index.Terms, resource.Term(i)) {
				postings = append(postings, posting{int64(t), l.seq})
			}
			for _, x := range w.Index.Ranges {
				at, param, low, high = append(at, l.seq), append(param, int64(x.Param)), append(low, x.Low), append(high, x.High)
			}
		}
		l.id++
		ids, dedupe, task = append(ids, l.id), append(dedupe, r.message.Dedupe[:]), append(task, []byte(r.message.Task))
		reply, message = append(reply, r.message.Reply), append(message, r.message.Body)
		owed, payload, entity = append(owed, []byte(r.delivery.Key)), append(payload, r.delivery.Payload), append(entity, []byte("Task/"+r.message.Task))
	}
	slices.SortFunc(postings, func(a, b posting) int { return cmp.Or(cmp.Compare(a.list, b.list), cmp.Compare(a.seq, b.seq)) })
	for _, p := range slices.Compact(postings) {
		list, pSeq = append(list, p.list), append(pSeq, p.seq)
	}
	b.Queue("SELECT last FROM linkloop.clock FOR UPDATE")
	b.Queue("INSERT INTO linkloop.version (seq, rid, number, deleted, facts, body) SELECT s, s, 1, false, f, b FROM unnest($1::bigint[], $2::bytea[], $3::bytea[]) x(s, f, b)", seq, facts, body)
	b.Queue("INSERT INTO linkloop.resource (type, id, rid, seq) SELECT t, k, s, s FROM unnest($1::int[], $2::bytea[], $3::bigint[]) x(t, k, s)", typ, key, seq)
	b.Queue("INSERT INTO linkloop.posting (list, seq) SELECT * FROM unnest($1::bigint[], $2::bigint[])", list, pSeq)
	b.Queue("INSERT INTO linkloop.span (seq, param, low, high, wide) SELECT s, p, l, h, false FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) x(s, p, l, h)", at, param, low, high)
	b.Queue("INSERT INTO linkloop.inbox (id, received, seen, reply_status, failed, dedupe, sender, message, format, mapping, task, reply_type, reply, body) "+
		"SELECT i, 1, 1, 200, false, d, 'northgate-surgery', '1234567890', 'hl7v2', '5f2c1d9ab8e7463355f2c1d9ab8e746335f2c1d9ab8e746335f2c1d9ab8e7463', t, 'x-application/hl7-v2+er7', r, m "+
		"FROM unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bytea[]) x(i, d, t, r, m)", ids, dedupe, task, reply, message)
	b.Queue("INSERT INTO linkloop.delivery (id, wake, due, fence, created, settled, attempts, state, key, lane, channel, task, payload) "+
		"SELECT i, 1, 1, 0, 1, 0, 0, 0, k, 'A81001', 'fhirapi', t, p FROM unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::bytea[]) x(i, k, t, p)", ids, owed, task, payload)
	b.Queue("INSERT INTO linkloop.audit (at, version, agent, action, entity, outcome) SELECT 1, 0, 'northgate-surgery', 'intake', e, 'success' FROM unnest($1::bytea[]) x(e)", entity)
	b.Queue("UPDATE linkloop.tally SET n = n + $1 WHERE state = 0", len(ids))
	b.Queue("UPDATE linkloop.clock SET last = $1", l.seq)
}

// BenchmarkSize files referrals of five resources and 49 index rows, whose
// bodies have 4.9 kB together, and reports what each table keeps of one.
func BenchmarkSize(b *testing.B) {
	_, dsn := ownDatabase(b)
	s := open(b, dsn, nil)
	defer s.Close()
	five := []string{"Patient", "ServiceRequest", "Task", "Consent", "Provenance"}
	rng := rand.New(rand.NewPCG(1, 1))
	for i := 0; i < b.N; i += 10 { // as many as share a commit under load
		rs := make([]referral, min(10, b.N-i))
		for j := range rs {
			rs[j] = referralOf(rng, five, 9, 830)
		}
		if err := s.Decide(context.Background(), func(tx store.Tx) error {
			for _, r := range rs {
				if err := r.file(tx); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	c, err := pgx.Connect(b.Context(), dsn)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close(context.Background())
	rows, err := c.Query(b.Context(), "SELECT relname, pg_total_relation_size(oid)::float8, pg_indexes_size(oid)::float8 FROM pg_class WHERE relnamespace = 'linkloop'::regnamespace AND relkind = 'r'")
	if err != nil {
		b.Fatal(err)
	}
	var name string
	var all, index, sum float64
	if _, err := pgx.ForEachRow(rows, []any{&name, &all, &index}, func() error {
		sum += all
		if all/float64(b.N) > 50 {
			b.ReportMetric(all/float64(b.N), name+"-bytes")
			b.ReportMetric(index/float64(b.N), name+"-index-bytes")
		}
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(sum/float64(b.N), "bytes/referral")
}

// fillTasks makes n Tasks of 200 owners, a quarter of each owner's in each
// state, and gives the combined term of owner and status to find them by.
func fillTasks(b *testing.B, s *postgres.Store, n int) []store.Key {
	rng := rand.New(rand.NewPCG(3, 4))
	keys := make([]store.Key, 0, n)
	for len(keys) < n {
		if err := s.Decide(context.Background(), func(tx store.Tx) error {
			for i := 0; i < 1000 && len(keys) < n; i++ {
				k := store.Key{Type: "Task", ID: uuid(rng)}
				v := element.NewObject(element.S("resourceType", "Task"), element.S("id", k.ID), element.S("text", string(prose(rng, 800))))
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

// BenchmarkRead reads by id and searches the worklist, one caller and eight.
func BenchmarkRead(b *testing.B) {
	for _, n := range []int{10_000, *benchTasks} {
		b.Run(fmt.Sprint("tasks=", n), func(b *testing.B) {
			server, dsn := ownDatabase(b)
			s := open(b, dsn, nil)
			defer s.Close()
			keys := fillTasks(b, s, n)
			for _, c := range reads(keys) {
				for _, callers := range []int{1, 8} {
					b.Run(fmt.Sprint(c.name, "/callers=", callers), func(b *testing.B) {
						atOnce(b, server, "reads", callers, func(rng *rand.Rand) func() error {
							return func() error {
								return s.View(context.Background(), func(r store.Reader) error { return c.fn(r, rng) })
							}
						})
					})
				}
			}
		})
	}
}

type readCase struct {
	name string
	fn   func(r store.Reader, rng *rand.Rand) error
}

func reads(keys []store.Key) []readCase {
	page := func(r store.Reader, clauses ...resource.Clause) error {
		p, err := r.Resources().Search(resource.Query{Type: "Task", Clauses: clauses, Order: resource.Order{Descending: true}, Limit: 20})
		if err == nil && len(p.Versions) == 0 {
			err = errors.New("an empty worklist")
		}
		return err
	}
	any := func(terms ...resource.Term) resource.Clause { return resource.Clause{Any: terms} }
	return []readCase{
		{"get", func(r store.Reader, rng *rand.Rand) error {
			_, err := r.Resources().Get(keys[rng.IntN(len(keys))])
			return err
		}},
		{"worklist", func(r store.Reader, rng *rand.Rand) error {
			return page(r, any(mix(3, rng.Uint64N(200)<<8|rng.Uint64N(4))))
		}},
		{"status", func(r store.Reader, rng *rand.Rand) error { return page(r, any(mix(2, rng.Uint64N(4)))) }},
		{"two-terms", func(r store.Reader, rng *rand.Rand) error {
			return page(r, any(mix(1, rng.Uint64N(200))), any(mix(2, rng.Uint64N(4))))
		}},
		{"or-not", func(r store.Reader, rng *rand.Rand) error {
			return page(r, any(mix(1, rng.Uint64N(200)), mix(1, rng.Uint64N(200))), resource.Clause{Any: []resource.Term{mix(2, rng.Uint64N(4))}, Not: true})
		}},
	}
}
