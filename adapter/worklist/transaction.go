package worklist

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// MaxEntries bounds a batch or transaction.
const MaxEntries = 200

// Bundle does what the entries of a batch or a transaction ask for, and
// returns the Bundle of answers, one for each entry in its place. Entries of a
// batch stand each by itself. A transaction is one decision: one entry that
// fails fails all, and the fault names it. Prefer says what the answers to
// writes hold. Warnings about an entry are in its answer.
//
// A history is taken from its oldest entry, which is its last, to the newest,
// the versions of each resource together: by the rules that hold for anybody's
// changes, and only as far as they are newer than what is here.
// https://hl7.org/fhir/R4/http.html#transaction, #other-bundles
func (s *Service) Bundle(ctx context.Context, who Caller, body []byte, prefer Preferences) ([]byte, error) {
	v, err := element.Parse(body, element.Limits{})
	if err != nil {
		return nil, err
	}
	if v.ResourceType() != "Bundle" {
		return nil, &fault.Fault{Kind: fault.Malformed, Issues: []fault.Issue{{
			Code: "invalid", Expression: "resourceType", Text: "a Bundle of type batch or transaction is expected"}}}
	}
	if err := misshapen(v); err != nil {
		return nil, err
	}
	list := v.List("entry")
	if len(list) > MaxEntries {
		return nil, fault.New(fault.TooLarge, "Bundle.entry", "%d entries, at most %d are taken", len(list), MaxEntries)
	}
	switch typ := v.Str("type"); typ {
	case "batch":
		return s.answer("batch-response", s.batch(ctx, who, list, prefer), prefer.Returns), nil
	case "history":
		return s.answer("batch-response", s.replay(ctx, who, list, prefer), prefer.Returns), nil
	case "transaction":
		answers, err := s.transaction(ctx, who, list, prefer)
		if err != nil {
			return nil, err
		}
		return s.answer("transaction-response", answers, prefer.Returns), nil
	default:
		return nil, &fault.Fault{Kind: fault.Unsupported, Issues: []fault.Issue{{
			Expression: "Bundle.type", Text: "a Bundle of type batch, transaction or history is expected"}}}
	}
}

// Preferences are what the sender of a Bundle would like of every entry.
type Preferences struct {
	Returns string // representation, OperationOutcome; anything else: minimal
	Strict  bool   // unknown search parameters are refused
}

// transaction does all entries or none. Nobody else writes meanwhile, so what it
// reads is bounded, and it ends with the time of the request.
func (s *Service) transaction(ctx context.Context, who Caller, list []*element.Value, prefer Preferences) ([]answer, error) {
	read := make([]entry, len(list))
	reads := 0
	for i, x := range list {
		var err error
		if read[i], err = s.entry(x); err != nil {
			return nil, located(err, i)
		}
		read[i].strict = prefer.Strict
		if read[i].reads() {
			reads++
		}
	}
	if reads > MaxReads {
		return nil, tooCostly("%d entries of the transaction read, at most %d are taken; a batch takes more", reads, MaxReads)
	}
	var answers []answer
	err := s.within(ctx, func(in *Service, tx store.Tx) error {
		entries := slices.Clone(read)
		for i := range entries {
			entries[i].resource = read[i].resource.Clone() // rewritten below, and the decision may run again
		}
		t := &transaction{service: in, tx: tx, entries: entries, found: map[string]store.Key{}, facts: map[int]resource.Facts{}, gone: map[store.Key]bool{}}
		if err := t.identify(ctx); err != nil {
			return err
		}
		if err := t.rewrite(ctx); err != nil {
			return err
		}
		left, room := ofTransaction(), room{left: MaxAnswers}
		in.cfg.Store = metered{in.cfg.Store, &left}
		in.lister = in.newLister() // reads come after all writes, so what is listed once stays so
		answers = make([]answer, len(entries))
		var deleted []int
		for _, i := range t.order() {
			err := inTime(ctx)
			if err == nil {
				answers[i], err = in.done(ctx, who, entries[i])
			}
			if err == nil && !room.hold(&answers[i], prefer.Returns) {
				err = room.full()
			}
			if err != nil {
				return located(err, i)
			}
			if entries[i].method == "DELETE" && answers[i].version.Number > 0 {
				deleted = append(deleted, i)
			}
		}
		// What referred to a deleted resource may have been changed after it.
		for _, i := range deleted {
			if err := in.unreferenced(tx, answers[i].version.Key); err != nil {
				return located(err, i)
			}
		}
		return nil
	})
	return answers, err
}

