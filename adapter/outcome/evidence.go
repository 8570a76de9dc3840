package outcome

import (
	"fmt"
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/measure"
	"github.com/linkloop/linkloop/adapter/nhs"
)

// told are the types of resources beside Procedure and Observation of which a
// letter tells. Those that are held elsewhere, and every other type, are for
// the link worker's own use.
var told = []string{"Encounter", "HealthcareService", "Goal", "QuestionnaireResponse"}

// tell takes what a resource of one of these types says.
func (b *builder) tell(purpose, at string, r *element.Value) {
	switch r.ResourceType() {
	case "Encounter":
		b.encounter(purpose, at, r)
	case "HealthcareService":
		b.service(purpose, r)
	case "Goal":
		b.goal(purpose, at, r)
	case "QuestionnaireResponse":
		b.response(purpose, at, r)
	}
}

// attach adds a resource to the document alone.
func (b *builder) attach(purpose, section string, r *element.Value) {
	b.extra = append(b.extra, element.NewObject(element.S("fullUrl", b.urn(purpose)), element.F("resource", r)))
	b.links[section] = append(b.links[section], b.urn(purpose))
}

// systemActCode is https://terminology.hl7.org/CodeSystem-v3-ActCode.html, which
// Encounter.class is of.
const systemActCode = "http://terminology.hl7.org/CodeSystem/v3-ActCode"

// classes are the kinds of contact that a link worker has, with their display
// and as a reader is told of them.
var classes = []struct{ code, display, words string }{
	{"AMB", "ambulatory", "Face to face"},
	{"FLD", "field", "Face to face, out and about"},
	{"HH", "home health", "Face to face, at home"},
	{"VR", "virtual", "By telephone or video"},
}

// encounter is a contact that was held, or one that the person did not come to,
// which is a coded fact too.
func (b *builder) encounter(purpose, at string, r *element.Value) {
	status := r.Str("status")
	if status != "finished" && status != "cancelled" {
		b.refuse(at, "a contact of an outcome is an Encounter of status finished or cancelled")
		return
	}
	i := slices.IndexFunc(classes, func(c struct{ code, display, words string }) bool { return c.code == r.TextAt("class.code") })
	if i < 0 {
		b.refuse(at, "the class of a contact is AMB (face to face), FLD (out and about), HH (at home) or VR (telephone or video)")
		return
	}
	types, absent := []*element.Value(nil), Code{}
	for _, concept := range append(slices.Clone(r.List("type")), r.List("reasonCode")...) {
		if !hasSnomed(concept) {
			if t := plain(concept.Str("text")); t != "" && slices.Contains(r.List("type"), concept) {
				types = append(types, element.NewObject(element.S("text", t)))
			}
			continue
		}
		c, ok := b.find(concept)
		switch {
		case !ok || c.Kind != Contact && !c.absent():
			b.refuse(at, "this code of the contact is not on the list of outcomes; allowed here: "+b.list.allowed(Contact)+"; "+b.list.named(func(c Code) bool { return c.absent() }))
			return
		case !b.agrees(at, concept, nil, c):
			return
		case c.absent():
			absent = c
		default:
			types = append(types, spokenCode(c))
		}
	}
	if absent.Code != "" && status == "finished" {
		b.refuse(at, "a contact that the person did not attend is of status cancelled")
		return
	}
	period := pick(r.Get("period"), "start", "end")
	began, day := moment(period.Str("start"))
	if day == "" {
		b.refuse(at, "when a contact was is said as period, with its start")
		return
	}
	if (status == "finished" || absent.Code != "") && b.future(at, period.Str("start")) {
		return
	}
	e := element.NewObject(element.S("resourceType", "Encounter"), element.F("identifier", element.NewArray(identifier(b.key(purpose)))),
		element.S("status", status),
		element.F("class", element.NewObject(element.S("system", systemActCode), element.S("code", classes[i].code), element.S("display", classes[i].display))))
	for _, t := range types {
		e.Append("type", t)
	}
	e.Set("subject", b.patient())
	e.Set("period", period)
	line := held(e)
	switch {
	case absent.Code != "":
		line += didNotAttend
		b.coded(contactPurpose+purpose, absent, nil, &element.Field{Name: "DateTime", Value: period.Get("start")})
	case status == "cancelled":
		line += cancelled
	}
	b.story.contacts = append(b.story.contacts, contact{began, line})
	b.attach(purpose, SectionContacts, e)
}

