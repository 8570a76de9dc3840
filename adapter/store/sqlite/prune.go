package sqlite

import (
	"context"

	"github.com/linkloop/linkloop/adapter/store"
)

// Prune is a stub to be written.
func (s *Store) Prune(ctx context.Context, r store.Retention) (int, bool, error) {
	return 0, false, nil
}
