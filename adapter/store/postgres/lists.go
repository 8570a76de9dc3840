package postgres

import (
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// listSizes remembers for a while how long posting lists are, so that a search
// takes its candidates from a short one.
type listSizes struct {
	mu    sync.Mutex
	known map[int64]listSize
}

type listSize struct {
	n  int64
	at time.Time
}

const (
	sizesKept   = 10_000 // lists; with more all are forgotten
	sizeMatters = 2000   // longer lists are all the same
	sizeFor     = time.Minute
)

// shortest returns which of several lists, or unions of lists, is the shortest.
func (s *search) shortest(all [][]int64) (int, error) {
	if len(all) == 1 {
		return 0, nil
	}
	known := &s.r.s.lists
	var ask []int64
	known.mu.Lock()
	for _, lists := range all {
		for _, l := range lists {
			if k, ok := known.known[l]; !ok || time.Since(k.at) > sizeFor {
				ask = append(ask, l)
			}
		}
	}
	known.mu.Unlock()
	if len(ask) > 0 {
		rows, err := s.r.q.rows("SELECT l, (SELECT count(*) FROM (SELECT 1 FROM linkloop.posting WHERE list = l LIMIT $2) x) FROM unnest($1::bigint[]) l", ask, sizeMatters)
		if err != nil {
			return 0, err
		}
		now := time.Now()
		var l, n int64
		fresh := map[int64]listSize{}
		if _, err := pgx.ForEachRow(rows, []any{&l, &n}, func() error { fresh[l] = listSize{n, now}; return nil }); err != nil {
			return 0, err
		}
		known.keep(fresh)
	}
	best, least := 0, int64(-1)
	known.mu.Lock()
	defer known.mu.Unlock()
	for i, lists := range all {
		n := int64(0)
		for _, l := range lists {
			n += known.known[l].n
		}
		if least < 0 || n < least {
			best, least = i, n
		}
	}
	return best, nil
}

func (k *listSizes) keep(fresh map[int64]listSize) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.known)+len(fresh) > sizesKept {
		clear(k.known)
	}
	for l, s := range fresh {
		k.known[l] = s
	}
}
