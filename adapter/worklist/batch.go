package worklist

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/patch"
	"github.com/linkloop/linkloop/adapter/store"
)

// entry is one request of a batch or transaction.
type entry struct {
	method   string
	key      store.Key // type, and the id where it is known
	query    string    // of a search or a condition
	searches bool      // GET of a type, or of the server
	within   string    // GET of a type within the compartment of the resource
	history  bool
	version  int64 // of a vread, else 0
	fullURL  string
	resource *element.Value // nil where the request has none

	ifMatch, ifNoneMatch, ifNoneExist string
	ifModifiedSince                   time.Time
	operation                         string // without the dollar sign
	strict                            bool   // unknown search parameters are refused

	// Of a transaction: conditions are resolved before anything is written.
	inTransaction bool
	exists        bool // a condition found the resource
	made          bool // the id is new
	comes         bool // of a PUT: there is nothing with the id yet
	refersTo      []store.Key
}

// reads reports whether nothing is written for the entry.
func (e entry) reads() bool { return e.method == "GET" || e.operation == validate }

// makes reports whether an entry of a transaction makes a resource.
func (e entry) makes() bool {
	return e.comes || e.method == "POST" && e.operation == "" && !e.exists
}

// answer is what an entry came to.
type answer struct {
	status   int
	version  store.Version // zero when there is none
	resource []byte        // of a GET
	fault    *fault.Fault
	remarks  []fault.Issue // warnings about what was taken
}

// written reports whether the answer is about a version that the entry wrote.
func (a answer) written() bool {
	return a.version.Number > 0 && (a.status == 200 && a.resource == nil || a.status == 201)
}

// batch does each entry by itself. What is read after the answers are full is
// not answered, and what was written is answered without the resource.
func (s *Service) batch(ctx context.Context, who Caller, list []*element.Value, prefer Preferences) []answer {
	b := s.batchOf(who, list, prefer)
	for i, x := range list {
		e, err := b.entry(ctx, x)
		if err == nil {
			err = b.do(ctx, i, e)
		}
		if err != nil {
			b.fail(i, err)
		}
	}
	return b.out
}

// batch is one in work.
type batch struct {
	service *Service // whose reading is bounded
	who     Caller
	prefer  Preferences
	names   map[string]bool // fullUrls that are no addresses
	left    *allowance
	room    room
	out     []answer
}

func (s *Service) batchOf(who Caller, list []*element.Value, prefer Preferences) *batch {
	b := &batch{who: who, prefer: prefer, names: map[string]bool{}, left: new(allowance), room: room{left: MaxAnswers}, out: make([]answer, len(list))}
	in := *s
	in.cfg.Store = metered{s.cfg.Store, b.left}
	b.service = &in
	for _, x := range list {
		if u := x.Str("fullUrl"); strings.HasPrefix(u, "urn:") {
			b.names[u] = true
		}
	}
	return b
}

// entry reads an entry while there is time.
func (b *batch) entry(ctx context.Context, x *element.Value) (e entry, err error) {
	if err := inTime(ctx); err != nil {
		return e, err
	}
	if e, err = b.service.entry(x); err != nil {
		return e, err
	}
	e.strict = b.prefer.Strict
	if refersToOther(e.resource, b.names) {
		return e, fault.New(fault.Malformed, "", "entries of a batch do not refer to each other; send a transaction")
	}
	return e, nil
}

// do does what an entry asks for.
func (b *batch) do(ctx context.Context, i int, e entry) (err error) {
	if e.reads() && b.room.spent {
		return b.room.full()
	}
	*b.left = ofEntry()
	if b.out[i], err = b.service.done(ctx, b.who, e); err != nil {
		return err
	}
	return b.keep(i, e.reads())
}

// keep takes the room of an answer.
func (b *batch) keep(i int, reads bool) error {
	fits := b.room.hold(&b.out[i], b.prefer.Returns)
	if !fits && reads {
		return b.room.full()
	}
	if !fits {
		b.out[i].without()
	}
	return nil
}

func (b *batch) fail(i int, err error) {
	f := fault.Of(located(err, i))
	b.out[i] = answer{status: f.Kind.Row().HTTP, fault: f}
}

