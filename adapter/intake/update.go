package intake

import (
	"errors"
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/profile"
	"github.com/linkloop/linkloop/adapter/referral"
	"github.com/linkloop/linkloop/adapter/store"
)

// modify writes what an update says over the referral that is here, element by
// element: what the sender may say replaces what was there, what the message
// does not carry stays, and what belongs to the link worker is not touched.
// Leaving a field out changes nothing in HL7 v2, and a BaRS message may leave
// an entry out.
func (s *Service) modify(tx store.Tx, sender Sender, sub Submission, d *draft, key [32]byte) (*verdict, error) {
	e, err := s.earlier(tx, sender, d)
	var no *refusal
	if errors.As(err, &no) && no.fault.Kind == fault.NotFound && sender.UpdateMakes {
		if slices.ContainsFunc(d.resources, func(r prepared) bool { return r.key.Type == "Patient" && nobody(r.root) }) {
			return nil, &refusal{fault: somebody()}
		}
		if d, err = s.apart(tx, sender.Name, d); err != nil {
			return nil, err
		}
		p, err := s.plan(tx, d)
		if err != nil {
			return nil, err
		}
		p.add(s.provenance(sender, sub, key, d, keysOf(d.resources)), 0)
		return s.made(tx, d, p)
	}
	if err != nil {
		return nil, err
	}
	if was, err := s.taken(tx, key); err != nil || was {
		return e.again(), err
	}
	if status := e.task.root.Str("status"); s.cfg.Workflow.Ended(status) {
		return nil, refuse(fault.IllegalMove, identifierOf(d), "the referral is over (its Task is %s), so it is not changed any more; send a new referral under a new number", status)
	}
	if err := d.notLate(e); err != nil {
		return nil, err
	}
	if e.request.Updated.After(e.word.written) && d.sent.known() && d.sent.last.Before(e.request.Updated) {
		return nil, refuse(fault.Conflict, identifierOf(d), "the referral was changed here after this message was made; read it, then send the update again")
	}
	flags, err := e.concerned(tx, d.flags)
	if err != nil {
		return nil, err
	}
	u := &update{plan: plan{flags: flags}, s: s, tx: tx, d: d, e: e}
	if err := u.run(sender.Name); err != nil {
		return nil, err
	}
	u.plan.add(s.provenance(sender, sub, key, d, u.targets), 0)
	if err := u.plan.write(tx); err != nil {
		return nil, err
	}
	return &verdict{
		flags: u.plan.flags, task: e.task.ID, request: e.request.ID,
		state: state(u.task, u.request, store.Version{Updated: tx.Time()}),
	}, nil
}

// flagDeletion is the finding of a mapping that the message asks to delete a
// value.
const flagDeletion = "delete-asked"

// concerned are the flags of an update without what it asks to delete of values
// that are not here: some senders fill every field that they do not use so.
func (e *earlier) concerned(tx store.Tx, flags []fault.Issue) ([]fault.Issue, error) {
	if !slices.ContainsFunc(flags, func(f fault.Issue) bool { return f.Code == flagDeletion }) {
		return flags, nil
	}
	here := map[string]*element.Value{"ServiceRequest": e.request.root, "Task": e.task.root}
	if key, ok := reference(e.request.root.TextAt("subject.reference")); ok {
		person, _, err := hold(tx, key)
		if err != nil {
			return nil, err
		}
		here["Patient"] = person.root
	}
	return slices.DeleteFunc(slices.Clone(flags), func(f fault.Issue) bool {
		typ, path, _ := strings.Cut(f.Expression, ".")
		root := here[typ]
		if f.Code != flagDeletion || root == nil {
			return false
		}
		name, _, _ := strings.Cut(path, ".")
		name, _, _ = strings.Cut(name, "[")
		return root.Get(name) == nil
	}), nil
}

// update is one update at work.
type update struct {
	plan
	s       *Service
	tx      store.Tx
	d       *draft
	e       *earlier
	rename  map[string]string // references of the draft, and what they are here
	targets []store.Key
	changed []string // elements, Type.name

	request, task *element.Value // as they will be
}

