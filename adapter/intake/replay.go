package intake

import (
	"context"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/store"
)

// Replay takes a failed message, or one that was closed, through the house once
// more, with the mapping as it is now. A message that was accepted is answered as before and makes
// nothing. Errors: fault.NotFound for the message or for its sender.
func (s *Service) Replay(ctx context.Context, id int64) (Result, error) {
	m, err := s.message(ctx, id)
	if err != nil {
		return Result{}, err
	}
	if m.State == store.Accepted {
		return stored(m), nil
	}
	sender, ok := s.Sender(m.Sender)
	if !ok {
		return Result{}, fault.New(fault.NotFound, "", "the sender of this message is no longer configured")
	}
	return s.process(ctx, sender, Submission{Sender: m.Sender, Client: "replay", Body: m.Body, Received: m.Received}, &m), nil
}

// Explanation is how a stored message became resources.
type Explanation struct {
	Message store.Message
	Steps   []mapping.Step
	// Unmapped lists source addresses that the mapping never looked at.
	Unmapped []string
}

// Explain maps a stored message again with the mapping it was mapped with,
// which the store kept under its content hash, and says for each element where
// it came from; of a message that the mapping refuses, for those it made. It
// holds patient data: show it only to those who may read the message.
func (s *Service) Explain(ctx context.Context, id int64) (Explanation, error) {
	m, err := s.message(ctx, id)
	if err != nil {
		return Explanation{}, err
	}
	e := Explanation{Message: m}
	sender, ok := s.Sender(m.Sender)
	if !ok {
		return e, fault.New(fault.NotFound, "", "the sender of this message is no longer configured")
	}
	with := sender.Mapping
	if with.Hash() != m.Mapping {
		if with, err = s.mappingOf(ctx, m.Mapping); err != nil {
			return e, err
		}
	}
	msg, err := sender.Format.Decode(m.Body)
	if err != nil {
		return e, err
	}
	out, err := with.Attempt(msg.Tree, mapping.Context{Constants: sender.Constants, Received: m.Received})
	if out == nil {
		return e, err
	}
	e.Steps = with.Explain(msg.Tree, out)
	e.Unmapped = with.Unmapped(msg.Tree, out)
	return e, nil
}

func (s *Service) mappingOf(ctx context.Context, hash string) (*mapping.Mapping, error) {
	var files []byte
	err := s.cfg.Store.Decide(ctx, func(tx store.Tx) error {
		var err error
		files, err = tx.Ledger().Mapping(hash)
		return err
	})
	if err != nil {
		return nil, err
	}
	return mapping.CompileArchive(files)
}

func (s *Service) message(ctx context.Context, id int64) (store.Message, error) {
	var m store.Message
	err := s.cfg.Store.View(ctx, func(r store.Reader) error {
		var err error
		m, err = r.Inbox().Get(id)
		return err
	})
	return m, err
}