// without leaves out of the answer to a write what it would show.
func (a *answer) without() {
	a.resource, a.version.Body = nil, nil
	a.remarks = []fault.Issue{{Severity: "warning", Code: "too-costly", Text: "this was done; the resource is left out, as the answers of the Bundle are full"}}
}

// refersToOther reports whether a reference is one of the names.
func refersToOther(v *element.Value, names map[string]bool) bool {
	if v == nil {
		return false
	}
	for _, f := range v.Fields {
		if f.Name == "reference" && names[f.Value.Text] || refersToOther(f.Value, names) {
			return true
		}
	}
	for _, it := range v.Items {
		if refersToOther(it, names) {
			return true
		}
	}
	return false
}

// entry reads Bundle.entry.
func (s *Service) entry(x *element.Value) (e entry, err error) {
	request := x.Get("request")
	if request == nil || request.Kind != element.Object {
		return e, fault.New(fault.Malformed, "", "the entry has no request, which says what is done with it")
	}
	if err := misshapenEntry(x); err != nil {
		return e, err
	}
	for _, name := range []string{"ifMatch", "ifNoneMatch", "ifNoneExist", "ifModifiedSince"} {
		if condition := request.Get(name); condition != nil && condition.Kind != element.String {
			return e, fault.New(fault.Malformed, "request."+name, "a text is expected")
		}
	}
	e = entry{
		method: request.Str("method"), fullURL: x.Str("fullUrl"), resource: x.Get("resource"),
		ifMatch: request.Str("ifMatch"), ifNoneMatch: request.Str("ifNoneMatch"), ifNoneExist: request.Str("ifNoneExist"),
	}
	if since := request.Str("ifModifiedSince"); since != "" {
		if e.ifModifiedSince, err = time.Parse(time.RFC3339Nano, since); err != nil {
			return e, fault.New(fault.Malformed, "", "request.ifModifiedSince is an instant with a time zone")
		}
	}
	path, query, asked := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(request.Str("url"), s.cfg.BaseURL), "/"), "?")
	e.query = query
	switch {
	case e.method == "GET" && (path == "" && asked || path == "_history"):
		e.searches, e.history = path == "", path != ""
		return e, nil
	case path == "metadata":
		return e, fault.New(fault.Unsupported, "", "the CapabilityStatement is read by itself, from [base]/metadata")
	case strings.Contains(path, ":") || path == "":
		return e, fault.New(fault.Malformed, "", "request.url is relative to this server, such as Task/1")
	}
	parts := strings.Split(path, "/")
	if name, called := strings.CutPrefix(parts[len(parts)-1], "$"); called {
		e.operation = name
		return e.calls(parts[:len(parts)-1])
	}
	e.key.Type = parts[0]
	if _, err := definition(e.key.Type); err != nil {
		return e, err
	}
	if len(parts) > 1 && parts[1] != "_history" {
		e.key.ID = parts[1]
		parts = parts[1:]
	}
	rest := strings.Join(parts[1:], "/")
	switch version, isVersion := strings.CutPrefix(rest, "_history/"); {
	case e.key.ID == "_search":
		return e, fault.New(fault.Unsupported, "", "a search in a Bundle is a GET, such as Task?status=requested")
	case rest == "":
	case e.method == "GET" && rest == "_history":
		e.history = true
	case e.method == "GET" && isVersion && e.key.ID != "":
		if e.version, err = strconv.ParseInt(version, 10, 64); err != nil || e.version < 1 {
			return e, fault.New(fault.NotFound, "", "no such version")
		}
	case e.method == "GET" && e.key.ID != "" && !strings.ContainsAny(rest, "/_"):
		e.within = rest
		return e, nil
	default:
		return e, fault.New(fault.Malformed, "", "request.url is not one of this method")
	}
	switch e.method {
	case "GET":
		e.searches = e.key.ID == "" && !e.history
		return e, nil
	case "DELETE":
	case "POST", "PUT", "PATCH":
		if e.resource == nil || e.resource.Kind != element.Object {
			return e, fault.New(fault.Malformed, "", "the entry has no resource")
		}
	case "HEAD":
		return e, fault.New(fault.MethodNotAllowed, "", "HEAD is not served in a Bundle")
	default:
		return e, fault.New(fault.Malformed, "", "request.method is one of GET, POST, PUT, PATCH, DELETE")
	}
	switch {
	case e.method == "POST" && (e.key.ID != "" || asked):
		return e, fault.New(fault.Malformed, "", "a POST in a Bundle creates: request.url is a type")
	case e.method == "PUT" && e.key.ID != "" && e.resource.ID() != e.key.ID:
		return e, badID(e.key.Type, "the id in the resource is not the id in the URL")
	case (e.method == "PUT" || e.method == "POST") && e.resource.ResourceType() != e.key.Type:
		return e, fault.New(fault.Malformed, "", "a resource of the type in request.url is expected")
	}
	return e, nil
}

