// Package recordtest is a stand-in for a patient record, stricter than real ones.
// Tests and the demo use it; a real record cannot be had here.
package recordtest

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fhir"
)

// Mode is how a Record behaves.
type Mode int32

// The modes.
const (
	Up           Mode = iota
	Down              // answers 503, does nothing
	LosesAnswers      // does everything, then breaks the connection
	Lies              // says 200 and does nothing
)

// Record is a stand-in for the FHIR endpoint of a GP patient record, in
// memory. It takes transactions of conditional creates for patients it knows,
// holds every entry against google/fhir, refuses everything else, and counts.
type Record struct {
	mu        sync.Mutex
	mode      Mode
	resources []held
	places    map[string][]int  // where in resources a type and token stand
	patients  map[string]string // identifier token to id
	everyone  bool              // knows every patient
	creating  int               // transactions that created something
	repeats   int               // entries that were there already
	seen      int               // transactions asked for
}

type held struct {
	typ, id string
	tokens  []string
	body    []byte
	instead int // one above the place of what it replaces; 0: nothing
}

func (h held) withID(id string) []byte {
	v, err := element.Parse(h.body, element.Limits{})
	if err != nil {
		return h.body
	}
	v.SetString("id", id)
	return v.JSON()
}

// NewRecord returns an empty record.
func NewRecord() *Record { return &Record{patients: map[string]string{}, places: map[string][]int{}} }

// Know makes a patient known by an identifier.
func (r *Record) Know(system, value string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	token := system + "|" + value
	if r.patients[token] == "" {
		r.patients[token] = fmt.Sprintf("p%d", len(r.patients)+1)
	}
}

// KnowEveryone makes every patient known who has an identifier, for loads of
// more people than can be listed.
func (r *Record) KnowEveryone() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.everyone = true
}

// Set changes the mode.
func (r *Record) Set(m Mode) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mode = m
}

// Tally is what happened so far.
type Tally struct {
	Asked    int            // transactions received while not down
	Creating int            // of those, how many made something
	Repeats  int            // entries that were there already
	ByType   map[string]int // resources held
	Doubled  int            // identifiers that stand on more than one resource
}

// Tally counts.
func (r *Record) Tally() Tally {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := Tally{Asked: r.seen, Creating: r.creating, Repeats: r.repeats, ByType: map[string]int{}}
	for _, h := range r.resources {
		t.ByType[h.typ]++
	}
	for _, at := range r.places {
		if len(at) > 1 {
			t.Doubled++
		}
	}
	return t
}

// Held is how many resources stand under each type and identifier, written
// Type?system|value.
func (r *Record) Held() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(map[string]int, len(r.places))
	for name, at := range r.places {
		out[name] = len(at)
	}
	return out
}

// ServeHTTP implements http.Handler: POST [base] and GET [base]/Type.
func (r *Record) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mode == Down {
		w.Header().Set("Retry-After", "0")
		refuse(w, http.StatusServiceUnavailable, "transient", "down")
		return
	}
	path := strings.Trim(q.URL.Path, "/")
	switch {
	case q.Method == http.MethodPost && path == "":
		r.transaction(w, q)
	case q.Method == http.MethodGet && path == "metadata":
		answer(w, http.StatusOK, element.NewObject(element.S("resourceType", "CapabilityStatement")))
	case q.Method == http.MethodGet && path == "":
		answer(w, http.StatusOK, r.search("", nil))
	case q.Method == http.MethodGet && !strings.Contains(path, "/"):
		query, err := url.ParseQuery(q.URL.RawQuery)
		if err != nil || len(query) > 1 || len(query) == 1 && query.Get("identifier") == "" {
			refuse(w, http.StatusBadRequest, "not-supported", "only identifier=system|value is searched for")
			return
		}
		answer(w, http.StatusOK, r.search(path, query["identifier"]))
	default:
		refuse(w, http.StatusMethodNotAllowed, "not-supported", "transactions and searches only")
	}
}

func (r *Record) search(typ string, tokens []string) *element.Value {
	b := element.NewObject(element.S("resourceType", "Bundle"), element.S("type", "searchset"))
	add := func(h held) {
		if v, err := element.Parse(h.body, element.Limits{}); err == nil {
			b.Append("entry", element.NewObject(element.F("resource", v)))
		}
	}
	if len(tokens) > 0 {
		for _, i := range r.places[place(typ, tokens[0])] {
			add(r.resources[i])
		}
		return b
	}
	for _, h := range r.resources {
		if typ == "" || h.typ == typ {
			add(h)
		}
	}
	return b
}

// place is the key of places.
func place(typ, token string) string { return typ + "?" + token }

func has(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// transaction does everything or nothing.
func (r *Record) transaction(w http.ResponseWriter, q *http.Request) {
	if t, _, _ := strings.Cut(q.Header.Get("Content-Type"), ";"); t != "application/fhir+json" {
		refuse(w, http.StatusUnsupportedMediaType, "not-supported", "application/fhir+json is expected")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, q.Body, 5<<20))
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, "too-long", "5 MB are taken")
		return
	}
	bundle, err := element.Parse(body, element.Limits{})
	if err != nil || bundle.ResourceType() != "Bundle" || bundle.Str("type") != "transaction" {
		refuse(w, http.StatusBadRequest, "structure", "a transaction Bundle is expected")
		return
	}
	r.seen++
	add, reply, status, problem := r.plan(bundle)
	if problem != "" {
		refuse(w, status, "processing", problem)
		return
	}
	if r.mode == Lies {
		answer(w, http.StatusOK, reply)
		return
	}
	if len(add) > 0 {
		r.creating++
	}
	r.repeats += len(bundle.List("entry")) - len(add)
	for _, h := range add {
		if h.instead > 0 {
			h.id = r.resources[h.instead-1].id
			h.body = h.withID(h.id)
			r.resources[h.instead-1] = h
			continue
		}
		for _, tok := range h.tokens {
			r.places[place(h.typ, tok)] = append(r.places[place(h.typ, tok)], len(r.resources))
		}
		r.resources = append(r.resources, h)
	}
	if r.mode == LosesAnswers {
		panic(http.ErrAbortHandler)
	}
	answer(w, http.StatusOK, reply)
}

