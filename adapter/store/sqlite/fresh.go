package sqlite

import (
	"cmp"
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/linkloop/linkloop/adapter/resource"
)

// The terms of a referral are some sixty rows of the posting table, most of them
// on pages of their own, and a page that one row goes to is written whole, to the
// log and to the file. So the rows of what was committed lately are kept in
// memory, in generations, and go into the table in sorted runs: then each page
// that is written takes many rows. The version rows, which are on disk, say
// everything that memory does (facts), so nothing is lost with it.
//
// clock.folded is the seq up to which the table has the terms of all versions.
// A reader takes from memory what its snapshot is beyond that; rows that are in
// both are seen once.

// generation is the posting rows of versions between two seqs. One is open and
// takes the rows of new versions; the one before it, which is closed, is folded
// into the table, some rows with each commit.
type generation struct {
	mu    sync.RWMutex // guards the map; rows that a reader has taken never change but in gone
	lists map[int64][]freshRow

	rows  int  // the writer's
	mixed bool // made of data where a folding may have been cut short: any row may be in the table; the writer's
	end   atomic.Int64
	next  atomic.Pointer[generation]
}

// freshRow is a row that is there from seq on, and until gone when that is not 0.
type freshRow struct{ seq, gone int64 }

func newGeneration() *generation { return &generation{lists: map[int64][]freshRow{}} }

// taken is the rows of a list up to a seq.
func (g *generation) taken(list, upto int64) []freshRow {
	g.mu.RLock()
	defer g.mu.RUnlock()
	rows := g.lists[list]
	n := sort.Search(len(rows), func(i int) bool { return rows[i].seq > upto })
	return rows[:n:n]
}

func (g *generation) add(list, seq int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lists[list] = append(g.lists[list], freshRow{seq: seq})
	g.rows++
}

// drop undoes the last add to a list.
func (g *generation) drop(list int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	rows := g.lists[list]
	if rows = rows[:len(rows)-1]; len(rows) == 0 {
		delete(g.lists, list)
	} else {
		g.lists[list] = rows
	}
	g.rows--
}

// row finds a row; only the writer may ask.
func (g *generation) row(list, seq int64) *freshRow {
	rows := g.lists[list]
	i, found := slices.BinarySearchFunc(rows, seq, func(r freshRow, seq int64) int { return cmp.Compare(r.seq, seq) })
	if !found {
		return nil
	}
	return &rows[i]
}

// fresh is the writer's side of the generations.
type fresh struct {
	oldest *atomic.Pointer[generation] // what readers begin at
	closed *generation                 // is being folded; nil when none is
	open   *generation
	limit  int // rows of a generation

	upto    int64 // clock.folded as committed
	lists   []int64
	at      foldPlace // what of closed is in the table, as committed
	next    foldPlace // and with the running commit
	done    bool      // the running commit ends the folding
	journal []freshChange
	added   int // rows of the running group
}

// foldPlace is a place in the closed generation: a list and how many of its rows.
type foldPlace struct{ list, row int }

type freshChange struct {
	g    *generation
	list int64
	gone int64 // the seq of a row that is there no longer; 0: a row was added
}

// begin takes over what is beyond the table: one generation, of which rows may
// be in the table, because a folding may have been cut short. What was there
// before is nobody's any more, and leads to it.
func (f *fresh) begin(c *conn) error {
	g, upto, err := loadFresh(c)
	if err != nil {
		return err
	}
	for _, old := range []*generation{f.closed, f.open} {
		if old != nil {
			old.end.Store(replaced)
			old.next.Store(g)
		}
	}
	*f = fresh{oldest: f.oldest, limit: f.limit, open: g, upto: upto}
	f.oldest.Store(g)
	return nil
}

// replaced is the end of a generation that another one stands for.
const replaced = -1

// sqlFresh asks for the current versions beyond a seq: the list of a type is
// written with each commit, and what is on it is current. CROSS keeps the order of
// the tables; any other looks at the whole index.
const sqlFresh = "SELECT p.seq, v.facts FROM type t CROSS JOIN posting p ON p.list = t.id CROSS JOIN version v ON v.seq = p.seq WHERE p.seq > ?"

// loadFresh reads what is beyond the table from the versions.
func loadFresh(c *conn) (g *generation, upto int64, err error) {
	if upto, err = c.int64Of("SELECT folded FROM clock"); err != nil {
		return nil, 0, err
	}
	type version struct {
		seq   int64
		facts resource.Facts
	}
	var versions []version
	s := c.stmt(sqlFresh)
	defer s.done()
	s.int(upto)
	for {
		ok, err := s.step()
		if err != nil {
			return nil, 0, err
		}
		if !ok {
			break
		}
		versions = append(versions, version{s.int64(0), s.bytes(1)})
	}
	slices.SortFunc(versions, func(a, b version) int { return cmp.Compare(a.seq, b.seq) })
	g = newGeneration()
	g.mixed = true
	for _, v := range versions {
		for t := range v.facts.Terms() {
			g.add(int64(t), v.seq)
		}
	}
	return g, upto, nil
}

// add notes a row of a new version.
func (f *fresh) add(list, seq int64) {
	f.open.add(list, seq)
	f.journal = append(f.journal, freshChange{g: f.open, list: list})
	f.added++
}

