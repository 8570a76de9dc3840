package mapping

import (
	"strings"
	"time"
	_ "time/tzdata" // Europe/London must be known in an image without zone files
)

// london gives local times of a sender without an offset the offset that
// clocks in the United Kingdom showed. The embedded table always has it.
var london = func() *time.Location {
	loc, err := time.LoadLocation("Europe/London")
	if err != nil {
		return time.UTC
	}
	return loc
}()

// moment is a point in time as precisely as it was sent: parts that were not
// sent are empty. All parts are digits as written.
type moment struct {
	year, month, day, hour, minute, second, fraction string
	zone                                             string // Z, +01:00, or empty
}

// readMoment reads an HL7 v2 time stamp (YYYY[MM[DD[HH[MM[SS[.S]]]]]][+ZZZZ],
// HL7 v2.5.1 section 2.A.22) or an ISO 8601 date and time, of whatever day.
func readMoment(s string) (moment, bool) {
	var m moment
	s = strings.TrimSpace(s)
	if len(s) < 4 {
		return m, false
	}
	rest := s
	take := func(n int) (string, bool) {
		if len(rest) < n {
			return "", false
		}
		for i := 0; i < n; i++ {
			if rest[i] < '0' || rest[i] > '9' {
				return "", false
			}
		}
		part := rest[:n]
		rest = rest[n:]
		return part, true
	}
	var ok bool
	if m.year, ok = take(4); !ok {
		return m, false
	}
	iso := strings.HasPrefix(rest, "-") && len(rest) >= 3 && len(rest) != 5
	skip := func(sep string) bool {
		if !iso {
			return true
		}
		if rest == "" || !strings.Contains(sep, rest[:1]) {
			return false
		}
		rest = rest[1:]
		return true
	}
	for _, f := range [...]struct {
		part *string
		sep  string
	}{{&m.month, "-"}, {&m.day, "-"}, {&m.hour, "Tt "}, {&m.minute, ":"}, {&m.second, ":"}} {
		if rest == "" || strings.Contains("+-Zz.", rest[:1]) && !(iso && strings.Contains(f.sep, rest[:1])) {
			break
		}
		if !skip(f.sep) {
			return m, false
		}
		if *f.part, ok = take(2); !ok {
			return m, false
		}
	}
	if m.second != "" && strings.HasPrefix(rest, ".") {
		n := 1
		for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
			n++
		}
		m.fraction, rest = rest[1:n], rest[n:]
	}
	m.zone, ok = readZone(rest)
	return m, ok
}

// readZone reads Z, +0100 or +01:00 and gives Z or +01:00.
func readZone(s string) (string, bool) {
	switch {
	case s == "":
		return "", true
	case s == "Z" || s == "z":
		return "Z", true
	case len(s) == 6 && s[3] == ':':
		s = s[:3] + s[4:]
	}
	if len(s) != 5 || s[0] != '+' && s[0] != '-' {
		return "", false
	}
	h, okH := two(s[1:3])
	m, okM := two(s[3:5])
	if !okH || !okM || h > 14 || m > 59 || h == 14 && m > 0 {
		return "", false
	}
	return s[:3] + ":" + s[3:], true
}

// two reads two digits.
func two(s string) (int, bool) {
	if len(s) != 2 || s[0] < '0' || s[0] > '9' || s[1] < '0' || s[1] > '9' {
		return 0, false
	}
	return int(s[0]-'0')*10 + int(s[1]-'0'), true
}

var monthDays = [...]int{31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// Years outside these are always a slip of the keyboard in this field.
const (
	firstYear = 1800
	lastYear  = 2199
)

// plausible refuses what no calendar has, and years that nobody can mean.
func (m *moment) plausible() bool {
	century, _ := two(m.year[:2])
	yy, _ := two(m.year[2:])
	year := century*100 + yy
	if year < firstYear || year > lastYear {
		return false
	}
	month, day := 1, 1
	if m.month != "" {
		if month, _ = two(m.month); month < 1 || month > 12 {
			return false
		}
	}
	if m.day != "" {
		if day, _ = two(m.day); day < 1 || day > monthDays[month-1] {
			return false
		}
		if month == 2 && day == 29 && (year%4 != 0 || year%100 == 0 && year%400 != 0) {
			return false
		}
	}
	for _, p := range [...]struct {
		part  string
		above int
	}{{m.hour, 23}, {m.minute, 59}, {m.second, 59}} {
		if n, _ := two(p.part); n > p.above {
			return false
		}
	}
	return true
}

// date prints the calendar day as precisely as it is known.
func (m *moment) date() string {
	switch {
	case m.month == "":
		return m.year
	case m.day == "":
		return m.year + "-" + m.month
	default:
		return m.year + "-" + m.month + "-" + m.day
	}
}

// after reports that the whole date lies behind a day, written as in FHIR; of a
// month or a year its first day counts.
func (m *moment) after(day string) bool {
	d := m.date()
	n := min(len(d), len(day))
	return n > 0 && d[:n] > day[:n]
}

// dateTime prints a FHIR dateTime (https://hl7.org/fhir/R4/datatypes.html#dateTime).
// FHIR has no time without minutes and none without an offset: an hour alone
// is left out, seconds are filled with zero, a missing offset is that of
// Europe/London on that day.
func (m *moment) dateTime() string {
	if m.minute == "" {
		return m.date()
	}
	b := make([]byte, 0, 40)
	b = append(append(append(append(b, m.year...), '-'), m.month...), '-')
	b = append(append(append(b, m.day...), 'T'), m.hour...)
	b = append(append(append(b, ':'), m.minute...), ':')
	if m.second == "" {
		b = append(b, "00"...)
	} else {
		b = append(b, m.second...)
	}
	if m.fraction != "" {
		b = append(append(b, '.'), m.fraction[:min(len(m.fraction), 9)]...)
	}
	if m.zone != "" {
		return string(append(b, m.zone...))
	}
	return string(append(b, m.offset()...))
}

// offset is the offset of Europe/London at the local time. In the hour that an
// autumn night has twice it is the first one's.
func (m *moment) offset() string {
	num := func(s string) int { n, _ := two(s); return n }
	t := time.Date(num(m.year[:2])*100+num(m.year[2:]), time.Month(num(m.month)), num(m.day),
		num(m.hour), num(m.minute), num(m.second), 0, london)
	if first := t.Add(-time.Hour); first.Hour() == t.Hour() {
		t = first
	}
	switch _, seconds := t.Zone(); seconds {
	case 3600:
		return "+01:00"
	case 7200:
		return "+02:00"
	default:
		return "+00:00"
	}
}
