package app

import (
	"context"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
)

// reindexAgain is how long to wait after indexing anew was broken off.
const reindexAgain = 10 * time.Second

// keepIndex indexes anew what an older version wrote, beside everything else,
// until all is done. What is done stays done over a restart.
func (a *App) keepIndex(ctx context.Context) {
	for {
		done, err := a.worklist.Reindex(ctx)
		if done > 0 {
			a.log.Info("older resources indexed for search", "resources", done)
		}
		if err == nil || ctx.Err() != nil {
			return
		}
		a.log.Error("indexing older resources was broken off; it will go on", "kind", fault.KindOf(err).String())
		select {
		case <-ctx.Done():
			return
		case <-time.After(reindexAgain):
		}
	}
}