// remove notes that a row is there until a seq, and reports whether it may be in
// the table and must go from there too.
func (f *fresh) remove(list, seq, gone int64) (inTable bool) {
	if seq <= f.upto {
		return true
	}
	g := f.open
	if f.closed != nil && seq <= f.closed.end.Load() {
		g = f.closed
	}
	row := g.row(list, seq)
	if row == nil || row.gone != 0 {
		return true // of an index made anew, which went into the table
	}
	atomic.StoreInt64(&row.gone, gone)
	f.journal = append(f.journal, freshChange{g: g, list: list, gone: seq})
	return g.mixed || g == f.closed && f.at.list < len(f.lists) && list <= f.lists[f.at.list]
}

// undo takes back all changes of the group but the first so many.
func (f *fresh) undo(kept int) {
	for len(f.journal) > kept {
		last := len(f.journal) - 1
		if x := f.journal[last]; x.gone != 0 {
			// The row is looked for again: adding others may have moved it.
			atomic.StoreInt64(&x.g.row(x.list, x.gone).gone, 0)
		} else {
			x.g.drop(x.list)
			f.added--
		}
		f.journal[last] = freshChange{}
		f.journal = f.journal[:last]
	}
}

// foldAtLeast is how many rows each commit folds, beside somewhat more than it
// adds: so a generation is folded before the next one is full.
const foldAtLeast = 32

// fold writes the next rows of the closed generation, and closes the open one
// when it is full. last is the last seq given out.
func (f *fresh) fold(c *conn, last int64) error {
	f.next, f.done = f.at, false
	if f.closed == nil {
		if f.open.rows < f.limit {
			return nil
		}
		f.close(last)
	}
	s := c.stmt("INSERT OR IGNORE INTO posting (list, seq) VALUES (?, ?)")
	defer s.done()
	for quota := f.added + f.added/4 + foldAtLeast; quota > 0 && f.next.list < len(f.lists); {
		list := f.lists[f.next.list]
		rows := f.closed.lists[list]
		for ; f.next.row < len(rows) && quota > 0; f.next.row++ {
			if rows[f.next.row].gone != 0 {
				continue
			}
			if err := s.int(list).int(rows[f.next.row].seq).exec(); err != nil {
				return err
			}
			quota--
		}
		if f.next.row == len(rows) {
			f.next = foldPlace{list: f.next.list + 1}
		}
	}
	if f.next.list < len(f.lists) {
		return nil
	}
	f.done = true
	u := c.stmt("UPDATE clock SET folded = ?")
	defer u.done()
	return u.int(f.closed.end.Load()).exec()
}

// close ends the open generation at a seq and begins the next.
func (f *fresh) close(last int64) {
	f.closed, f.open = f.open, newGeneration()
	f.closed.end.Store(last)
	f.closed.next.Store(f.open)
	f.lists = f.lists[:0]
	for list := range f.closed.lists {
		f.lists = append(f.lists, list)
	}
	slices.Sort(f.lists)
	f.at, f.next = foldPlace{}, foldPlace{}
}

// committed makes what the commit did final.
func (f *fresh) committed() {
	f.at = f.next
	if f.done {
		f.upto = f.closed.end.Load()
		f.oldest.Store(f.open)
		f.closed, f.done = nil, false
	}
	clear(f.journal) // lest what is behind its end keeps old generations
	f.journal, f.added = f.journal[:0], 0
}

// failed takes back what the group did.
func (f *fresh) failed() {
	f.undo(0)
	f.next, f.done = f.at, false
}

// beyond is what a search looks into beside the table.
type beyond struct {
	generations []*generation
	upto        int64 // the last seq of the snapshot
}

// since gathers the generations, from one on, that a snapshot with the terms up
// to folded in its table needs.
func since(g *generation, folded, upto int64) (b beyond) {
	b.upto = upto
	for ; g != nil; g = g.next.Load() {
		if end := g.end.Load(); end == 0 || end > folded {
			b.generations = append(b.generations, g)
		}
	}
	return b
}

// lists adds those parts of a list that are in memory.
func (b beyond) lists(ls []list, id int64, newest bool) []list {
	for _, g := range b.generations {
		if rows := g.taken(id, b.upto); len(rows) > 0 {
			ls = append(ls, &freshList{rows: rows, upto: b.upto, newest: newest})
		}
	}
	return ls
}

// freshList is the part of a posting list that a generation has.
type freshList struct {
	rows   []freshRow
	upto   int64
	newest bool
}

func (l *freshList) seek(at int64) (int64, bool, error) {
	if l.newest {
		n := sort.Search(len(l.rows), func(i int) bool { return -l.rows[i].seq < at })
		for n--; n >= 0; n-- {
			if l.visible(n) {
				return -l.rows[n].seq, true, nil
			}
		}
		return 0, false, nil
	}
	for i := sort.Search(len(l.rows), func(i int) bool { return l.rows[i].seq >= at }); i < len(l.rows); i++ {
		if l.visible(i) {
			return l.rows[i].seq, true, nil
		}
	}
	return 0, false, nil
}

func (l *freshList) visible(i int) bool {
	gone := atomic.LoadInt64(&l.rows[i].gone)
	return gone == 0 || gone > l.upto
}

func (l *freshList) close() {}
