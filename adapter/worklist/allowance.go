package worklist

import (
	"context"
	"math"
	"slices"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// Bounds of what the entries of one Bundle read and are answered with. Nobody
// else writes while a transaction is worked on.
const (
	MaxReads   = 50       // entries of a transaction that read
	MaxLooked  = 10_000   // versions that they look at
	MaxAnswers = 32 << 20 // bytes of the answers of a Bundle, and of what a transaction, or an entry of a batch, reads
	// readAtOnce is how many versions are read before it is looked whether more may be.
	readAtOnce = 100
)

// allowance is what may still be read.
type allowance struct {
	versions int
	bytes    int
}

// ofTransaction and ofEntry are the allowances of a whole transaction, and of
// one entry of a batch, which holds up nobody.
func ofTransaction() allowance { return allowance{MaxLooked, MaxAnswers} }
func ofEntry() allowance       { return allowance{math.MaxInt, MaxAnswers} }

// take takes a version of so many bytes.
func (a *allowance) take(bytes int) error {
	a.versions--
	a.bytes -= bytes
	switch {
	case a.bytes < 0:
		return tooCostly("the entries of a Bundle read too much: at most %d MiB in a transaction, or in an entry of a batch; ask for smaller pages, or one by one", MaxAnswers>>20)
	case a.versions < 0:
		return tooCostly("the entries of a transaction look at more than %d versions; search by itself, or narrow the searches", MaxLooked)
	}
	return nil
}

func tooCostly(format string, args ...any) error {
	f := fault.New(fault.TooLarge, "", format, args...)
	f.Issues[0].Code = "too-costly"
	return f
}

// inTime is an error when the time of the request is over.
func inTime(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fault.Wrap(fault.Transient, err, "the time of the request is over; send it again, or in parts")
	}
	return nil
}

// metered is a store whose readers take what they read from an allowance, and
// stop when the time of the request is over.
type metered struct {
	store.Store
	left *allowance
}

// View implements store.Store.
func (m metered) View(ctx context.Context, fn func(store.Reader) error) error {
	return m.Store.View(ctx, func(r store.Reader) error { return fn(meteredReader{r, ctx, m.left}) })
}

type meteredReader struct {
	store.Reader
	ctx  context.Context // of the View that it is of
	left *allowance
}

// Resources implements store.Reader.
func (m meteredReader) Resources() store.ResourceReader {
	return meteredResources{m.Reader.Resources(), m.ctx, m.left}
}

type meteredResources struct {
	store.ResourceReader
	ctx  context.Context
	left *allowance
}

// Get implements store.ResourceReader.
func (m meteredResources) Get(k store.Key) (store.Version, error) {
	return m.one(func() (store.Version, error) { return m.ResourceReader.Get(k) })
}

// GetVersion implements store.ResourceReader.
func (m meteredResources) GetVersion(k store.Key, number int64) (store.Version, error) {
	return m.one(func() (store.Version, error) { return m.ResourceReader.GetVersion(k, number) })
}

func (m meteredResources) one(get func() (store.Version, error)) (store.Version, error) {
	if err := inTime(m.ctx); err != nil {
		return store.Version{}, err
	}
	v, err := get()
	if err == nil {
		err = m.left.take(len(v.Body))
	}
	return v, err
}

// History implements store.ResourceReader.
func (m meteredResources) History(q store.HistoryQuery) (store.Page, error) {
	return m.pages(q.Limit, func(limit int, after string, begun bool) (store.Page, error) {
		if q.Limit = limit; begun {
			q.After = after
		}
		return m.ResourceReader.History(q)
	})
}

// Search implements store.ResourceReader.
func (m meteredResources) Search(q resource.Query) (store.Page, error) {
	if q.Check != nil {
		return m.compared(q)
	}
	return m.pages(q.Limit, func(limit int, after string, begun bool) (store.Page, error) {
		if q.Limit = limit; begun {
			q.After, q.Total = after, false
		}
		return m.ResourceReader.Search(q)
	})
}

// pages reads a page in parts.
func (m meteredResources) pages(limit int, read func(limit int, after string, begun bool) (store.Page, error)) (out store.Page, err error) {
	for begun := false; ; begun = true {
		if err := inTime(m.ctx); err != nil {
			return store.Page{}, err
		}
		part, err := read(min(limit-len(out.Versions), readAtOnce), out.Next, begun)
		if err != nil {
			return store.Page{}, err
		}
		for _, v := range part.Versions {
			if err := m.left.take(len(v.Body)); err != nil {
				return store.Page{}, err
			}
		}
		if !begun {
			out = part
			out.Versions = slices.Clone(part.Versions)
		} else {
			out.Versions, out.Next = append(out.Versions, part.Versions...), part.Next
		}
		if out.Next == "" || len(out.Versions) >= limit {
			return out, nil
		}
	}
}

// compared is a search that compares candidates, each of which counts. When
// nothing is left it turns all others away, which the store bounds.
func (m meteredResources) compared(q resource.Query) (store.Page, error) {
	var spent error
	check := q.Check
	q.Check = func(body []byte) bool {
		if spent == nil {
			spent = inTime(m.ctx)
		}
		if spent != nil {
			return false
		}
		ok, size := check(body), 0
		if ok { // what is turned away is not kept
			size = len(body)
		}
		spent = m.left.take(size)
		return ok && spent == nil
	}
	if err := inTime(m.ctx); err != nil {
		return store.Page{}, err
	}
	page, err := m.ResourceReader.Search(q)
	if spent != nil {
		return store.Page{}, spent
	}
	return page, err
}

// room is what the answers of a Bundle may still take, in bytes.
type room struct {
	left  int
	spent bool // something did not fit
}

// hold takes the room of an answer, and lets go of what it does not show; ok is
// false when what it shows does not fit.
func (r *room) hold(a *answer, returns string) (ok bool) {
	if !a.written() || returns != representation {
		a.version.Body = nil
	}
	size := aroundEntry + len(a.resource) + len(a.version.Body)
	for _, is := range a.remarks {
		size += aroundEntry + len(is.Text) + len(is.Expression)
	}
	if size > r.left {
		r.spent = true
		return false
	}
	r.left -= size
	return true
}

// full says that an answer does not fit.
func (r *room) full() error {
	return tooCostly("the answers of a Bundle are at most %d MiB together; ask for the rest in another one", MaxAnswers>>20)
}
