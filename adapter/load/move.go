package load

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
)

// nextStatus is the way of a Task through a referral that goes well.
var nextStatus = map[string]string{
	"requested":   "accepted",
	"accepted":    "in-progress",
	"in-progress": "completed",
}

// outcomeOutput is what a completed Task leaves behind: the activity, coded
// (HL7 Gravity SDOH Clinical Care, SDOHCC-TaskForReferralManagement, output
// slice PerformedActivityCode).
const outcomeOutput = `[{"type":{"coding":[{"system":"http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes","code":"resulting-activity"}]},` +
	`"valueCodeableConcept":{"coding":[{"system":"http://snomed.info/sct","code":"390893007","display":"Referral to physical activity program"}],"text":"Joined a weekly walking group"}}]`

// hands are the Tasks that nobody works on at the moment, last one first: a Task
// that was begun is finished before the next one is begun, so that a phase sees
// every step in equal parts.
type hands struct {
	mu   sync.Mutex
	free []stored
}

func (h *hands) take() (stored, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.free) == 0 {
		return stored{}, false
	}
	t := h.free[len(h.free)-1]
	h.free = h.free[:len(h.free)-1]
	return t, true
}

func (h *hands) put(t stored) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.free = append(h.free, t)
}

// moves takes Tasks from requested to completed, one step a request. A Task is
// in the hands of one request at a time, so that every conflict is the
// server's.
func (s *session) moves(ctx context.Context) (task, error) {
	held, err := s.client.list(ctx, "/fhir/Task?status=requested&_count=200", mostHeld)
	if err != nil {
		return nil, err
	}
	if len(held) == 0 {
		return nil, errors.New("the server holds no requested Task: put a phase of hl7 before it")
	}
	ready := &hands{free: held}
	return func(ctx context.Context, _ int) verdict {
		t, ok := ready.take()
		if !ok {
			return verdict{class: exhausted}
		}
		return s.step(ctx, ready, t)
	}, nil
}

// step takes a Task one step on and puts it back into the hands, unless that was
// the last one.
func (s *session) step(ctx context.Context, ready *hands, t stored) verdict {
	body, ended, err := moved(t.body, s.cfg.Owner)
	if err != nil {
		return failure("a Task that cannot be moved")
	}
	a, err := s.client.do(ctx, http.MethodPut, "/fhir/Task/"+t.id, "application/fhir+json", t.etag, body)
	switch {
	case err != nil:
		if ended {
			s.doubtful.Add(1)
		}
		return failure(errorKind(err))
	case a.status != http.StatusOK:
		if retryable(a.status) {
			ready.put(t)
		}
		return failure(refusal(a))
	case ended:
		s.completed.Add(1)
		return verdict{class: done}
	}
	if len(a.body) > 0 {
		body = a.body
	}
	ready.put(stored{t.id, body, a.etag})
	return verdict{class: done}
}

// retryable reports whether an answer says that nothing happened and that the
// same request may do better later.
func retryable(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable
}

// moved returns the Task one step further, and whether that was the last step.
func moved(body []byte, owner string) (next []byte, ended bool, err error) {
	var t map[string]json.RawMessage
	if err := json.Unmarshal(body, &t); err != nil {
		return nil, false, err
	}
	var status string
	if err := json.Unmarshal(t["status"], &status); err != nil {
		return nil, false, err
	}
	to, ok := nextStatus[status]
	if !ok {
		return nil, false, errors.New("no step from here")
	}
	set := func(name string, v any) {
		if b, err := json.Marshal(v); err == nil {
			t[name] = b
		}
	}
	set("status", to)
	switch to {
	case "accepted":
		if owner != "" && len(t["owner"]) == 0 {
			set("owner", map[string]string{"reference": strings.TrimSpace(owner)})
		}
	case "completed":
		t["output"] = json.RawMessage(outcomeOutput)
	}
	next, err = json.Marshal(t)
	return next, to == "completed", err
}
