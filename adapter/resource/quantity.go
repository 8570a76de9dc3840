package resource

import (
	"math"
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
)

// ordered is a number as an integer of the same order, which is how the
// interval index holds it: the bits of the double, mirrored below zero.
func ordered(f float64) int64 {
	b := int64(math.Float64bits(f))
	if b < 0 {
		b = math.MinInt64 - b
	}
	return b
}

// number reads a decimal of FHIR and how far around it the digits that were
// written reach: 5.40 is from 5.395 to 5.405.
// https://hl7.org/fhir/R4/search.html#number
func number(s string) (v, around float64, ok bool) {
	if len(s) == 0 || len(s) > 40 || strings.Trim(s, "+-.0123456789eE") != "" {
		return 0, 0, false
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(v, 0) {
		return 0, 0, false
	}
	mantissa, power := s, 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa = s[:i]
		if power, err = strconv.Atoi(s[i+1:]); err != nil {
			return 0, 0, false
		}
	}
	if _, digits, found := strings.Cut(mantissa, "."); found {
		power -= len(digits)
	}
	return v, 0.5 * math.Pow(10, float64(power)), true
}

// spanOf reads a Quantity, a Range or a number as an interval of the index. An
// open end, or one that a comparator opens, reaches for ever.
func spanOf(v *element.Value) (low, high int64, ok bool) {
	at := func(x *element.Value) (int64, bool) {
		if x == nil || x.Kind != element.Number {
			return 0, false
		}
		f, err := strconv.ParseFloat(x.Text, 64)
		return ordered(f), err == nil
	}
	if v.Kind == element.Number {
		low, ok = at(v)
		return low, low, ok
	}
	if n, found := at(v.Get("value")); found {
		switch v.Str("comparator") {
		case "<", "<=":
			return math.MinInt64, n, true
		case ">", ">=":
			return n, math.MaxInt64, true
		}
		return n, n, true
	}
	low, high = math.MinInt64, math.MaxInt64
	if n, found := at(v.At("low.value")); found {
		low, ok = n, true
	}
	if n, found := at(v.At("high.value")); found {
		high, ok = n, true
	}
	return low, high, ok && low <= high
}

// units are the ways in which the unit of a Quantity, or of the ends of a
// Range, is asked for: its code or its words, and the code with its system.
func units(v *element.Value) []string {
	var out []string
	for _, q := range []*element.Value{v, v.Get("low"), v.Get("high")} {
		if q == nil || q.Kind != element.Object {
			continue
		}
		if c := q.Str("code"); c != "" {
			out = append(out, c, q.Str("system")+"|"+c)
		}
		if u := q.Str("unit"); u != "" {
			out = append(out, u)
		}
	}
	return out
}

// quantity reads number|system|code, number||code or the number alone.
func quantity(key, value string) (all []span, unit string, err error) {
	bad := malformed(key, "a number with one of the prefixes eq, ne, gt, ge, lt, le, sa, eb, ap is expected, with |system|code or ||code behind it where the unit matters")
	amount, rest, has := strings.Cut(value, "|")
	if has {
		system, code, two := strings.Cut(rest, "|")
		if !two || code == "" {
			return nil, "", bad
		}
		if unit = code; system != "" {
			unit = system + "|" + code
		}
	}
	cmp, amount, ok := comparison(amount)
	v, around, good := number(strings.TrimPrefix(strings.TrimSpace(amount), "+"))
	if !ok || !good {
		return nil, "", bad
	}
	low, high := ordered(v), ordered(v)
	switch cmp {
	case "eq", "ne":
		low, high = ordered(v-around), ordered(v+around)-1
	case "ap":
		tenth := max(math.Abs(v)*0.1, around)
		low, high = ordered(v-tenth), ordered(v+tenth)
	}
	return spans(cmp, low, high), unit, nil
}
