package gateway

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
)

// AuditView is a page of the audit trail in the operator's API, newest first.
type AuditView struct {
	Lines []AuditLineView `json:"lines"`
	Next  int64           `json:"next,omitempty"` // the before of the next page; a page with it may hold no lines
}

// AuditLineView says who did what to what. It names resources by their ids.
type AuditLineView struct {
	ID      int64     `json:"id"`
	At      time.Time `json:"at"`
	Actor   string    `json:"actor"` // client, sender or linkloop itself
	Action  string    `json:"action"`
	Entity  string    `json:"entity"`
	Version int64     `json:"version,omitempty"`
	Outcome string    `json:"outcome"`
}

// auditTrail: GET /admin/audit?since=…&until=…&actor=…&action=…&entity=…&before=…&limit=…
// Times are instants; before is an id. Every page that was read is in the trail
// too, with what was asked for.
func (g *Gateway) auditTrail(c *gin.Context) {
	f := store.AuditFilter{Agent: c.Query("actor"), Action: c.Query("action"), Entity: c.Query("entity")}
	var err error
	if f.Before, f.Limit, err = window(c); err == nil {
		if f.Since, err = instantOf(c, "since"); err == nil {
			f.Until, err = instantOf(c, "until")
		}
	}
	if err != nil {
		g.fail(c, err)
		return
	}
	view := AuditView{Lines: []AuditLineView{}}
	err = g.cfg.Store.View(c.Request.Context(), func(r store.Reader) error {
		page, err := r.Audit().List(f)
		view = AuditView{Lines: make([]AuditLineView, 0, len(page.Lines)), Next: page.Next}
		for _, l := range page.Lines {
			view.Lines = append(view.Lines, AuditLineView{l.ID, l.At, l.Agent, l.Action, l.Entity, l.Version, l.Outcome})
		}
		return err
	})
	if err == nil {
		err = g.cfg.Store.Decide(c.Request.Context(), func(tx store.Tx) error {
			return tx.Ledger().Audit(store.AuditEvent{At: tx.Time(), Agent: caller(c).Name, Action: "read audit trail", Outcome: strconv.Itoa(len(view.Lines)) + " lines" + of(f)})
		})
	}
	g.answer(c, view, err)
}

// of says by what a page of the trail was asked for, shortened, as anybody who
// asks may have written it.
func of(f store.AuditFilter) string {
	const most = 100
	var b strings.Builder
	for _, x := range []struct{ name, value string }{
		{"actor", f.Agent}, {"action", f.Action}, {"entity", f.Entity}, {"since", instantText(f.Since)}, {"until", instantText(f.Until)},
	} {
		if r := []rune(x.value); len(r) > most {
			x.value = string(r[:most]) + "…"
		}
		if x.value != "" {
			fmt.Fprintf(&b, ", %s %q", x.name, x.value)
		}
	}
	if f.Before > 0 {
		fmt.Fprintf(&b, ", before %d", f.Before)
	}
	return b.String()
}

func instantText(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}

func instantOf(c *gin.Context, name string) (time.Time, error) {
	text := c.Query(name)
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, fault.New(fault.Malformed, name, "a time such as 2026-03-01T09:30:00Z is expected")
	}
	return at, nil
}
