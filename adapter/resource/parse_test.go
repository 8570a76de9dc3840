package resource_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
)

// TestControls: paging, order, totals and includes.
func TestControls(t *testing.T) {
	tests := []struct {
		query string
		check func(s *resource.Search) bool
	}{
		{"", func(s *resource.Search) bool {
			return s.Query.Limit == resource.DefaultCount && !s.Query.Total && s.Query.Order == resource.Order{Descending: true} && len(s.Self) == 0
		}},
		{"_count=20", func(s *resource.Search) bool { return s.Query.Limit == 20 && !s.Query.Total }},
		{"_count=0", func(s *resource.Search) bool { return s.Query.Limit == 0 && s.Query.Total }},
		{"_count=99999999", func(s *resource.Search) bool { return s.Query.Limit == resource.MaxCount }},
		{"_summary=count&_count=5", func(s *resource.Search) bool { return s.Query.Limit == 0 && s.Query.Total }},
		{"_summary=false", func(s *resource.Search) bool { return s.Query.Limit == resource.DefaultCount }},
		{"_total=accurate", func(s *resource.Search) bool { return s.Query.Total }},
		{"_total=estimate", func(s *resource.Search) bool { return s.Query.Total }},
		{"_total=none", func(s *resource.Search) bool { return !s.Query.Total }},
		{"_sort=_lastUpdated", func(s *resource.Search) bool { return s.Query.Order == resource.Order{} }},
		{"_sort=-_lastUpdated", func(s *resource.Search) bool { return s.Query.Order == resource.Order{Descending: true} }},
		{"_sort=authored-on", func(s *resource.Search) bool { return s.Query.Order.Param != 0 && !s.Query.Order.Descending }},
		{"_sort=-authored-on", func(s *resource.Search) bool { return s.Query.Order.Param != 0 && s.Query.Order.Descending }},
		{"_cursor=abc", func(s *resource.Search) bool { return s.Query.After == "abc" && len(s.Self) == 0 }},
		{"_include=Task:focus&_include=Task:owner:Organization", func(s *resource.Search) bool { return len(s.Includes) == 2 }},
		{"owner=Organization/1&status=requested", func(s *resource.Search) bool { return len(s.Query.Clauses) == 1 && len(s.Query.Clauses[0].Any) == 1 }},
		{"owner=1&status=requested,accepted&code=fulfill", func(s *resource.Search) bool { return len(s.Query.Clauses) == 2 && len(s.Query.Clauses[0].Any) == 14 }},
		{"owner=Organization/1&status:not=requested", func(s *resource.Search) bool { return len(s.Query.Clauses) == 2 }},
	}
	for _, tt := range tests {
		s, err := search(t, "Task", tt.query, resource.Options{})
		if err != nil {
			t.Errorf("%q: %v", tt.query, err)
		} else if !tt.check(s) {
			t.Errorf("%q: %+v", tt.query, s.Query)
		}
	}
}

// TestLastUpdated: bounds in microseconds, so that gt of the last one seen
// misses nothing and repeats nothing.
func TestLastUpdated(t *testing.T) {
	at := time.Date(2026, 3, 2, 10, 0, 0, 123456000, time.UTC).UnixMicro()
	day := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC).UnixMicro()
	const dayLong = 24 * 3600 * 1e6
	tests := []struct {
		query     string
		low, high int64
	}{
		{"_lastUpdated=gt2026-03-02T10:00:00.123456Z", at + 1, 0},
		{"_lastUpdated=ge2026-03-02T10:00:00.123456Z", at, 0},
		{"_lastUpdated=lt2026-03-02T10:00:00.123456Z", 0, at - 1},
		{"_lastUpdated=le2026-03-02T10:00:00.123456Z", 0, at},
		{"_lastUpdated=2026-03-02", day, day + dayLong - 1},
		{"_lastUpdated=sa2026-03-02", day + dayLong, 0},
		{"_lastUpdated=eb2026-03-02", 0, day - 1},
		{"_lastUpdated=lt1960", 0, 1},
		{"_lastUpdated=ge2026-03-02&_lastUpdated=lt2026-03-03", day, day + dayLong - 1},
		{"_lastUpdated=gt2026-03-02T11:00:00.123456+01:00", at + 1, 0}, // the plus arrives as a space
		{"_lastupdated=ge2026-03-02", day, 0},
	}
	for _, tt := range tests {
		s, err := search(t, "Task", tt.query, resource.Options{})
		if err != nil {
			t.Errorf("%s: %v", tt.query, err)
			continue
		}
		if s.Query.UpdatedLow != tt.low || s.Query.UpdatedHigh != tt.high {
			t.Errorf("%s: %d to %d, want %d to %d", tt.query, s.Query.UpdatedLow, s.Query.UpdatedHigh, tt.low, tt.high)
		}
		if got := strings.Contains(tt.query, "_lastupdated"); (len(s.Warnings) == 1) != got || s.Self.Get("_lastUpdated") == "" {
			t.Errorf("%s: warnings %v, self %v", tt.query, s.Warnings, s.Self)
		}
	}
}

