package gateway

import (
	"fmt"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/intake"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// ReplayPage is the answer to one page of a replay.
type ReplayPage struct {
	Replayed []ReplayView `json:"replayed"`
	Next     int64        `json:"next,omitempty"`    // where the next page begins; 0: this was the last
	Stopped  string       `json:"stopped,omitempty"` // why the page ended before its time
}

// ReplayView is what came of one message. Result is accepted, duplicate or the
// fault kind it still fails with.
type ReplayView struct {
	ID      int64         `json:"id"`
	Result  string        `json:"result"`
	Task    string        `json:"task,omitempty"`
	Reasons []fault.Issue `json:"reasons,omitempty"`
	Flags   []string      `json:"flags,omitempty"` // codes of what an accepted one is flagged with
}

func replayView(r intake.Replayed) ReplayView {
	return ReplayView{r.ID, r.Kind, r.Task, r.Reasons, r.Flags}
}

// replay: POST /admin/messages/{id}/replay?dry=true
func (g *Gateway) replay(c *gin.Context) {
	id, err := number(c)
	var dry bool
	if err == nil {
		dry, err = dryOf(c)
	}
	if err != nil {
		g.fail(c, err)
		return
	}
	r, err := g.cfg.Intake.ReplayOne(c.Request.Context(), id, dry)
	if err == nil {
		action := "replay"
		if dry {
			action = "replay, tried only"
		}
		err = g.audit(c, action, "message", id, r.Kind)
	}
	g.answer(c, replayView(r), err)
}

// dryOf reads whether something is only to be tried.
func dryOf(c *gin.Context) (bool, error) {
	dry := c.Query("dry")
	if dry != "" && dry != "true" && dry != "false" {
		return false, fault.New(fault.Malformed, "dry", "true or false is expected")
	}
	return dry == "true", nil
}

// replaySet: POST /admin/messages/replay?sender=…&kind=…&since=…&until=…&after=…&limit=…&dry=true
// takes one page of failed messages through the house again, oldest first.
func (g *Gateway) replaySet(c *gin.Context) {
	set, err := replayQuery(c)
	if err != nil {
		g.fail(c, err)
		return
	}
	list, next, err := g.cfg.Intake.ReplayFailed(c.Request.Context(), set)
	if err != nil && len(list) == 0 {
		g.fail(c, err)
		return
	}
	page := ReplayPage{Replayed: make([]ReplayView, 0, len(list)), Next: next}
	if err != nil {
		page.Stopped = fault.Of(err).Error()
	}
	failed := 0
	for _, r := range list {
		page.Replayed = append(page.Replayed, replayView(r))
		if !r.Done() {
			failed++
		}
	}
	g.answer(c, page, g.auditSet(c, set, list, failed))
}

// auditSet writes one line about a page; every message that was replayed has
// its own besides.
func (g *Gateway) auditSet(c *gin.Context, set intake.ReplaySet, list []intake.Replayed, failed int) error {
	if len(list) == 0 {
		return nil
	}
	action := "replay set"
	if set.Dry {
		action = "replay set, tried only"
	}
	return g.cfg.Store.Decide(c.Request.Context(), func(tx store.Tx) error {
		return tx.Ledger().Audit(store.AuditEvent{
			At: tx.Time(), Agent: caller(c).Name, Action: action,
			Entity:  entity("message", list[0].ID) + " to " + strconv.FormatInt(list[len(list)-1].ID, 10),
			Outcome: fmt.Sprintf("%d accepted, %d failed", len(list)-failed, failed),
		})
	})
}

func replayQuery(c *gin.Context) (set intake.ReplaySet, err error) {
	set = intake.ReplaySet{Sender: c.Query("sender"), Kind: c.Query("kind")}
	for key := range c.Request.URL.Query() {
		switch key {
		case "sender", "kind", "since", "until", "after", "limit", "dry":
		default:
			// A word that is not understood would replay more than was meant.
			return set, fault.New(fault.Malformed, "", "only sender, kind, since, until, after, limit and dry are understood")
		}
	}
	if set.Dry, err = dryOf(c); err != nil {
		return set, err
	}
	if set.Since, err = moment(c, "since"); err != nil {
		return set, err
	}
	if set.Until, err = moment(c, "until"); err != nil {
		return set, err
	}
	if s := c.Query("after"); s != "" {
		if set.After, err = strconv.ParseInt(s, 10, 64); err != nil || set.After < 0 {
			return set, fault.New(fault.Malformed, "after", "an id is expected")
		}
	}
	if s := c.Query("limit"); s != "" {
		if set.Limit, err = strconv.Atoi(s); err != nil || set.Limit < 1 || set.Limit > 500 {
			return set, fault.New(fault.Malformed, "limit", "a number from 1 to 500 is expected")
		}
	}
	return set, nil
}

// moment reads a date or a time; a date is its first moment, in UTC.
func moment(c *gin.Context, name string) (time.Time, error) {
	s := c.Query(name)
	if s == "" {
		return time.Time{}, nil
	}
	first, _, ok := resource.Interval(s)
	if !ok {
		return time.Time{}, &fault.Fault{Kind: fault.Malformed, Issues: []fault.Issue{{
			Place: name, Text: "a date such as 2026-11-01 or a time such as 2026-11-01T09:00:00Z is expected"}}}
	}
	return first, nil
}
