package batch

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/linkloop/linkloop/adapter/fault"
)

// Kept is a receipt as it is kept.
type Kept struct {
	ID       string // a UUID of version 7 (RFC 9562), so that ids are in the order of time
	Sender   string
	Received time.Time
	Heading  Heading
	Body     []byte // what Read reads; at most maxKept bytes
}

// Bounds of a kept receipt in bytes: as it is kept, and as it is read.
const (
	maxKept = 1 << 20
	maxRead = 64 << 20
)

// keepTime is how long keeping a receipt may take. It does not depend on the
// sender, who may have hung up: then the kept one is all there is.
const keepTime = 5 * time.Second

// keep gives the receipt an id and keeps it. A receipt that cannot be kept has
// none; what it says about the messages is in the inbox all the same.
func (t *Taker) keep(ctx context.Context, c *Receipt) {
	if t.cfg.Keep == nil || c.kind == fault.NotFound {
		return
	}
	id, err := uuid.NewV7()
	if err != nil {
		return
	}
	c.ID = id.String()
	body, err := pack(c)
	if err == nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepTime)
		defer cancel()
		err = t.cfg.Keep(ctx, Kept{ID: c.ID, Sender: c.Sender, Received: c.Received, Heading: c.heading(), Body: body})
	}
	if err != nil {
		c.ID = ""
	}
}

// pack writes a receipt to be kept. One that is too large says how many of its
// entries it leaves out; warnings go first.
func pack(c *Receipt) ([]byte, error) {
	kept := *c
	for {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if err := errors.Join(kept.WriteJSON(w), w.Close()); err != nil {
			return nil, err
		}
		if b.Len() <= maxKept || len(kept.Entries)+len(kept.Warnings) == 0 {
			return b.Bytes(), nil
		}
		if n := len(kept.Warnings); n > 0 {
			kept.Warnings = kept.Warnings[:n/2]
			continue
		}
		half := len(kept.Entries) / 2
		kept.Unlisted += len(kept.Entries) - half
		kept.Entries = kept.Entries[:half]
	}
}

// Read reads the body of a kept receipt.
func Read(body []byte) (*Receipt, error) {
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "the receipt cannot be read")
	}
	var c Receipt
	if err := json.NewDecoder(io.LimitReader(r, maxRead)).Decode(&c); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "the receipt cannot be read")
	}
	return &c, nil
}
