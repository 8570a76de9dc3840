package app

import (
	"context"

	"github.com/linkloop/linkloop/adapter/batch"
	"github.com/linkloop/linkloop/adapter/store"
)

// keepReceipt keeps the receipt of a file in the store, where every instance
// finds it.
func (a *App) keepReceipt(ctx context.Context, k batch.Kept) error {
	return a.store.Decide(ctx, func(tx store.Tx) error {
		return tx.Ledger().SaveReceipt(store.Receipt{Name: k.ID, Sender: k.Sender, Received: k.Received, Status: k.Heading.String(), Body: k.Body})
	})
}
