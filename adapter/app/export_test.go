package app

import (
	"context"
	"time"

	"github.com/linkloop/linkloop/adapter/intake"
	"github.com/linkloop/linkloop/adapter/store"
)

// CloseListener ends the public listener as trouble of the system would.
func (a *App) CloseListener() error { return a.publicAddr.Close() }

// Accept takes a message in without HTTP, for tests that fill a store.
func (a *App) Accept(ctx context.Context, sender string, body []byte) (intake.Result, error) {
	return a.intake.Accept(ctx, intake.Submission{Sender: sender, Body: body, Received: time.Now().UTC()})
}

// Stats are those of the store.
func (a *App) Stats() store.Stats { return a.store.Stats() }
