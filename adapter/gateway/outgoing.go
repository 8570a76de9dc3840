package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/nhs"
	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/recall"
	"github.com/linkloop/linkloop/adapter/routing"
	"github.com/linkloop/linkloop/adapter/store"
)

// Acknowledge takes what a receiver says about an event of a channel.
type Acknowledge func(ctx context.Context, channel, id, said string, evidence []byte) error

// Leaves is what may leave of a delivery now; a plan that is not Sent says why
// nothing does.
type Leaves func(r store.Reader, d store.Delivery) (outbound.Plan, error)

// Outlook is by which channel a delivery goes next, and until when quiet hours keep
// it; the zero time when they do not.
type Outlook func(d store.Delivery) (channel string, quiet time.Time)

// outgoingRoutes are the operator's hand on what leaves.
func (g *Gateway) outgoingRoutes(a *gin.RouterGroup) {
	a.GET("/stops", g.stops)
	a.PUT("/stops/:practice", g.stopPractice)
	a.DELETE("/stops/:practice", g.startPractice)
	a.POST("/deliveries/:id/close", g.closeDelivery)
	a.GET("/deliveries/:id/leaving", g.leaving)
	a.GET("/reconciliation", g.reconciliation)
	a.POST("/recalls", g.recall)
	a.GET("/not-taken", g.notTaken)
	a.DELETE("/not-taken/:practice/:channel", g.takenAgain)
	a.GET("/audit", g.auditTrail)
}

// StopView is a stop in the operator's API.
type StopView struct {
	Practice string    `json:"practice"` // ODS code, or * for everybody
	Since    time.Time `json:"since"`
	By       string    `json:"by"`
	Reason   string    `json:"reason,omitempty"`
	Unknown  bool      `json:"unknown,omitempty"` // of a new one: nothing was ever owed to the practice
}

// stops: GET /admin/stops
func (g *Gateway) stops(c *gin.Context) {
	views := []StopView{}
	err := g.cfg.Store.View(c.Request.Context(), func(r store.Reader) error {
		all, err := routing.Stops(r.Switches())
		views = views[:0]
		for ods, s := range all {
			views = append(views, StopView{Practice: ods, Since: s.Since, By: s.By, Reason: s.Reason})
		}
		slices.SortFunc(views, func(a, b StopView) int { return strings.Compare(a.Practice, b.Practice) })
		return err
	})
	g.answer(c, views, err)
}

// practice is the {practice} of the route: an ODS code, or all.
func practice(c *gin.Context) (string, error) {
	word := c.Param("practice")
	if word == routing.Any || word == "all" {
		return routing.Any, nil
	}
	code, why := nhs.ParseODS(word)
	if why != nhs.Valid {
		return "", fault.New(fault.Malformed, "practice", "an ODS code is expected, or all")
	}
	return code, nil
}

// stopPractice: PUT /admin/stops/{practice} with {"reason": …}. From the commit on no
// delivery to the practice begins, on any instance; what is on the wire ends.
func (g *Gateway) stopPractice(c *gin.Context) {
	ods, err := practice(c)
	if err != nil {
		g.fail(c, err)
		return
	}
	reason, err := g.reason(c, "a reason of up to 500 bytes is expected")
	if err != nil {
		g.fail(c, err)
		return
	}
	var s routing.Stop
	unknown := false
	err = g.cfg.Store.Decide(c.Request.Context(), func(tx store.Tx) error {
		if ods != routing.Any {
			ever, err := tx.Deliveries().List(store.DeliveryFilter{Lane: ods, Limit: 1})
			if err != nil {
				return err
			}
			unknown = len(ever) == 0
		}
		s, err = routing.Begin(tx, ods, caller(c).Name, reason)
		return err
	})
	g.answer(c, StopView{ods, s.Since, s.By, s.Reason, unknown}, err)
}

