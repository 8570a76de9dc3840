package sqlite_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/linkloop/linkloop/adapter/store/sqlite"
)

// BenchmarkBareLoop is what the same rows cost without the store around them,
// with as many referrals in a commit as the store reaches with 1, 16 and 64
// callers.
func BenchmarkBareLoop(b *testing.B) {
	for _, group := range []int{1, 8, 32} {
		b.Run(fmt.Sprint("group=", group), func(b *testing.B) {
			place := b.TempDir()
			if err := open(b, sqlite.Config{Path: place}).Close(); err != nil {
				b.Fatal(err)
			}
			bare, err := sqlite.OpenBare(place)
			if err != nil {
				b.Fatal(err)
			}
			defer bare.Close()
			rng := rand.New(rand.NewPCG(1, 2))
			b.ResetTimer()
			for i := 0; i < b.N; i += group {
				if err := bare.Begin(); err != nil {
					b.Fatal(err)
				}
				for range min(group, b.N-i) {
					r := newReferral(rng)
					if err := bare.File(r.message, r.writes, r.delivery); err != nil {
						b.Fatal(err)
					}
				}
				if err := bare.Commit(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "referrals/s")
		})
	}
}
