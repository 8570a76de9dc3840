package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
)

// primed is how many referrals a mix begins with, so that there is something to
// repeat, to read and to work on.
const primed = 100

// mix prepares a phase in which the kinds of work take turns by their weights.
// Which kind the i-th request is follows from the seed.
func (s *session) mix(ctx context.Context) (task, error) {
	if err := s.prime(ctx); err != nil {
		return nil, err
	}
	works := map[Work]task{}
	var turns []Work
	for _, share := range s.cfg.Mix {
		var do task
		var err error
		switch share.Work {
		case Repeat:
			do = s.repeatAny
		case Move:
			do = s.workNew
		default:
			do, err = s.work(ctx, share.Work)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", share.Work, err)
		}
		works[share.Work] = do
		for range share.Weight {
			turns = append(turns, share.Work)
		}
	}
	return func(ctx context.Context, i int) verdict {
		w := turns[rand.New(rand.NewPCG(s.cfg.Seed, uint64(i))).IntN(len(turns))]
		v := works[w](ctx, i)
		if v.work == "" {
			v.work = w
		}
		return v
	}, nil
}

// prime sends the first referrals. They are part of the books and of no phase.
func (s *session) prime(ctx context.Context) error {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for s.primed.Add(1) <= primed {
				if v := s.sendHL7(ctx, 0); v.class == accepted {
					s.primedAccepted.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if s.primedAccepted.Load() < primed {
		return errors.New("the referrals that a mix begins with were not all accepted")
	}
	return nil
}

// repeatAny sends again a message that was accepted at any time before.
func (s *session) repeatAny(ctx context.Context, i int) verdict {
	s.mu.Lock()
	m := s.accepted[rand.New(rand.NewPCG(s.cfg.Seed^1, uint64(i))).IntN(len(s.accepted))]
	s.mu.Unlock()
	return s.repeat(ctx, m)
}

// newest is what a link worker looks at first.
const newest = "/fhir/Task?status=requested&_sort=-_lastUpdated&_count=20"

// workNew takes a step of a Task as a link worker does who looks at what is new
// when nothing is in hand.
func (s *session) workNew(ctx context.Context, _ int) verdict {
	t, ok := s.mixHands.take()
	if ok {
		return s.step(ctx, s.mixHands, t)
	}
	v := s.lookForWork(ctx)
	v.work = Search
	return v
}

// lookForWork searches, and takes in hand what was never in hand before.
func (s *session) lookForWork(ctx context.Context) verdict {
	a, err := s.client.do(ctx, http.MethodGet, newest, "", "", nil)
	switch {
	case err != nil:
		return failure(errorKind(err))
	case a.status != http.StatusOK:
		return failure(refusal(a))
	}
	b, err := bundleOf(a.body)
	if err != nil {
		return failure("unexpected answer")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range b.held {
		if !s.begun[t.id] {
			s.begun[t.id] = true
			s.mixHands.put(t)
		}
	}
	return verdict{class: done}
}
