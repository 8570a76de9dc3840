package fhirpath

import (
	"cmp"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
)

// equal is the operator = of two items; known is false where it cannot be
// said, as of dates of different precision.
// http://hl7.org/fhirpath/N1/#equals
func equal(a, b Item) (is, known bool) {
	switch {
	case a.kind == none && b.kind == none:
		if a.node && b.node {
			return same(a.value, b.value) && same(a.beside, b.beside), true
		}
		return false, true
	case a.kind == boolean && b.kind == boolean:
		return a.is == b.is, true
	case a.kind == number && b.kind == number:
		return a.num.Cmp(b.num) == 0, true
	case temporal(a) && temporal(b) || temporal(a) && b.kind == text || a.kind == text && temporal(b):
		if a.kind == text && b.kind == text || a.kind != b.kind && (a.kind == text || b.kind == text) {
			return a.text == b.text, true
		}
		if a.kind != b.kind {
			return false, true
		}
		c, ok := compareTimes(a, b)
		return c == 0, ok
	case a.kind == text && b.kind == text:
		return a.text == b.text, true
	}
	return false, true
}

func same(a, b *element.Value) bool {
	if a == nil || b == nil {
		return a == b
	}
	return element.Equal(a, b)
}

func temporal(it Item) bool { return it.kind == date || it.kind == clock }

// compare orders two items; known is false where their precision does not say.
func compare(a, b Item) (order int, known bool, err error) {
	switch {
	case a.kind == number && b.kind == number:
		return a.num.Cmp(b.num), true, nil
	case a.kind == text && b.kind == text:
		return strings.Compare(a.text, b.text), true, nil
	case a.kind == b.kind && temporal(a):
		c, ok := compareTimes(a, b)
		return c, ok, nil
	}
	return 0, false, errType
}

// compareTimes compares two dates, dateTimes or times. Without a zone on one
// side only, or with different precision where what both have is the same, the
// order is not known. http://hl7.org/fhirpath/N1/#comparison
func compareTimes(a, b Item) (order int, known bool) {
	if a.kind == clock {
		x, fx := split(a.text)
		y, fy := split(b.text)
		return precise(x, y, fx, fy)
	}
	x, hasX := zoned(a.text)
	y, hasY := zoned(b.text)
	if hasX && hasY {
		return x.Compare(y), true
	}
	if hasX != hasY && strings.Contains(a.text, "T") && strings.Contains(b.text, "T") {
		return 0, false // a time without a zone, as literals may have
	}
	dx, tx, _ := strings.Cut(a.text, "T")
	dy, ty, _ := strings.Cut(b.text, "T")
	c, ok := precise(dx, dy, "", "")
	if c != 0 || !ok || tx == "" && ty == "" {
		if c != 0 && (hasX || hasY) && len(dx) == len("2006-01-02") && len(dy) == len(dx) && near(dx, dy) {
			return 0, false // the zone decides about the day
		}
		return c, ok
	}
	if tx == "" || ty == "" {
		return 0, false
	}
	wx, fx := split(tx)
	wy, fy := split(ty)
	return precise(wx, wy, fx, fy)
}

// near reports whether two days follow each other.
func near(a, b string) bool {
	x, errX := time.Parse(time.DateOnly, a)
	y, errY := time.Parse(time.DateOnly, b)
	return errX != nil || errY != nil || x.Sub(y).Abs() <= 24*time.Hour
}

func zoned(s string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339Nano, s)
	return t, err == nil
}

// split takes the fraction from the seconds of a time: as one precision they
// are compared as numbers.
func split(s string) (whole, fraction string) {
	whole, fraction, _ = strings.Cut(s, ".")
	return whole, strings.TrimRight(fraction, "0")
}

// precise compares what both sides have; the rest makes the order unknown.
func precise(x, y, fx, fy string) (int, bool) {
	n := min(len(x), len(y))
	if c := strings.Compare(x[:n], y[:n]); c != 0 {
		return c, true
	}
	if len(x) != len(y) {
		return 0, false
	}
	return cmp.Compare(fx, fy), true
}

// equalAll is = of two collections: empty where either is.
func equalAll(a, b []Item) []Item {
	if len(a) == 0 || len(b) == 0 {
		return nil
	}
	if len(a) != len(b) {
		return ofBool(false)
	}
	for i := range a {
		is, known := equal(a[i], b[i])
		if !known {
			return nil
		}
		if !is {
			return ofBool(false)
		}
	}
	return ofBool(true)
}

// holds reports whether a collection has an item, by =.
func holds(list []Item, it Item) bool {
	for _, x := range list {
		if is, known := equal(x, it); is && known {
			return true
		}
	}
	return false
}
