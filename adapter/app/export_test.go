package app

import (
	"context"
	"slices"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
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

// Hold writes resources that have ids into the store, past the rules of the API.
func (a *App) Hold(ctx context.Context, list []*element.Value) error {
	for part := range slices.Chunk(list, 100) {
		err := a.store.Decide(ctx, func(tx store.Tx) error {
			for _, v := range part {
				key := store.Key{Type: v.ResourceType(), ID: v.ID()}
				cur, err := tx.Resources().Get(key)
				if err != nil && fault.KindOf(err) != fault.NotFound {
					return err
				}
				if _, err := tx.Resources().Put(store.Write{Key: key, Body: element.Canonical(v), Expect: cur.Number}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	_, err := a.worklist.Reindex(ctx)
	return err
}

// Addr is where the public port listens, whatever the public address is.
func (a *App) Addr() string { return a.publicAddr.Addr().String() }