func (u *update) run(sender string) error {
	u.rename = map[string]string{
		"ServiceRequest/" + u.d.request: u.e.request.Key.String(),
		"Task/" + u.d.task:              u.e.task.Key.String(),
	}
	for _, r := range u.d.resources {
		switch r.key.Type {
		case "Patient":
			// Who cannot be recognised is the person of the referral.
			u.rename[r.key.String()] = u.e.request.root.TextAt("subject.reference")
		case "Consent":
			u.rename[r.key.String()] = "Consent/" + u.s.deriveID("Consent", u.e.request.Key.String(), r.name)
		}
	}
	var parties, others []prepared
	for _, r := range u.d.resources {
		var err error
		switch r.key.Type {
		case "Organization", "Practitioner", "PractitionerRole":
			parties = append(parties, r)
		case "Patient":
			err = u.person(r)
		case "ServiceRequest":
			if u.request, err = u.over(u.e.request, r, referral.SenderMayChangeRequest); err == nil {
				u.plan.noteParts("In the referral until this message, which says something else. ", missing(u.request, u.e.request.root, told[:]))
			}
		case "Task":
			u.task = u.here(r.root) // written last: it tells what changed
		default:
			others = append(others, r)
		}
		if err != nil {
			return err
		}
	}
	for _, r := range others {
		if err := u.other(r); err != nil {
			return err
		}
	}
	if err := u.work(sender); err != nil {
		return err
	}
	return u.parties(parties)
}

// told are the elements of a ServiceRequest that a sender writes for people, and
// that an update replaces as a whole: a warning must not go unseen with them.
var told = [...]worded{
	{"note", "note", func(v *element.Value) string { return v.Str("text") }},
	{"patientInstruction", "instruction", func(v *element.Value) string { return v.Text }},
	{"reasonCode", "reason", conceptWords},
	{"orderDetail", "detail", conceptWords},
}

// conceptWords are the words of a CodeableConcept.
func conceptWords(v *element.Value) string {
	if text := v.Str("text"); text != "" {
		return text
	}
	if display := v.TextAt("coding.display"); display != "" {
		return display
	}
	return v.TextAt("coding.code")
}

// here is a resource of the message with its references as they are here.
func (u *update) here(root *element.Value) *element.Value {
	root = root.Clone()
	var walk func(v *element.Value)
	walk = func(v *element.Value) {
		if r := v.Get("reference"); r != nil && u.rename[r.Text] != "" {
			r.Text = u.rename[r.Text]
		}
		for _, f := range v.Fields {
			walk(f.Value)
		}
		for _, it := range v.Items {
			walk(it)
		}
	}
	walk(root)
	return root
}

// over lays what the message says over what is stored, and plans the write if
// that makes a difference.
func (u *update) over(old held, r prepared, theirs func(string) bool) (*element.Value, error) {
	now := old.root.Clone()
	u.lay(now, u.here(r.root), theirs)
	return now, u.put(old, now)
}

// lay sets the elements that are the sender's to say and notes which changed.
func (u *update) lay(now, sent *element.Value, theirs func(string) bool) {
	for _, f := range sent.Fields {
		if was := now.Get(f.Name); theirs(f.Name) && (was == nil || !element.Equal(was, f.Value)) {
			now.Set(f.Name, f.Value)
			u.note(now.ResourceType() + "." + strings.TrimPrefix(f.Name, "_"))
		}
	}
	addIdentifiers(now, sent)
}

func (u *update) note(name string) {
	if !slices.Contains(u.changed, name) {
		u.changed = append(u.changed, name)
	}
}

// put plans a new version, if it differs. What fits the message need not fit
// together with what is here, so it is checked once more.
func (u *update) put(old held, now *element.Value) error {
	u.targets = append(u.targets, old.Key)
	if old.root != nil && element.Equal(old.root, now) {
		return nil
	}
	if f := u.s.sound(now, old.root); f != nil {
		return &refusal{fault: f}
	}
	u.plan.add(u.s.ready(now, "", ""), old.Number)
	return nil
}

// sound holds a resource against the structure of R4 and the rules of this
// house. What was wrong already before it was changed, nil for a new one, is not
// the sender's to mend: it was taken under rules that did not have it yet.
func (s *Service) sound(root, before *element.Value) *fault.Fault {
	issues := append(fhir.Check(root), s.cfg.Rules.Check(root)...)
	if len(issues) > 0 && before != nil {
		known := append(fhir.Check(before), s.cfg.Rules.Check(before)...)
		issues = slices.DeleteFunc(issues, func(is fault.Issue) bool {
			return slices.ContainsFunc(known, func(k fault.Issue) bool { return k.Expression == is.Expression && k.Text == is.Text })
		})
	}
	if len(issues) > 0 {
		return &fault.Fault{Kind: fault.Profile, Issues: issues}
	}
	return nil
}