// spokenCode is a code with its display as text.
func spokenCode(c Code) *element.Value {
	return concept(nhs.SystemSNOMED, c.Code, c.Display, c.Display)
}

// service is what the person was connected to.
func (b *builder) service(purpose string, r *element.Value) {
	name := plain(r.Str("name"))
	if name == "" {
		return
	}
	line := name
	if c := plain(r.Str("comment")); c != "" {
		line += ": " + c
	}
	b.story.services = append(b.story.services, line)
	s := element.NewObject(element.S("resourceType", "HealthcareService"),
		element.F("identifier", element.NewArray(identifier(b.key(purpose)))), element.S("name", name))
	s.SetString("comment", plain(r.Str("comment")))
	b.attach(purpose, SectionServices, s)
}

// achievements are the codes of how far a goal was reached, in words.
// http://hl7.org/fhir/R4/valueset-goal-achievement.html
var achievements = map[string]string{
	"in-progress": "in progress", "improving": "improving", "worsening": "worsening", "no-change": "no change",
	"achieved": "achieved", "sustaining": "achieved and kept up", "not-achieved": "not achieved",
	"no-progress": "no progress", "not-attainable": "cannot be achieved",
}

// lifecycles are what became of a goal of which nobody said how far it was
// reached; one that is pursued needs no word.
// http://hl7.org/fhir/R4/valueset-goal-status.html
var lifecycles = map[string]string{
	"proposed": "proposed", "planned": "planned", "on-hold": "on hold", "completed": "no longer pursued",
	"cancelled": "given up", "rejected": "not taken up",
}

const systemAchievement = "http://terminology.hl7.org/CodeSystem/goal-achievement"

// goal is what the person wanted, and how far it was reached.
func (b *builder) goal(purpose, at string, r *element.Value) {
	text := plain(r.TextAt("description.text"))
	if text == "" {
		text = plain(r.TextAt("description.coding.display"))
	}
	if text == "" {
		b.refuse(at, "a goal of an outcome has a description in words")
		return
	}
	lifecycle := r.Str("lifecycleStatus")
	if lifecycle == "entered-in-error" {
		b.refuse(at, "the goal was entered in error")
		return
	}
	g := element.NewObject(element.S("resourceType", "Goal"), element.F("identifier", element.NewArray(identifier(b.key(purpose)))),
		element.S("lifecycleStatus", lifecycle))
	line, reached := text, lifecycles[lifecycle]
	for _, c := range r.Get("achievementStatus").List("coding") {
		if words := achievements[c.Str("code")]; words != "" && c.Str("system") == systemAchievement {
			reached = words
			g.Set("achievementStatus", element.NewObject(element.F("coding", element.NewArray(
				element.NewObject(element.S("system", systemAchievement), element.S("code", c.Str("code")))))))
			break
		}
	}
	if reached != "" {
		line += ": " + reached
	}
	g.Set("description", element.NewObject(element.S("text", text)))
	g.Set("subject", b.patient())
	for _, n := range r.List("note") {
		if t := plain(n.Str("text")); t != "" {
			line += "\n" + t
		}
	}
	b.story.goals = append(b.story.goals, line)
	b.attach(purpose, SectionGoals, g)
}

// questionnaires is what the addresses of the questionnaires that ship with the
// measures begin with.
const questionnaires = "urn:linkloop:questionnaire:"

// response scores a questionnaire that the measures know. Any other is for the
// link worker's own use, unless its address is one of ours, misspelt.
func (b *builder) response(purpose, at string, r *element.Value) {
	m, ok := b.list.measures.For(r)
	if !ok {
		if strings.HasPrefix(strings.ToLower(r.Str("questionnaire")), questionnaires) {
			b.refuse(at, "no measure scores this questionnaire; scored are "+strings.Join(b.list.measures.Questionnaires(), ", "))
		}
		return
	}
	answers, err := measure.Read(r)
	var results []measure.Result
	if err == nil {
		results, err = m.Score(answers)
	}
	if err != nil {
		for _, is := range fault.Of(err).Issues {
			b.refuse(at, is.Expression+": "+is.Text)
		}
		return
	}
	var when *element.Field
	if t := r.Str("authored"); t != "" {
		when = &element.Field{Name: "DateTime", Value: element.NewString(t)}
		if b.future(at, t) {
			return
		}
	}
	for i, res := range results {
		if res.Missing == len(res.Score.Items) {
			continue // this part was not asked
		}
		c, coded := Code{}, false
		if res.Score.Code != "" && res.Value != "" {
			c, coded = b.list.Find(res.Score.Code)
		}
		name := res.Score.Name
		if coded {
			name = c.Display
		}
		s := score{name: name, value: res.Value, note: res.Gaps(), about: res.Score.Note}
		if !b.scored(s, at, when) {
			continue
		}
		if coded {
			b.coded(fmt.Sprintf("%s-%d", purpose, i), c, scoreValue(res.Value), when)
		}
	}
}

