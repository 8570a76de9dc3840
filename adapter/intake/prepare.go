package intake

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/message"
	"github.com/linkloop/linkloop/adapter/profile"
	"github.com/linkloop/linkloop/adapter/referral"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// prepared is one resource ready to be written.
type prepared struct {
	key   store.Key
	root  *element.Value
	body  []byte
	index resource.Index
	place string // source address of what identifies it
	name  string // of the resource in the mapping
}

// draft is everything one message asks to be written, made without touching
// the store, so that the transaction only compares and writes.
type draft struct {
	resources     []prepared
	flags         []fault.Issue
	late          []fault.Issue // that came up against what is stored; no Task shows them yet
	task, request string
	received      time.Time

	intention referral.Intention
	sent      span
	named     string            // the id of ours by which the message names its ServiceRequest
	story     story             // within which the message names its ServiceRequest
	known     bool              // the person is recognised by an identifier
	locals    []local           // of a person with an NHS number
	ends      string            // of a cancellation: what the Task becomes
	reason    *element.Value    // of a cancellation: Task.statusReason
	notes     []string          // of a cancellation: what it says beside that
	refused   []prepared        // of a cancellation: Consents that refuse
	quoted    map[string]string // what stands at places that are flagged
}

// eventType is a message type of HL7 v2 that is one by its looks, and so holds
// nothing about a person: ADT^A04.
var eventType = regexp.MustCompile(`^[A-Z]{3}\^[A-Z][0-9]{2}$`)

// prepare turns a decoded message into a draft, or into the fault it is
// refused with.
func (s *Service) prepare(sender Sender, sub Submission, msg *inbound.Message, decodeErr error, key [32]byte) (*draft, *fault.Fault) {
	if decodeErr != nil {
		return nil, fault.Of(decodeErr)
	}
	m := sender.Mapping
	if !m.Accepts(msg.Type) {
		came := "this type"
		if eventType.MatchString(msg.Type) {
			came = "the type " + msg.Type
		}
		return nil, fault.New(fault.Unsupported, "", "this sender's mapping does not take messages of %s, but of %s (accepts)", came, strings.Join(m.AcceptedTypes(), ", "))
	}
	out, err := m.Apply(msg.Tree, mapping.Context{Constants: sender.Constants, Received: sub.Received})
	if err != nil {
		return nil, fault.Of(err)
	}
	d := &draft{received: sub.Received, flags: slices.Clone(msg.Flags), story: storyOf(sub.Trace)}
	if f := d.intend(out); f != nil {
		return nil, f
	}
	for _, f := range out.Findings {
		d.flags = append(d.flags, fault.Issue{Severity: "warning", Code: f.Code, Place: f.Address, Expression: f.Path, Text: f.Text})
		if f.Node > 0 {
			d.quote(f.Address, msg.Tree.Node(f.Node-1).Value())
		}
	}
	if f := s.judge(sender, d, out, msg.Tree); f != nil {
		return nil, f
	}
	d.consents(m, out, msg.Tree)
	d.deceased(out, msg.Tree)
	d.recognise(out.Resources)
	s.identify(sender.Name, key, out.Resources)
	out.Resources = merge(out.Resources)

	var patient, request, task *element.Value
	for _, r := range out.Resources {
		switch r.Type {
		case "Patient":
			patient = r.Root
		case "ServiceRequest":
			request, d.request = r.Root, r.Root.ID()
		case "Task":
			task, d.task = r.Root, r.Root.ID()
		}
	}
	if !d.intention.NeedsWhole() {
		return s.brief(d, out, msg.Tree, patient, request, task)
	}
	if f := whole(patient, request, task); f != nil {
		if more := s.check(out.Resources, msg.Tree); more != nil {
			f.Issues = append(f.Issues, more.Issues...)
		}
		return nil, f
	}
	if d.intention == referral.New && nobody(patient) {
		return nil, somebody()
	}
	if d.intention == referral.New {
		flagTask(task, d.flags, d.quoted)
	}
	if f := s.check(out.Resources, msg.Tree); f != nil {
		return nil, f
	}
	d.resources = make([]prepared, 0, len(out.Resources)+1)
	for _, r := range out.Resources {
		d.resources = append(d.resources, s.ready(r.Root, r.Key, placeOf(r.Root, msg.Tree)))
	}
	d.locals = s.locals(d)
	if d.intention == referral.New {
		d.resources = append(d.resources, s.provenance(sender, sub, key, d, keysOf(d.resources)))
	}
	return d, nil
}

// whole refuses a message that lacks one of the three resources that make a
// referral, and says which.
func whole(patient, request, task *element.Value) *fault.Fault {
	var lacking []string
	for _, x := range [...]struct {
		name string
		made *element.Value
	}{{"Patient", patient}, {"ServiceRequest", request}, {"Task", task}} {
		if x.made == nil {
			lacking = append(lacking, x.name)
		}
	}
	if len(lacking) == 0 {
		return nil
	}
	return fault.New(fault.Unmappable, "", "the message holds no complete referral: a Patient, a ServiceRequest and a Task are needed, and no value of the message led to a %s; mapping explain shows what came of it", strings.Join(lacking, ", nor to a "))
}

// nobody reports a Patient of whom nothing is said by which they could be known
// or reached.
func nobody(patient *element.Value) bool {
	return patient.Get("name") == nil && patient.Get("identifier") == nil && patient.Get("telecom") == nil
}

