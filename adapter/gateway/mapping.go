package gateway

import (
	"fmt"

	"github.com/gin-gonic/gin"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/rollout"
	"github.com/linkloop/linkloop/adapter/store"
)

// MappingView is one mapping with its files, so that tools can run it elsewhere
// as it runs here.
type MappingView struct {
	rollout.Status
	Files   string        `json:"files,omitempty"` // one txtar archive
	Senders []MappingUser `json:"senders"`
}

// MappingUser is a sender whose messages the mapping maps, with the constants
// that its configuration replaces.
type MappingUser struct {
	Name      string            `json:"name"`
	Constants map[string]string `json:"constants,omitempty"`
	Strict    bool              `json:"strict,omitempty"` // senders[].validation: refuse
}

// mappings: GET /admin/mappings
func (g *Gateway) mappings(c *gin.Context) { g.answer(c, g.cfg.Mappings.Status(), nil) }

// mapping: GET /admin/mappings/{name}
func (g *Gateway) mapping(c *gin.Context) {
	for _, s := range g.cfg.Mappings.Status() {
		if s.Name != c.Param("name") {
			continue
		}
		v := MappingView{Status: s, Senders: []MappingUser{}}
		if m := g.cfg.Mappings.Running(s.Name); m != nil {
			v.Files = string(m.Source())
		}
		for _, x := range g.cfg.Intake.Senders() {
			if x.Mapping.Name() == s.Name {
				v.Senders = append(v.Senders, MappingUser{x.Name, x.Constants, x.Strict})
			}
		}
		g.answer(c, v, nil)
		return
	}
	g.fail(c, fault.New(fault.NotFound, "", "no mapping of this name runs"))
}

// reloadMappings: POST /admin/mappings/reload looks at the folder now. The
// answer says how every mapping stands then; a refused one is no error of the
// request.
func (g *Gateway) reloadMappings(c *gin.Context) {
	if err := g.cfg.Mappings.Check(c.Request.Context()); err != nil {
		g.fail(c, fault.Wrap(fault.Transient, err, "the look at the mappings did not come to its end"))
		return
	}
	list, refused := g.cfg.Mappings.Status(), 0
	for _, s := range list {
		if s.Refusal != nil {
			refused++
		}
	}
	err := g.cfg.Store.Decide(c.Request.Context(), func(tx store.Tx) error {
		return tx.Ledger().Audit(store.AuditEvent{At: tx.Time(), Agent: caller(c).Name, Action: "reload mappings",
			Entity: "mappings", Outcome: fmt.Sprintf("%d stand, %d refused", len(list), refused)})
	})
	g.answer(c, list, err)
}
