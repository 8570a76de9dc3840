package app_test

import (
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/app"
	"github.com/linkloop/linkloop/adapter/store/postgrestest"
	"github.com/linkloop/linkloop/config"
)

// TestDoctorOnPostgres: a database that is empty, in use, or not there.
func TestDoctorOnPostgres(t *testing.T) {
	if !onPostgres {
		t.Skip("the store is the embedded one")
	}
	dsn := postgrestest.Database(t)
	says := func(dsn, words string, healthy bool) {
		t.Helper()
		cfg := config.Default()
		cfg.Data.Postgres = dsn
		var out strings.Builder
		if app.Doctor(t.Context(), cfg, &out) != healthy || !strings.Contains(out.String(), words) {
			t.Errorf("the doctor does not say %q:\n%s", words, out.String())
		}
	}
	says(dsn, "is empty", true)
	open(t, func(c *config.Config) { c.Data.Postgres = dsn })
	says(dsn, "has the schema of this version", true)
	says("postgres://linkloop@127.0.0.1:1/none", "cannot be used", false)
}
