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
		})
		b, err := s.Search(t.Context(), "Patient", query(t, "_list=l1&_count=1"), true)
		if err != nil || !strings.Contains(string(b), "_list=l1") {
			t.Errorf("the self link does not say _list: %v", err)
		}
		for _, q := range []string{"_list=none", "_list=", "_list=$current-problems", "_list=Task/t1", "_list=l1,l2"} {
			if _, err := s.Search(t.Context(), "Patient", query(t, q), false); err == nil || fault.Of(err).Issues[0].Place != "_list" {
				t.Errorf("%s: %v", q, err)
			}
		}
	})
}
