package resource_test

import (
	"math"
	"slices"
	"testing"

	"github.com/linkloop/linkloop/adapter/resource"
)

// unpack is the index that was packed, sorted.
func unpack(f resource.Facts) resource.Index {
	return resource.Index{Terms: slices.Collect(f.Terms()), Ranges: slices.Collect(f.Ranges())}
}

func TestFacts(t *testing.T) {
	ix := resource.Index{
		Terms: []resource.Term{9, 1, math.MaxUint64, 9, 1 << 63},
		Ranges: []resource.Range{
			{Param: 7, Low: 50, High: 60}, {Param: 7, Low: 10, High: 20}, {Param: 7, Low: 10, High: 20}, {Param: 8, Low: math.MinInt64, High: math.MaxInt64},
		},
	}
	f := ix.Pack()
	back := unpack(f)
	if !slices.Equal(back.Terms, []resource.Term{1, 9, 1 << 63, math.MaxUint64}) {
		t.Errorf("terms are %v", back.Terms)
	}
	if len(back.Ranges) != 3 || back.Ranges[0].Low != 10 || back.Ranges[2].High != math.MaxInt64 {
		t.Errorf("ranges are %v", back.Ranges)
	}
	for term, there := range map[resource.Term]bool{1: true, 9: true, 1 << 63: true, math.MaxUint64: true, 0: false, 8: false, 10: false} {
		if f.Has(term) != there {
			t.Errorf("has(%d) is %v", term, !there)
		}
	}
	if key, ok := f.SortKey(7, false); key != 10 || !ok {
		t.Errorf("ascending key is %d, %v", key, ok)
	}
	if key, ok := f.SortKey(7, true); key != 50 || !ok {
		t.Errorf("descending key is %d, %v", key, ok)
	}
	if _, ok := f.SortKey(9, true); ok {
		t.Error("a key of a parameter without a value")
	}
	wide := func(low, high int64) bool { return resource.Range{Low: low, High: high}.Wide() }
	if !wide(math.MinInt64, math.MaxInt64) || !wide(0, resource.WideSpan+1) || wide(0, resource.WideSpan) || wide(5, 5) {
		t.Error("wide is wrong about widths")
	}
}

// FuzzFacts: bytes from a damaged file must not bring the process down.
func FuzzFacts(f *testing.F) {
	f.Add([]byte(resource.Index{Terms: []resource.Term{1, 2}, Ranges: []resource.Range{{Param: 1, Low: 2, High: 3}}}.Pack()))
	f.Add([]byte{0})
	f.Add([]byte{})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		ix := unpack(resource.Facts(b))
		again := unpack(ix.Pack())
		if len(again.Terms) > len(ix.Terms) || len(again.Ranges) > len(ix.Ranges) {
			t.Error("packing made more of it")
		}
		resource.Facts(b).Has(5)
		resource.Facts(b).Overlaps(resource.RangeClause{Param: 1})
	})
}
