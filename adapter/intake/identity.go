package intake

import (
	"crypto/sha256"
	"fmt"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/store"
)

// identity is by what a message is known when it comes again: key over the
// canonical form of its format. Messages kept by a release before that form are
// there under former, over the bytes; it is zero where the two are the same.
func identity(sender Sender, messageID string, body []byte) (key, former [32]byte) {
	key = dedupe(sender.Name, messageID, body)
	f, ok := sender.Format.(inbound.Canonicalizer)
	if !ok {
		return key, former
	}
	if one := dedupe(sender.Name, messageID, f.Canonical(body)); one != key {
		return one, key
	}
	return key, former
}

// dedupe is who sent a message, under which id, with which bytes. Lengths keep
// the parts apart.
func dedupe(sender, messageID string, body []byte) [32]byte {
	h := sha256.New()
	fmt.Fprintf(h, "%d:%s%d:%s", len(sender), sender, len(messageID), messageID)
	h.Write(body)
	return [32]byte(h.Sum(nil))
}

// repeated finds the same message among those that are kept.
func repeated(tx store.Tx, key, former [32]byte) (store.Message, error) {
	m, err := tx.Inbox().Find(key)
	if fault.KindOf(err) == fault.NotFound && former != [32]byte{} {
		return tx.Inbox().Find(former)
	}
	return m, err
}

// reads is what the decision about a draft looks at.
func (sub *Submission) reads(d *draft, key [32]byte) store.Hint {
	h := d.reads(key)
	if sub.former != [32]byte{} {
		h.Dedupe = append(h.Dedupe, sub.former)
	}
	return h
}
