package gateway

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
)

// MessageView is a message in the operator's API. Body and reply are content.
type MessageView struct {
	ID        int64           `json:"id"`
	Sender    string          `json:"sender"`
	MessageID string          `json:"messageId,omitempty"`
	Format    string          `json:"format"`
	Received  time.Time       `json:"received"`
	Status    string          `json:"status"`
	Kind      string          `json:"kind,omitempty"`
	Reasons   json.RawMessage `json:"reasons,omitempty"`
	Task      string          `json:"task,omitempty"`
	Request   string          `json:"serviceRequest,omitempty"`
	Mapping   string          `json:"mapping"`
	Seen      int64           `json:"seen"`
	Since     int64           `json:"acceptedSince,omitempty"` // of a failed one: what was accepted in its place, if that was asked
	Body      string          `json:"body,omitempty"`
	Reply     string          `json:"reply,omitempty"`
}

func messageView(m store.Message) MessageView {
	return MessageView{
		ID: m.ID, Sender: m.Sender, MessageID: m.MessageID, Format: m.Format, Received: m.Received,
		Status: string(m.State), Kind: m.Kind, Reasons: m.Issues, Task: m.Task, Request: m.Request,
		Mapping: m.Mapping, Seen: m.Seen, Body: string(m.Body), Reply: string(m.Reply),
	}
}

// messages: GET /admin/messages?status=failed|accepted|closed&sender=…&before=…&limit=…
// With since=true failed ones say what was accepted in their place.
func (g *Gateway) messages(c *gin.Context) {
	f := store.InboxFilter{State: store.MessageState(c.Query("status")), Sender: c.Query("sender")}
	var err error
	if f.State != "" && !f.State.Known() {
		g.fail(c, fault.New(fault.Malformed, "status", "accepted, failed or closed is expected"))
		return
	}
	if f.Before, f.Limit, err = window(c); err != nil {
		g.fail(c, err)
		return
	}
	var list []store.Message
	err = g.cfg.Store.View(c.Request.Context(), func(r store.Reader) (err error) {
		list, err = r.Inbox().List(f)
		return err
	})
	var since map[int64]int64
	if err == nil && c.Query("since") == "true" {
		since, err = g.cfg.Intake.AcceptedSince(c.Request.Context(), list)
	}
	views := make([]MessageView, 0, len(list))
	for _, m := range list {
		v := messageView(m)
		v.Since = since[m.ID]
		views = append(views, v)
	}
	g.answer(c, views, err)
}

// message: GET /admin/messages/{id}, with ?content=true as it came and was
// answered, with ?explain=true how each element of the resources came out of it.
func (g *Gateway) message(c *gin.Context) {
	id, err := number(c)
	var content, explain bool
	if err == nil {
		content, err = wantsContent(c)
	}
	if err == nil {
		explain, err = truth(c, "explain")
	}
	action := "read message"
	if err == nil && (content || explain) {
		action = "read message content"
		err = g.mayReadContent(c, action, entity("message", id))
	}
	if err != nil {
		g.fail(c, err)
		return
	}
	if explain {
		e, err := g.cfg.Intake.Explain(c.Request.Context(), id)
		if err == nil {
			err = g.audit(c, action, "message", id, "success")
		}
		g.answer(c, map[string]any{"message": messageView(e.Message), "steps": e.Steps, "unmapped": e.Unmapped}, err)
		return
	}
	var m store.Message
	err = g.cfg.Store.View(c.Request.Context(), func(r store.Reader) error {
		m, err = r.Inbox().Get(id)
		return err
	})
	if err == nil {
		err = g.audit(c, action, "message", id, "success")
	}
	if !content {
		m.Body, m.Reply = nil, nil
	}
	g.answer(c, messageView(m), err)
}