// TestUnknownParameters: refused when strict, alone, or misspelt; else left
// out, warned about, and absent from the self link.
func TestUnknownParameters(t *testing.T) {
	const fine = "owner=Organization/1&"
	tests := []struct {
		query           string
		strict, refused bool
		says            string
	}{
		{"weather=1", false, true, "weather"},
		{"statuss=requested", false, true, "nearest one known is status"},
		{fine + "statuss=requested", false, true, "nearest one known is status"},
		{fine + "Status=requested", false, true, "nearest one known is status"},
		{fine + "_cuont=1", false, true, "nearest one known is _count"},
		{fine + "_offset=100", false, true, "the link next"},
		{fine + "page=2", false, true, "the link next"},
		{fine + "weather=1", true, true, "unknown search parameter"},
		{fine + "weather=1", false, false, "was not applied"},
		{fine + "group-sorter:of-type=1", false, false, "was not applied"},
		{"_count=5&_sort=-_lastUpdated&weather=1", false, true, "unknown"}, // they narrow nothing
		{"_id=1&weather=1", false, false, "was not applied"},
		{"_lastUpdated=gt2026&weather=1", false, false, "was not applied"},
	}
	for _, tt := range tests {
		s, err := search(t, "Task", tt.query, resource.Options{Strict: tt.strict})
		if (err != nil) != tt.refused {
			t.Errorf("%s (strict %v): error %v, want one: %v", tt.query, tt.strict, err, tt.refused)
			continue
		}
		if tt.refused {
			if tt.query != "weather=1" && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%s: %v, want %q", tt.query, err, tt.says)
			}
			continue
		}
		if len(s.Warnings) != 1 || s.Warnings[0].Severity != "warning" || !strings.Contains(s.Warnings[0].Text, tt.says) {
			t.Errorf("%s: warnings %v, want %q", tt.query, s.Warnings, tt.says)
		}
		if n := strings.Count(tt.query, "="); len(s.Self) != n-1 {
			t.Errorf("%s: self %v", tt.query, s.Self)
		}
		if s.Self.Has("weather") || s.Self.Has("group-sorter:of-type") {
			t.Errorf("%s: self %v claims what was not applied", tt.query, s.Self)
		}
	}
}

// TestIncludes: which references an _include follows.
// TestCodesThatThereAreNot: a misspelt status finds nothing, and says why.
func TestCodesThatThereAreNot(t *testing.T) {
	for query, says := range map[string]string{
		"status=requested": "",
		"status=http://hl7.org/fhir/task-status|accepted": "",
		"status=requsted":          "no resource has this code; there are accepted, cancelled, completed,",
		"status:not=Completed":     "status:not: no resource has this code",
		"status=accepted,open":     "no resource has this code",
		"business-status=anything": "",
		"code=fulfil":              "", // of a CodeableConcept
	} {
		s, err := search(t, "Task", query, resource.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(s.Warnings); (len(s.Warnings) > 0) != (says != "") || !strings.Contains(got, says) {
			t.Errorf("%s: %s, want %q", query, got, says)
		}
	}
}

// TestIncludesThatFollowNothing: what is offered can be asked for.
func TestIncludesThatFollowNothing(t *testing.T) {
	for query, says := range map[string]string{
		"_include=Task:patients":               "these are supported for Task: based-on,",
		"_revinclude=ServiceRequest:patient":   "these parameters of ServiceRequest refer to a Task: supporting-info",
		"_revinclude=Consent:patient":          "these parameters of Consent refer to a Task: data",
		"_revinclude=Organization:partof":      "no parameter of Organization refers to a Task",
		"_include:iterate=Patient:responsible": "these are supported for Patient: general-practitioner,",
	} {
		_, err := search(t, "Task", query, resource.Options{})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", query, err, says)
		}
	}
}