// transaction is one while its entries are prepared.
type transaction struct {
	service *Service
	tx      store.Tx
	entries []entry
	found   map[string]store.Key   // by conditional reference
	facts   map[int]resource.Facts // of what entries make, as far as it was asked for
	gone    map[store.Key]bool     // deleted by an entry
}

// identify finds out which resource each entry is about: conditions are met by
// what was there before and is not deleted here, as deletions come first, and
// what is made gets its id. No resource is written twice.
func (t *transaction) identify(ctx context.Context) error {
	writes := map[store.Key]bool{}
	conditions := map[string]bool{}
	for _, deletions := range []bool{true, false} {
		for i := range t.entries {
			e := &t.entries[i]
			if e.method == "GET" || e.operation == validate || (e.method == "DELETE") != deletions {
				continue
			}
			err := inTime(ctx)
			if err == nil {
				err = t.identifyOne(e, conditions)
			}
			if err != nil {
				return located(err, i)
			}
			if e.exists && e.method == "POST" || e.key.ID == "" {
				continue // nothing is written
			}
			if writes[e.key] {
				return located(fault.New(fault.Malformed, "", "another entry of the transaction writes the same resource"), i)
			}
			writes[e.key] = true
			if deletions {
				t.gone[e.key] = true
			}
		}
	}
	for i := range t.entries {
		t.entries[i].inTransaction = true
	}
	return nil
}

func (t *transaction) identifyOne(e *entry, conditions map[string]bool) error {
	condition, place := e.query, inURL
	if e.method == "POST" {
		condition, place = e.ifNoneExist, ifNoneExist
	}
	if e.key.ID == "" && (e.method != "POST" || condition != "") {
		q, err := t.service.condition(e.key.Type, condition, place)
		if err != nil {
			return err
		}
		one, found, err := theOne(t.tx, q, place)
		if err != nil {
			return err
		}
		if found && (e.method == "DELETE" || !t.gone[one.Key]) {
			e.key, e.exists = one.Key, true
			return nil
		}
		if e.method == "DELETE" {
			return nil // there is nothing to delete
		}
		if same := e.key.Type + "?" + condition; conditions[same] {
			return fault.New(fault.Malformed, "", "another entry of the transaction has the same condition")
		} else {
			conditions[same] = true
		}
	}
	switch {
	case e.method == "PUT" && e.key.ID != "":
		cur, err := t.tx.Resources().Get(e.key)
		if err != nil && fault.KindOf(err) != fault.NotFound {
			return err
		}
		e.comes = err != nil || cur.Deleted
	case e.method == "PUT" && e.resource.ID() != "":
		e.key.ID, e.made, e.comes = e.resource.ID(), true, true
	case e.key.ID == "" && (e.method == "POST" || e.method == "PUT"):
		if e.key.ID = t.service.cfg.NationalID(e.resource); e.key.ID == "" {
			e.key.ID = uuid.NewString()
		}
		e.made, e.comes = true, e.method == "PUT"
	}
	return nil
}

// rewrite puts the references of entries to each other, and conditional
// references, in their final form. https://hl7.org/fhir/R4/http.html#trules
func (t *transaction) rewrite(ctx context.Context) error {
	full := map[string]*entry{}
	for i := range t.entries {
		e := &t.entries[i]
		if e.fullURL == "" {
			continue
		}
		if full[e.fullURL] != nil {
			return located(fault.New(fault.Malformed, "Bundle.entry.fullUrl", "another entry of the transaction has the same fullUrl"), i)
		}
		if e.key.ID != "" {
			full[e.fullURL] = e
		}
	}
	for i := range t.entries {
		e := &t.entries[i]
		typ, known := fhir.TypeOf(e.resource.ResourceType())
		if !known {
			continue
		}
		r := &rewriter{transaction: t, full: full, base: baseOf(e.fullURL), resolve: func(typ, query string) (store.Key, error) { return t.resolve(ctx, typ, query) }}
		r.walk(e.resource, typ)
		if r.err != nil {
			return located(r.err, i)
		}
		e.refersTo = r.to
	}
	return nil
}

