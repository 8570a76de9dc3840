package mapping

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// layout is a way to write a date, compiled from a text such as dd/MM/yyyy.
// Senders whose dates are neither HL7 v2 nor ISO name theirs:
// date("dd MMM yyyy"). Its letters are those of Unicode CLDR, and do (22nd), which
// CLDR lacks, that of date-fns.
type layout []string

var layoutParts = []string{"yyyy", "yy", "MMMM", "MMM", "MM", "M", "dd", "do", "d", "HH", "H", "mm", "ss"}

// isoWord is the layout of what is read where a rule names none.
const isoWord = "iso"

// short reports a layout whose year has two digits.
func (l layout) short() bool { return slices.Contains(l, "yy") }

// pivotWord begins the argument that says in which hundred years a year of two
// digits lies: "yy from 1930" is 1930 to 2029.
const pivotWord = "yy from "

// parsePivot reads the year behind pivotWord.
func parsePivot(s string) (int, error) {
	year := strings.TrimSpace(strings.TrimPrefix(s, pivotWord))
	n, err := strconv.Atoi(year)
	if err != nil || len(year) != 4 || n < firstYear || n > lastYear-99 {
		return 0, fmt.Errorf("behind %q stands the first year that two digits can mean, %d to %d", strings.TrimSpace(pivotWord), firstYear, lastYear-99)
	}
	return n, nil
}

// inCentury is the year of two digits within the hundred years from a pivot.
func inCentury(yy string, pivot int) string {
	n, _ := two(yy)
	year := pivot - pivot%100 + n
	if year < pivot {
		year += 100
	}
	return strconv.Itoa(year)
}

// parseLayout compiles a layout; every letter in it must be part of a field.
func parseLayout(s string) (layout, error) {
	var l layout
	if s == isoWord {
		return layout{isoWord}, nil
	}
	seen := ""
	for s != "" {
		part := s[:1]
		for _, p := range layoutParts {
			if strings.HasPrefix(s, p) {
				part = p
				break
			}
		}
		if c := part[0]; c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			if len(part) == 1 && part != "M" && part != "d" && part != "H" {
				return nil, fmt.Errorf("a date is written with yyyy, yy, M, MM, MMM, MMMM, d, dd, do, H, HH, mm and ss, not with %q; the layout %q reads what is read without one, such as 2026-03-02T10:15:00Z", part, isoWord)
			}
			if strings.Contains(seen, part[:1]) {
				return nil, fmt.Errorf("%s stands twice", part)
			}
			seen += part[:1]
		}
		l = append(l, part)
		s = s[len(part):]
	}
	missing := !strings.Contains(seen, "y")
	for _, part := range [...][2]string{{"d", "M"}, {"H", "d"}, {"m", "H"}, {"s", "m"}} {
		missing = missing || strings.Contains(seen, part[0]) && !strings.Contains(seen, part[1])
	}
	if missing {
		return nil, fmt.Errorf("a layout names the year, and every part above its smallest, as in dd/MM/yyyy, MMM yyyy or yyyy")
	}
	return l, nil
}

const monthNames = "janfebmaraprmayjunjulaugsepoctnovdec"

// read reads a date or a date and time in the layout, of whatever day; pivot is
// the first year that two digits can mean.
func (l layout) read(s string, pivot int) (moment, bool) {
	if l[0] == isoWord {
		return readMoment(s)
	}
	var m moment
	s = strings.TrimSpace(s)
	for _, part := range l {
		var into *string
		switch part {
		case "yyyy", "yy":
			into = &m.year
		case "MMMM", "MMM", "MM", "M":
			into = &m.month
		case "dd", "do", "d":
			into = &m.day
		case "HH", "H":
			into = &m.hour
		case "mm":
			into = &m.minute
		case "ss":
			into = &m.second
		default:
			if !strings.HasPrefix(s, part) {
				return m, false
			}
			s = s[len(part):]
			continue
		}
		text, n := "", 0
		switch part {
		case "MMM":
			text, n = monthByName(s)
		case "MMMM":
			text, n = monthInFull(s)
		case "do":
			text, n = ordinal(s)
		default:
			text, n = digitsOf(s, part)
		}
		if n == 0 {
			return m, false
		}
		if part == "yy" {
			text = inCentury(text, pivot)
		}
		*into, s = text, s[n:]
	}
	return m, s == "" && (m.minute != "" || m.hour == "" && m.second == "")
}

// ordinal reads a day with its ending: 1st, 22nd.
func ordinal(s string) (string, int) {
	day, n := digitsOf(s, "d")
	if n == 0 || len(s) < n+2 || !slices.Contains([]string{"st", "nd", "rd", "th"}, strings.ToLower(s[n:n+2])) {
		return "", 0
	}
	return day, n + 2
}

func monthByName(s string) (string, int) {
	if len(s) < 3 {
		return "", 0
	}
	at := strings.Index(monthNames, strings.ToLower(s[:3]))
	if at < 0 || at%3 != 0 {
		return "", 0
	}
	n := at/3 + 1
	return string([]byte{byte('0' + n/10), byte('0' + n%10)}), 3
}

// monthInFull reads a month by its whole name.
func monthInFull(s string) (string, int) {
	for m := time.January; m <= time.December; m++ {
		if name := m.String(); len(s) >= len(name) && strings.EqualFold(s[:len(name)], name) {
			return string([]byte{byte('0' + m/10), byte('0' + m%10)}), len(name)
		}
	}
	return "", 0
}

// digitsOf reads as many digits as the part has letters; a single letter
// takes one or two digits.
func digitsOf(s, part string) (string, int) {
	n := 0
	for n < len(s) && n < max(2, len(part)) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	switch {
	case n == len(part) && n > 1, n == 2:
		return s[:n], n
	case n == 1 && len(part) == 1:
		return "0" + s[:1], 1
	default:
		return "", 0
	}
}
