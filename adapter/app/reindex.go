package app

import (
	"context"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
)

// reindexAgain is how long to wait after indexing anew was broken off.
const reindexAgain = 10 * time.Second

// keepIndex indexes anew what an older version wrote.
func (a *App) keepIndex(ctx context.Context) {
	a.catchUp(ctx, "older resources indexed for search", a.worklist.Reindex)
}

// keepMarks marks what an older version owed, so that recalls find it.
func (a *App) keepMarks(ctx context.Context) {
	a.catchUp(ctx, "older deliveries marked for recalls", a.recalls().Remark)
}

// catchUp does what a newer version needs of older data, beside everything else,
// until all is done. What is done stays done over a restart.
func (a *App) catchUp(ctx context.Context, what string, do func(context.Context) (int, error)) {
	for {
		done, err := do(ctx)
		if done > 0 {
			a.log.Info(what, "number", done)
		}
		if err == nil || ctx.Err() != nil {
			return
		}
		a.log.Error("work on older data was broken off; it will go on", "work", what, "kind", fault.KindOf(err).String())
		select {
		case <-ctx.Done():
			return
		case <-time.After(reindexAgain):
		}
	}
}