// baseOf is the service of a fullUrl such as http://example.org/fhir/Task/1,
// with a slash at its end; empty for urn:uuid and the like.
func baseOf(fullURL string) string {
	parts := strings.Split(fullURL, "/")
	if n := len(parts); n > 2 && fhir.Known(parts[n-2]) {
		return strings.Join(parts[:n-2], "/") + "/"
	}
	return ""
}

// rewriter goes through one resource.
type rewriter struct {
	transaction *transaction
	full        map[string]*entry
	base        string
	resolve     func(typ, query string) (store.Key, error)
	to          []store.Key
	err         error
}

// walk rewrites Reference.reference, uri, url, oid, uuid, and the links of the
// narrative; other texts may look like a reference and are none.
func (r *rewriter) walk(v *element.Value, t fhir.Type) {
	for _, f := range v.Fields {
		of, known := t.Element(strings.TrimPrefix(f.Name, "_"))
		if !known || r.err != nil {
			continue
		}
		values := []*element.Value{f.Value}
		if f.Value.Kind == element.Array {
			values = f.Value.Items
		}
		for _, x := range values {
			r.one(x, t, of)
		}
	}
}

func (r *rewriter) one(x *element.Value, parent fhir.Type, of fhir.Element) {
	t := of.Type()
	switch {
	case x.Kind == element.Object:
		if t.AnyResource() {
			var known bool
			if t, known = fhir.TypeOf(x.ResourceType()); !known {
				return
			}
		}
		r.walk(x, t)
	case x.Kind != element.String:
	case parent.Name() == "Reference" && of.Name() == "reference":
		r.reference(x)
	case slices.Contains([]string{"Uri", "Url", "Oid", "Uuid"}, t.Name()):
		if to := r.target(x.Text); to != "" {
			x.Text = to
		}
	case t.Name() == "Xhtml":
		x.Text = r.narrative(x.Text)
	}
}

func (r *rewriter) reference(x *element.Value) {
	if to := r.target(x.Text); to != "" {
		x.Text = to
		return
	}
	typ, query, conditional := strings.Cut(x.Text, "?")
	if of, id, relative := strings.Cut(x.Text, "/"); relative { // what a PUT of this transaction makes, perhaps
		r.to = append(r.to, store.Key{Type: of, ID: id})
	}
	switch {
	case strings.HasPrefix(x.Text, "urn:uuid:"):
		r.err = fault.New(fault.Malformed, "", "a reference names a urn:uuid that is the fullUrl of no entry")
	case conditional && fhir.Known(typ):
		key, err := r.resolve(typ, query)
		if err != nil {
			r.err = err
			return
		}
		r.to = append(r.to, key)
		x.Text = key.String()
	}
}

// target is what a text that names an entry becomes, or "".
func (r *rewriter) target(text string) string {
	bare, version, versioned := strings.Cut(text, "/_history/")
	e := r.full[bare]
	if e == nil && r.base != "" && bare != "" {
		e = r.full[r.base+bare]
	}
	if e == nil {
		return ""
	}
	r.to = append(r.to, e.key)
	if !versioned {
		return e.key.String()
	}
	if e.made {
		version = "1"
	}
	return e.key.String() + "/_history/" + version
}

// narrative rewrites the values of href and src.
func (r *rewriter) narrative(div string) string {
	var b strings.Builder
	for {
		at, name := -1, ""
		for _, attribute := range []string{`href="`, `src="`, `href='`, `src='`} {
			if i := strings.Index(div, attribute); i >= 0 && (at < 0 || i < at) {
				at, name = i, attribute
			}
		}
		if at < 0 {
			break
		}
		at += len(name)
		end := strings.IndexByte(div[at:], name[len(name)-1])
		if end < 0 {
			break
		}
		b.WriteString(div[:at])
		link := div[at : at+end]
		if to := r.target(link); to != "" {
			link = to
		}
		b.WriteString(link)
		div = div[at+end:]
	}
	b.WriteString(div)
	return b.String()
}

