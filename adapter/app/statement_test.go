package app_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/resource"
)

// claims is a house that is held against its own CapabilityStatement: what is
// done and what is expected comes out of the statement, and the resources out of
// the table of search parameters and the structure of R4.
type claims struct {
	*house
	statement *element.Value
	sampler   *sampler
	anchors   map[string]string // by type: the id of a resource that others refer to
}

// claimExceptions are claims that do not hold, each with the reason. What works
// again must leave the list.
var claimExceptions = map[string]string{}

// known reports whether a failing claim is an exception, and complains about an
// exception that holds.
func (c *claims) known(t *testing.T, claim string, holds bool) bool {
	t.Helper()
	reason, listed := claimExceptions[claim]
	if listed && holds {
		t.Errorf("%s holds and is still listed as an exception", claim)
	}
	if listed && !holds {
		t.Logf("exception: %s: %s", claim, reason)
	}
	return listed
}

// TestCapabilityStatement: everything that the CapabilityStatement claims is so: each type,
// interaction, search parameter with a hit, a miss and a malformed value, include
// and reverse include.
func TestCapabilityStatement(t *testing.T) {
	c := &claims{house: open(t, nil), anchors: map[string]string{}}
	c.statement = c.want(c.call("GET", "/fhir/metadata", nil), 200).value(t)
	c.sampler = &sampler{template: sampleTemplates("anchor-ServiceRequest", "anchor-Patient")}
	types := c.statement.All("rest.resource")
	if len(types) < 41 {
		t.Fatalf("%d types are claimed", len(types))
	}
	var anchors []*element.Value
	for _, r := range types {
		typ := r.Str("type")
		v, err := c.sampler.minimal(typ)
		if err != nil {
			t.Fatalf("%s: %v", typ, err)
		}
		c.anchors[typ] = "anchor-" + typ
		v.SetString("id", c.anchors[typ])
		if resource.Published(typ) {
			v.SetString("url", canonicalOf(typ+"/"+c.anchors[typ]))
		}
		anchors = append(anchors, v)
	}
	c.hold(anchors)
	t.Run("interactions", func(t *testing.T) {
		for _, r := range types {
			t.Run(r.Str("type"), func(t *testing.T) { c.within(t).interactions(r) })
		}
	})
	t.Run("parameters", func(t *testing.T) { c.within(t).parameters(types) })
	t.Run("includes", func(t *testing.T) { c.within(t).includes(types) })
	t.Run("profiles", func(t *testing.T) { c.within(t).profiles(types) })
	t.Run("operations", func(t *testing.T) { c.within(t).operations() })
	t.Run("system", func(t *testing.T) { c.within(t).system() })
}

// sampleTemplates are types that the house asks more of than R4 does.
func sampleTemplates(request, patient string) map[string]string {
	return map[string]string{
		"Task": `{"resourceType":"Task","status":"requested","intent":"order","code":{"coding":[{"system":"http://hl7.org/fhir/CodeSystem/task-code","code":"fulfill"}]},` +
			`"focus":{"reference":"ServiceRequest/` + request + `"},"for":{"reference":"Patient/` + patient + `"},"authoredOn":"2026-03-02T09:15:00Z","requester":{"reference":"Organization/nobody"}}`,
		"ServiceRequest": `{"resourceType":"ServiceRequest","status":"active","intent":"order","code":{"text":"company"},"subject":{"reference":"Patient/` + patient + `"},"authoredOn":"2026-03-02T09:15:00Z"}`,
		"Condition": `{"resourceType":"Condition","subject":{"reference":"Patient/` + patient + `"},` +
			`"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"resolved"}]},` +
			`"verificationStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-ver-status","code":"confirmed"}]}}`,
	}
}

// within is the same house for a part of the test.
func (c *claims) within(t *testing.T) *claims {
	h, d := *c.house, *c
	h.t, d.house = t, &h
	return &d
}

// hold writes resources past the API, as the intake does, of types too that the
// API does not write.
func (c *claims) hold(list []*element.Value) {
	c.t.Helper()
	if err := c.app.Hold(c.t.Context(), list); err != nil {
		c.t.Fatal(err)
	}
}

