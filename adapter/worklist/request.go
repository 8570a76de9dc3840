package worklist

import (
	"net/url"
	"slices"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/referral"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// A ServiceRequest and its Tasks end together, in one decision, whichever ends
// first: nobody works on what was revoked, and no request waits for work that
// is over.

// Statuses of a ServiceRequest that is over.
// https://hl7.org/fhir/R4/valueset-request-status.html
const (
	revoked   = "revoked"
	completed = "completed"
	inError   = "entered-in-error"
)

func requestOver(status string) bool {
	return status == revoked || status == completed || status == inError
}

// tasksEnd says how the Tasks of a request end with it, and why.
var tasksEnd = map[string]struct{ status, reason string }{
	revoked: {"cancelled", "The request was revoked"},
	inError: {inError, "The request was entered in error"},
}

// held is a Task as it is.
type held struct {
	store.Version
	root *element.Value
}

// maxTasksOfRequest bounds how many Tasks one request may have.
const maxTasksOfRequest = 200

// tasksOf reads the Tasks of a request, oldest change first, but for one.
func (s *Service) tasksOf(tx store.Tx, request *element.Value, but string) ([]held, error) {
	q, err := resource.Parse(s.cfg.Indexer, "Task", url.Values{"focus": {"ServiceRequest/" + request.ID()}, "_sort": {"_lastUpdated"}},
		resource.Options{BaseURL: s.cfg.BaseURL})
	if err != nil {
		return nil, err
	}
	q.Query.Limit = maxTasksOfRequest + 1
	page, err := tx.Resources().Search(q.Query)
	if err != nil {
		return nil, err
	}
	if len(page.Versions) > maxTasksOfRequest {
		return nil, fault.New(fault.TooLarge, "", "a request with more than %d Tasks cannot be ended", maxTasksOfRequest)
	}
	var out []held
	for _, v := range page.Versions {
		if v.ID == but {
			continue
		}
		root, err := element.Parse(v.Body, element.Limits{})
		if err != nil {
			return nil, err
		}
		out = append(out, held{v, root})
	}
	return out, nil
}

// endRequest ends the request of a Task that ends, unless another Task of it
// goes on: completed when any of its Tasks was, in error when all were, else
// revoked. The Task is not written yet.
func (s *Service) endRequest(tx store.Tx, task, request *element.Value) error {
	if request.ResourceType() != "ServiceRequest" {
		return nil // a Task in error may be about what is not here
	}
	others, err := s.tasksOf(tx, request, task.ID())
	if err != nil {
		return err
	}
	statuses := []string{task.Str("status")}
	for _, t := range others {
		statuses = append(statuses, t.root.Str("status"))
	}
	end := inError
	for _, status := range statuses {
		switch {
		case !s.cfg.Workflow.Ended(status):
			return nil
		case status == "completed":
			end = completed
		case status != inError && end != completed:
			end = revoked
		}
	}
	return s.setRequest(tx, request, end)
}

// setRequest writes the status of a request; one in error stays that.
func (s *Service) setRequest(tx store.Tx, request *element.Value, status string) error {
	if was := request.Str("status"); was == status || was == inError {
		return nil
	}
	key := store.Key{Type: "ServiceRequest", ID: request.ID()}
	cur, err := tx.Resources().Get(key)
	if err != nil {
		return err
	}
	request.SetString("status", status)
	_, err = tx.Resources().Put(store.Write{Key: key, Body: element.Canonical(request), Index: s.cfg.Indexer.Index(request), Expect: cur.Number})
	return err
}

// followRequest ends the Tasks of a request that was revoked or entered in
// error. It refuses to complete a request somebody is working on, and to take
// up one again whose Tasks are over. The request is written already. It reports
// whether something became due.
func (s *Service) followRequest(tx store.Tx, who Caller, old, request *element.Value) (owes bool, err error) {
	from, to := old.Str("status"), request.Str("status")
	if request.ResourceType() != "ServiceRequest" || from == to {
		return false, nil
	}
	tasks, err := s.tasksOf(tx, request, "")
	if err != nil || len(tasks) == 0 {
		return false, err
	}
	goesOn := slices.ContainsFunc(tasks, func(t held) bool { return !s.cfg.Workflow.Ended(t.root.Str("status")) })
	switch {
	case requestOver(from) && to != inError:
		return false, broken("ServiceRequest.status", "a request that is over is not taken up again, because its Tasks are over too; make a new one")
	case to == completed && goesOn:
		return false, broken("ServiceRequest.status", "a Task of this request goes on; the request is completed with it")
	}
	return s.endTasks(tx, who, request, tasks)
}

// endTasks ends the Tasks of a request as it ended itself.
func (s *Service) endTasks(tx store.Tx, who Caller, request *element.Value, tasks []held) (owes bool, err error) {
	end, ends := tasksEnd[request.Str("status")]
	for _, t := range tasks {
		from := t.root.Str("status")
		if !ends || from == end.status || from == inError || s.cfg.Workflow.Ended(from) && end.status != inError {
			continue
		}
		if f := s.cfg.Workflow.CheckMove(from, end.status, []referral.Party{referral.Requester}); f != nil {
			return false, f
		}
		now := t.root.Clone()
		now.SetString("status", end.status)
		now.Set("statusReason", element.NewObject(element.S("text", end.reason)))
		_, more, err := s.write(tx, who, "update", t.Version, t.root, revision{value: now, index: s.cfg.Indexer.Index(now)})
		if err != nil {
			return false, err
		}
		owes = owes || more
	}
	return owes, nil
}

// Follow does within a decision of somebody else what a change of a Task brings
// with it: what is owed is owed, and what was owed by mistake is withdrawn. A
// sender who takes a referral back takes back all of it: its ServiceRequest
// ends, and every Task of that. The caller writes the Task, and calls Owed
// after its commit when owes is true. Errors are those of an update.
func (s *Service) Follow(tx store.Tx, old, task *element.Value) (owes bool, err error) {
	if owes, err = s.follow(tx, old, task); err != nil {
		return false, err
	}
	if old.Str("status") == task.Str("status") {
		return owes, nil
	}
	_, more, err := s.EndRest(tx, task, task.Str("status"))
	return owes || more, err
}

// EndRest ends the request of a Task as the status of a Task says, cancelled or
// in error, and every other Task of it that goes on, or is not in error yet.
// Changed is false when there is none; the request ended with its last Task.
func (s *Service) EndRest(tx store.Tx, task *element.Value, status string) (changed, owes bool, err error) {
	ends := map[string]string{"cancelled": revoked, inError: inError}[status]
	request, err := s.at(tx, task.TextAt("focus.reference"))
	if err != nil || ends == "" || request.ResourceType() != "ServiceRequest" {
		return false, false, err
	}
	others, err := s.tasksOf(tx, request, task.ID())
	if err != nil {
		return false, false, err
	}
	rest := func(t held) bool {
		now := t.root.Str("status")
		return !s.cfg.Workflow.Ended(now) || ends == inError && now != inError
	}
	if !slices.ContainsFunc(others, rest) {
		return false, false, nil
	}
	if err := s.setRequest(tx, request, ends); err != nil {
		return false, false, err
	}
	owes, err = s.endTasks(tx, Caller{Name: "sender"}, request, others)
	return true, owes, err
}