// closeMessage: POST /admin/messages/{id}/close with {"reason": …}: it will never
// be right, and nobody needs it.
func (g *Gateway) closeMessage(c *gin.Context) {
	id, err := number(c)
	if err != nil {
		g.fail(c, err)
		return
	}
	reason, err := g.reason(c, "why nobody needs the message is expected, in one line of up to 500 bytes and without patient data")
	if err == nil {
		err = g.cfg.Intake.Close(c.Request.Context(), id, caller(c).Name, reason)
	}
	g.answer(c, map[string]any{"id": id, "status": store.ClosedMessage}, err)
}

// DeliveryView is a delivery in the operator's API. Payload and evidence are
// content.
type DeliveryView struct {
	ID       int64           `json:"id"`
	Key      string          `json:"key"`
	Practice string          `json:"practice"`
	Channel  string          `json:"channel"`
	Task     string          `json:"task"`
	State    string          `json:"state"`
	Stage    string          `json:"stage,omitempty"`
	Due      time.Time       `json:"due"`
	Attempts int             `json:"attempts"`
	Created  time.Time       `json:"created"`
	Settled  *time.Time      `json:"settled,omitempty"`
	Reason   string          `json:"reason,omitempty"`
	Waits    string          `json:"waits,omitempty"` // of owed: what may keep it from being sent
	History  []AttemptView   `json:"history,omitempty"`
	Payload  json.RawMessage `json:"payload,omitempty"`
}