// startPractice: DELETE /admin/stops/{practice}
func (g *Gateway) startPractice(c *gin.Context) {
	ods, err := practice(c)
	if err != nil {
		g.fail(c, err)
		return
	}
	err = g.cfg.Store.Decide(c.Request.Context(), func(tx store.Tx) error {
		have, err := tx.Switches().Get(routing.StopName(ods))
		switch {
		case err != nil:
			return err
		case have == nil:
			return fault.New(fault.NotFound, "", "this practice is not stopped")
		}
		if err := tx.Switches().Set(routing.StopName(ods), nil); err != nil {
			return err
		}
		return tx.Ledger().Audit(store.AuditEvent{At: tx.Time(), Agent: caller(c).Name, Action: "start", Entity: "practice/" + ods, Outcome: "success"})
	})
	if err == nil {
		g.cfg.DeliveryDue()
	}
	g.answer(c, map[string]string{"practice": ods}, err)
}

// NotTakenView is a channel that a practice was found not to take.
type NotTakenView struct {
	Practice string    `json:"practice"` // ODS code
	Channel  string    `json:"channel"`
	Since    time.Time `json:"since"` // when it said so last; believed for relay.not_taken_for
}

// notTaken: GET /admin/not-taken?practice=…
func (g *Gateway) notTaken(c *gin.Context) {
	views := []NotTakenView{}
	err := g.cfg.Store.View(c.Request.Context(), func(r store.Reader) error {
		list, err := routing.Refusals(r.Switches(), c.Query("practice"))
		views = views[:0]
		for _, n := range list {
			views = append(views, NotTakenView(n))
		}
		return err
	})
	g.answer(c, views, err)
}

// waits says of what is not sent yet by which channel it goes, and why it may have
// to wait: a stop, quiet hours, and the channels that its practice was found not to
// take. The views are of the deliveries.
func (g *Gateway) waits(r store.SwitchReader, list []DeliveryView, of []store.Delivery) error {
	stops, err := routing.Stops(r)
	if err != nil {
		return err
	}
	refusals, err := routing.Refusals(r, "")
	if err != nil {
		return err
	}
	for i, d := range list {
		if d.State != string(store.Owed) && d.State != string(store.Leased) || strings.Contains(d.Practice, "/") {
			continue
		}
		var words []string
		var quiet time.Time
		if list[i].Channel, quiet = g.cfg.Outlook(of[i]); !quiet.IsZero() {
			words = append(words, "quiet hours until "+quiet.UTC().Format("2006-01-02 15:04 MST"))
		}
		for _, ods := range []string{d.Practice, routing.Any} {
			if s, stopped := stops[ods]; stopped {
				words = append(words, fmt.Sprintf("stopped since %s by %s: %s", s.Since.UTC().Format("2006-01-02 15:04"), s.By, s.Reason))
				break
			}
		}
		for _, n := range refusals {
			if n.Practice == d.Practice {
				words = append(words, fmt.Sprintf("%s not taken, said on %s", n.Channel, n.Since.UTC().Format("2006-01-02 15:04")))
			}
		}
		list[i].Waits = strings.Join(words, "; ")
	}
	return nil
}

// takenAgain: DELETE /admin/not-taken/{practice}/{channel}: the next delivery
// tries the channel again, because the practice says that it takes it now.
func (g *Gateway) takenAgain(c *gin.Context) {
	ods, why := nhs.ParseODS(c.Param("practice"))
	if why != nhs.Valid {
		g.fail(c, fault.New(fault.Malformed, "practice", "an ODS code is expected"))
		return
	}
	channel := c.Param("channel")
	err := g.cfg.Store.Decide(c.Request.Context(), func(tx store.Tx) error {
		if err := routing.Forget(tx.Switches(), ods, channel); err != nil {
			return err
		}
		return tx.Ledger().Audit(store.AuditEvent{At: tx.Time(), Agent: caller(c).Name, Action: "channel tried again", Entity: "practice/" + ods, Outcome: "success"})
	})
	g.answer(c, map[string]string{"practice": ods, "channel": channel}, err)
}

