package mapping_test

import (
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/message"
)

func TestDates(t *testing.T) {
	m := compile(t, strings.Replace(head, "hl7v2", "json", 1)+`resources:
  p:
    resourceType: Patient
    date: <- in | date
    dateTime: <- in | dateTime
    instant: <- in | instant
    short: <- in | date("d MMM yyyy")
    long: <- in | dateTime("dd/MM/yyyy HH:mm", "dd.MM.yyyy H:mm")
`)
	for _, tc := range []struct{ in, date, dateTime, instant string }{
		{"1970", "1970", "1970", ""},
		{"197006", "1970-06", "1970-06", ""},
		{"19700614", "1970-06-14", "1970-06-14", ""},
		{"1970061409", "1970-06-14", "1970-06-14", ""},
		{"202601141530", "2026-01-14", "2026-01-14T15:30:00+00:00", "2026-01-14T15:30:00+00:00"},
		{"202607141530", "2026-07-14", "2026-07-14T15:30:00+01:00", "2026-07-14T15:30:00+01:00"},
		{"20260714153045.1234", "2026-07-14", "2026-07-14T15:30:45.1234+01:00", "2026-07-14T15:30:45.1234+01:00"},
		{"20260714153045-0500", "2026-07-14", "2026-07-14T15:30:45-05:00", "2026-07-14T15:30:45-05:00"},
		{"202201251620+0000", "2022-01-25", "2022-01-25T16:20:00+00:00", "2022-01-25T16:20:00+00:00"},
		{"20260329003000", "2026-03-29", "2026-03-29T00:30:00+00:00", "2026-03-29T00:30:00+00:00"}, // an hour before the clocks change
		{"20260329020000", "2026-03-29", "2026-03-29T02:00:00+01:00", "2026-03-29T02:00:00+01:00"},
		{"20261025013000", "2026-10-25", "2026-10-25T01:30:00+01:00", "2026-10-25T01:30:00+01:00"}, // the first of two
		{"20261025020000", "2026-10-25", "2026-10-25T02:00:00+00:00", "2026-10-25T02:00:00+00:00"},
		{"19700114120000", "1970-01-14", "1970-01-14T12:00:00+01:00", "1970-01-14T12:00:00+01:00"}, // British Standard Time
		{"2026-07", "2026-07", "2026-07", ""},
		{"2026-07-14", "2026-07-14", "2026-07-14", ""},
		{"2026-07-14T15:30Z", "2026-07-14", "2026-07-14T15:30:00Z", "2026-07-14T15:30:00Z"},
		{"2026-07-14 15:30:45", "2026-07-14", "2026-07-14T15:30:45+01:00", "2026-07-14T15:30:45+01:00"},
		{"2026-07-14T15:30:45.1234567+01:00", "2026-07-14", "2026-07-14T15:30:45.1234567+01:00", "2026-07-14T15:30:45.1234567+01:00"},
		{"20240229", "2024-02-29", "2024-02-29", ""},
		{"20250229", "", "", ""},
		{"19000229", "", "", ""},
		{"20261301", "", "", ""},
		{"20260100", "", "", ""},
		{"202601012460", "", "", ""},
		{"202601012400", "", "", ""},
		{"17991231", "", "", ""},
		{"0001", "", "", ""},
		{"2026-7-1", "", "", ""},
		{"2026-07-14T1530", "", "", ""},
		{"20260714153045+2500", "", "", ""},
		{"2026071", "", "", ""},
		{"yesterday", "", "", ""},
		{"197", "", "", ""},
	} {
		msg := message.NewTree(4, nil)
		msg.Add(msg.Root(), "in", message.Text, tc.in)
		r, err := m.Apply(msg, mapping.Context{})
		if err != nil {
			t.Fatal(err)
		}
		p := r.Get("p").Root
		for name, want := range map[string]string{"date": tc.date, "dateTime": tc.dateTime, "instant": tc.instant, "short": "", "long": ""} {
			if got := p.Str(name); got != want {
				t.Errorf("%s of %q = %q, want %q", name, tc.in, got, want)
			}
		}
	}
	for in, want := range map[string][2]string{
		"4 Jul 2026":       {"2026-07-04", ""},
		"14 JUL 2026":      {"2026-07-14", ""},
		"31 Jun 2026":      {"", ""},
		"4 Juli 2026":      {"", ""},
		"14/07/2026 09:05": {"", "2026-07-14T09:05:00+01:00"},
		"14/07/2026 9:05":  {"", ""},
		"14.07.2026 9:05":  {"", "2026-07-14T09:05:00+01:00"},
		"14.07.2026 19:05": {"", "2026-07-14T19:05:00+01:00"},
		"7/14/2026 09:05":  {"", ""},
	} {
		msg := message.NewTree(4, nil)
		msg.Add(msg.Root(), "in", message.Text, in)
		r, err := m.Apply(msg, mapping.Context{})
		if err != nil {
			t.Fatal(err)
		}
		p := r.Get("p").Root
		if p.Str("short") != want[0] || p.Str("long") != want[1] {
			t.Errorf("%q gave %q and %q, want %q", in, p.Str("short"), p.Str("long"), want)
		}
	}
}