// AttemptView is one try of a delivery.
type AttemptView struct {
	Number   int       `json:"number"`
	Channel  string    `json:"channel,omitempty"`
	Started  time.Time `json:"started"`
	Ended    time.Time `json:"ended"`
	State    string    `json:"state"`
	Status   int       `json:"status,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	Evidence string    `json:"evidence,omitempty"`
}

func deliveryView(d store.Delivery, attempts []store.Attempt) DeliveryView {
	v := DeliveryView{
		ID: d.ID, Key: d.Key, Practice: d.Lane, Channel: d.Channel, Task: d.Task, State: string(d.State), Stage: d.Stage,
		Due: d.Due, Attempts: d.Attempts, Created: d.Created, Reason: d.Reason, Payload: d.Payload,
	}
	if !d.Settled.IsZero() {
		v.Settled = &d.Settled
	}
	for _, a := range attempts {
		v.History = append(v.History, AttemptView{a.Number, a.Channel, a.Started, a.Ended, a.State, a.Status, a.Reason, string(a.Evidence)})
	}
	return v
}

// deliveries: GET /admin/deliveries?state=…&practice=…&task=…&before=…&limit=…
func (g *Gateway) deliveries(c *gin.Context) {
	f := store.DeliveryFilter{State: store.DeliveryState(c.Query("state")), Lane: c.Query("practice"), Task: c.Query("task")}
	var err error
	if f.Before, f.Limit, err = window(c); err != nil {
		g.fail(c, err)
		return
	}
	var views []DeliveryView
	err = g.cfg.Store.View(c.Request.Context(), func(r store.Reader) error {
		list, err := r.Deliveries().List(f)
		views = make([]DeliveryView, 0, len(list))
		for _, d := range list {
			views = append(views, deliveryView(d, nil))
		}
		if err == nil {
			err = g.waits(r.Switches(), views, list)
		}
		return err
	})
	g.answer(c, views, err)
}

// delivery: GET /admin/deliveries/{id}, with ?content=true what leaves and what
// the peers answered.
func (g *Gateway) delivery(c *gin.Context) {
	id, err := number(c)
	var content bool
	if err == nil {
		content, err = wantsContent(c)
	}
	action := "read delivery"
	if err == nil && content {
		action = "read delivery content"
		err = g.mayReadContent(c, action, entity("delivery", id))
	}
	if err != nil {
		g.fail(c, err)
		return
	}
	var d store.Delivery
	view := make([]DeliveryView, 1)
	err = g.cfg.Store.View(c.Request.Context(), func(r store.Reader) error {
		if d, err = r.Deliveries().Get(id); err != nil {
			return err
		}
		attempts, err := r.Deliveries().Attempts(id)
		if err != nil {
			return err
		}
		if !content {
			d.Payload = nil
			for i := range attempts {
				attempts[i].Evidence = nil
			}
		}
		view[0] = deliveryView(d, attempts)
		return g.waits(r.Switches(), view, []store.Delivery{d})
	})
	if err == nil {
		err = g.audit(c, action, "delivery", id, "success")
	}
	g.answer(c, view[0], err)
}

// release: POST /admin/deliveries/{id}/retry and /hold
func (g *Gateway) release(to store.DeliveryState) gin.HandlerFunc {
	return func(c *gin.Context) {
		id, err := number(c)
		if err != nil {
			g.fail(c, err)
			return
		}
		err = g.cfg.Store.Decide(c.Request.Context(), func(tx store.Tx) error {
			if err := tx.Deliveries().Release(id, to, tx.Time()); err != nil {
				return err
			}
			return tx.Ledger().Audit(store.AuditEvent{At: tx.Time(), Agent: caller(c).Name, Action: "delivery " + string(to),
				Entity: entity("delivery", id), Outcome: "success"})
		})
		if err == nil {
			g.cfg.DeliveryDue()
		}
		g.answer(c, map[string]any{"id": id, "state": to}, err)
	}
}

// audit writes down who saw or did what. What cannot be written down is not
// shown: the caller fails the request on an error.
func (g *Gateway) audit(c *gin.Context, action, kind string, id int64, outcome string) error {
	return g.note(c, action, entity(kind, id), outcome)
}

// note is audit about what has no number.
func (g *Gateway) note(c *gin.Context, action, entity, outcome string) error {
	return g.cfg.Store.Decide(c.Request.Context(), func(tx store.Tx) error {
		return tx.Ledger().Audit(store.AuditEvent{At: tx.Time(), Agent: caller(c).Name, Action: action, Entity: entity, Outcome: outcome})
	})
}

func entity(kind string, id int64) string { return kind + "/" + strconv.FormatInt(id, 10) }

// timeline: GET /referrals/{task}/timeline
func (g *Gateway) timeline(c *gin.Context) {
	events, err := g.cfg.Worklist.Timeline(c.Request.Context(), c.Param("task"))
	g.answer(c, events, err)
}

// tasksOf: GET /admin/tasks?of=… lists the Tasks of a referral, by a reference to
// its ServiceRequest or an identifier of it.
func (g *Gateway) tasksOf(c *gin.Context) {
	of := c.Query("of")
	if of == "" || len(of) > maxOf {
		g.fail(c, fault.New(fault.Malformed, "of", "a reference such as ServiceRequest/ID or an identifier of a referral is expected, of at most %d bytes", maxOf))
		return
	}
	found, err := g.cfg.Worklist.Find(c.Request.Context(), of)
	g.answer(c, found, err)
}

// maxOf bounds what a referral is looked for by, in bytes.
const maxOf = 1000

func (g *Gateway) answer(c *gin.Context, v any, err error) {
	if err != nil {
		g.fail(c, err)
		return
	}
	c.JSON(http.StatusOK, v)
}

// number is the {id} of the route.
func number(c *gin.Context) (int64, error) {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil || id < 1 {
		return 0, fault.New(fault.NotFound, "", "no such id")
	}
	return id, nil
}

// window reads before and limit.
func window(c *gin.Context) (before int64, limit int, err error) {
	if s := c.Query("before"); s != "" {
		if before, err = strconv.ParseInt(s, 10, 64); err != nil || before < 1 {
			return 0, 0, fault.New(fault.Malformed, "before", "an id is expected")
		}
	}
	limit, err = limitOf(c)
	return before, limit, err
}

// limitOf reads how many a list may hold.
func limitOf(c *gin.Context) (int, error) {
	s := c.Query("limit")
	if s == "" {
		return 50, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 1000 {
		return 0, fault.New(fault.Malformed, "limit", "a number from 1 to 1000 is expected")
	}
	return n, nil
}

func causeType(f *fault.Fault) string {
	if f.Cause == nil {
		return ""
	}
	return typeName(f.Cause)
}
