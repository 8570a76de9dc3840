package postgres

import (
	"cmp"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

type commandTag = pgconn.CommandTag

// overlay is what decisions made and the database does not have yet.
type overlay struct {
	types      []typeRow
	versions   []versionRow
	refacts    []refact
	heads      map[store.Key]*head
	postings   map[posting]bool // true: added, false: removed
	spans      map[span]bool
	messages   map[int64]*store.Message
	deliveries map[int64]*delivery
	attempts   []store.Attempt
	marks      []markRow
	switches   map[string][]byte // nil: removed
	once       []string
	audit      []store.AuditEvent
	mappings   []mappingRow
	receipts   []store.Receipt
	tally      [len(stateNames)]int64
	// broken is the first trouble with the database: nothing of the group can
	// succeed any more, even if a decision overlooks it.
	broken error
}

type typeRow struct {
	id   int
	name string
}

type versionRow struct {
	seq, rid, number int64
	deleted          bool
	facts            resource.Facts
	body             []byte
}

// refact is what a version is found by from now on; all its intervals are
// among the spans.
type refact struct {
	seq   int64
	facts resource.Facts
}

type posting struct{ list, seq int64 }

type span struct {
	seq, param, low, high int64
}

type markRow struct {
	mark     string
	delivery int64
}

type mappingRow struct {
	hash  string
	files []byte
}

func newOverlay() *overlay {
	return &overlay{
		heads: map[store.Key]*head{}, postings: map[posting]bool{}, spans: map[span]bool{},
		messages: map[int64]*store.Message{}, deliveries: map[int64]*delivery{},
		switches: map[string][]byte{},
	}
}

func (o *overlay) empty() bool {
	return len(o.types)+len(o.versions)+len(o.refacts)+len(o.messages)+len(o.deliveries)+len(o.attempts)+len(o.marks)+len(o.switches)+len(o.once)+len(o.audit)+len(o.mappings)+len(o.receipts) == 0
}

// join adds what a decision made.
func (o *overlay) join(d *overlay) {
	o.types = append(o.types, d.types...)
	o.versions = append(o.versions, d.versions...)
	o.refacts = append(o.refacts, d.refacts...)
	for k, v := range d.heads {
		o.heads[k] = v
	}
	for p, added := range d.postings {
		toggle(o.postings, p, added)
	}
	for p, added := range d.spans {
		toggle(o.spans, p, added)
	}
	for k, v := range d.messages {
		o.messages[k] = v
	}
	for k, v := range d.deliveries {
		o.deliveries[k] = v
	}
	o.attempts = append(o.attempts, d.attempts...)
	o.marks = append(o.marks, d.marks...)
	for k, v := range d.switches {
		o.switches[k] = v
	}
	o.once = append(o.once, d.once...)
	o.audit = append(o.audit, d.audit...)
	o.mappings = append(o.mappings, d.mappings...)
	o.receipts = append(o.receipts, d.receipts...)
	for i, n := range d.tally {
		o.tally[i] += n
	}
}

// toggle notes an index row as added or removed. One that was added and removed
// before it was ever sent is forgotten; one cannot be removed and added,
// because no seq comes twice.
func toggle[K comparable](m map[K]bool, k K, added bool) {
	if was, known := m[k]; known && was && !added {
		delete(m, k)
		return
	}
	m[k] = added
}

// queue puts one statement for each table into the batch and forgets what it
// sends.
func (o *overlay) queue(b *pgx.Batch) {
	for _, t := range o.types {
		b.Queue("INSERT INTO linkloop.type (id, name) VALUES ($1, $2)", t.id, t.name)
	}
	o.queueVersions(b)
	o.queueFacts(b)
	o.queueHeads(b)
	o.queuePostings(b)
	o.queueSpans(b)
	o.queueMessages(b)
	o.queueDeliveries(b)
	o.queueLedger(b)
	*o = *newOverlay()
}

func (o *overlay) queueVersions(b *pgx.Batch) {
	n := len(o.versions)
	if n == 0 {
		return
	}
	seq, rid, number := make([]int64, n), make([]int64, n), make([]int64, n)
	deleted, fs, body := make([]bool, n), make([][]byte, n), make([][]byte, n)
	for i, v := range o.versions {
		seq[i], rid[i], number[i], deleted[i], fs[i], body[i] = v.seq, v.rid, v.number, v.deleted, v.facts, v.body
	}
	b.Queue("INSERT INTO linkloop.version (seq, rid, number, deleted, facts, body) SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::boolean[], $5::bytea[], $6::bytea[])",
		seq, rid, number, deleted, fs, body)
}

// queueFacts goes before the spans, of which it removes those there were.
func (o *overlay) queueFacts(b *pgx.Batch) {
	if len(o.refacts) == 0 {
		return
	}
	last := map[int64][]byte{}
	for _, r := range o.refacts {
		last[r.seq] = r.facts
	}
	var seq []int64
	var facts [][]byte
	for n, f := range last {
		seq, facts = append(seq, n), append(facts, f)
	}
	b.Queue("UPDATE linkloop.version v SET facts = x.facts FROM unnest($1::bigint[], $2::bytea[]) x(seq, facts) WHERE v.seq = x.seq", seq, facts)
	b.Queue("DELETE FROM linkloop.span WHERE seq = ANY($1::bigint[])", seq)
}

func (o *overlay) queueHeads(b *pgx.Batch) {
	n := len(o.heads)
	if n == 0 {
		return
	}
	typ, id := make([]int32, 0, n), make([][]byte, 0, n)
	rid, seq := make([]int64, 0, n), make([]int64, 0, n)
	for k, h := range o.heads {
		typ, id, rid, seq = append(typ, int32(h.typ)), append(id, idBytes(k.ID)), append(rid, h.rid), append(seq, h.seq)
	}
	b.Queue("INSERT INTO linkloop.resource (type, id, rid, seq) SELECT * FROM unnest($1::int[], $2::bytea[], $3::bigint[], $4::bigint[]) "+
		"ON CONFLICT (type, id) DO UPDATE SET seq = excluded.seq", typ, id, rid, seq)
}

func (o *overlay) queuePostings(b *pgx.Batch) {
	var add, remove []posting
	for p, added := range o.postings {
		if added {
			add = append(add, p)
		} else {
			remove = append(remove, p)
		}
	}
	columns := func(ps []posting) (list, seq []int64) {
		// In the order of the index, so that each of its pages is met once.
		slices.SortFunc(ps, func(a, b posting) int { return cmp.Or(cmp.Compare(a.list, b.list), cmp.Compare(a.seq, b.seq)) })
		for _, p := range ps {
			list, seq = append(list, p.list), append(seq, p.seq)
		}
		return list, seq
	}
	if len(remove) > 0 {
		list, seq := columns(remove)
		b.Queue("DELETE FROM linkloop.posting p USING unnest($1::bigint[], $2::bigint[]) x(list, seq) WHERE p.list = x.list AND p.seq = x.seq", list, seq)
	}
	if len(add) > 0 {
		list, seq := columns(add)
		b.Queue("INSERT INTO linkloop.posting (list, seq) SELECT * FROM unnest($1::bigint[], $2::bigint[])", list, seq)
	}
}

func (o *overlay) queueSpans(b *pgx.Batch) {
	var seq, param, low, high, gone []int64
	var broad []bool
	for s, added := range o.spans {
		if !added {
			gone = append(gone, s.seq)
			continue
		}
		seq, param, low, high = append(seq, s.seq), append(param, s.param), append(low, s.low), append(high, s.high)
		broad = append(broad, resource.Range{Low: s.low, High: s.high}.Wide())
	}
	if len(gone) > 0 { // always all of a version
		b.Queue("DELETE FROM linkloop.span WHERE seq = ANY($1::bigint[])", gone)
	}
	if len(seq) > 0 {
		b.Queue("INSERT INTO linkloop.span (seq, param, low, high, wide) SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::boolean[])",
			seq, param, low, high, broad)
	}
}

func (o *overlay) queueMessages(b *pgx.Batch) {
	n := len(o.messages)
	if n == 0 {
		return
	}
	var numbers [4][]int64 // id, received, seen, reply status
	var failed []bool
	var bytes [12][][]byte
	for _, m := range o.messages {
		for i, v := range [...]int64{m.ID, micros(m.Received), m.Seen, int64(m.ReplyStatus)} {
			numbers[i] = append(numbers[i], v)
		}
		bad, kind := m.Filed()
		failed = append(failed, bad)
		for i, v := range [...][]byte{
			m.Dedupe[:], words(m.Sender), words(m.MessageID), words(m.Format), words(m.Mapping), words(kind), words(m.Task), words(m.Request),
			words(m.ReplyType), m.Issues, m.Reply, m.Body,
		} {
			bytes[i] = append(bytes[i], v)
		}
	}
	args := []any{numbers[0], numbers[1], numbers[2], numbers[3], failed}
	for _, v := range bytes {
		args = append(args, v)
	}
	b.Queue(sqlPutMessages, args...)
}

const sqlPutMessages = "INSERT INTO linkloop.inbox (id, received, seen, reply_status, failed, dedupe, sender, message, format, mapping, kind, task, request, reply_type, issues, reply, body) " +
	"SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::boolean[], $6::bytea[], $7::bytea[], $8::bytea[], $9::bytea[], " +
	"$10::bytea[], $11::bytea[], $12::bytea[], $13::bytea[], $14::bytea[], $15::bytea[], $16::bytea[], $17::bytea[]) ON CONFLICT (id) DO UPDATE SET " +
	"received = excluded.received, seen = excluded.seen, reply_status = excluded.reply_status, failed = excluded.failed, dedupe = excluded.dedupe, " +
	"sender = excluded.sender, message = excluded.message, format = excluded.format, mapping = excluded.mapping, kind = excluded.kind, task = excluded.task, " +
	"request = excluded.request, reply_type = excluded.reply_type, issues = excluded.issues, reply = excluded.reply, body = excluded.body"

func (o *overlay) queueDeliveries(b *pgx.Batch) {
	for _, d := range o.deliveries {
		b.Queue("INSERT INTO linkloop.delivery (id, wake, due, fence, created, settled, attempts, state, key, lane, channel, task, patient, reason, payload, stage) "+
			"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) ON CONFLICT (id) DO UPDATE SET wake = excluded.wake, due = excluded.due, "+
			"fence = excluded.fence, settled = excluded.settled, attempts = excluded.attempts, state = excluded.state, channel = excluded.channel, stage = excluded.stage, reason = excluded.reason",
			d.ID, d.wake, d.due, d.Fence, micros(d.Created), micros(d.Settled), int32(d.Attempts), int16(d.state), []byte(d.Key),
			words(d.Lane), words(d.Channel), words(d.Task), words(d.Patient), words(d.Reason), d.Payload, words(d.Stage))
	}
	for state, n := range o.tally {
		if n != 0 {
			b.Queue("UPDATE linkloop.tally SET n = n + $1 WHERE state = $2", n, int32(state))
		}
	}
	for _, a := range o.attempts {
		b.Queue("INSERT INTO linkloop.attempt (delivery, number, started, ended, state, status, reason, evidence, channel) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
			a.Delivery, int32(a.Number), micros(a.Started), micros(a.Ended), words(a.State), int32(a.Status), words(a.Reason), a.Evidence, words(a.Channel))
	}
	if n := len(o.marks); n > 0 {
		mark, delivery := make([][]byte, n), make([]int64, n)
		for i, m := range o.marks {
			mark[i], delivery[i] = []byte(m.mark), m.delivery
		}
		b.Queue("INSERT INTO linkloop.mark (mark, delivery) SELECT * FROM unnest($1::bytea[], $2::bigint[]) ON CONFLICT DO NOTHING", mark, delivery)
	}
	for name, value := range o.switches {
		if value == nil {
			b.Queue("DELETE FROM linkloop.switch WHERE name = $1", []byte(name))
			continue
		}
		b.Queue("INSERT INTO linkloop.switch (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value", []byte(name), value)
	}
}

func (o *overlay) queueLedger(b *pgx.Batch) {
	if len(o.once) > 0 {
		keys := make([][]byte, len(o.once))
		for i, k := range o.once {
			keys[i] = []byte(k)
		}
		b.Queue("INSERT INTO linkloop.once (key) SELECT * FROM unnest($1::bytea[])", keys)
	}
	if n := len(o.audit); n > 0 {
		at, version := make([]int64, n), make([]int64, n)
		agent, action, entity, outcome := make([][]byte, n), make([][]byte, n), make([][]byte, n), make([][]byte, n)
		for i, e := range o.audit {
			at[i], version[i] = micros(e.At), e.Version
			agent[i], action[i], entity[i], outcome[i] = words(e.Agent), words(e.Action), words(e.Entity), words(e.Outcome)
		}
		b.Queue("INSERT INTO linkloop.audit (at, version, agent, action, entity, outcome) SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bytea[], $5::bytea[], $6::bytea[])",
			at, version, agent, action, entity, outcome)
	}
	for _, m := range o.mappings {
		b.Queue("INSERT INTO linkloop.mapping (hash, files) VALUES ($1, $2) ON CONFLICT DO NOTHING", []byte(m.hash), m.files)
	}
	for _, r := range o.receipts {
		b.Queue("INSERT INTO linkloop.receipt (received, name, sender, status, body) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
			micros(r.Received), []byte(r.Name), []byte(r.Sender), []byte(r.Status), r.Body)
	}
}

// words is a text from outside as stored: its bytes, or NULL when it is empty.
func words(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}