// agrees refuses an entry whose words say otherwise than its code: a display
// that is another code's, and words that deny what the code affirms. Who made
// it meant one of the two, and nobody here knows which.
func (b *builder) agrees(at string, concept, kind *element.Value, c Code) bool {
	for i, coding := range concept.List("coding") {
		if coding.Str("system") == nhs.SystemSNOMED && !c.Called(coding.Str("display")) {
			b.refuse(fmt.Sprintf("%s.coding[%d].display", at, i), "the display is not that of the code, so one of the two is wrong: "+c.Code+" is "+c.Display)
			return false
		}
	}
	words := []string{concept.Str("text"), kind.Str("text"), kind.TextAt("coding.display")}
	if !denies(c.Display) && slices.ContainsFunc(words, denies) || denies(c.Display) && slices.ContainsFunc(words, denied) {
		b.refuse(at, "the words of this entry deny what its code says ("+c.Display+"); what did not happen is told in words without a code")
		return false
	}
	return true
}

// Called reports whether a text is how the list calls the code: the display or
// a synonym, in any case, with or without a semantic tag.
func (c Code) Called(display string) bool {
	text := folded(display)
	if text == "" || text == folded(c.Display) {
		return true
	}
	return slices.ContainsFunc(c.Synonyms, func(s string) bool { return folded(s) == text })
}

// folded is a term without case, repeated spaces and semantic tag.
func folded(term string) string {
	term = strings.Join(strings.Fields(strings.ToLower(term)), " ")
	if i := strings.LastIndex(term, " ("); i > 0 && strings.HasSuffix(term, ")") {
		for _, tag := range []string{"procedure", "situation", "finding", "observable entity", "regime/therapy", "event"} {
			if term[i+2:len(term)-1] == tag {
				return term[:i]
			}
		}
	}
	return term
}

// denies reports whether a short label says that something did not happen.
func denies(label string) bool {
	words := wordsOf(label)
	for i, w := range words {
		if negates(w) || refusal[w] || failure[w] && !ofAnother(words[:i]) {
			return true
		}
	}
	return false
}

// ofAnother reports whether the words before a failure say that it is of something
// else: "signposting after a cancelled appointment" was done.
func ofAnother(before []string) bool {
	n := len(before)
	if n > 0 && determiner[before[n-1]] {
		n--
	}
	return n > 0 && circumstance[before[n-1]]
}

// denied reports whether a label denies a refusal: "did not decline".
func denied(label string) bool {
	words := wordsOf(label)
	i := slices.IndexFunc(words, negates)
	return i >= 0 && slices.ContainsFunc(words[i:], func(w string) bool { return refusal[w] })
}

var (
	negation = map[string]bool{"not": true, "no": true, "never": true, "cannot": true, "without": true, "unable": true}
	failure  = map[string]bool{"unsuccessful": true, "unsuccessfully": true, "failed": true, "cancelled": true, "canceled": true, "abandoned": true}
	// What stands before the failure of something else.
	determiner   = map[string]bool{"a": true, "an": true, "the": true, "his": true, "her": true, "their": true}
	circumstance = map[string]bool{"after": true, "following": true, "about": true, "regarding": true, "over": true, "despite": true}

	refusal = map[string]bool{"decline": true, "declines": true, "declined": true, "refuse": true, "refuses": true, "refused": true, "refusal": true}
)

// negates reports whether a word denies what stands with it: "couldn't" does, too.
func negates(word string) bool { return negation[word] || strings.HasSuffix(word, "n't") }

// wordsOf are the words of a label; an apostrophe belongs to its word.
func wordsOf(label string) []string {
	return strings.FieldsFunc(strings.ToLower(strings.ReplaceAll(label, "’", "'")), func(r rune) bool {
		return (r < 'a' || r > 'z') && r != '\'' && r < 0x80
	})
}
