package app

import (
	"context"

	"github.com/linkloop/linkloop/adapter/intake"
)

// Claim claims a message as another instance on the same store would.
func (a *App) Claim(ctx context.Context, sender, key string) (*intake.Claim, *intake.Result, error) {
	return a.intake.Claim(ctx, sender, key)
}
