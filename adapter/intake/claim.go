package intake

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
)

// claimSlot is how long a claim lasts at least, and half of how long it lasts
// at most. An edge that claims gives up on a message sooner.
const claimSlot = 10 * time.Second

// maxClaims bounds how often one message is claimed and released within a slot.
const maxClaims = 50

// Claim is the right to decide the message of a key, held by one instance at a
// time. It ends by itself when whoever holds it dies.
type Claim struct {
	s     *Service
	names []string
}

// errClaimed undoes a claim that somebody else holds already.
var errClaimed = errors.New("claimed")

// Claim looks up the message of a Submission.Key, and claims it when it is not
// decided yet. Of the three results one is set: before, what was answered; the
// claim; or neither when somebody is deciding it now. The error is the store's.
func (s *Service) Claim(ctx context.Context, sender, key string) (c *Claim, before *Result, err error) {
	id := keyed(sender, key)
	err = s.cfg.Store.Decide(ctx, func(tx store.Tx) error {
		c, before = nil, nil
		prev, err := tx.Inbox().Find(id)
		if err == nil {
			res := stored(prev)
			before = &res
			return nil
		}
		if fault.KindOf(err) != fault.NotFound {
			return err
		}
		// Keys are claimed once for ever, so a claim is of a slot of time: that
		// of now and, since the slot may have just begun, the one before.
		claim := &Claim{s: s}
		slot := tx.Time().Unix() / int64(claimSlot/time.Second)
		for _, n := range []int64{slot - 1, slot} {
			name, err := claimOne(tx, fmt.Sprintf("claim %x %d", id, n))
			if err != nil {
				return err // and nothing of this claim stays
			}
			claim.names = append(claim.names, name)
		}
		c = claim
		return nil
	}, store.Hint{Dedupe: [][32]byte{id}})
	if errors.Is(err, errClaimed) {
		return nil, nil, nil
	}
	return c, before, err
}

// claimOne claims a slot that nobody holds: one that was never claimed, or
// whose every claim was released.
func claimOne(tx store.Tx, slot string) (string, error) {
	for n := range maxClaims {
		name := fmt.Sprintf("%s %d", slot, n)
		if free, err := tx.Ledger().Once(name); err != nil || free {
			return name, err
		}
		held, err := tx.Ledger().Once(name + " released")
		if err != nil {
			return "", err
		}
		if held {
			return "", errClaimed
		}
	}
	return "", errClaimed
}

// Release gives the claim back, for a message that could not be decided and
// may come again at once. Without it the claim ends in at most 20 seconds.
func (c *Claim) Release(ctx context.Context) {
	err := c.s.cfg.Store.Decide(ctx, func(tx store.Tx) error {
		for _, name := range c.names {
			if _, err := tx.Ledger().Once(name + " released"); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		c.s.cfg.Log.Warn("claim not released", "kind", fault.KindOf(err).String())
	}
}

// keyed is the identity of a message that its edge knows by a key.
func keyed(sender, key string) [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "key %d:%s%d:%s", len(sender), sender, len(key), key))
}