// plan decides every entry before anything is kept.
func (r *Record) plan(bundle *element.Value) (add []held, reply *element.Value, status int, problem string) {
	reply = element.NewObject(element.S("resourceType", "Bundle"), element.S("type", "transaction-response"))
	for i, e := range bundle.List("entry") {
		res := e.Get("resource")
		if e.TextAt("request.method") == "PUT" && res != nil {
			h, problem := r.change(e, res)
			if problem != "" {
				return nil, nil, 400, fmt.Sprintf("entry %d %s", i, problem)
			}
			add = append(add, h)
			reply.Append("entry", element.NewObject(element.F("response", element.NewObject(element.S("status", "200 OK")))))
			continue
		}
		if e.TextAt("request.method") != "POST" || res == nil || e.TextAt("request.url") != res.ResourceType() {
			return nil, nil, 400, fmt.Sprintf("entry %d is no create of its own type", i)
		}
		token, ok := strings.CutPrefix(e.TextAt("request.ifNoneExist"), "identifier=")
		if token, err := url.QueryUnescape(token); !ok || err != nil || !has(tokens(res), token) {
			return nil, nil, 400, fmt.Sprintf("entry %d has no ifNoneExist on an identifier that it carries", i)
		}
		token, _ = url.QueryUnescape(token)
		if problem := r.check(res); problem != "" {
			return nil, nil, 422, fmt.Sprintf("entry %d: %s", i, problem)
		}
		for _, h := range add {
			if h.typ == res.ResourceType() && has(h.tokens, token) {
				return nil, nil, 400, fmt.Sprintf("entry %d is the same as one before it", i)
			}
		}
		found := len(r.places[place(res.ResourceType(), token)])
		if found > 1 {
			return nil, nil, 412, fmt.Sprintf("entry %d matches more than one", i)
		}
		code := "200 OK"
		if found == 0 {
			code = "201 Created"
			id := "r" + strconv.Itoa(len(r.resources)+len(add)+1)
			kept := res.Clone()
			kept.SetString("id", id)
			add = append(add, held{typ: res.ResourceType(), id: id, tokens: tokens(res), body: kept.JSON()})
		}
		reply.Append("entry", element.NewObject(element.F("response", element.NewObject(element.S("status", code)))))
	}
	if len(reply.List("entry")) == 0 {
		return nil, nil, 400, "the transaction is empty"
	}
	return add, reply, 200, ""
}

// change is the conditional update of what carries an identifier; what nothing
// carries is made.
func (r *Record) change(e, res *element.Value) (held, string) {
	token, ok := strings.CutPrefix(e.TextAt("request.url"), res.ResourceType()+"?identifier=")
	token, err := url.QueryUnescape(token)
	if !ok || err != nil || !has(tokens(res), token) {
		return held{}, "is no update by an identifier that it carries"
	}
	if problem := r.check(res); problem != "" {
		return held{}, problem
	}
	at := r.places[place(res.ResourceType(), token)]
	if len(at) > 1 {
		return held{}, "matches more than one"
	}
	h := held{typ: res.ResourceType(), id: "u" + strconv.Itoa(len(r.resources)+1), tokens: tokens(res)}
	kept := res.Clone()
	kept.SetString("id", h.id)
	h.body = kept.JSON()
	if len(at) == 1 {
		h.instead = at[0] + 1
	}
	return h, ""
}

// check holds an entry against google/fhir and against what a record needs: a
// patient it knows, and text that can be read.
func (r *Record) check(res *element.Value) string {
	if issues, err := fhir.Strict(res.JSON()); err != nil || len(issues) > 0 {
		if len(issues) > 0 {
			return "not valid R4 at " + issues[0].Expression + ": " + issues[0].Text
		}
		return "not valid R4"
	}
	subject := res.TextAt("subject.reference")
	token, ok := strings.CutPrefix(subject, "Patient?identifier=")
	token, err := url.QueryUnescape(token)
	if !ok || err != nil || r.patients[token] == "" && !r.everyone {
		return "the subject is no patient of this record"
	}
	if data := res.TextAt("content.attachment.data"); data != "" {
		if b, err := base64.StdEncoding.DecodeString(data); err != nil || len(b) == 0 {
			return "the attachment is not base64"
		}
	}
	return ""
}

func tokens(res *element.Value) []string {
	var out []string
	for _, id := range res.List("identifier") {
		if v := id.Str("value"); v != "" {
			out = append(out, id.Str("system")+"|"+v)
		}
	}
	return out
}

func answer(w http.ResponseWriter, status int, v *element.Value) {
	w.Header().Set("Content-Type", "application/fhir+json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(v.JSON())
}

func refuse(w http.ResponseWriter, status int, code, text string) {
	answer(w, status, element.NewObject(element.S("resourceType", "OperationOutcome"),
		element.F("issue", element.NewArray(element.NewObject(
			element.S("severity", "error"), element.S("code", code), element.S("diagnostics", text))))))
}
