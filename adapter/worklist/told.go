package worklist

import (
	"fmt"
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/outcome"
	"github.com/linkloop/linkloop/adapter/store"
)

// marks are what an outcome is found by when something of it turns out wrong:
// its codes, the list they came from, and the mapping of the referral.
func (s *Service) marks(tx store.Tx, task string, payload []byte) ([]string, error) {
	marks := []string{outbound.ListMark(s.outcomes.Load().Sum)}
	for _, c := range outcome.Codes(payload) {
		marks = append(marks, outbound.CodeMark(c.Code))
	}
	m, err := tx.Inbox().ForTask(task)
	switch {
	case err != nil && fault.KindOf(err) == fault.NotFound:
		return marks, nil // made over the API, not by a message
	case err != nil:
		return nil, err
	case m.Mapping != "":
		marks = append(marks, outbound.MappingMark(m.Mapping))
	}
	return marks, nil
}

// SystemWriteBack is the code system of how far an outcome came, in
// Task.businessStatus beside the words of the link worker. Its codes are the
// states and stages of deliveries, in conformance/CodeSystem-write-back.json.
const SystemWriteBack = "urn:linkloop:codesystem:write-back"

// writeBack is what each word says to a link worker.
var writeBack = map[string]string{
	"sent":                 "Sent to the practice; its acknowledgement is awaited",
	"taken-by-peer":        "The practice's system says it has it",
	"in-practice-workflow": "In the practice's workflow",
	"verified-in-record":   "Found in the patient's GP record",
	"needs-a-human":        "Not proven to be at the practice; somebody is looking at it",
	"withheld":             "Not sent, as the person or the practice chose",
	"closed":               "Seen to by other means",
}

// written is the word for where a delivery stands; "" for what says nothing new.
func written(d store.Delivery) string {
	switch d.State {
	case store.Proven:
		return "verified-in-record"
	case store.Delivered:
		if d.Stage == string(outbound.InWorkflow) {
			return "in-practice-workflow"
		}
		return "taken-by-peer"
	case store.Sent:
		return "sent"
	case store.Dead:
		return "needs-a-human"
	case store.Withheld:
		return "withheld"
	case store.Closed:
		return "closed"
	}
	return ""
}

// Tells are the resources that Told will look at.
func Tells(was, is store.Delivery) []store.Key {
	word, says := news(was, is)
	if !says {
		return nil
	}
	return []store.Key{{Type: "Task", ID: is.Task}, {Type: "Communication", ID: noteID(is, word)}}
}

// news is the word that a delivery newly deserves, if it carries an outcome. What
// became of an update says nothing of it: a Task on which the update counted too
// would be called found in the record while its outcome is not there.
func news(was, is store.Delivery) (word string, says bool) {
	word = written(is)
	return word, word != "" && word != written(was) && is.Task != "" && Outcome(is) && !isUpdate(is.Key)
}

// noteID is the id of the Communication that says a word of a delivery.
func noteID(d store.Delivery, word string) string {
	return fmt.Sprintf("wb-%d-%d-%s", d.ID, d.Attempts, word)
}

// Told lets the link worker see what became of an outcome: the Task says how far
// it came in its businessStatus, and a Communication says so with its time. It
// runs in the decision that moves the delivery. Deliveries that carry no outcome
// are passed over.
func (s *Service) Told(tx store.Tx, was, is store.Delivery) error {
	word, says := news(was, is)
	if !says {
		return nil
	}
	key := store.Key{Type: "Task", ID: is.Task}
	cur, err := tx.Resources().Get(key)
	switch {
	case err != nil && fault.KindOf(err) == fault.NotFound:
		return nil
	case err != nil:
		return err
	case cur.Deleted:
		return nil
	}
	task, err := element.Parse(cur.Body, element.Limits{})
	if err != nil {
		return err
	}
	coding := element.NewObject(element.S("system", SystemWriteBack), element.S("code", word), element.S("display", writeBack[word]))
	state := task.Get("businessStatus")
	if state == nil {
		state = element.NewObject()
	}
	kept := slices.DeleteFunc(slices.Clone(state.List("coding")), func(c *element.Value) bool { return c.Str("system") == SystemWriteBack })
	state.Set("coding", element.NewArray(append(kept, coding)...))
	task.Set("businessStatus", state)
	if _, err := tx.Resources().Put(store.Write{Key: key, Body: element.Canonical(task), Index: s.cfg.Indexer.Index(task), Expect: cur.Number}); err != nil {
		return err
	}
	return s.communicate(tx, task, is, word)
}

