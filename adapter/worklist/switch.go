package worklist

import "github.com/linkloop/linkloop/adapter/store"

// Switches are what operators set while linkloop runs.
func (r reader) Switches() store.SwitchReader { return r.tx.Switches() }

// Audit is the trail of earlier decisions.
func (r reader) Audit() store.AuditReader { return r.tx.Audit() }
