package postgres

import (
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
	sqlMessages   = "SELECT " + messageColumns + ", reply, body FROM linkloop.inbox WHERE dedupe = ANY($1::bytea[])"
)

// readAhead asks for what the decisions of the group will read.
func (w *writer) readAhead(b *pgx.Batch, group []*decision) {
	var keys []store.Key
	var typ []int32
	var id [][]byte
	var dedupe [][]byte
	var deliveries []int64
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
