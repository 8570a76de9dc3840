package postgres

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/linkloop/linkloop/adapter/resource"
)

// facts is a resource.Index packed for the version row: a count of terms, the
// terms sorted, then the ranges sorted. It lets a later version remove its
// index rows, and a search check a condition without going to the index.
type facts []byte

// packFacts sorts and de-duplicates.
func packFacts(ix resource.Index) facts {
	terms := slices.Clone(ix.Terms)
	slices.Sort(terms)
	terms = slices.Compact(terms)
	ranges := slices.Clone(ix.Ranges)
	slices.SortFunc(ranges, func(a, b resource.Range) int {
		return cmp.Or(cmp.Compare(a.Param, b.Param), cmp.Compare(a.Low, b.Low), cmp.Compare(a.High, b.High))
	})
	ranges = slices.Compact(ranges)
	out := make(facts, 0, 4+8*len(terms)+24*len(ranges))
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

// split returns the packed terms and ranges; both are empty when the bytes are
// not of packFacts.
func (f facts) split() (terms, ranges []byte) {
	n, at := binary.Uvarint(f)
	if at <= 0 || n > uint64(len(f)-at)/8 {
		return nil, nil
	}
	end := at + int(n)*8
	return f[at:end], f[end : end+(len(f)-end)/24*24]
}

func termAt(b []byte, i int) resource.Term {
	return resource.Term(binary.LittleEndian.Uint64(b[8*i:]))
}

func rangeAt(b []byte, i int) resource.Range {
	b = b[24*i:]
	return resource.Range{
		Param: resource.Term(binary.LittleEndian.Uint64(b)),
		Low:   int64(binary.LittleEndian.Uint64(b[8:])),
		High:  int64(binary.LittleEndian.Uint64(b[16:])),
	}
}

// has reports whether the term is among them.
func (f facts) has(t resource.Term) bool {
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

// clause reports whether an equality condition holds.
func (f facts) clause(c resource.Clause) bool {
	return slices.ContainsFunc(c.Any, f.has) != c.Not
}

// overlaps reports whether an interval condition holds.
func (f facts) overlaps(c resource.RangeClause) bool {
	_, ranges := f.split()
	for i := range len(ranges) / 24 {
		if r := rangeAt(ranges, i); r.Param == c.Param && r.Low <= c.High && r.High >= c.Low {
			return !c.Not
		}
	}
	return c.Not
}

// sortKey is what a resource is sorted by: the start of its interval, of the
// earliest one when ascending and of the latest when descending. It has none
// when it has no value for the parameter.
func (f facts) sortKey(param resource.Term, descending bool) (key int64, ok bool) {
	_, ranges := f.split()
	for i := range len(ranges) / 24 {
		r := rangeAt(ranges, i)
		if r.Param == param && (!ok || descending && r.Low > key || !descending && r.Low < key) {
			key, ok = r.Low, true
		}
	}
	return key, ok
}