// resolve finds the one resource of a conditional reference; none or several
// fail the transaction. Such references are resolved last, so that what the
// transaction makes counts as what was here.
// https://hl7.org/fhir/R4/http.html#trules
func (t *transaction) resolve(ctx context.Context, typ, query string) (store.Key, error) {
	const place = "reference"
	if err := inTime(ctx); err != nil {
		return store.Key{}, err
	}
	if key, ok := t.found[typ+"?"+query]; ok {
		return key, nil
	}
	if len(t.found) >= MaxEntries {
		return store.Key{}, fault.New(fault.TooLarge, "", "more than %d conditional references", MaxEntries)
	}
	q, err := t.service.condition(typ, query, place)
	if err != nil {
		return store.Key{}, err
	}
	one, found, err := theOne(t.tx, q, place)
	if err != nil {
		return store.Key{}, err
	}
	key, found := one.Key, found && !t.gone[one.Key]
	for i, e := range t.entries {
		if e.key.Type != typ || e.key == key || !e.makes() {
			continue
		}
		if err := inTime(ctx); err != nil {
			return store.Key{}, err
		}
		if t.facts[i] == nil {
			t.facts[i] = t.service.cfg.Indexer.Index(e.resource).Pack()
		}
		if !q.Matches(e.key.ID, e.resource, t.facts[i]) {
			continue
		}
		if found {
			return store.Key{}, several(place)
		}
		key, found = e.key, true
	}
	if !found {
		return store.Key{}, fault.New(fault.VersionConflict, place, "no resource meets a conditional reference")
	}
	t.found[typ+"?"+query] = key
	return key, nil
}

// order is DELETE, POST, PUT and PATCH, GET; of what is made, by POST or PUT,
// what others refer to comes first, so that rules about references find it. Of
// the changes those of Tasks do: they say why they end, and their requests follow.
func (t *transaction) order() []int {
	var out []int
	byKey := map[store.Key]int{}
	for i, e := range t.entries {
		if e.makes() {
			byKey[e.key] = i
		}
	}
	done := make([]bool, len(t.entries))
	var visit func(i int)
	visit = func(i int) {
		if done[i] {
			return // or in a circle, which has no first
		}
		done[i] = true
		for _, key := range t.entries[i].refersTo {
			if j, ok := byKey[key]; ok {
				visit(j)
			}
		}
		out = append(out, i)
	}
	changes := func(e entry) bool { return (e.method == "PUT" || e.method == "PATCH") && !e.comes }
	for _, next := range []func(entry) bool{
		func(e entry) bool { return e.method == "DELETE" },
		func(e entry) bool { return e.method == "POST" },
		func(e entry) bool { return e.comes },
		func(e entry) bool { return changes(e) && e.key.Type == "Task" },
		func(e entry) bool { return changes(e) && e.key.Type != "Task" },
		func(e entry) bool { return e.method == "GET" },
	} {
		for i, e := range t.entries {
			if !next(e) {
				continue
			}
			if e.method == "POST" || e.comes {
				visit(i)
			} else {
				out = append(out, i)
			}
		}
	}
	return out
}

// located names the entry in the issues of a fault.
func located(err error, i int) error {
	f := *fault.Of(err)
	place := "Bundle.entry[" + strconv.Itoa(i) + "]"
	issues := make([]fault.Issue, 0, max(1, len(f.Issues)))
	for _, is := range f.Issues {
		if _, path, ok := strings.Cut(is.Expression, "."); ok {
			is.Expression = place + ".resource." + path
		} else if is.Expression == "" {
			is.Expression = place
		} else {
			is.Expression = place + ".resource"
		}
		issues = append(issues, is)
	}
	if len(issues) == 0 {
		issues = append(issues, fault.Issue{Expression: place, Text: f.Kind.Row().Public})
	}
	f.Issues = issues
	return &f
}

// parameters reads the search of a GET.
func parameters(query string) (url.Values, error) {
	params, err := url.ParseQuery(query)
	if err != nil {
		return nil, fault.New(fault.Malformed, inURL, "the query string is not well formed")
	}
	for _, name := range []string{"_format", "_pretty"} {
		params.Del(name)
	}
	return params, nil
}