// done does what one entry asks for, and notes what is said about what it wrote.
func (s *Service) done(ctx context.Context, who Caller, e entry) (answer, error) {
	said := &Remarks{}
	a, err := s.Judging(s.lenient, said).do(ctx, who, e)
	a.remarks = said.Issues
	return a, err
}

// do does what one entry asks for.
func (s *Service) do(ctx context.Context, who Caller, e entry) (a answer, err error) {
	if e.operation != "" {
		return s.call(ctx, who, e)
	}
	switch e.method {
	case "GET":
		return s.get(ctx, e)
	case "POST":
		return s.post(ctx, who, e)
	case "PUT":
		return s.put(ctx, who, e)
	}
	c := Change{Type: e.key.Type, ID: e.key.ID, IfMatch: e.ifMatch}
	if e.method == "DELETE" {
		switch {
		case e.key.ID != "":
			a.version, err = s.remove(ctx, who, c, !e.inTransaction)
		case e.inTransaction: // the condition found nothing
			_, err = s.Delete(ctx, who, c)
		default:
			a.version, err = s.DeleteOne(ctx, who, c, e.query)
		}
		a.status = 204
		return a, err
	}
	p, err := patchOf(e.resource)
	if err != nil {
		return a, err
	}
	switch {
	case e.key.ID != "":
		a.version, err = s.Patch(ctx, who, c, p)
	case e.inTransaction:
		err = fault.New(fault.NotFound, inURL, "no resource meets the condition")
	default:
		a.version, err = s.PatchOne(ctx, who, c, p, e.query)
	}
	a.status = 200
	return a, err
}

func (s *Service) post(ctx context.Context, who Caller, e entry) (a answer, err error) {
	made := true
	body := e.resource.JSON()
	switch {
	case e.exists:
		a.version, err = s.Read(ctx, e.key.Type, e.key.ID)
		made = false
	case e.inTransaction:
		a.version, made, err = s.create(ctx, who, e.key.Type, body, creation{id: e.key.ID})
	case e.ifNoneExist != "":
		a.version, made, err = s.CreateUnless(ctx, who, e.key.Type, body, e.ifNoneExist)
	default:
		a.version, err = s.Create(ctx, who, e.key.Type, body)
	}
	a.status = 200
	if made {
		a.status = 201
	}
	return a, err
}

func (s *Service) put(ctx context.Context, who Caller, e entry) (a answer, err error) {
	if e.ifNoneMatch != "" && (e.key.ID == "" || e.made || e.query != "") {
		return a, fault.New(fault.Malformed, "ifNoneMatch", "a PUT with a condition in its URL takes none beside it")
	}
	c := Change{Type: e.key.Type, ID: e.key.ID, IfMatch: e.ifMatch, IfNoneMatch: e.ifNoneMatch}
	a.status = 200
	made := false
	switch {
	case e.made && strings.TrimSpace(e.ifMatch) != "":
		return a, fault.New(fault.VersionConflict, "ifMatch", "no resource meets the condition, so there is no version to match")
	case e.made && e.resource.ID() != "":
		a.version, made, err = s.makeAs(ctx, who, e.key.Type, e.key.ID, e.resource.JSON())
	case e.made:
		a.version, made, err = s.create(ctx, who, e.key.Type, e.resource.JSON(), creation{id: e.key.ID})
	case e.key.ID == "":
		c.Body = e.resource.JSON()
		a.version, made, err = s.UpdateOne(ctx, who, c, e.query)
	default:
		whole := e.resource
		if whole.ID() == "" {
			whole = whole.Clone()
			whole.SetString("id", e.key.ID)
		}
		c.Body = whole.JSON()
		a.version, made, err = s.Put(ctx, who, c)
	}
	if made {
		a.status = 201
	}
	return a, err
}

