package worklist_test

import (
	"bytes"
	"log/slog"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/store/postgres"
	"github.com/linkloop/linkloop/adapter/store/postgrestest"
	"github.com/linkloop/linkloop/adapter/store/sqlite"
	"github.com/linkloop/linkloop/adapter/worklist"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// loop is a small referral loop: two people, two organizations, two requests
// with their Tasks, and what was found out about one person.
var loop = []string{
	`{"resourceType":"Patient","id":"p1","identifier":[{"system":"urn:i","value":"1"}],"name":[{"family":"Ashworth"}],"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"}}`,
	`{"resourceType":"Patient","id":"p2","identifier":[{"system":"urn:i","value":"2"}],"name":[{"family":"Benbow"}],"generalPractitioner":[{"reference":"Organization/o2"}]}`,
	`{"resourceType":"Organization","id":"o1","name":"Northern Link Workers","partOf":{"reference":"Organization/o2"}}`,
	`{"resourceType":"Organization","id":"o2","name":"Trust of the North"}`,
	`{"resourceType":"ServiceRequest","id":"s1","status":"active","intent":"order","subject":{"reference":"Patient/p1"}}`,
	`{"resourceType":"ServiceRequest","id":"s2","status":"active","intent":"order","subject":{"reference":"Patient/p2"}}`,
	`{"resourceType":"Task","id":"t1","status":"requested","intent":"order","for":{"reference":"Patient/p1"},"focus":{"reference":"ServiceRequest/s1"},"owner":{"reference":"Organization/o1"}}`,
	`{"resourceType":"Task","id":"t2","status":"accepted","intent":"order","for":{"reference":"Patient/p2"},"focus":{"reference":"ServiceRequest/s2"}}`,
	`{"resourceType":"Observation","id":"b1","status":"final","code":{"coding":[{"system":"urn:c","code":"lonely"}]},"subject":{"reference":"Patient/p1"}}`,
	`{"resourceType":"List","id":"l1","status":"current","mode":"working","entry":[{"item":{"reference":"Task/t1"}},{"item":{"reference":"Patient/p2"}},{"item":{"reference":"http://elsewhere.example/fhir/Organization/o1"}},{"deleted":true,"item":{"reference":"Patient/p1"}}]}`,
	`{"resourceType":"Questionnaire","id":"q1","status":"retired","url":"http://q.example/mood","version":"1","title":"Mood"}`,
	`{"resourceType":"Questionnaire","id":"q2","status":"active","url":"http://q.example/mood","version":"2","title":"Mood"}`,
	`{"resourceType":"QuestionnaireResponse","id":"r1","status":"completed","questionnaire":"http://q.example/mood|1"}`,
	`{"resourceType":"QuestionnaireResponse","id":"r2","status":"in-progress","questionnaire":"http://q.example/mood|2"}`,
	`{"resourceType":"QuestionnaireResponse","id":"r3","status":"amended","questionnaire":"http://q.example/mood"}`,
	`{"resourceType":"QuestionnaireResponse","id":"r4","status":"completed","questionnaire":"http://q.example/other|1"}`,
	`{"resourceType":"CodeSystem","id":"c","status":"active","content":"complete","url":"urn:c","concept":[{"code":"lonely"},{"code":"glad","concept":[{"code":"merry"}]}]}`,
	`{"resourceType":"ValueSet","id":"moods","status":"active","url":"http://v.example/moods","version":"7","compose":{"include":[{"system":"urn:c"}]}}`,
	`{"resourceType":"ValueSet","id":"gladness","status":"active","url":"http://v.example/gladness","compose":{"include":[{"valueSet":["http://v.example/moods"]}],"exclude":[{"system":"urn:c","concept":[{"code":"lonely"}]}]}}`,
	`{"resourceType":"ValueSet","id":"open","status":"active","url":"http://v.example/open","compose":{"include":[{"system":"http://snomed.info/sct","filter":[{"property":"concept","op":"is-a","value":"1"}]}]}}`,
	`{"resourceType":"ValueSet","id":"expanded","status":"active","url":"http://v.example/expanded","compose":{"include":[{"system":"urn:c","filter":[{"property":"concept","op":"is-a","value":"1"}]}]},"expansion":{"timestamp":"2026-01-01","total":1,"contains":[{"system":"urn:c","code":"lonely"}]}}`,
	`{"resourceType":"ValueSet","id":"page","status":"active","url":"http://v.example/page","expansion":{"timestamp":"2026-01-01","total":9,"contains":[{"system":"urn:c","code":"lonely"}]}}`,
	`{"resourceType":"ValueSet","id":"self","status":"active","url":"http://v.example/self","compose":{"include":[{"valueSet":["http://v.example/self"]}]}}`,
	`{"resourceType":"ValueSet","id":"ended","status":"active","url":"http://v.example/ended","compose":{"include":[{"system":"http://hl7.org/fhir/observation-status","concept":[{"code":"final"},{"code":"amended"}]}]}}`,
}

// counted is how many matches the stores of onBoth count.
const counted = 6

// onBoth runs a test on each store, with the loop in it as indexed by before.
func onBoth(t *testing.T, index func(ix *resource.Indexer, v *element.Value) resource.Index, test func(t *testing.T, s *worklist.Service)) {
	for name, open := range map[string]func(t *testing.T) (store.Store, error){
		"sqlite": func(t *testing.T) (store.Store, error) {
			c := sqlite.DefaultConfig()
			c.Path, c.CountLimit = filepath.Join(t.TempDir(), "linkloop.db"), counted
			return sqlite.Open(t.Context(), c)
		},
		"postgres": func(t *testing.T) (store.Store, error) {
			c := postgres.DefaultConfig()
			c.DSN, c.CountLimit = postgrestest.Database(t), counted
			return postgres.Open(t.Context(), c)
		},
	} {
		t.Run(name, func(t *testing.T) {
			st, err := open(t)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := st.Close(); err != nil {
					t.Error(err)
				}
			})
			ix := resource.NewIndexer(bytes.Repeat([]byte{1}, 32))
			err = st.Decide(t.Context(), func(tx store.Tx) error {
				for _, text := range loop {
					v, err := element.Parse([]byte(text), element.Limits{})
					if err != nil {
						return err
					}
					if _, err := tx.Resources().Put(store.Write{Key: store.Key{Type: v.ResourceType(), ID: v.ID()}, Body: element.Canonical(v), Index: index(ix, v)}); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			test(t, worklist.New(worklist.Config{Store: st, Indexer: ix, BaseURL: "http://test/fhir", Now: time.Now, Log: slog.New(slog.DiscardHandler)}))
		})
	}
}

// ids are those of a Bundle's entries, included ones with a plus.
func ids(t *testing.T, b []byte) string {
	t.Helper()
	v, err := element.Parse(b, element.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range v.List("entry") {
		switch id := e.TextAt("resource.id"); e.TextAt("search.mode") {
		case "match":
			out = append(out, id)
		case "include":
			out = append(out, "+"+id)
		default:
			out = append(out, "!")
		}
	}
	return strings.Join(out, " ")
}

func query(t *testing.T, q string) url.Values {
	t.Helper()
	v, err := url.ParseQuery(q)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestTotals: who asks how many there are is told, or told that they are not
// counted.
func TestTotals(t *testing.T) {
	onBoth(t, (*resource.Indexer).Index, func(t *testing.T, s *worklist.Service) {
		for _, tt := range []struct{ typ, query, total, entries string }{
			{"Task", "_total=accurate&_count=1&_sort=_lastUpdated", "2", "t1"},
			{"Task", "_summary=count", "2", ""},
			{"ValueSet", "_count=1&_sort=_lastUpdated", "", "moods"},
			{"ValueSet", "_total=accurate&_count=1&_sort=_lastUpdated", "", "moods !"},
			{"ValueSet", "_summary=count", "", "!"},
		} {
			b, err := s.Search(t.Context(), tt.typ, query(t, tt.query), false)
			if err != nil {
				t.Fatalf("%s?%s: %v", tt.typ, tt.query, err)
			}
			v, err := element.Parse(b, element.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if got := ids(t, b); v.TextAt("total") != tt.total || got != tt.entries {
				t.Errorf("%s?%s: total %q and %q, want %q and %q", tt.typ, tt.query, v.TextAt("total"), got, tt.total, tt.entries)
			}
		}
	})
}

// TestLinkedSearch: chains, reverse chains, includes both ways, compartments
// and parts of resources: hit, miss, and what is refused.
func TestLinkedSearch(t *testing.T) {
	onBoth(t, (*resource.Indexer).Index, func(t *testing.T, s *worklist.Service) {
		for _, tt := range []struct{ typ, query, want string }{
			{"Task", "patient.identifier=urn:i|1", "t1"},
			{"Task", "patient.identifier=urn:i|3", ""},
			{"Task", "patient.family=ben&status=accepted", "t2"},
			{"Task", "patient.family=ben&status=requested", ""},
			{"Task", "owner:Organization.name=northern", "t1"},
			{"Task", "owner.name=northern", "t1"},
			{"Task", "owner:Organization.partof.name=trust", "t1"},
			{"Task", "focus:ServiceRequest.patient.family=ash", "t1"},
			{"Task", "patient.general-practitioner:Organization.name=trust", "t2"},
			{"Patient", "_has:Observation:patient:code=lonely", "p1"},
			{"Patient", "_has:Observation:patient:code=urn:c|glad", ""},
			{"Patient", "_has:Task:patient:owner.name=northern", "p1"},
			{"Patient", "_has:Task:patient:status=accepted&_id=p1", ""},
			{"List", "item=http://elsewhere.example/fhir/Organization/o1", "l1"},
			{"Organization", "_has:List:item:status=current", ""},
			{"Task", "patient._has:Observation:patient:code=lonely", "t1"},
			{"Task", "_id=t1&_include=Task:owner", "t1 +o1"},
			{"Task", "_id=t1&_include=Task:owner&_include:iterate=Organization:partof", "t1 +o1 +o2"},
			{"Task", "_id=t1&_include=Task:focus&_include:iterate=ServiceRequest:patient&_revinclude:iterate=Observation:patient", "t1 +s1 +p1 +b1"},
			{"Task", "_id=t2&_include=*", "t2 +p2 +s2"},
			{"Task", "_id=t2&_include=Task:owner", "t2"},
			{"Patient", "_id=p1&_revinclude=Observation:patient", "p1 +b1"},
			{"Patient", "_id=p1&_revinclude=Task:patient&_revinclude=ServiceRequest:patient", "p1 +t1 +s1"},
			{"Patient", "_id=p2&_revinclude=Observation:patient", "p2"},
		} {
			b, err := s.Search(t.Context(), tt.typ, query(t, tt.query+"&_sort=_lastUpdated"), false)
			if err != nil {
				t.Errorf("%s?%s: %v", tt.typ, tt.query, err)
			} else if got := ids(t, b); got != tt.want {
				t.Errorf("%s?%s: %q, want %q", tt.typ, tt.query, got, tt.want)
			}
		}
		for _, q := range []string{
			"patient.nothing=1", "owner:Patient2.name=x", "status.name=x", "patient.family=", "_has:Observation=1", "_has:Observation:nothing:code=1", "_has:Nothing:patient:code=1",
			"focus:Task.focus:Task.focus:Task.focus:Task.status=x", "_revinclude=Nothing:x", "_revinclude=Observation:code", "_include=Patient:link", "_elements=a%20b", "_elements=", "patient._sort=x",
			"patient.family=a&patient.family=b&patient.family=c&patient.family=d",
		} {
			if b, err := s.Search(t.Context(), "Task", query(t, q), false); err == nil || fault.KindOf(err) != fault.Malformed && fault.KindOf(err) != fault.Unsupported {
				t.Errorf("%s: %v %s", q, err, b)
			}
		}
		for _, tt := range []struct{ in, typ, query, want string }{
			{"p1", "Task", "", "t1"}, {"p1", "Observation", "code=lonely", "b1"}, {"p1", "Observation", "code=glad", ""}, {"p2", "Observation", "", ""}, {"p2", "ServiceRequest", "status=active", "s2"},
		} {
			b, err := s.SearchIn(t.Context(), store.Key{Type: "Patient", ID: tt.in}, tt.typ, query(t, tt.query), true)
			if err != nil || ids(t, b) != tt.want || !strings.Contains(string(b), "http://test/fhir/Patient/"+tt.in+"/"+tt.typ) {
				t.Errorf("Patient/%s/%s?%s: %v %s", tt.in, tt.typ, tt.query, err, b)
			}
		}
		if _, err := s.SearchIn(t.Context(), store.Key{Type: "Patient", ID: "p9"}, "Task", nil, true); fault.KindOf(err) != fault.NotFound {
			t.Errorf("a compartment of nobody: %v", err)
		}
		for q, want := range map[string]string{
			"_elements=identifier": "id identifier meta resourceType", "_elements=Patient.name,text": "id meta name resourceType text", "_summary=text": "id meta resourceType text", "_summary=data": "id identifier meta name resourceType",
		} {
			b, err := s.Search(t.Context(), "Patient", query(t, "_id=p1&"+q), false)
			if err != nil {
				t.Fatal(err)
			}
			v, err := element.Parse(b, element.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			r := v.All("entry.resource")[0]
			var names []string
			for _, name := range []string{"id", "identifier", "meta", "name", "resourceType", "text"} {
				if r.Get(name) != nil {
					names = append(names, name)
				}
			}
			if got := strings.Join(names, " "); got != want || r.TextAt("meta.tag.code") != "SUBSETTED" && len(r.All("meta.tag.code")) == 0 {
				t.Errorf("%s: %s, want %s: %s", q, got, want, b)
			}
		}
	})
}

// TestSearchAll: several types in one order, page by page.
func TestSearchAll(t *testing.T) {
	onBoth(t, (*resource.Indexer).Index, func(t *testing.T, s *worklist.Service) {
		for _, tt := range []struct{ query, want string }{
			{"_type=Task,Patient&_sort=_lastUpdated", "p1 p2 t1 t2"},
			{"_type=Task&_type=Patient", "t2 t1 p2 p1"},
			{"_type=Task,Patient,Organization,ServiceRequest,Observation", "b1 t2 t1 s2 s1 o2 o1 p2 p1"},
			{"_type=Task,Patient&_id=p1,t1", "t1 p1"},
			{"_type=Task,Observation&patient.family=ash", "b1 t1"},
		} {
			for _, count := range []string{"1", "2", "3", "50"} {
				params := query(t, tt.query+"&_count="+count+"&_total=accurate")
				var got []string
				for range 20 {
					b, err := s.SearchAll(t.Context(), params, true)
					if err != nil {
						t.Fatalf("%s: %v", tt.query, err)
					}
					v, err := element.Parse(b, element.Limits{})
					if err != nil {
						t.Fatal(err)
					}
					if want := len(strings.Fields(tt.want)); v.TextAt("total") != strconv.Itoa(want) && v.Get("total").Text != strconv.Itoa(want) {
						t.Errorf("%s: total %s, want %d", tt.query, v.Get("total").Text, want)
					}
					if page := ids(t, b); page != "" {
						got = append(got, page)
					}
					next := ""
					for _, l := range v.List("link") {
						if l.Str("relation") == "next" {
							next = l.Str("url")
						}
					}
					if next == "" {
						break
					}
					u, err := url.Parse(next)
					if err != nil || u.Path != "/fhir" {
						t.Fatalf("%s: %v", next, err)
					}
					params = u.Query()
				}
				if strings.Join(got, " ") != tt.want {
					t.Errorf("%s by %s: %q, want %q", tt.query, count, got, tt.want)
				}
			}
		}
		for _, q := range []string{"", "_type=", "_type=Nothing", "_type=Task&_include=Task:owner", "_type=Task&_sort=authored-on", "_type=Task,Patient&_cursor=x", "_type=Task,Patient&family=a"} {
			if _, err := s.SearchAll(t.Context(), query(t, q), true); fault.KindOf(err) != fault.Malformed && fault.KindOf(err) != fault.Unsupported || err == nil {
				t.Errorf("%q: %v", q, err)
			}
		}
	})
}

// TestReindex: what was written with an index that knew less is found by what
// is new, after it was indexed anew, as the same version.
func TestReindex(t *testing.T) {
	none := func(*resource.Indexer, *element.Value) resource.Index { return resource.Index{} }
	onBoth(t, none, func(t *testing.T, s *worklist.Service) {
		found := func(want string) {
			t.Helper()
			b, err := s.Search(t.Context(), "Patient", query(t, "family=ash"), true)
			if err != nil || ids(t, b) != want {
				t.Errorf("%v: %s, want %q", err, b, want)
			}
		}
		found("")
		if n, err := s.Reindex(t.Context()); n != len(loop) || err != nil {
			t.Errorf("%d indexed, want %d: %v", n, len(loop), err)
		}
		found("p1")
		if n, err := s.Reindex(t.Context()); n != 0 || err != nil {
			t.Errorf("%d indexed the second time: %v", n, err)
		}
		if v, err := s.Read(t.Context(), "Patient", "p1"); err != nil || v.Number != 1 {
			t.Errorf("version %d, %v", v.Number, err)
		}
	})
}