// closeDelivery: POST /admin/deliveries/{id}/close with {"reason": …}: a human
// saw to it by other means, such as a letter.
func (g *Gateway) closeDelivery(c *gin.Context) {
	id, err := number(c)
	if err != nil {
		g.fail(c, err)
		return
	}
	reason, err := g.reason(c, "how it was seen to is expected in up to 500 bytes and without patient data")
	if err != nil {
		g.fail(c, err)
		return
	}
	err = g.cfg.Store.Decide(c.Request.Context(), func(tx store.Tx) error {
		d, err := tx.Deliveries().Get(id)
		if err != nil {
			return err
		}
		if d.State != store.Dead && d.State != store.Held && d.State != store.Withheld {
			return fault.New(fault.IllegalMove, "", "a dead, held or withheld delivery can be closed; this one is %s", d.State)
		}
		was := d
		d.State, d.Settled, d.Reason = store.Closed, tx.Time(), reason
		a := store.Attempt{Channel: d.Channel, Started: tx.Time(), Ended: tx.Time(), State: string(store.Closed), Reason: reason}
		if err := tx.Deliveries().Advance(d, a); err != nil {
			return err
		}
		if err := g.cfg.Worklist.Told(tx, was, d); err != nil {
			return err
		}
		return tx.Ledger().Audit(store.AuditEvent{At: tx.Time(), Agent: caller(c).Name, Action: "delivery closed", Entity: entity("delivery", id), Outcome: "success"})
	})
	g.answer(c, map[string]any{"id": id, "state": store.Closed}, err)
}

// leaving: GET /admin/deliveries/{id}/leaving, the delivery with what the practice
// and the person allow of it now: all that a human may send by hand. Errors:
// fault.Forbidden when nothing may leave.
func (g *Gateway) leaving(c *gin.Context) {
	id, err := number(c)
	if err == nil {
		err = g.mayReadContent(c, "read what leaves", entity("delivery", id))
	}
	if err != nil {
		g.fail(c, err)
		return
	}
	var d store.Delivery
	err = g.cfg.Store.View(c.Request.Context(), func(r store.Reader) error {
		if d, err = r.Deliveries().Get(id); err != nil {
			return err
		}
		plan, err := g.cfg.Leaves(r, d)
		if err == nil && plan.Do != outbound.Sent {
			err = fault.New(fault.Forbidden, "", "%s", plan.Reason)
		}
		d.Payload = plan.Payload
		return err
	})
	result := "success"
	if err != nil {
		result = "refused"
	}
	if fault.KindOf(err) != fault.NotFound {
		err = errors.Join(err, g.audit(c, "read what leaves", "delivery", id, result))
	}
	g.answer(c, deliveryView(d, nil), err)
}

// acknowledge: POST /admin/acknowledgements/{channel} with {"id": …, "status": …}.
// It is answered when it is on disk. The whole body is kept as it came.
func (g *Gateway) acknowledge(c *gin.Context) {
	body, err := g.body(c)
	if err != nil {
		g.fail(c, err)
		return
	}
	var in struct {
		ID     string `json:"id"`
		Status string `json:"status"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		g.fail(c, fault.New(fault.Malformed, "", "JSON with id and status is expected"))
		return
	}
	g.answer(c, map[string]string{"id": in.ID}, g.cfg.Acknowledge(c.Request.Context(), c.Param("channel"), in.ID, in.Status, body))
}

// recall: POST /admin/recalls with a recall.Order. Its letters are content. It may
// find very many outcomes, and takes its time.
func (g *Gateway) recall(c *gin.Context) {
	const read = "read letters of recall"
	var o recall.Order
	err := g.decode(c, &o)
	if err == nil && o.Letters {
		err = g.mayReadContent(c, read, "recall")
	}
	if err != nil {
		g.fail(c, err)
		return
	}
	o.By = caller(c).Name
	ctx, control, cancel := g.unhurried(c)
	defer cancel()
	c.Request = c.Request.WithContext(ctx)
	rep, err := g.cfg.Recall.Run(ctx, o)
	_ = control.SetWriteDeadline(time.Now().Add(g.cfg.RequestTime))
	if err == nil && o.Letters {
		err = g.note(c, read, "recall/"+o.ID, "success")
	}
	g.answer(c, rep, err)
}

// reason is why a human decides so, which is kept with the decision.
func (g *Gateway) reason(c *gin.Context, expected string) (string, error) {
	var in struct {
		Reason string `json:"reason"`
	}
	err := g.decode(c, &in)
	if err == nil && (in.Reason == "" || len(in.Reason) > 500) {
		err = fault.New(fault.Malformed, "reason", "%s", expected)
	}
	return in.Reason, err
}

// decode reads a small JSON body; unknown members are refused, so that a word
// that is misspelt changes nothing in silence.
func (g *Gateway) decode(c *gin.Context, into any) error {
	body, err := g.body(c)
	if err != nil {
		return err
	}
	return strictJSON(body, into)
}