func (s *Service) get(ctx context.Context, e entry) (a answer, err error) {
	a.status = 200
	switch {
	case e.searches, e.history, e.within != "":
		params, err := parameters(e.query)
		if err != nil {
			return a, err
		}
		switch {
		case e.history:
			a.resource, err = s.History(ctx, e.key.Type, e.key.ID, params, e.strict)
		case e.within != "":
			a.resource, err = s.SearchIn(ctx, e.key, e.within, params, e.strict)
		case e.key.Type == "":
			a.resource, err = s.SearchAll(ctx, params, e.strict)
		default:
			a.resource, err = s.Search(ctx, e.key.Type, params, e.strict)
		}
		return a, err
	case e.version > 0:
		a.version, err = s.VRead(ctx, e.key.Type, e.key.ID, e.version)
	default:
		a.version, err = s.Read(ctx, e.key.Type, e.key.ID)
	}
	if err != nil {
		return a, err
	}
	if e.known(a.version) {
		a.status = 304
		return a, nil
	}
	a.resource = a.version.Body
	return a, nil
}

// known reports whether who asks has the version already. As in HTTP,
// ifModifiedSince counts where ifNoneMatch is not there.
func (e entry) known(v store.Version) bool {
	if e.ifNoneMatch != "" {
		seen, err := versionSeen(e.ifNoneMatch)
		return err == nil && seen == v.Number
	}
	return !e.ifModifiedSince.IsZero() && !v.Updated.After(e.ifModifiedSince)
}

// patchOf reads the patch of an entry: a Binary that holds one, or Parameters.
// https://hl7.org/fhir/R4/http.html#patch
func patchOf(v *element.Value) (patch.Patch, error) {
	if v.ResourceType() != "Binary" {
		return patch.ParseParameters(v)
	}
	data, err := base64.StdEncoding.DecodeString(v.Str("data"))
	if err != nil {
		return nil, &fault.Fault{Kind: fault.Malformed, Issues: []fault.Issue{{Expression: "Binary.data", Text: "base64 is expected"}}}
	}
	return patch.Parse(v.Str("contentType"), data)
}

// What the answers to writes hold, as Prefer says it; anything else is minimal.
const (
	representation   = "representation"
	operationOutcome = "OperationOutcome"
)

// answer is the Bundle of the answers.
func (s *Service) answer(typ string, answers []answer, returns string) []byte {
	b := newBundle(typ, s.cfg.BaseURL)
	for _, a := range answers {
		b.entry()
		response := element.NewObject(element.S("status", strconv.Itoa(a.status)))
		body := a.resource
		var issues []fault.Issue
		if v := a.version; v.Number > 0 {
			b.fullURL(v.Key)
			b.out = append(b.out, ',')
			written := a.written()
			if written {
				response.SetString("location", s.cfg.BaseURL+"/"+v.Key.String()+"/_history/"+strconv.FormatInt(v.Number, 10))
			}
			response.SetString("etag", `W/"`+strconv.FormatInt(v.Number, 10)+`"`)
			response.SetString("lastModified", v.Updated.UTC().Format(element.InstantLayout))
			switch {
			case written && returns == representation:
				body = v.Body
			case (written || a.status == 204) && returns == operationOutcome:
				issues = append(issues, fault.Issue{Severity: "information", Code: "informational",
					Text: fmt.Sprintf("%s is at version %d", v.Key, v.Number)})
			}
		}
		issues = append(issues, a.remarks...)
		switch {
		case a.fault != nil:
			response.Set("outcome", fhir.OperationOutcome(a.fault.Kind, a.fault.Issues))
		case len(issues) > 0:
			response.Set("outcome", fhir.OperationOutcome(fault.Profile, issues))
		}
		if len(body) > 0 {
			b.out = append(append(append(b.out, `"resource":`...), body...), ',')
		}
		b.out = append(b.out, `"response":`...)
		b.out = append(response.AppendJSON(b.out), '}')
	}
	return b.bytes()
}
