package worklist

import (
	"net/url"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/profile"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// Response is what the sender of a referral is told about it.
type Response struct {
	Sender  string            // by whose message the Task was made
	State   string            // accepted, rejected, did-not-attend, completed
	Key     string            // stable identity of what is owed
	Trace   map[string]string // of that message, by inbound.Trace system
	Task    *element.Value
	Request *element.Value
	Patient *element.Value
	At      time.Time
}

// responseState is what a change of a Task is to its sender, or "". That a
// person did not attend is said where the work stands, and counts more than
// the status it comes with.
func responseState(old, task *element.Value) string {
	const absent = "did-not-attend"
	missed := func(v *element.Value) bool {
		for _, c := range v.All("businessStatus.coding") {
			if c.Str("system") == profile.SystemBusinessStatus && c.Str("code") == absent {
				return true
			}
		}
		return false
	}
	status := task.Str("status")
	switch {
	case missed(task) && !missed(old):
		return absent
	case status == old.Str("status"), missed(task):
		return ""
	case status == "accepted", status == "rejected", status == "completed":
		return status
	}
	return ""
}

// respond owes the sender of a referral the word that its state changed. Who
// sent it, and by what it knows it again, stands in the Provenance of the
// message, which only the intake writes and nothing removes.
func (s *Service) respond(tx store.Tx, old, task *element.Value) (bool, error) {
	state := responseState(old, task)
	if s.cfg.Respond == nil || state == "" || s.cfg.Responds != nil && !s.cfg.Responds(state) {
		return false, nil
	}
	q, err := resource.Parse(s.cfg.Indexer, "Provenance",
		url.Values{"target": {"Task/" + task.ID()}, "_sort": {"_lastUpdated"}}, resource.Options{BaseURL: s.cfg.BaseURL})
	if err != nil {
		return false, err
	}
	q.Query.Limit = 1
	page, err := tx.Resources().Search(q.Query)
	if err != nil || len(page.Versions) == 0 {
		return false, err
	}
	origin, err := element.Parse(page.Versions[0].Body, element.Limits{})
	if err != nil {
		return false, err
	}
	sender, ok := strings.CutPrefix(origin.TextAt("agent.who.display"), "sender ")
	if !ok {
		return false, nil
	}
	r := Response{Sender: sender, State: state, Trace: map[string]string{}, Task: task, At: tx.Time(),
		Key: "Task/" + task.ID() + "/response/" + state}
	for _, e := range origin.List("entity") {
		if system := e.TextAt("what.identifier.system"); strings.HasPrefix(system, inbound.TracePrefix) {
			r.Trace[system] = e.TextAt("what.identifier.value")
		}
	}
	if r.Request, err = s.at(tx, task.TextAt("focus.reference")); err != nil || r.Request == nil {
		return false, err
	}
	if r.Patient, err = s.at(tx, task.TextAt("for.reference")); err != nil || r.Patient == nil {
		return false, err
	}
	payload := s.cfg.Respond(r)
	if payload == nil {
		return false, nil
	}
	_, added, err := tx.Deliveries().Owe(store.Delivery{
		Key: r.Key, Lane: ResponseLane + sender, Channel: s.cfg.ResponseChannel, Task: task.ID(), Patient: r.Patient.ID(),
		State: store.Owed, Due: tx.Time(), Created: tx.Time(), Payload: payload,
	})
	return added, err
}

// ResponseLane begins the lane of what is owed to a sender; its name follows.
const ResponseLane = "sender/"
