package app

import (
	"fmt"
	"strings"

	"github.com/linkloop/linkloop/config"
)

// Reload takes senders with their mappings, clients and records from a new
// configuration without a restart. Everything is made ready first: when
// anything is wrong the old configuration stays in use as a whole, and the
// error says why. Settings that need a restart are named in the error and
// nothing is changed.
func (a *App) Reload(cfg config.Config) error {
	if _, restart := config.Changed(a.cfg, cfg); len(restart) > 0 {
		return fmt.Errorf("these settings need a restart: %s", strings.Join(restart, ", "))
	}
	list, err := senders(cfg)
	if err != nil {
		return err
	}
	byODS, err := channels(cfg)
	if err != nil {
		return err
	}
	if err := a.gateway.Use(a.clients(cfg)); err != nil {
		return err
	}
	if err := a.intake.Use(list); err != nil {
		return err
	}
	a.inbox.Use(folders(cfg))
	a.records.byODS.Store(&byODS)
	a.cfg = cfg
	a.relay.Notify()
	a.log.Info("configuration reloaded", "senders", len(list), "clients", len(cfg.Clients), "records", len(cfg.Records))
	return nil
}
