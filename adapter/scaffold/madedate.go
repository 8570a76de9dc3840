package scaffold

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// dateForms are the shapes of dates, of HL7 v2 (v2.5.1 section 2.A.22: as much as
// is known, with a zone) and of people. The groups are the parts that they name.
var dateForms = []*regexp.Regexp{
	regexp.MustCompile(`^(?P<y>[0-9]{4})(?:(?P<M>[0-9]{2})(?:(?P<d>[0-9]{2})(?:(?P<H>[0-9]{2})(?:(?P<m>[0-9]{2})(?:(?P<s>[0-9]{2})(?:\.(?P<f>[0-9]{1,9}))?)?)?)?)?)?(?P<z>Z|[+-][0-9]{4})?$`),
	regexp.MustCompile(`^(?P<y>[0-9]{4})-(?P<M>[0-9]{1,2})(?:-(?P<d>[0-9]{1,2})(?:[T ](?P<H>[0-9]{1,2}):(?P<m>[0-9]{2})(?::(?P<s>[0-9]{2})(?:[.,](?P<f>[0-9]{1,9}))?)?(?P<z>Z|[+-][0-9]{2}:?[0-9]{2})?)?)?$`),
	regexp.MustCompile(`^(?P<d>[0-9]{1,2})[/.-](?P<M>[0-9]{1,2})[/.-](?P<y>[0-9]{4}|[0-9]{2})(?:,? (?P<H>[0-9]{1,2})[:.](?P<m>[0-9]{2})(?::(?P<s>[0-9]{2}))?)?$`),
	regexp.MustCompile(`^(?P<d>[0-9]{1,2})[ -](?P<N>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|January|February|March|April|June|July|August|September|October|November|December)[ -](?P<y>[0-9]{4}|[0-9]{2})(?: (?P<H>[0-9]{1,2}):(?P<m>[0-9]{2})(?::(?P<s>[0-9]{2}))?)?$`),
}

// zones are the ends of a zone that there are.
var zone = regexp.MustCompile(`^(?:Z|[+-](?:0[0-9]|1[0-4]):?(?:00|15|30|45))$`)

// parts is a date taken apart; places are where its parts stand, by their names.
type parts struct {
	places map[string][2]int
	text   string
}

// partsOf takes a date apart whose shape is known; its parts may be wrong.
func partsOf(v string) (parts, bool) {
	for _, form := range dateForms {
		m := form.FindStringSubmatchIndex(v)
		if m == nil {
			continue
		}
		p := parts{map[string][2]int{}, v}
		for i, name := range form.SubexpNames() {
			if name != "" && m[2*i] >= 0 {
				p.places[name] = [2]int{m[2*i], m[2*i+1]}
			}
		}
		return p, true
	}
	return parts{}, false
}

func (p parts) get(name string) string {
	at, ok := p.places[name]
	if !ok {
		return ""
	}
	return p.text[at[0]:at[1]]
}

func (p parts) number(name string) int {
	n, err := strconv.Atoi(p.get(name))
	if err != nil {
		return -1
	}
	return n
}

// year is the year in four digits; of two digits one of the last hundred.
func (p parts) year() int {
	y := p.number("y")
	if len(p.get("y")) == 2 {
		if y += 2000; y > time.Now().Year()+1 {
			y -= 100
		}
	}
	return y
}

func (p parts) month() int {
	if n := p.get("N"); n != "" {
		at, err := time.Parse("Jan", n[:3])
		if err != nil {
			return -1
		}
		return int(at.Month())
	}
	if p.get("M") == "" {
		return 1
	}
	return p.number("M")
}

// day is the day that is meant; ok is false where there is none.
func (p parts) day() (at time.Time, ok bool) {
	d := 1
	if p.get("d") != "" {
		d = p.number("d")
	}
	at = time.Date(p.year(), time.Month(p.month()), d, 0, 0, 0, 0, time.UTC)
	ok = p.year() > 1880 && p.year() < 2200 && at.Day() == d && int(at.Month()) == p.month()
	return at, ok
}

// whole reports a date that is right in all its parts.
func (p parts) whole() bool {
	_, ok := p.day()
	z := p.get("z")
	return ok && p.number("H") < 24 && p.number("m") < 60 && p.number("s") < 60 && (z == "" || zone.MatchString(z))
}

// calendar says which made-up day stands for which: the order of days stays, and
// of nobody's birthday anything.
type calendar struct {
	births, others []time.Time
	birthYear      int // of a grown-up
	childYear      int
	year           int
}

func (c *calendar) note(at time.Time, birth bool) {
	list := &c.others
	if birth {
		list = &c.births
	}
	if i, found := slices.BinarySearchFunc(*list, at, time.Time.Compare); !found {
		*list = slices.Insert(*list, i, at)
	}
}

func (c *calendar) made(at time.Time, birth bool) time.Time {
	if birth {
		i, _ := slices.BinarySearchFunc(c.births, at, time.Time.Compare)
		year := c.birthYear
		switch now := time.Now(); {
		case at.After(now):
			year += 120 // a birthday to come stays to come
		case at.After(now.AddDate(-18, 0, 0)):
			year = c.childYear
		}
		return time.Date(year, 6, 14+i%14, 0, 0, 0, 0, time.UTC)
	}
	i, _ := slices.BinarySearchFunc(c.others, at, time.Time.Compare)
	return time.Date(c.year, 3, 2+i%300, 0, 0, 0, 0, time.UTC)
}

// date is a made-up date of the same shape. One that is wrong stays wrong in
// the same part: the 31st of February is one still.
func (c *calendar) date(p parts, birth bool) string {
	at, ok := p.day()
	made := c.made(at, birth)
	if !ok { // its year alone is somebody's
		made = time.Date(c.year, 3, 2, 0, 0, 0, 0, time.UTC)
		if birth {
			made = time.Date(c.birthYear, 6, 14, 0, 0, 0, 0, time.UTC)
		}
		for made.Year()%4 == 0 {
			made = made.AddDate(-1, 0, 0) // in which the 29th of February would be right
		}
	}
	out := []byte(p.text)
	put := func(name string, n int) {
		if at, there := p.places[name]; there {
			width := at[1] - at[0]
			text := fmt.Sprintf("%0*d", width, n)
			copy(out[at[0]:at[1]], text[len(text)-width:])
		}
	}
	put("y", made.Year())
	if ok {
		month, day := int(made.Month()), made.Day()
		switch wide := func(name string) bool { at := p.places[name]; return at[1]-at[0] == 2 }; {
		case !wide("d"):
			day = day%9 + 1
			if wide("M") { // 2/10/2024 has no noughts in front
				month = 11
			}
		case p.get("M") != "" && !wide("M"):
			day = 10 + day%18
		}
		put("M", month)
		put("d", day)
	}
	for name, most := range map[string]int{"H": 23, "m": 59, "s": 59} {
		if n := p.number(name); n > 0 && n <= most {
			put(name, map[string]int{"H": 9, "m": 30, "s": 5}[name])
		}
	}
	if f := p.get("f"); f != "" {
		put("f", 0)
	}
	if z := p.get("z"); z != "" && !zone.MatchString(z) {
		copy(out[p.places["z"][0]:], strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return '9'
			}
			return r
		}, z))
	}
	text := string(out)
	if name := p.get("N"); name != "" && ok {
		month := made.Month().String()
		if len(name) == 3 {
			month = month[:3]
		}
		span := p.places["N"]
		text = text[:span[0]] + month + text[span[1]:]
	}
	return text
}
