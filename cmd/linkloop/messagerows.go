package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/linkloop/linkloop/adapter/gateway"
)

// lookedAt is how many of the last receipts of a sender are looked at.
const lookedAt = 1000

// rows says of messages that are rows of files which row of which file they were
// first. A row counts as received with its file and a microsecond after the row
// before it; where more than one receipt fits, nothing is said.
func (c *client) rows(ctx context.Context, list []gateway.MessageView) (map[int64]string, error) {
	receipts := map[string][]gateway.ReceiptView{} // by sender
	out := map[int64]string{}
	for _, m := range list {
		if m.Format != "csv" {
			continue
		}
		files, known := receipts[m.Sender]
		if !known {
			q := url.Values{"sender": {m.Sender}, "limit": {fmt.Sprint(lookedAt)}}
			if err := c.call(ctx, http.MethodGet, "/admin/receipts?"+q.Encode(), &files); err != nil {
				return nil, err
			}
			receipts[m.Sender] = files
		}
		if row := rowOf(m.Received, files); row != "" {
			out[m.ID] = row
		}
	}
	return out, nil
}

// rowOf is the row of the only file that fits, in words.
func rowOf(received time.Time, files []gateway.ReceiptView) (row string) {
	for _, f := range files {
		n := received.Sub(f.Received).Microseconds()
		if f.Counts == nil || n < 1 || n > 2*int64(f.Counts.Read)+10 { // a header, and rows that were passed over
			continue
		}
		if row != "" {
			return ""
		}
		row = fmt.Sprintf("row %d of receipt %s", n, f.ID)
	}
	return row
}
