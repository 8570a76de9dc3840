package load_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// fake is a linkloop in memory, as far as the load generator can tell, with
// faults to choose.
type fake struct {
	t *testing.T

	lose    bool   // answers AA and keeps nothing
	double  bool   // keeps a repeat as a new referral
	lie     bool   // answers a repeat otherwise than the first
	lax     bool   // accepts anything
	busy    bool   // answers 503 to every message
	hangUp  bool   // closes the connection without an answer
	fifth   func() // called with the fifth message
	token   string
	baseURL string // what it thinks its address is

	mu       sync.Mutex
	replies  map[string]string
	patients map[string]bool
	tasks    []map[string]any
	began    time.Time
	requests int
	sizes    []int
	paths    map[string]int
}

func newFake(t *testing.T) (*fake, *httptest.Server) {
	f := &fake{t: t, replies: map[string]string{}, patients: map[string]bool{}, paths: map[string]int{}, began: time.Now(), baseURL: "http://public.example/linkloop"}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /intake/{sender}", f.intake)
	mux.HandleFunc("GET /fhir/{type}", f.search)
	mux.HandleFunc("GET /fhir/{type}/{id}", f.read)
	mux.HandleFunc("PUT /fhir/Task/{id}", f.update)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.token != "" && r.Header.Get("Authorization") != "Bearer "+f.token {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.paths[strings.SplitN(r.URL.Path, "/", 4)[2]]++
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	return f, srv
}

func (f *fake) intake(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		f.t.Error(err)
	}
	switch {
	case f.hangUp:
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			f.t.Error(err)
			return
		}
		_ = conn.Close()
		return
	case f.busy:
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	id, good := "", false
	if r.PathValue("sender") == "generic-json" {
		var doc struct {
			ID      string
			Patient struct{ NHSNumber string }
		}
		good = json.Unmarshal(body, &doc) == nil && doc.Patient.NHSNumber != ""
		id = doc.ID
	} else if r.PathValue("sender") == "bars-r4" {
		var doc struct{ ID, Type string }
		good = json.Unmarshal(body, &doc) == nil && doc.Type == "message"
		id = doc.ID
	} else {
		fields := strings.Split(strings.SplitN(string(body), "\r", 2)[0], "|")
		good = len(fields) > 11 && fields[8] == "REF^I12"
		if good {
			id = fields[9]
			if len(body) < 5_000 {
				f.sizes = append(f.sizes, len(body))
			}
		}
	}
	if !good && !f.lax {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, "MSH|^~\\&|\rMSA|AR|\r")
		return
	}
	reply, repeat := f.replies[id]
	if !repeat {
		reply = "MSH|^~\\&|\rMSA|AA|" + id + "\r"
		f.replies[id] = reply
	}
	if (!repeat || f.double) && !f.lose {
		f.requests++
		n := fmt.Sprint(len(f.tasks) + 1)
		f.tasks = append(f.tasks, map[string]any{"resourceType": "Task", "id": n, "status": "requested",
			"for": map[string]any{"reference": "Patient/p" + n}, "meta": map[string]any{"versionId": "1"}})
	}
	if f.fifth != nil && len(f.tasks) == 5 {
		f.fifth()
	}
	if repeat && f.lie {
		reply += "NTE|again\r"
	}
	fmt.Fprint(w, reply)
}

func (f *fake) search(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	bundle := map[string]any{"resourceType": "Bundle"}
	total := map[string]int{"Task": len(f.tasks), "ServiceRequest": f.requests}[r.PathValue("type")]
	if q.Get("_summary") == "count" {
		if n, ok := f.within(q["_lastUpdated"], total); ok {
			bundle["total"] = n
		}
	} else if r.PathValue("type") == "Task" {
		from := 0
		_, _ = fmt.Sscan(q.Get("page"), &from)
		var entries []any
		for i := from; i < min(from+3, len(f.tasks)); i++ { // small pages, so that paging is followed
			if q.Get("status") == "requested" && f.tasks[i]["status"] != "requested" {
				continue
			}
			entries = append(entries, map[string]any{"resource": f.tasks[i]})
		}
		bundle["entry"] = entries
		if from+3 < len(f.tasks) {
			bundle["link"] = []any{map[string]any{"relation": "next", "url": fmt.Sprintf("%s/fhir/Task?page=%d", f.baseURL, from+3)}}
		}
	}
	f.send(w, bundle)
}

// within counts as a server does that tells no total of many: everything was
// changed at once just now, and a period of more than a day has too much.
func (f *fake) within(period []string, total int) (n int, told bool) {
	if len(period) != 2 {
		return 0, false
	}
	from, err1 := time.Parse("ge2006-01-02T15:04:05.000Z", period[0])
	to, err2 := time.Parse("lt2006-01-02T15:04:05.000Z", period[1])
	if err1 != nil || err2 != nil {
		f.t.Errorf("a period of %q", period)
	}
	if f.began.Before(from) || !f.began.Before(to) {
		return 0, true
	}
	return total, to.Sub(from) <= 24*time.Hour
}

func (f *fake) read(w http.ResponseWriter, r *http.Request) {
	f.send(w, map[string]any{"resourceType": r.PathValue("type"), "id": r.PathValue("id")})
}

func (f *fake) update(w http.ResponseWriter, r *http.Request) {
	for i, t := range f.tasks {
		if t["id"] != r.PathValue("id") {
			continue
		}
		version := t["meta"].(map[string]any)["versionId"].(string)
		if r.Header.Get("If-Match") != `W/"`+version+`"` {
			w.WriteHeader(http.StatusPreconditionFailed)
			return
		}
		var next map[string]any
		if err := json.NewDecoder(r.Body).Decode(&next); err != nil {
			f.t.Error(err)
		}
		if next["status"] == "completed" && next["output"] == nil {
			w.WriteHeader(http.StatusUnprocessableEntity)
			return
		}
		next["meta"] = map[string]any{"versionId": version + "1"}
		f.tasks[i] = next
		w.Header().Set("ETag", `W/"`+version+`1"`)
		f.send(w, next)
		return
	}
	w.WriteHeader(http.StatusNotFound)
}

func (f *fake) send(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/fhir+json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		f.t.Error(err)
	}
}
