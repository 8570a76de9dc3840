package app

import (
	"context"
	"fmt"
	"time"

	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/store/sqlite"
	"github.com/linkloop/linkloop/config"
)

// openStore opens the database of the configuration and returns it with the
// secret of the installation. now is nil but in tests.
func openStore(ctx context.Context, d config.Data, now func() time.Time) (store.Store, []byte, error) {
	if d.Postgres != "" {
		return openPostgres(ctx, d, now)
	}
	key, err := installationKey(d.Folder)
	if err != nil {
		return nil, nil, err
	}
	c := sqlite.DefaultConfig()
	c.Path, c.Now = d.Folder, now
	s, err := sqlite.Open(ctx, c)
	if err != nil {
		return nil, nil, fmt.Errorf("data.folder: %w", err)
	}
	return s, key, nil
}
