package store

import (
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
)

// Receipt says what became of a file of many messages. Its retention is that
// of messages.
type Receipt struct {
	Name     string // unique, and in the order of time; 1 to 64 bytes
	Sender   string
	Received time.Time
	Status   string // how it ended, in a line for lists
	Body     []byte // at most MaxReceipt bytes
}

// MaxReceipt bounds the body of a receipt, in bytes.
const MaxReceipt = 1 << 20

// MaxReceipts bounds how many receipts are listed at once.
const MaxReceipts = 1000

// ReceiptFilter selects receipts, newest first. Zero fields do not filter.
type ReceiptFilter struct {
	Sender string
	Before string // names below
	Limit  int
}

// Check is a fault.Internal when a receipt cannot be kept as it is.
func (r Receipt) Check() error {
	if r.Name == "" || len(r.Name) > 64 || len(r.Body) > MaxReceipt {
		return fault.New(fault.Internal, "", "a receipt has a name of 1 to 64 bytes and a body of at most 1 MiB")
	}
	return nil
}
