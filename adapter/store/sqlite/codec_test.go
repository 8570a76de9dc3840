package sqlite

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// index unpacks the facts.
func (f facts) index() resource.Index {
	terms, ranges := f.split()
	ix := resource.Index{Terms: make([]resource.Term, len(terms)/8), Ranges: make([]resource.Range, len(ranges)/24)}
	for i := range ix.Terms {
		ix.Terms[i] = termAt(terms, i)
	}
	for i := range ix.Ranges {
		ix.Ranges[i] = rangeAt(ranges, i)
	}
	return ix
}

func TestFacts(t *testing.T) {
	ix := resource.Index{
		Terms: []resource.Term{9, 1, math.MaxUint64, 9, 1 << 63},
		Ranges: []resource.Range{
			{Param: 7, Low: 50, High: 60}, {Param: 7, Low: 10, High: 20}, {Param: 7, Low: 10, High: 20}, {Param: 8, Low: math.MinInt64, High: math.MaxInt64},
		},
	}
	f := packFacts(ix)
	back := f.index()
	if !slices.Equal(back.Terms, []resource.Term{1, 9, 1 << 63, math.MaxUint64}) {
		t.Errorf("terms are %v", back.Terms)
	}
	if len(back.Ranges) != 3 || back.Ranges[0].Low != 10 || back.Ranges[2].High != math.MaxInt64 {
		t.Errorf("ranges are %v", back.Ranges)
	}
	for term, there := range map[resource.Term]bool{1: true, 9: true, 1 << 63: true, math.MaxUint64: true, 0: false, 8: false, 10: false} {
		if f.has(term) != there {
			t.Errorf("has(%d) is %v", term, !there)
		}
	}
	if key, ok := f.sortKey(7, false); key != 10 || !ok {
		t.Errorf("ascending key is %d, %v", key, ok)
	}
	if key, ok := f.sortKey(7, true); key != 50 || !ok {
		t.Errorf("descending key is %d, %v", key, ok)
	}
	if _, ok := f.sortKey(9, true); ok {
		t.Error("a key of a parameter without a value")
	}
	if !wide(math.MinInt64, math.MaxInt64) || !wide(0, wideSpan+1) || wide(0, wideSpan) || wide(5, 5) {
		t.Error("wide is wrong about widths")
	}
}

func TestUUIDsArePacked(t *testing.T) {
	for id, packed := range map[string]bool{
		"3f1c9f9e-6f0b-4a53-9a55-2d1f0a1b2c3d":  true,
		"3F1c9f9e-6f0b-4a53-9a55-2d1f0a1b2c3d":  false,
		"3f1c9f9e6f0b-4a53-9a55-2d1f0a1b2c3d":   false,
		"3f1c9f9e-6f0b-4a53-9a55-2d1f0a1b2c3":   false,
		"3f1c9f9e-6f0b-4a53-9a55-2d1f0a1b2c3dd": false,
		"3f1c9f9e-6f0b-4a53-9a55-2d1f0a1b2c3g":  false,
		"3f1c9f9e-6f0b-4a53-9a55--d1f0a1b2c3d":  false,
		"":                                      false,
	} {
		var b [16]byte
		if packUUID(&b, id) != packed {
			t.Errorf("packUUID(%q) is %v", id, !packed)
		}
	}
}

func TestKeyBytes(t *testing.T) {
	k := store.Key{Type: "Task", ID: "a.b-1"}
	if !owns(tombstone(k), k) || owns(tombstone(k), store.Key{Type: "Task", ID: "a.b-2"}) {
		t.Error("a tombstone does not name its key")
	}
	for _, body := range []string{"", "{}", `{"resourceType":"Task"`, `{"resourceType":"Task","id":"`, `{"id":"a","resourceType":"Task"}`} {
		if _, _, ok := keyBytes([]byte(body)); ok {
			t.Errorf("a key was read from %q", body)
		}
	}
}

// FuzzFacts: bytes from a damaged file must not bring the process down.
func FuzzFacts(f *testing.F) {
	f.Add([]byte(packFacts(resource.Index{Terms: []resource.Term{1, 2}, Ranges: []resource.Range{{Param: 1, Low: 2, High: 3}}})))
	f.Add([]byte{0})
	f.Add([]byte{})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		ix := facts(b).index()
		again := packFacts(ix).index()
		if len(again.Terms) > len(ix.Terms) || len(again.Ranges) > len(ix.Ranges) {
			t.Error("packing made more of it")
		}
		facts(b).has(5)
		facts(b).overlaps(resource.RangeClause{Param: 1})
	})
}

// FuzzCursor: a cursor is text from outside.
func FuzzCursor(f *testing.F) {
	for _, s := range []string{"", "u1", "v1z", "p0.5.9", "q1.-zz.1", "h5", "n2", "u-", "p..", strings.Repeat("u", 70)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, order := range []byte{byUpdated, byUpdatedDesc, byParam, byParamDesc, byHistory, byVersionNumber} {
			c, ok, err := parseCursor(text, order)
			if ok && (err != nil || c.String() != text || c.number <= 0) {
				t.Errorf("%q reads as %+v, %v", text, c, err)
			}
			if !ok && err == nil && text != "" {
				t.Errorf("%q was passed over in silence", text)
			}
		}
	})
}