// communicate keeps the word as a Communication to the owner of the Task. Its id
// follows from what it says, so that nothing is said twice in a row.
//
// https://hl7.org/fhir/R4/communication.html
func (s *Service) communicate(tx store.Tx, task *element.Value, d store.Delivery, word string) error {
	id := noteID(d, word)
	c := element.NewObject(element.S("resourceType", "Communication"), element.S("id", id), element.S("status", "completed"),
		element.F("category", element.NewArray(element.NewObject(element.F("coding", element.NewArray(element.NewObject(
			element.S("system", SystemWriteBack), element.S("code", word), element.S("display", writeBack[word]))))))),
		element.F("about", element.NewArray(element.NewObject(element.S("reference", "Task/"+d.Task)))),
		element.S("sent", tx.Time().UTC().Format(element.InstantLayout)),
		element.F("payload", element.NewArray(element.NewObject(element.S("contentString", writeBack[word]+".")))))
	if who := task.Get("for"); who != nil {
		c.Set("subject", who.Clone())
	}
	if owner := task.Get("owner"); owner != nil {
		c.Set("recipient", element.NewArray(owner.Clone()))
	}
	_, err := tx.Resources().Put(store.Write{Key: store.Key{Type: "Communication", ID: id}, Body: element.Canonical(c), Index: s.cfg.Indexer.Index(c)})
	if err != nil && fault.KindOf(err) == fault.VersionConflict {
		return nil // said already
	}
	return err
}

// Outcome reports whether a delivery carries an outcome to a patient record, and
// not an answer to a sender, an alert or a piece of work for a human.
func Outcome(d store.Delivery) bool {
	return strings.HasPrefix(d.Key, "Task/") && !strings.Contains(d.Lane, "/") && !strings.HasSuffix(d.Key, "/withdraw") && d.Channel != ""
}

// wordings is what an attempt or an acknowledgement is on a timeline.
var wordings = map[string]string{
	"proven": "delivered, and found in the patient record", "delivered": "delivered",
	"sent":                   "sent; an acknowledgement is awaited",
	"accepted-for-transport": "acknowledged: accepted for transport",
	"collected":              "acknowledged: fetched by the practice's system",
	"received-by-system":     "acknowledged: the practice's system could read it",
	"in-practice-workflow":   "acknowledged: in the practice's workflow",
	"taken-by-peer":          "acknowledged: taken",
	"verified-in-record":     "found in the patient record",
	"refused-by-peer":        "refused after it was taken, in front of a human: ",
	"overdue":                "write-back in front of a human: ",
	"withheld":               "write-back not sent: ",
	"elsewhere":              "the practice does not take this channel: ",
	"closed":                 "write-back closed by a human: ",
	"superseded":             "corrected: ", "recalled": "taken back, and not sent any more: ",
	"unknown-send": "write-back attempt failed, and nobody knows whether it arrived: ",
	"dead":         "write-back stopped, in front of a human: ",
}

// told words an attempt; what ends in a colon goes on with its reason.
func told(a store.Attempt) string {
	words, known := wordings[a.State]
	if !known {
		words = "write-back attempt failed: "
	}
	if strings.HasSuffix(words, ": ") {
		words += a.Reason
	}
	return words
}
