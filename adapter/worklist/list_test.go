package worklist_test

import (
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/worklist"
)

// TestListSearch: _list finds what stands in a List.
// https://hl7.org/fhir/R4/search.html#list
func TestListSearch(t *testing.T) {
	onBoth(t, (*resource.Indexer).Index, func(t *testing.T, s *worklist.Service) {
		searches(t, s, []struct{ typ, query, want string }{
			{"Task", "_list=l1", "t1"},
			{"Patient", "_list=l1", "p2"}, // the other one is struck out
			{"Patient", "_list=List/l1", "p2"},
			{"Patient", "_list=http://test/fhir/List/l1&family=ben", "p2"},
			{"Patient", "_list=l1&_id=p1", ""},
			{"Observation", "_list=l1", ""},
			{"Patient", strings.Repeat("_list=l1&", 50) + "_list=List/l1", "p2"}, // once, however often it is said
		})
		b, err := s.Search(t.Context(), "Patient", query(t, "_list=l1&_count=1"), true)
		if err != nil || !strings.Contains(string(b), "_list=l1") {
			t.Errorf("the self link does not say _list: %v", err)
		}
		if n := strings.Count(string(b), "_list="); err == nil && n != 1 {
			t.Errorf("the links say _list %d times, want once", n)
		}
		for _, q := range []string{"_list=l1&_list=List/l1&_list=a&_list=b&_list=c&_list=d", "_list:not=l1", "_list=none", "_list=", "_list=$current-problems", "_list=Task/t1", "_list=l1,l2"} {
			if _, err := s.Search(t.Context(), "Patient", query(t, q), false); err == nil || fault.Of(err).Issues[0].Place != "_list" {
				t.Errorf("%s: %v", q, err)
			}
		}
		// It narrows, so that what is unknown beside it is treated as beside other conditions.
		for _, q := range []string{"_list=l1&weather=1", "family=ben&weather=1"} {
			if b, err := s.Search(t.Context(), "Patient", query(t, q), false); err != nil || ids(t, b) != "p2 !" {
				t.Errorf("%s: %v, %.200s", q, err, b)
			}
			if _, err := s.Search(t.Context(), "Patient", query(t, q), true); fault.KindOf(err) != fault.Malformed {
				t.Errorf("%s, strictly: %v", q, err)
			}
		}
		// Where it is not served it is refused, as it would have narrowed.
		if _, err := s.Search(t.Context(), "Patient", query(t, strings.Repeat("_list=l1&", 100)+"_list=l1"), false); fault.KindOf(err) != fault.Malformed {
			t.Errorf("101 parameters: %v", err)
		}
		for name, err := range map[string]error{
			"over types": second(s.SearchAll(t.Context(), query(t, "_type=Patient&_lastUpdated=gt2020&_list=l1"), false)),
			"a chain":    second(s.Search(t.Context(), "Observation", query(t, "patient._list=l1&status=final"), false)),
			"a reverse":  second(s.Search(t.Context(), "Patient", query(t, "_has:Observation:patient:_list=l1&family=ben"), false)),
			"a history":  second(s.History(t.Context(), "Patient", "", query(t, "_list=l1"), false)),
			"a modifier": second(s.Search(t.Context(), "Patient", query(t, "_list:not=l1&family=ben"), false)),
		} {
			if fault.KindOf(err) != fault.Unsupported {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func second(_ []byte, err error) error { return err }
