package resource

import (
	"cmp"
	"encoding/binary"
	"iter"
	"slices"
	"time"
)

// Facts is an Index packed for a stored version: a count of terms, the terms
// sorted, then the ranges sorted. It lets a later version remove its index rows,
// and a search check a condition without going to the index. Any bytes may be
// read as Facts; those that Pack did not make have none.
type Facts []byte

// NoFacts are those of a version that nothing finds.
var NoFacts = Facts{0}

// Pack sorts and de-duplicates.
func (ix Index) Pack() Facts {
	terms := slices.Clone(ix.Terms)
	slices.Sort(terms)
	terms = slices.Compact(terms)
	ranges := slices.Clone(ix.Ranges)
	slices.SortFunc(ranges, func(a, b Range) int {
		return cmp.Or(cmp.Compare(a.Param, b.Param), cmp.Compare(a.Low, b.Low), cmp.Compare(a.High, b.High))
	})
	ranges = slices.Compact(ranges)
	out := make(Facts, 0, 4+8*len(terms)+24*len(ranges))
	out = binary.AppendUvarint(out, uint64(len(terms)))
	for _, t := range terms {
		out = binary.LittleEndian.AppendUint64(out, uint64(t))
	}
	for _, r := range ranges {
		out = binary.LittleEndian.AppendUint64(out, uint64(r.Param))
		out = binary.LittleEndian.AppendUint64(out, uint64(r.Low))
		out = binary.LittleEndian.AppendUint64(out, uint64(r.High))
	}
	return out
}

// split returns the packed terms and ranges.
func (f Facts) split() (terms, ranges []byte) {
	n, at := binary.Uvarint(f)
	if at <= 0 || n > uint64(len(f)-at)/8 {
		return nil, nil
	}
	end := at + int(n)*8
	return f[at:end], f[end : end+(len(f)-end)/24*24]
}

// Terms goes through the terms, ascending.
func (f Facts) Terms() iter.Seq[Term] {
	return func(yield func(Term) bool) {
		terms, _ := f.split()
		for i := range len(terms) / 8 {
			if !yield(termAt(terms, i)) {
				return
			}
		}
	}
}

// Ranges goes through the ranges, by parameter and then by where they begin.
func (f Facts) Ranges() iter.Seq[Range] {
	return func(yield func(Range) bool) {
		_, ranges := f.split()
		for i := range len(ranges) / 24 {
			if !yield(rangeAt(ranges, i)) {
				return
			}
		}
	}
}

func termAt(b []byte, i int) Term { return Term(binary.LittleEndian.Uint64(b[8*i:])) }

func rangeAt(b []byte, i int) Range {
	b = b[24*i:]
	return Range{
		Param: Term(binary.LittleEndian.Uint64(b)),
		Low:   int64(binary.LittleEndian.Uint64(b[8:])),
		High:  int64(binary.LittleEndian.Uint64(b[16:])),
	}
}

// Has reports whether the term is among them.
func (f Facts) Has(t Term) bool {
	terms, _ := f.split()
	low, high := 0, len(terms)/8
	for low < high {
		mid := (low + high) / 2
		switch at := termAt(terms, mid); {
		case at == t:
			return true
		case at < t:
			low = mid + 1
		default:
			high = mid
		}
	}
	return false
}

// Meets reports whether an equality condition holds.
func (f Facts) Meets(c Clause) bool { return slices.ContainsFunc(c.Any, f.Has) != c.Not }

// Overlaps reports whether an interval condition holds.
func (f Facts) Overlaps(c RangeClause) bool {
	for r := range f.Ranges() {
		if r.Param == c.Param && r.Low <= c.High && r.High >= c.Low {
			return !c.Not
		}
	}
	return c.Not
}

// WideSpan is 40 days in microseconds: a month is still narrow, a year is not.
const WideSpan = int64(40 * 24 * time.Hour / time.Microsecond)

// Wide reports whether a store keeps an interval apart, so that a search among
// the others need not look far to the left. The difference of open-ended
// intervals overflows; compared as unsigned it is right.
func (r Range) Wide() bool { return uint64(r.High)-uint64(r.Low) > uint64(WideSpan) }

// SortKey is what a resource is sorted by: the start of its interval, of the
// earliest one when ascending and of the latest when descending. It has none
// when it has no value for the parameter.
func (f Facts) SortKey(param Term, descending bool) (key int64, ok bool) {
	for r := range f.Ranges() {
		if r.Param == param && (!ok || descending && r.Low > key || !descending && r.Low < key) {
			key, ok = r.Low, true
		}
	}
	return key, ok
}
