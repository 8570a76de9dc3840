package load

import (
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/store/postgrestest"
)

// crashPostgres keeps two servers on one PostgreSQL database under load that
// never stops, while they and the database are killed.
func crashPostgres(t *testing.T, rounds int) {
	pg := postgrestest.Own(t)
	sum := &crashTally{rounds: map[string]int{}}
	begun := time.Now()
	for done := 0; done < rounds && !t.Failed(); {
		n := min(seriesRounds, rounds-done)
		dsn, err := pg.CreateDatabase()
		if err != nil {
			t.Fatal(err)
		}
		crashFolder(t, func(folder string) {
			s := &shared{t: t, sum: sum, db: pg, folder: folder, env: []string{"LINKLOOP_DATA_POSTGRES=" + dsn}}
			s.series(2, n)
		})
		done += n
		t.Logf("%5d rounds, %s: %d messages, %d outcomes, %d problems", done, time.Since(begun).Round(time.Second), sum.messages, sum.settled, sum.problems)
	}
	t.Logf("postgres, two servers: %s", sum)
	t.Logf("%d requests were cured by trying again, the longest took %s", sum.cured, sum.longest.Round(time.Millisecond))
	t.Logf("from the death of a server until another had sent its deliveries (lease 1s): %s", spread(sum.waits))
	t.Logf("from the return of the database until every server answered: %s", spread(sum.recoveries))
	if sum.messages == 0 || sum.settled == 0 {
		t.Error("nothing was accepted or nothing was delivered: there was no load")
	}
}
