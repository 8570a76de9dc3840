package sqlite

import (
	"cmp"
	"slices"
)

// posting is one pending change of a posting list.
type posting struct {
	list, seq int64
	remove    bool
}

// postings gathers the changes of a group. Sorted, they touch each page of the
// index once, and outside of the savepoints, which would copy every page that
// each decision touches.
type postings struct {
	ops []posting
	// held is what earlier decisions had pending when the running one had to
	// write them into its savepoint; nil when it did not.
	held []posting
}

func (p *postings) add(list, seq int64)    { p.ops = append(p.ops, posting{list, seq, false}) }
func (p *postings) remove(list, seq int64) { p.ops = append(p.ops, posting{list, seq, true}) }

func (p *postings) clear() { p.ops, p.held = p.ops[:0], nil }

// write applies the changes. A row that was added and removed within the group
// is never written; one cannot be removed and added, because no seq comes twice.
func (p *postings) write(c *conn) error {
	if len(p.ops) == 0 {
		return nil
	}
	slices.SortStableFunc(p.ops, func(a, b posting) int {
		if n := cmp.Compare(a.list, b.list); n != 0 {
			return n
		}
		return cmp.Compare(a.seq, b.seq)
	})
	insert := c.stmt("INSERT INTO posting (list, seq) VALUES (?, ?)")
	defer insert.done()
	remove := c.stmt("DELETE FROM posting WHERE list = ? AND seq = ?")
	defer remove.done()
	for i := 0; i < len(p.ops); i++ {
		op := p.ops[i]
		if i+1 < len(p.ops) && !op.remove && p.ops[i+1] == (posting{op.list, op.seq, true}) {
			i++
			continue
		}
		s := insert
		if op.remove {
			s = remove
		}
		if err := s.int(op.list).int(op.seq).exec(); err != nil {
			return err
		}
	}
	p.ops = p.ops[:0]
	return nil
}