// person applies the rules of agreement to the person of the referral.
func (u *update) person(r prepared) error {
	key, ok := reference(u.e.request.root.TextAt("subject.reference"))
	if !ok {
		return nil
	}
	old, found, err := hold(u.tx, key)
	if err != nil || !found {
		return err
	}
	before := len(u.plan.writes)
	r.key, r.root = key, u.here(r.root)
	r.root.SetString("id", key.ID)
	if err := u.plan.patient(u.tx, u.s, u.d, r, old.Version); err != nil {
		return err
	}
	if len(u.plan.writes) > before {
		u.targets = append(u.targets, key)
		for _, name := range u.plan.changed {
			u.note("Patient." + name)
		}
	}
	return nil
}

// other takes a resource of the message that is neither the request nor its
// work, nor anybody in it: a consent, an observation.
func (u *update) other(r prepared) error {
	if to := u.rename[r.key.String()]; to != "" {
		r.key, _ = reference(to)
	}
	old, found, err := hold(u.tx, r.key)
	if err != nil {
		return err
	}
	if found {
		_, err = u.over(old, r, referral.SenderMayChangeOther)
		return err
	}
	now := u.here(r.root)
	now.SetString("id", r.key.ID)
	u.note(r.key.Type)
	return u.put(old, now)
}

// work lays the update over the Task and tells the link worker about it.
func (u *update) work(sender string) error {
	now := u.e.task.root.Clone()
	if u.task != nil {
		u.lay(now, u.task, u.s.cfg.Workflow.SenderMayChange)
	}
	flagTask(now, u.plan.flags, u.d.quoted)
	noteTask(now, u.plan.notes)
	if len(u.changed) > 0 {
		u.s.tell(now, profile.ChangedBySender, sender, u.tx, "The sender changed this referral: "+strings.Join(u.changed, ", "))
	}
	u.task = now
	return u.put(u.e.task, now)
}

// parties adds the organisations and people that something written now names
// and that are not known. Those who are known stay as they are, and those whom
// nothing names are not kept.
func (u *update) parties(list []prepared) error {
	named := map[string]bool{}
	var collect func(v *element.Value)
	collect = func(v *element.Value) {
		named[v.Str("reference")] = true
		for _, f := range v.Fields {
			collect(f.Value)
		}
		for _, it := range v.Items {
			collect(it)
		}
	}
	for _, w := range u.plan.writes {
		root, err := element.Parse(w.Body, element.Limits{})
		if err != nil {
			return err
		}
		collect(root)
	}
	// Roles name people and organisations, so they are looked at first.
	slices.SortStableFunc(list, func(a, b prepared) int { return strings.Compare(rank(a), rank(b)) })
	for _, r := range list {
		if !named[r.key.String()] {
			continue
		}
		old, found, err := hold(u.tx, r.key)
		if err != nil {
			return err
		}
		if !found {
			collect(r.root)
			u.targets = append(u.targets, r.key)
			u.plan.add(r, old.Number)
		}
	}
	return nil
}

// rank puts roles before those whom they name.
func rank(r prepared) string {
	if r.key.Type == "PractitionerRole" {
		return ""
	}
	return r.key.Type
}

// tell shows the link worker what the sender did: as a tag that can be searched
// and as a note with its time. The text names elements, never values.
func (s *Service) tell(task *element.Value, code, sender string, tx store.Tx, text string) {
	meta := task.Get("meta")
	if meta == nil {
		meta = element.NewObject()
		task.Set("meta", meta)
	}
	if !slices.ContainsFunc(meta.List("tag"), func(t *element.Value) bool { return t.Str("code") == code }) {
		meta.Append("tag", element.NewObject(element.S("system", profile.SystemReferralChange), element.S("code", code)))
	}
	task.Append("note", element.NewObject(
		element.S("authorString", "sender "+sender),
		element.S("time", tx.Time().Format(element.InstantLayout)),
		element.S("text", text)))
}
