package intake

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
)

// CodeClosed marks the reason for which a message was closed, in front of those
// for which it failed. It is for who may read messages, and never for a sender.
const CodeClosed = "closed"

// maxCloseReason bounds the reason for closing, in bytes.
const maxCloseReason = 500

// Close takes a failed message that will never be right out of the failed ones.
// It stays readable, and Replay opens it again. Errors: fault.Malformed for a
// reason that is no line of text, fault.NotFound, and fault.IllegalMove for a
// message that is not failed.
func (s *Service) Close(ctx context.Context, id int64, by, reason string) error {
	reason = strings.TrimSpace(reason)
	if reason == "" || len(reason) > maxCloseReason || strings.ContainsFunc(reason, unicode.IsControl) {
		return fault.New(fault.Malformed, "reason", "why nobody needs the message is expected, in one line of up to %d bytes and without patient data", maxCloseReason)
	}
	return s.cfg.Store.Decide(ctx, func(tx store.Tx) error {
		m, err := tx.Inbox().Get(id)
		if err != nil {
			return err
		}
		if m.State != store.Failed {
			return fault.New(fault.IllegalMove, "", "a failed message can be closed; this one is %s", m.State)
		}
		m.State = store.ClosedMessage
		m.Issues = issuesJSON(slices.Concat([]fault.Issue{{Severity: "information", Code: CodeClosed, Text: reason}}, issuesOf(m.Issues)))
		if err := tx.Inbox().Replace(m); err != nil {
			return err
		}
		return tx.Ledger().Audit(store.AuditEvent{At: tx.Time(), Agent: by, Action: "message closed", Entity: "message/" + strconv.FormatInt(id, 10), Outcome: "success"})
	})
}

// failure is why a message failed, without why it was closed.
func failure(m store.Message) []byte {
	if m.State != store.ClosedMessage {
		return m.Issues
	}
	return issuesJSON(slices.DeleteFunc(issuesOf(m.Issues), func(is fault.Issue) bool { return is.Code == CodeClosed }))
}

// issuesOf reads what issuesJSON wrote.
func issuesOf(b []byte) []fault.Issue {
	var out []fault.Issue
	if len(b) > 0 && json.Unmarshal(b, &out) != nil {
		return nil // only issuesJSON writes them
	}
	return out
}