// TestTwoDigitYears: the mapping says in which hundred years they lie.
func TestTwoDigitYears(t *testing.T) {
	m := compile(t, strings.Replace(head, "hl7v2", "json", 1)+`resources:
  p:
    resourceType: Patient
    date: <- in | date("dd/MM/yy", "dd-MMM-yyyy", "ddMMyy", "yy from 1930")
    dateTime: <- in | dateTime("yy from 2000", "d.M.yy HH:mm")
    expr: <- in | date("yy from 1999", "d/M/yy")
`)
	for in, want := range map[string][3]string{
		"14/06/70":      {"1970-06-14", "", "2070-06-14"},
		"14/06/30":      {"1930-06-14", "", "2030-06-14"},
		"14/06/29":      {"2029-06-14", "", "2029-06-14"},
		"29/02/00":      {"2000-02-29", "", "2000-02-29"},
		"31/12/99":      {"1999-12-31", "", "1999-12-31"},
		"29/02/31":      {"", "", ""},
		"140670":        {"1970-06-14", "", ""},
		"14-Jun-1970":   {"1970-06-14", "", ""},
		"14/06/1970":    {"", "", ""},
		"4/6/70":        {"", "", "2070-06-04"},
		"4.6.26 09:30":  {"", "2026-06-04T09:30:00+01:00", ""},
		"4.6.2026 9:30": {"", "", ""},
	} {
		msg := message.NewTree(4, nil)
		msg.Add(msg.Root(), "in", message.Text, in)
		r, err := m.Apply(msg, mapping.Context{})
		if err != nil {
			t.Fatal(err)
		}
		p := r.Get("p").Root
		if got := [3]string{p.Str("date"), p.Str("dateTime"), p.Str("expr")}; got != want {
			t.Errorf("%q gave %q, want %q", in, got, want)
		}
	}
}

// TestBirthDateInTheFuture: it is left out and reported. The day of the message
// is when it was made or, without that, when it came in.
func TestBirthDateInTheFuture(t *testing.T) {
	m := compile(t, strings.Replace(head, "hl7v2", "json", 1)+`sent: <- made | dateTime
resources:
  p:
    resourceType: Patient
    birthDate: <- born | date("dd/MM/yy", "yyyy-MM-dd", "yyyy", "yy from 1930")
    deceasedDateTime: <- born | date("dd/MM/yy", "yyyy-MM-dd", "yyyy", "yy from 1930")
`)
	came := time.Date(2026, 3, 2, 23, 30, 0, 0, time.UTC)
	for _, tc := range []struct {
		born, made string
		came       time.Time
		want       string
	}{
		{"02/03/26", "2026-03-02T10:00:00Z", time.Time{}, "2026-03-02"},
		{"03/03/26", "2026-03-02T10:00:00Z", time.Time{}, ""},
		{"03/03/26", "2026-03-02T10:00:00Z", came.AddDate(1, 0, 0), ""},
		{"03/03/26", "2026", came, ""},
		{"02/03/26", "", came, "2026-03-02"},
		{"14/06/29", "", came, ""},
		{"2026", "", came, "2026"},
		{"2027", "", came, ""},
		{"2026-03-03", "", came, ""},
		{"14/06/29", "", time.Time{}, "2029-06-14"},
	} {
		msg := message.NewTree(4, nil)
		msg.Add(msg.Root(), "born", message.Text, tc.born)
		msg.Add(msg.Root(), "made", message.Text, tc.made)
		r, err := m.Apply(msg, mapping.Context{Received: tc.came})
		if err != nil {
			t.Fatal(err)
		}
		p := r.Get("p").Root
		if got := p.Str("birthDate"); got != tc.want || p.Str("deceasedDateTime") == "" {
			t.Errorf("born %s, made %q: %q and %s", tc.born, tc.made, got, p.JSON())
		}
		if flagged := len(r.Findings) == 1 && r.Findings[0].Code == "in-the-future"; flagged != (tc.want == "") {
			t.Errorf("born %s, made %q: %+v", tc.born, tc.made, r.Findings)
		}
	}
}
