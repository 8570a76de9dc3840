package sqlite

import (
	"github.com/linkloop/linkloop/adapter/store"
)

// SaveReceipt keeps a receipt; the first one under a name stands.
func (l ledger) SaveReceipt(r store.Receipt) error {
	if err := r.Check(); err != nil {
		return err
	}
	if err := l.t.writing(); err != nil {
		return err
	}
	if r.Body == nil {
		r.Body = []byte{}
	}
	s := l.t.c.stmt("INSERT INTO receipt (name, sender, received, status, body) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING")
	defer s.done()
	return l.t.breaks(s.text(r.Name).text(r.Sender).int(micros(r.Received)).text(r.Status).blob(r.Body).exec())
}

// Receipt returns what SaveReceipt kept.
func (l ledger) Receipt(name string) (store.Receipt, error) {
	s := l.t.c.stmt("SELECT name, sender, received, status, body FROM receipt WHERE name = ?")
	defer s.done()
	ok, err := s.text(name).step()
	switch {
	case err != nil:
		return store.Receipt{}, asFault(err)
	case !ok:
		return store.Receipt{}, notFound()
	}
	return store.Receipt{Name: s.string(0), Sender: s.string(1), Received: instant(s.int64(2)), Status: s.string(3), Body: s.bytes(4)}, nil
}

// Receipts lists receipts without their bodies.
func (l ledger) Receipts(f store.ReceiptFilter) ([]store.Receipt, error) {
	s := l.t.c.stmt("SELECT name, sender, received, status FROM receipt WHERE (?1 = '' OR sender = ?1) AND (?2 = '' OR name < ?2) ORDER BY name DESC LIMIT ?3")
	defer s.done()
	s.text(f.Sender).text(f.Before).int(int64(limitOf(f.Limit)))
	var out []store.Receipt
	for {
		ok, err := s.step()
		if err != nil || !ok {
			return out, asFault(err)
		}
		out = append(out, store.Receipt{Name: s.string(0), Sender: s.string(1), Received: instant(s.int64(2)), Status: s.string(3)})
	}
}

func limitOf(n int) int {
	if n <= 0 || n > store.MaxReceipts {
		return store.MaxReceipts
	}
	return n
}