func somebody() *fault.Fault {
	return fault.New(fault.Unmappable, "Patient", "a referral is for somebody: the message gives no name, no number and no way to reach the person")
}

// ready makes a resource ready to be written.
func (s *Service) ready(root *element.Value, name, place string) prepared {
	return prepared{
		key:   store.Key{Type: root.ResourceType(), ID: root.ID()},
		root:  root,
		body:  element.Canonical(root),
		index: s.cfg.Indexer.Index(root),
		place: place,
		name:  name,
	}
}

// reads tells the store what the decision about this draft looks at.
func (d *draft) reads(dedupe [32]byte) store.Hint {
	h := store.Hint{Dedupe: [][32]byte{dedupe}}
	if d != nil {
		h.Keys = make([]store.Key, len(d.resources), len(d.resources)+1)
		for i, r := range d.resources {
			h.Keys[i] = r.key
		}
		for _, l := range d.locals {
			h.Searches = append(h.Searches, l.carriers)
		}
		if d.named != "" {
			h.Keys = append(h.Keys, store.Key{Type: "ServiceRequest", ID: d.named})
		}
	}
	return h
}

// merge makes one of resources that turned out to be the same, such as a
// practice that employs its own link worker: the first stands, and the others
// add what it lacks.
func merge(rs []mapping.Resource) []mapping.Resource {
	at := map[store.Key]int{}
	var out []mapping.Resource
	for _, r := range rs {
		key := store.Key{Type: r.Type, ID: r.Root.ID()}
		i, known := at[key]
		if !known {
			at[key] = len(out)
			out = append(out, r)
			continue
		}
		for _, f := range r.Root.Fields {
			if out[i].Root.Get(f.Name) == nil {
				out[i].Root.Set(f.Name, f.Value)
			}
		}
	}
	return out
}

// quality makes bad codes and numbers harmless and says so; the referral is
// never lost because of them.
func (s *Service) quality(d *draft, out *mapping.Result, tree *message.Tree) {
	roots := make([]*element.Value, len(out.Resources))
	for i, r := range out.Resources {
		roots[i] = r.Root
	}
	for _, q := range profile.Quality(roots) {
		place := ""
		for _, r := range roots {
			if strings.HasPrefix(q.Expression, r.ResourceType()+".") {
				if place = locate(r, q.Expression, tree); place != "" {
					break
				}
			}
		}
		d.flags = append(d.flags, fault.Issue{Severity: "warning", Code: q.Code, Expression: q.Expression, Place: place, Text: q.Text})
	}
}

// check holds every resource against the structure of R4 and the rules of
// this house; all problems come back at once, each with the source address of
// the nearest element that came from the message.
func (s *Service) check(rs []mapping.Resource, tree *message.Tree) *fault.Fault {
	var issues []fault.Issue
	for _, r := range rs {
		for _, is := range append(fhir.Check(r.Root), s.cfg.Rules.Check(r.Root)...) {
			if is.Place == "" {
				is.Place = locate(r.Root, is.Expression, tree)
			}
			issues = append(issues, is)
		}
	}
	if len(issues) == 0 {
		return nil
	}
	return &fault.Fault{Kind: fault.Profile, Issues: issues}
}

// maxQuoted bounds what a note repeats of a value, in bytes.
const maxQuoted = 200

// quote keeps what stands at a place that is flagged, for the note on the Task: a
// date that does not exist may still be read by who helps. It goes nowhere else.
func (d *draft) quote(place, value string) {
	value = strings.Join(strings.Fields(value), " ")
	if value == "" {
		return
	}
	if len(value) > maxQuoted {
		value = strings.ToValidUTF8(value[:maxQuoted], "") + " …"
	}
	if d.quoted == nil {
		d.quoted = map[string]string{}
	}
	d.quoted[place] = value
}

// flagTask shows data-quality flags where the link worker looks: as a tag that
// can be searched and as a note that can be read, with what was sent.
func flagTask(task *element.Value, flags []fault.Issue, quoted map[string]string) {
	if !slices.ContainsFunc(flags, func(f fault.Issue) bool { return f.Code != inbound.FlagRepaired }) {
		return
	}
	meta := task.Get("meta")
	if meta == nil {
		meta = element.NewObject()
		task.Set("meta", meta)
	}
	seen := map[string]bool{}
	for _, t := range meta.List("tag") {
		seen[t.Str("code")] = true
	}
	for _, f := range flags {
		if f.Code == inbound.FlagRepaired {
			continue // for the sender and the operator, and of no use to who helps
		}
		if !seen[f.Code] {
			seen[f.Code] = true
			meta.Append("tag", element.NewObject(element.S("system", profile.SystemDataQuality), element.S("code", f.Code)))
		}
		where := f.Expression
		switch {
		case where == "":
			where = f.Place
		case f.Place != "":
			where += " (" + f.Place + ")"
		}
		text := "Data quality: " + f.Text
		if where != "" {
			text = "Data quality: " + where + ": " + f.Text
		}
		if sent := quoted[f.Place]; sent != "" && f.Place != "" {
			text += "; sent: " + sent
		}
		if !slices.ContainsFunc(task.List("note"), func(n *element.Value) bool { return n.Str("text") == text }) {
			task.Append("note", element.NewObject(element.S("text", text)))
		}
	}
}