func (c *claims) write(method, path string, v *element.Value, headers ...string) response {
	c.t.Helper()
	return c.call(method, path, v.JSON(), append([]string{"Content-Type", fhirJSON}, headers...)...)
}

// profiles holds a resource against each profile that is claimed of its type;
// whether it meets it is not asked here.
func (c *claims) profiles(types []*element.Value) {
	claimed := 0
	for _, r := range types {
		for _, p := range r.All("supportedProfile") {
			claimed++
			typ := r.Str("type")
			v := c.want(c.call("GET", "/fhir/"+typ+"/"+c.anchors[typ]+"/$validate?profile="+url.QueryEscape(p.Text), nil), 200).value(c.t)
			for _, is := range v.List("issue") {
				if code := is.Str("code"); code == "not-found" || code == "not-supported" {
					c.t.Errorf("%s of %s is claimed: %s", p.Text, typ, is.Str("diagnostics"))
				}
			}
		}
	}
	if claimed == 0 {
		c.t.Error("no profile is claimed, and the house has some of its own")
	}
}

// interactions does each one that is claimed of a type, and sees those refused
// that are not.
func (c *claims) interactions(r *element.Value) {
	t, typ := c.t, r.Str("type")
	var verbs []string
	for _, x := range r.All("interaction.code") {
		verbs = append(verbs, x.Text)
	}
	claimed := func(verb string) bool { return slices.Contains(verbs, verb) }
	for _, verb := range []string{"read", "vread", "history-instance", "history-type", "search-type"} {
		if !claimed(verb) {
			t.Errorf("%s is not claimed", verb)
		}
	}
	v, err := c.sampler.minimal(typ)
	if err != nil {
		t.Fatal(err)
	}
	id, path := c.anchors[typ], "/fhir/"+typ
	made := c.write("POST", path, v)
	if claimed("create") {
		v = c.want(made, 201).value(t)
		id = v.ID()
		if got, want := made.header.Get("Location"), c.base+path+"/"+id+"/_history/1"; got != want {
			t.Errorf("Location %q, want %q", got, want)
		}
	} else {
		c.refused(made, 405, "not-supported", "")
	}
	read := c.want(c.call("GET", path+"/"+id, nil), 200)
	v = read.value(t)
	if v.ResourceType() != typ || v.ID() != id || read.header.Get("ETag") != `W/"1"` {
		t.Errorf("read %s %s %s", v.ResourceType(), v.ID(), read.header.Get("ETag"))
	}
	c.conditionalRead(r, path+"/"+id, read.header.Get("Last-Modified"))
	version := 1
	if updated := c.write("PUT", path+"/"+id, v, "If-Match", `W/"1"`); claimed("update") {
		c.want(updated, 200)
		version++
		if r.Str("versioning") == "versioned-update" {
			c.refused(c.write("PUT", path+"/"+id, v, "If-Match", `W/"1"`), 412, "conflict", "")
		}
	} else {
		c.refused(updated, 405, "not-supported", "")
	}
	patch := []byte(`[{"op":"add","path":"/language","value":"en-GB"}]`)
	if patched := c.call("PATCH", path+"/"+id, patch, "Content-Type", "application/json-patch+json"); claimed("patch") {
		if got := c.want(patched, 200).value(t).Str("language"); got != "en-GB" {
			t.Errorf("the patch came to language %q", got)
		}
		version++
	} else {
		c.refused(patched, 405, "not-supported", "")
	}
	for _, number := range []int{1, version} {
		got := c.want(c.call("GET", fmt.Sprintf("%s/%s/_history/%d", path, id, number), nil), 200).value(t)
		if got.TextAt("meta.versionId") != fmt.Sprint(number) {
			t.Errorf("version %d is %s", number, got.TextAt("meta.versionId"))
		}
	}
	if found := c.want(c.call("GET", path+"?_id="+id, nil), 200).value(t); len(found.List("entry")) != 1 {
		t.Errorf("search-type finds %d", len(found.List("entry")))
	}
	c.conditional(r, id)
	removed := c.call("DELETE", path+"/"+id, nil)
	if claimed("delete") {
		c.want(removed, 204)
		c.refused(c.call("GET", path+"/"+id, nil), 410, "deleted", "")
		version++
	} else {
		c.refused(removed, 405, "not-supported", "")
	}
	for _, one := range []string{path + "/" + id + "/_history", path + "/_history"} {
		b := c.want(c.call("GET", one, nil), 200).value(t)
		if n := len(b.List("entry")); b.Str("type") != "history" || n < version {
			t.Errorf("%s: a %s of %d entries, want a history of %d at least", one, b.Str("type"), n, version)
		}
		if got := b.All("entry.request.method"); claimed("delete") && got[0].Text != "DELETE" {
			t.Errorf("%s does not begin with what was done last", one)
		}
	}
}

