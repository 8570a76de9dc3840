package postgres

import (
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// cache is what a group has read and made: the state of the database as its
// decisions see it. Nil stands for what is known not to be there.
type cache struct {
	heads      map[store.Key]*head
	byDedupe   map[[32]byte]*store.Message
	messages   map[int64]*store.Message
	deliveries map[int64]*delivery
	byKey      map[string]*delivery
	once       map[string]bool
	carrying   map[resource.Term][]store.Version // all that carry one value, in no order; without what is pending
}

// head is the current version of a resource.
type head struct {
	typ              int
	rid, seq, number int64
	deleted          bool
	facts            resource.Facts
	body             []byte
}

func newCache() cache {
	return cache{
		heads: map[store.Key]*head{}, byDedupe: map[[32]byte]*store.Message{}, messages: map[int64]*store.Message{},
		deliveries: map[int64]*delivery{}, byKey: map[string]*delivery{}, once: map[string]bool{},
		carrying: map[resource.Term][]store.Version{},
	}
}

// set changes an entry of a cache for as long as the decision stands.
func set[K comparable, V any](t *tx, m map[K]V, k K, v V) {
	was, known := m[k]
	t.undo = append(t.undo, func() {
		if known {
			m[k] = was
		} else {
			delete(m, k)
		}
	})
	m[k] = v
}

const headColumns = "r.rid, r.seq, v.number, v.deleted, v.facts, v.body"

const (
	sqlHeads = "SELECT k.n, " + headColumns + " FROM unnest($1::int[], $2::bytea[]) WITH ORDINALITY k(type, id, n) " +
		"JOIN linkloop.resource r ON r.type = k.type AND r.id = k.id JOIN linkloop.version v ON v.seq = r.seq"
	sqlDeliveries = "SELECT " + deliveryColumns + ", payload FROM linkloop.delivery WHERE id = ANY($1::bigint[])"
	sqlCarrying   = "SELECT q.list, " + versionColumns + " FROM unnest($1::bigint[]) q(list) CROSS JOIN LATERAL " +
		"(SELECT p.seq FROM linkloop.posting p WHERE p.list = q.list ORDER BY p.seq LIMIT $2) p JOIN linkloop.version v ON v.seq = p.seq"
	sqlMessages = "SELECT " + messageColumns + ", reply, body FROM linkloop.inbox WHERE dedupe = ANY($1::bytea[])"
)

// readAhead asks for what the decisions of the group will read.
func (w *writer) readAhead(b *pgx.Batch, group []*decision) {
	var keys []store.Key
	var typ []int32
	var id [][]byte
	var dedupe [][]byte
	var deliveries []int64
	var carried []int64
	for _, d := range group {
		for _, h := range d.hints {
			for _, k := range h.Keys {
				if _, twice := w.cache.heads[k]; twice {
					continue
				}
				n, known := w.s.types.number(k.Type)
				if !known {
					continue // asked for when it comes to it
				}
				w.cache.heads[k] = nil
				keys, typ, id = append(keys, k), append(typ, int32(n)), append(id, idBytes(k.ID))
			}
			for _, x := range h.Dedupe {
				if _, twice := w.cache.byDedupe[x]; !twice {
					w.cache.byDedupe[x] = nil
					dedupe = append(dedupe, x[:])
				}
			}
			deliveries = append(deliveries, h.Deliveries...)
			for _, q := range h.Searches {
				if term, one := carries(q); one {
					carried = append(carried, int64(term))
				}
			}
		}
	}
	if len(keys) > 0 {
		b.Queue(sqlHeads, typ, id).Query(func(rows pgx.Rows) error {
			for rows.Next() {
				var n int64
				h := &head{}
				if err := rows.Scan(&n, &h.rid, &h.seq, &h.number, &h.deleted, (*[]byte)(&h.facts), &h.body); err != nil {
					return err
				}
				h.typ = int(typ[n-1])
				w.cache.heads[keys[n-1]] = h
			}
			return rows.Err()
		})
	}
	if len(deliveries) > 0 {
		b.Queue(sqlDeliveries, deliveries).Query(func(rows pgx.Rows) error {
			for rows.Next() {
				d, err := scanDelivery(rows, true)
				if err != nil {
					return err
				}
				if w.cache.deliveries[d.ID] == nil {
					w.cache.deliveries[d.ID], w.cache.byKey[d.Key] = d, d
				}
			}
			return rows.Err()
		})
	}
	if len(carried) > 0 {
		slices.Sort(carried)
		carried = slices.Compact(carried)
		b.Queue(sqlCarrying, carried, carriedMost+1).Query(func(rows pgx.Rows) error { return w.carry(carried, rows) })
	}
	if len(dedupe) > 0 {
		b.Queue(sqlMessages, dedupe).Query(func(rows pgx.Rows) error {
			for rows.Next() {
				m, err := scanMessage(rows, true)
				if err != nil {
					return err
				}
				w.cache.byDedupe[m.Dedupe], w.cache.messages[m.ID] = m, m
			}
			return rows.Err()
		})
	}
}

// carriedMost is how many that carry one value are read ahead; where there are
// more, or their bodies are too long, the search is left to itself.
const carriedMost = 20

// carry notes what carries the values that were asked for.
func (w *writer) carry(asked []int64, rows pgx.Rows) error {
	found := map[resource.Term][]store.Version{}
	for _, list := range asked {
		found[resource.Term(list)] = nil
	}
	size := 0
	for rows.Next() {
		var list int64
		v, err := scanVersion(rows, store.Key{}, &list)
		if err != nil {
			return err
		}
		if size += len(v.Body); size > maxPageBytes {
			clear(found) // the rest is read and dropped
			continue
		}
		term := resource.Term(list)
		found[term] = append(found[term], v)
	}
	if err := rows.Err(); err != nil || size > maxPageBytes {
		return err
	}
	for term, versions := range found {
		if len(versions) <= carriedMost {
			w.cache.carrying[term] = versions
		}
	}
	return nil
}
