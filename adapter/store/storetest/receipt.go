package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
)

// testReceipts: receipts of files are found by name and listed by sender,
// newest first, and go with the messages when they are old.
func testReceipts(t *testing.T, open Open) {
	s, _ := onDay(t, open)
	receipt := func(n int, sender string) store.Receipt {
		return store.Receipt{Name: fmt.Sprint("r", n), Sender: sender, Received: days(n), Status: "complete", Body: bytes.Repeat([]byte{byte(n), 0}, 1000)}
	}
	decide(t, s, func(tx store.Tx) error {
		for n, sender := range []string{"north", "south", "north", "north"} {
			if err := tx.Ledger().SaveReceipt(receipt(n+1, sender)); err != nil {
				return err
			}
		}
		second := receipt(1, "south")
		second.Body = nil
		return tx.Ledger().SaveReceipt(second)
	})
	undone := errors.New("undone")
	if err := s.Decide(ctx(), func(tx store.Tx) error {
		return errors.Join(tx.Ledger().SaveReceipt(receipt(9, "north")), undone)
	}); !errors.Is(err, undone) {
		t.Errorf("undone: %v", err)
	}
	for name, r := range map[string]store.Receipt{"without a name": {Sender: "north"}, "too large": {Name: "x", Body: make([]byte, store.MaxReceipt+1)}} {
		if err := s.Decide(ctx(), func(tx store.Tx) error { return tx.Ledger().SaveReceipt(r) }); fault.KindOf(err) != fault.Internal {
			t.Errorf("%s: %v", name, err)
		}
	}
	listed := func(f store.ReceiptFilter) string {
		t.Helper()
		names := ""
		decide(t, s, func(tx store.Tx) error {
			list, err := tx.Ledger().Receipts(f)
			names = ""
			for _, r := range list {
				names += r.Name + " " + r.Sender + ","
				if r.Body != nil || r.Status != "complete" || r.Received.IsZero() {
					t.Errorf("listed: %+v", r)
				}
			}
			return err
		})
		return names
	}
	want(t, "all", listed(store.ReceiptFilter{}), "r4 north,r3 north,r2 south,r1 north,")
	want(t, "of a sender", listed(store.ReceiptFilter{Sender: "north", Limit: 2}), "r4 north,r3 north,")
	want(t, "the next ones", listed(store.ReceiptFilter{Sender: "north", Before: "r3"}), "r1 north,")
	decide(t, s, func(tx store.Tx) error {
		got, err := tx.Ledger().Receipt("r1")
		if first := receipt(1, "north"); err != nil || !bytes.Equal(got.Body, first.Body) || got.Sender != "north" || !got.Received.Equal(first.Received) {
			t.Errorf("r1 is %s of %d bytes, %v", got.Sender, len(got.Body), err)
		}
		_, err = tx.Ledger().Receipt("r9")
		wantKind(t, err, fault.NotFound)
		return nil
	})
	want(t, "of other kinds", prune(t, s, store.Retention{Deliveries: days(99), History: days(99), Audit: days(99)}), 0)
	want(t, "removed", prune(t, s, store.Retention{Messages: days(3)}), 2)
	want(t, "left", listed(store.ReceiptFilter{}), "r4 north,r3 north,")
}
