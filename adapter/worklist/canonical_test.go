package worklist_test

import (
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/worklist"
)

// searches asks each search and compares what is found, by ids.
func searches(t *testing.T, s *worklist.Service, list []struct{ typ, query, want string }) {
	t.Helper()
	for _, tt := range list {
		b, err := s.Search(t.Context(), tt.typ, query(t, tt.query+"&_sort=_lastUpdated"), true)
		if err != nil {
			t.Errorf("%s?%s: %v", tt.typ, tt.query, err)
		} else if got := ids(t, b); got != tt.want {
			t.Errorf("%s?%s: %q, want %q", tt.typ, tt.query, got, tt.want)
		}
	}
}

// TestChainsOverCanonicals: a chain follows a canonical to the definition that
// it names, in the version that it names, and back.
// https://hl7.org/fhir/R4/search.html#chaining
func TestChainsOverCanonicals(t *testing.T) {
	onBoth(t, (*resource.Indexer).Index, func(t *testing.T, s *worklist.Service) {
		searches(t, s, []struct{ typ, query, want string }{
			{"QuestionnaireResponse", "questionnaire.title=mood", "r1 r2 r3"},
			{"QuestionnaireResponse", "questionnaire:Questionnaire.status=active", "r2 r3"},
			{"QuestionnaireResponse", "questionnaire.version=1", "r1 r3"},
			{"QuestionnaireResponse", "questionnaire.version=1&status=completed", "r1"},
			{"QuestionnaireResponse", "questionnaire.title=joy", ""},
			{"QuestionnaireResponse", "questionnaire._id=q2&_count=1", "r2"},
			{"Questionnaire", "_has:QuestionnaireResponse:questionnaire:status=completed", "q1"},
			{"Questionnaire", "_has:QuestionnaireResponse:questionnaire:status=amended", "q1 q2"},
			{"Questionnaire", "_has:QuestionnaireResponse:questionnaire:status=amended&status=active", "q2"},
			{"Questionnaire", "_has:QuestionnaireResponse:questionnaire:status=stopped", ""},
			{"Questionnaire", "_has:QuestionnaireResponse:questionnaire:_id=r4", ""},
		})
	})
}

// TestValueSetModifiers: :in and :not-in with value sets that are held here.
// https://hl7.org/fhir/R4/search.html#modifiers
func TestValueSetModifiers(t *testing.T) {
	onBoth(t, (*resource.Indexer).Index, func(t *testing.T, s *worklist.Service) {
		searches(t, s, []struct{ typ, query, want string }{
			{"Observation", "code:in=http://v.example/moods", "b1"},
			{"Observation", "code:in=http://v.example/moods|7", "b1"},
			{"Observation", "code:in=ValueSet/moods", "b1"},
			{"Observation", "code:in=http://test/fhir/ValueSet/moods", "b1"},
			{"Observation", "code:in=http://v.example/gladness", ""},
			{"Observation", "code:in=http://v.example/gladness,ValueSet/moods", "b1"},
			{"Observation", "code:not-in=http://v.example/moods", ""},
			{"Observation", "code:not-in=http://v.example/gladness", "b1"},
			{"Observation", "category:not-in=ValueSet/moods", "b1"}, // what has no code is in none
			{"Observation", "status:in=ValueSet/ended", "b1"},
			{"Observation", "status:not-in=ValueSet/ended", ""},
			{"Observation", "combo-code:in=ValueSet/moods", "b1"},
			{"Patient", "_has:Observation:patient:code:in=ValueSet/moods", "p1"},
			{"Patient", "_has:Observation:patient:code:in=ValueSet/gladness", ""},
			{"Observation", "code:in=ValueSet/expanded", "b1 !"},
		})
		for q, word := range map[string]string{
			"code:in=http://v.example/none":    "neither loaded nor held",
			"code:in=http://v.example/moods|8": "neither loaded nor held",
			"code:in=ValueSet/none":            "neither loaded nor held",
			"code:in=ValueSet/open":            "terminology server",
			"code:not-in=ValueSet/open":        "terminology server",
			"code:in=ValueSet/page":            "only an expansion",
			"code:in=ValueSet/self":            "too deeply",
		} {
			_, err := s.Search(t.Context(), "Observation", query(t, q), false)
			if f := fault.Of(err); f.Kind != fault.Unsupported || !strings.Contains(f.Issues[0].Text, word) || !strings.HasPrefix(f.Issues[0].Place, "code:") {
				t.Errorf("%s: %v, want a refusal of code that says %q", q, err, word)
			}
		}
		if _, err := s.Search(t.Context(), "Observation", query(t, "code:in="), false); fault.KindOf(err) != fault.Malformed {
			t.Errorf("no value set: %v", err)
		}
	})
}
