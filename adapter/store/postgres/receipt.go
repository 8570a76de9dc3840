package postgres

import (
	"errors"

	"github.com/jackc/pgx/v5"

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
	l.t.made.receipts = append(l.t.made.receipts, r)
	return nil
}

// Receipt returns what SaveReceipt kept.
func (l ledger) Receipt(name string) (store.Receipt, error) {
	rows, err := l.t.rows("SELECT name, sender, received, status, body FROM linkloop.receipt WHERE name = $1", []byte(name))
	if err != nil {
		return store.Receipt{}, asFault(err)
	}
	r, err := pgx.CollectOneRow(rows, func(row pgx.CollectableRow) (r store.Receipt, err error) {
		var name, sender, status []byte
		var received int64
		err = row.Scan(&name, &sender, &received, &status, &r.Body)
		r.Name, r.Sender, r.Received, r.Status = string(name), string(sender), instant(received), string(status)
		return r, err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return store.Receipt{}, notFound()
	}
	return r, asFault(err)
}

// Receipts lists receipts without their bodies.
func (l ledger) Receipts(f store.ReceiptFilter) ([]store.Receipt, error) {
	limit := f.Limit
	if limit <= 0 || limit > store.MaxReceipts {
		limit = store.MaxReceipts
	}
	rows, err := l.t.rows("SELECT name, sender, received, status FROM linkloop.receipt WHERE ($1::bytea = '' OR sender = $1) AND ($2::bytea = '' OR name < $2) ORDER BY name DESC LIMIT $3",
		[]byte(f.Sender), []byte(f.Before), limit)
	if err != nil {
		return nil, asFault(err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r store.Receipt, err error) {
		var name, sender, status []byte
		var received int64
		err = row.Scan(&name, &sender, &received, &status)
		r.Name, r.Sender, r.Received, r.Status = string(name), string(sender), instant(received), string(status)
		return r, err
	})
	return out, asFault(err)
}