// conditionalRead holds conditionalRead against what is answered.
func (c *claims) conditionalRead(r *element.Value, path, modified string) {
	if got := r.Str("conditionalRead"); got != "full-support" {
		c.t.Errorf("conditionalRead is claimed as %q, which nothing here tests", got)
	}
	c.want(c.call("GET", path, nil, "If-None-Match", `W/"1"`), 304)
	c.want(c.call("GET", path, nil, "If-None-Match", `W/"7"`), 200)
	at, err := http.ParseTime(modified)
	if err != nil {
		c.t.Fatalf("Last-Modified %q: %v", modified, err)
	}
	c.want(c.call("GET", path, nil, "If-Modified-Since", at.Add(-time.Hour).Format(http.TimeFormat)), 200)
}

// conditional holds what is claimed of conditional changes against what is done.
func (c *claims) conditional(r *element.Value, id string) {
	t, typ := c.t, r.Str("type")
	path := "/fhir/" + typ
	fresh := func() *element.Value {
		v, err := c.sampler.minimal(typ)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if claimedTrue(r, "conditionalCreate") {
		if got := c.want(c.write("POST", path, fresh(), "If-None-Exist", "_id="+id), 200).value(t); got.ID() != id {
			t.Error("a conditional create does not answer with what is there")
		}
		c.want(c.write("POST", path, fresh(), "If-None-Exist", "_id=nobody"), 201)
	}
	updated := c.write("PUT", path+"?_id="+id, fresh())
	if claimedTrue(r, "conditionalUpdate") {
		if got := c.want(updated, 200).value(t); got.ID() != id {
			t.Error("a conditional update changed another resource")
		}
	} else {
		c.refused(updated, 405, "not-supported", "")
	}
	named := fresh()
	named.SetString("id", fmt.Sprintf("named-%d", c.sampler.number()))
	put := c.write("PUT", path+"/"+named.ID(), named)
	switch {
	case claimedTrue(r, "updateCreate"):
		c.want(put, 201)
	case slices.ContainsFunc(r.All("interaction.code"), func(x *element.Value) bool { return x.Text == "update" }):
		if put.status != 404 && put.status != 405 {
			t.Errorf("an update of what is not there: %d", put.status)
		}
	}
	removed := c.call("DELETE", path+"?_id=nobody", nil)
	switch got := r.Str("conditionalDelete"); got {
	case "single":
		if removed.status != 204 && removed.status != 404 {
			t.Errorf("a conditional delete of nothing: %d", removed.status)
		}
		other := c.want(c.write("POST", path, fresh()), 201).value(t)
		c.want(c.call("DELETE", path+"?_id="+other.ID(), nil), 204)
		c.refused(c.call("GET", path+"/"+other.ID(), nil), 410, "deleted", "")
	case "not-supported":
		c.refused(removed, 405, "not-supported", "")
	default:
		t.Errorf("conditionalDelete is claimed as %q, which nothing here tests", got)
	}
}

func claimedTrue(r *element.Value, name string) bool {
	v := r.Get(name)
	return v != nil && v.Text == "true"
}

// claimedSearch is one that a claim comes to.
type claimedSearch struct {
	claim  string // such as "Task owner"
	typ    string
	query  url.Values
	id     string // of the resource it is about
	finds  bool
	status int
}

// malformed is a value that a parameter of the kind cannot take.
var malformed = map[string]string{
	"token": "|", "date": "yesterday", "quantity": "much", "composite": "half", "special": "here",
	"string": ",", "uri": ",", "reference": "Patient/no id",
}

// parameters makes a resource for each search parameter, and asks for it, for
// another, and for what is no value.
func (c *claims) parameters(types []*element.Value) {
	t := c.t
	var searches []claimedSearch
	var held []*element.Value
	for _, r := range types {
		typ := r.Str("type")
		d, _ := resource.Lookup(typ)
		for _, claimed := range r.List("searchParam") {
			name, kind := claimed.Str("name"), claimed.Str("type")
			claim := typ + " " + name
			s := sample{}
			switch p, ok := d.Parameter(name); {
			case ok:
				target := ""
				if p.Kind == resource.Reference || p.Kind == resource.Composite {
					target = c.target(p.Targets)
				}
				var err error
				if s, err = c.sampler.find(typ, p, target); err != nil {
					t.Errorf("no sample of %v", err)
					continue
				}
			case name == "_id" || name == "_lastUpdated":
				var err error
				if s.resource, err = c.sampler.minimal(typ); err != nil {
					t.Fatal(err)
				}
				s.hit, s.miss = "ge2000", "lt2000"
			default:
				t.Errorf("%s is claimed and in no definition", claim)
				continue
			}
			id := fmt.Sprintf("p%d", c.sampler.number())
			s.resource.SetString("id", id)
			held = append(held, s.resource)
			if name == "_id" {
				s.hit, s.miss = id, "nobody"
			}
			ask := func(value string, finds bool, status int) {
				q := url.Values{name: {value}, "_count": {"1000"}}
				if name != "_id" && name != "_lastUpdated" && status == 200 {
					q.Set("_lastUpdated", "ge2000") // in company, too
				}
				searches = append(searches, claimedSearch{claim + "=" + value, typ, q, id, finds, status})
			}
			ask(s.hit, true, 200)
			ask(s.miss, false, 200)
			bad, ok := malformed[kind]
			if !ok {
				t.Errorf("%s: of the kind %q nothing malformed is known", claim, kind)
			}
			if name == "_id" {
				bad = ","
			}
			ask(bad, false, 400)
		}
	}
	c.hold(held)
	for _, s := range searches {
		r := c.call("GET", "/fhir/"+s.typ+"?"+s.query.Encode(), nil)
		if s.status != 200 {
			if holds := r.status == s.status; !c.known(t, s.claim, holds) {
				if !holds {
					t.Errorf("%s: %d, want %d", s.claim, r.status, s.status)
				} else if v := r.value(t); v.ResourceType() != "OperationOutcome" {
					t.Errorf("%s is refused with a %s", s.claim, v.ResourceType())
				}
			}
			continue
		}
		holds := r.status == 200 && found(r.value(t), s.typ, s.id, "match") == s.finds
		if !c.known(t, s.claim, holds) && !holds {
			t.Errorf("%s: answered with %d, and finding it is %v", s.claim, r.status, !s.finds)
		}
	}
	t.Logf("%d searches by %d parameters", len(searches), len(held))
}

// target is a resource that a reference may point to, one that is there if any is.
func (c *claims) target(types []string) string {
	for _, typ := range types {
		if id := c.anchors[typ]; id != "" {
			return typ + "/" + id
		}
	}
	if len(types) == 0 {
		return "DocumentReference/" + c.anchors["DocumentReference"]
	}
	return types[0] + "/elsewhere"
}

func found(bundle *element.Value, typ, id, mode string) bool {
	return slices.ContainsFunc(bundle.List("entry"), func(e *element.Value) bool {
		return e.TextAt("search.mode") == mode && e.TextAt("resource.resourceType") == typ && e.TextAt("resource.id") == id
	})
}

// includes follows every claimed reference forward and back, to each type that is
// served.
func (c *claims) includes(types []*element.Value) {
	t := c.t
	var held []*element.Value
	type pair struct{ claim, forward, back, typ, id, target string }
	var pairs []pair
	reverse := map[string]bool{} // claims as "Patient Task:patient"
	for _, r := range types {
		for _, x := range r.All("searchRevInclude") {
			reverse[r.Str("type")+" "+x.Text] = true
		}
	}
	followed := 0
	for _, r := range types {
		typ := r.Str("type")
		d, _ := resource.Lookup(typ)
		for _, x := range r.All("searchInclude") {
			_, name, _ := strings.Cut(x.Text, ":")
			p, ok := d.Parameter(name)
			if !ok {
				t.Errorf("%s is claimed of %s and in no definition", x.Text, typ)
				continue
			}
			for _, target := range p.Targets {
				id := c.anchors[target]
				if id == "" {
					continue
				}
				s, err := c.sampler.find(typ, p, target+"/"+id)
				if err != nil {
					t.Errorf("no sample of %v", err)
					continue
				}
				if fixed := s.resource.TextAt(p.Paths[0].Text + ".reference"); fixed != "" && fixed != target+"/"+id {
					t.Errorf("%s: the sample refers to %s", x.Text, fixed)
				}
				s.resource.SetString("id", fmt.Sprintf("i%d", c.sampler.number()))
				held = append(held, s.resource)
				back := target + " " + x.Text
				if !reverse[back] {
					t.Errorf("%s can refer to %s, which does not claim it as a reverse include", x.Text, target)
				}
				delete(reverse, back)
				pairs = append(pairs, pair{x.Text + " to " + target,
					"/" + typ + "?_id=" + s.resource.ID() + "&_include=" + x.Text,
					"/" + target + "?_id=" + id + "&_revinclude=" + x.Text,
					typ, s.resource.ID(), target})
				followed++
			}
		}
	}
	for claim := range reverse {
		t.Errorf("the reverse include %s is claimed, and no resource can refer so", claim)
	}
	c.hold(held)
	var queries []string
	for _, p := range pairs {
		queries = append(queries, p.forward, p.back)
	}
	answers := c.batched(queries)
	for i, p := range pairs {
		if !found(answers[2*i], p.target, c.anchors[p.target], "include") {
			t.Errorf("%s is not brought along", p.claim)
		}
		if !found(answers[2*i+1], p.typ, p.id, "include") {
			t.Errorf("%s is not brought along in reverse", p.claim)
		}
	}
	t.Logf("%d references followed forward and back", followed)
}

// called is what an operation is called with so that it is done.
func (c *claims) called(name, typ string) (path string, body []byte) {
	switch name {
	case "validate":
		v, err := c.sampler.minimal(cmp.Or(typ, "Flag"))
		if err != nil {
			c.t.Fatal(err)
		}
		if typ != "" {
			typ += "/"
		}
		return "/fhir/" + typ + "$validate", v.JSON()
	case "claim", "release":
		return "/fhir/" + typ + "/" + c.anchors[typ] + "/$" + name,
			[]byte(`{"resourceType":"Parameters","parameter":[{"name":"owner","valueReference":{"reference":"Organization/` + c.anchors["Organization"] + `"}}]}`)
	case "process-message":
		return "/fhir/$process-message", []byte(`{"resourceType":"Bundle","type":"message"}`)
	}
	return "", nil
}

// operations calls each that is claimed.
func (c *claims) operations() {
	called := 0
	call := func(typ string, o *element.Value) {
		name := o.Str("name")
		path, body := c.called(name, typ)
		if path == "" {
			c.t.Errorf("$%s is claimed, and nothing here calls it", name)
			return
		}
		called++
		// A message of nobody and a claim of what is no referral are refused, by the
		// operation and not because there is none.
		r := c.call("POST", path, body, "Content-Type", fhirJSON)
		switch v := r.value(c.t); {
		case r.status == 404 || r.status == 405 || r.status >= 500:
			c.t.Errorf("$%s of %q: %d", name, typ, r.status)
		case name == "validate" && (r.status != 200 || v.ResourceType() != "OperationOutcome" || v.TextAt("issue.severity") == "error"):
			c.t.Errorf("$validate of a good %s: %d %s", typ, r.status, v.TextAt("issue.diagnostics"))
		}
	}
	rest := c.statement.Get("rest").Items[0]
	for _, o := range rest.List("operation") {
		call("", o)
	}
	for _, r := range rest.List("resource") {
		for _, o := range r.List("operation") {
			call(r.Str("type"), o)
		}
	}
	if called < 40 {
		c.t.Errorf("%d operations are claimed", called)
	}
}

// batched asks all queries in as few batch Bundles as they fit in.
func (c *claims) batched(queries []string) []*element.Value {
	c.t.Helper()
	var out []*element.Value
	for part := range slices.Chunk(queries, 100) {
		type request struct {
			Method string `json:"method"`
			URL    string `json:"url"`
		}
		type entry struct {
			Request request `json:"request"`
		}
		var entries []entry
		for _, q := range part {
			entries = append(entries, entry{request{"GET", strings.TrimPrefix(q, "/")}})
		}
		body, err := json.Marshal(map[string]any{"resourceType": "Bundle", "type": "batch", "entry": entries})
		if err != nil {
			c.t.Fatal(err)
		}
		b := c.want(c.call("POST", "/fhir", body, "Content-Type", fhirJSON), 200).value(c.t)
		for i, e := range b.List("entry") {
			v := e.Get("resource")
			if v == nil {
				c.t.Errorf("%s: %s", part[i], e.JSON())
				v = element.NewObject()
			}
			out = append(out, v)
		}
	}
	return out
}

// system does what is claimed of the whole server.
func (c *claims) system() {
	t := c.t
	rest := c.statement.Get("rest").Items[0]
	for _, x := range rest.All("interaction.code") {
		switch x.Text {
		case "batch", "transaction":
			body := []byte(`{"resourceType":"Bundle","type":"` + x.Text + `","entry":[{"request":{"method":"GET","url":"Patient/` + c.anchors["Patient"] + `"}}]}`)
			b := c.want(c.call("POST", "/fhir", body, "Content-Type", fhirJSON), 200).value(t)
			if b.Str("type") != x.Text+"-response" || b.TextAt("entry.resource.id") != c.anchors["Patient"] {
				t.Errorf("a %s is answered with a %s", x.Text, b.Str("type"))
			}
		case "search-system":
			for _, p := range rest.List("searchParam") {
				value := map[string]string{"token": "none", "date": "lt1990", "uri": "http://example.org/none"}[p.Str("type")]
				b := c.want(c.call("GET", "/fhir?_type=Task,Patient&"+p.Str("name")+"="+value, nil), 200).value(t)
				if b.Str("type") != "searchset" || len(b.List("entry")) != 0 {
					t.Errorf("%s over the system: a %s of %d entries", p.Str("name"), b.Str("type"), len(b.List("entry")))
				}
			}
			b := c.want(c.call("GET", "/fhir?_type=Task,Patient&_id="+c.anchors["Patient"], nil), 200).value(t)
			if !found(b, "Patient", c.anchors["Patient"], "match") {
				t.Error("a search over the system does not find what is there")
			}
		case "history-system":
			b := c.want(c.call("GET", "/fhir/_history", nil), 200).value(t)
			if b.Str("type") != "history" || len(b.List("entry")) == 0 {
				t.Errorf("the history of the system is a %s", b.Str("type"))
			}
		default:
			t.Errorf("%s is claimed, and nothing here tests it", x.Text)
		}
	}
	path := "/fhir/Patient/" + c.anchors["Patient"]
	for _, f := range c.statement.All("format") {
		r := c.want(c.call("GET", path+"?_format="+url.QueryEscape(f.Text), nil), 200)
		if want := strings.TrimPrefix(f.Text, "application/fhir+"); !strings.Contains(r.header.Get("Content-Type"), want) {
			t.Errorf("_format=%s is answered as %s", f.Text, r.header.Get("Content-Type"))
		}
	}
	patches := map[string]string{
		"application/json-patch+json": `[{"op":"test","path":"/resourceType","value":"Basic"}]`,
		"application/xml-patch+xml":   `<diff><remove sel="Basic/language"/></diff>`,
		"application/fhir+json":       `{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"delete"},{"name":"path","valueString":"Patient.name"}]}]}`,
		"application/fhir+xml":        `<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="operation"/><part><name value="type"/><valueCode value="delete"/></part><part><name value="path"/><valueString value="Patient.name"/></part></parameter></Parameters>`,
	}
	for _, f := range c.statement.All("patchFormat") {
		body, ok := patches[f.Text]
		if r := c.call("PATCH", path, []byte(body), "Content-Type", f.Text); !ok || r.status == 415 || r.status >= 500 {
			t.Errorf("a patch as %s is answered with %d", f.Text, r.status)
		}
	}
	c.refused(c.call("PATCH", path, []byte("x"), "Content-Type", "text/plain"), 415, "not-supported", "")
}
