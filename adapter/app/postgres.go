package app

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/store/postgres"
	"github.com/linkloop/linkloop/config"
)

func openPostgres(ctx context.Context, d config.Data, now func() time.Time) (store.Store, []byte, error) {
	c, err := postgresConfig(d)
	if err != nil {
		return nil, nil, err
	}
	c.Now = now
	s, err := postgres.Open(ctx, c)
	if err != nil {
		return nil, nil, fmt.Errorf("data.postgres: %w", err)
	}
	// All instances on one database must make the same ids of the same people.
	key, err := s.Key(ctx)
	if err != nil {
		_ = s.Close() // the first error says more
		return nil, nil, fmt.Errorf("data.postgres: %w", err)
	}
	return s, key, nil
}

func postgresConfig(d config.Data) (postgres.Config, error) {
	c := postgres.DefaultConfig()
	c.DSN = d.Postgres
	if d.PostgresPassword.Empty() {
		return c, nil
	}
	u, err := url.Parse(d.Postgres)
	if err != nil {
		return c, fmt.Errorf("data.postgres: not an address of a database")
	}
	u.User = url.UserPassword(u.User.Username(), d.PostgresPassword.Reveal())
	c.DSN = u.String()
	return c, nil
}
