package app

import (
	"fmt"
	"strings"

	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/config"
)

// Reload takes senders with their mappings, clients and records from a new
// configuration without a restart. Everything is made ready first: when
// anything is wrong the old configuration stays in use as a whole, and the
// error says why. Settings that need a restart are named in the error and
// nothing is changed.
func (a *App) Reload(cfg config.Config) error {
	if _, restart := config.Changed(*a.latest.Load(), cfg); len(restart) > 0 {
		return fmt.Errorf("these settings need a restart: %s", strings.Join(restart, ", "))
	}
	sent, err := sendersOf(cfg)
	if err != nil {
		return err
	}
	return a.rollout.With(mappingsOf(sent), func(m map[string]*mapping.Mapping) error { return a.reload(cfg, sent, m) })
}

// reload puts a configuration in use; the mappings hold still meanwhile.
func (a *App) reload(cfg config.Config, sent []config.Sender, m map[string]*mapping.Mapping) error {
	list, err := senders(sent, m, cfg.Systems)
	if err != nil {
		return err
	}
	byODS, err := channels(cfg)
	if err != nil {
		return err
	}
	way, err := outgoingOf(cfg)
	if err != nil {
		return err
	}
	useTLS, err := a.reloadTLS(cfg)
	if err != nil {
		return err
	}
	to, err := answering(cfg)
	if err != nil {
		return err
	}
	if err := a.gateway.Use(a.clients(cfg)); err != nil {
		return err
	}
	if err := a.intake.Use(list); err != nil {
		return err
	}
	useTLS()
	a.inbox.Use(folders(cfg))
	a.records.byODS.Store(&byODS)
	a.answers.bySender.Store(&to)
	a.outgoing.use(way)
	a.worklist.UseOutcomes(way.outcomes)
	a.latest.Store(&cfg)
	a.relay.Notify()
	a.log.Info("configuration reloaded", "senders", len(list), "clients", len(cfg.Clients), "records", len(cfg.Records))
	return nil
}