func TestIncludes(t *testing.T) {
	v := parse(t, worklistTask)
	tests := []struct{ query, want string }{
		{"_include=Task:focus", "ServiceRequest/6a0c5a0e-8a47-5c9b-9f0f-0f6d1b6f1a02"},
		{"_include=Task:owner:Organization", "Organization/6a0c5a0e-8a47-5c9b-9f0f-0f6d1b6f1a05"},
		{"_include=Task:owner:Practitioner", ""},
		{"_include=Task:part-of", ""},
	}
	for _, tt := range tests {
		s, err := search(t, "Task", tt.query, resource.Options{})
		if err != nil || len(s.Includes) != 1 {
			t.Errorf("%s: %v", tt.query, err)
			continue
		}
		if got := strings.Join(s.Includes[0].References(v), " "); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.query, got, tt.want)
		}
	}
}

// TestKeyed: the index gives nothing away and another key finds nothing.
func TestKeyed(t *testing.T) {
	v := parse(t, worklistTask)
	one, two := resource.NewIndexer(key).Index(v), resource.NewIndexer([]byte("another key")).Index(v)
	seen := map[resource.Term]bool{}
	for i, term := range one.Terms {
		if i > 0 && one.Terms[i-1] >= term {
			t.Error("terms are sorted and each stands once")
		}
		seen[term] = true
	}
	for _, term := range two.Terms {
		if seen[term] {
			t.Error("a term is the same under another key")
		}
	}
	if len(one.Terms) != len(two.Terms) || len(one.Ranges) != 3 {
		t.Errorf("%d and %d terms, %d ranges", len(one.Terms), len(two.Terms), len(one.Ranges))
	}
	if x := resource.NewIndexer(key).Index(parse(t, `{"resourceType":"Basic","status":"a"}`)); len(x.Terms)+len(x.Ranges) > 0 {
		t.Error("a type that is not served is indexed")
	}
}

// FuzzParse: whatever the query, Parse ends and what it asks of the store is
// bounded.
func FuzzParse(f *testing.F) {
	f.Add("owner=Organization/1&status=requested,accepted&_sort=-_lastUpdated&_count=20", false)
	f.Add("patient=1&authored-on=ge2026-03-02T10:00:00%2B01:00&_include=Task:owner&owner:missing=true", true)
	f.Add(`identifier=a|b,|c,d|,e\,f&_id=1,2&_lastUpdated=gt2026&encounter=7&status:not=x`, false)
	ix := resource.NewIndexer(key)
	task := parse(f, worklistTask)
	x := ix.Index(task)
	f.Fuzz(func(t *testing.T, query string, strict bool) {
		params, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		for _, d := range resource.Definitions() {
			s, err := resource.Parse(ix, d.Type, params, resource.Options{BaseURL: "https://a/b", Strict: strict})
			if (s == nil) == (err == nil) {
				t.Fatalf("%s: %v, %v", d.Type, s, err)
			}
			if s == nil {
				continue
			}
			terms := 0
			for _, c := range s.Query.Clauses {
				terms += len(c.Any)
			}
			if q := s.Query; len(q.Clauses)+len(q.Ranges) > 50 || terms > 50*400 || len(q.IDs) > 100 || q.Limit < 0 || q.Limit > resource.MaxCount || len(s.Includes) > 100 {
				t.Fatalf("%s: not bounded: %d clauses, %d terms, %d ids", d.Type, len(q.Clauses), terms, len(q.IDs))
			}
			if _, err := resource.Parse(ix, d.Type, s.Self, resource.Options{BaseURL: "https://a/b", Strict: true}); err != nil {
				t.Fatalf("%s: the self link is refused: %v", d.Type, err)
			}
			matches(s.Query, task, x)
		}
	})
}

// TestNotServed: what R4 has and is not served here is refused by its name, also
// beside other conditions.
func TestNotServed(t *testing.T) {
	for _, name := range []string{"_filter", "_text", "_content", "_query"} {
		_, err := resource.Parse(resource.NewIndexer(key), "Task", url.Values{name: {"x"}, "status": {"requested"}}, resource.Options{})
		if f := fault.Of(err); err == nil || f.Kind != fault.Unsupported || f.Issues[0].Place != name {
			t.Errorf("%s: %v", name, err)
		}
	}
}
