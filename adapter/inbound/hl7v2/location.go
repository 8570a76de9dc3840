package hl7v2

// location is an address taken apart for ERR-2: numbers are the segment's
// sequence, the field, its repetition, component and subcomponent; 0 where the
// address does not go so far.
type location struct {
	segment string
	numbers [5]int
}

// parseLocation reads an address of this package, such as OBX[2]-5[1].1.2.
// Anything else (a mapping line, "segment 3") is not ok.
func parseLocation(place string) (loc location, ok bool) {
	if !named(place) {
		return loc, false
	}
	loc.segment, loc.numbers[0] = place[:3], 1
	rest := place[3:]
	if n, r, ok := bracketed(rest); ok {
		loc.numbers[0], rest = n, r
	}
	for i, lead := range []byte{'-', '[', '.', '.'} {
		if rest == "" {
			return loc, true
		}
		var n int
		var r string
		var found bool
		if lead == '[' {
			if n, r, found = bracketed(rest); !found {
				n, r = 1, rest
			}
		} else if n, r, found = leadingNumber(rest, lead); !found {
			return location{}, false
		}
		loc.numbers[1+i], rest = n, r
	}
	return loc, rest == ""
}

func bracketed(s string) (n int, rest string, ok bool) {
	n, rest, ok = leadingNumber(s, '[')
	if !ok || rest == "" || rest[0] != ']' {
		return 0, s, false
	}
	return n, rest[1:], true
}

// leadingNumber reads a mark and the number behind it, at most six digits.
func leadingNumber(s string, mark byte) (n int, rest string, ok bool) {
	if s == "" || s[0] != mark {
		return 0, s, false
	}
	i := 1
	for i < len(s) && i < 7 && s[i] >= '0' && s[i] <= '9' {
		n = n*10 + int(s[i]-'0')
		i++
	}
	return n, s[i:], i > 1 && n > 0
}
