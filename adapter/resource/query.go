package resource

import (
	"slices"

	"github.com/linkloop/linkloop/adapter/element"
)

// Term is an equality fact about a resource, such as "Task, owner,
// Organization/abc": the first 8 bytes of a keyed SHA-256, so that index rows
// are small, values cannot be read from the index, and collisions cannot be
// crafted.
type Term uint64

// Range is an interval fact, such as "Task, authored-on, that whole day":
// microseconds since 1970 UTC, both ends inside.
type Range struct {
	Param     Term
	Low, High int64
}

// Index is everything a version of a resource can be found by.
type Index struct {
	Terms  []Term
	Ranges []Range
}

// Clause is one AND-ed condition: any of the terms present, or, when Not is
// set, none of them.
type Clause struct {
	Any []Term
	Not bool
}

// RangeClause is one AND-ed interval condition on a parameter: the stored
// interval must overlap [Low, High]; with Not it must not.
type RangeClause struct {
	Param     Term
	Low, High int64
	Not       bool
}

// Order is how a page is sorted.
type Order struct {
	Param      Term // 0: by time of last update
	Descending bool
}

// Query is a compiled search over the current versions of one type.
type Query struct {
	Type    string
	IDs     []string // any of them; empty: no condition
	Clauses []Clause
	Ranges  []RangeClause
	// UpdatedLow and UpdatedHigh bound the last update, in microseconds, both
	// ends inside; UpdatedHigh 0 means no upper bound.
	UpdatedLow, UpdatedHigh int64
	Order                   Order
	After                   string // cursor of the previous page, from the store; empty: first page
	Limit                   int    // rows wanted; 0: none, only the total
	Total                   bool   // count all matches (bounded by the store)
	// Check is a condition that the index does not say all of: a candidate
	// counts when it holds for the body; nil: the index says everything. Of the
	// candidates that it turns away a store looks at MaxRejected at most.
	Check func(body []byte) bool
}

// Matches reports whether a resource that is not stored yet, and was therefore
// never updated, would be found under the id. The facts are those of its index.
func (q Query) Matches(id string, v *element.Value, f Facts) bool {
	return q.UpdatedLow == 0 && q.UpdatedHigh == 0 &&
		(len(q.IDs) == 0 || slices.Contains(q.IDs, id)) &&
		!slices.ContainsFunc(q.Clauses, func(c Clause) bool { return !f.Meets(c) }) &&
		!slices.ContainsFunc(q.Ranges, func(c RangeClause) bool { return !f.Overlaps(c) }) &&
		(q.Check == nil || q.Check(v.JSON()))
}

// MaxRejected bounds how many candidates a search looks at in vain.
const MaxRejected = 10_000
