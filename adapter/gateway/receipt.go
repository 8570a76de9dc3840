package gateway

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/linkloop/linkloop/adapter/batch"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
)

// ReceiptView is a receipt in a list.
type ReceiptView struct {
	ID       string        `json:"id"`
	Sender   string        `json:"sender"`
	Received time.Time     `json:"received"`
	Status   batch.Status  `json:"status"`
	Counts   *batch.Counts `json:"counts,omitempty"`
}

// receiptRoutes are where receipts of files are read later: by who may send as
// the sender, and by operators. They hold no patient data.
func (g *Gateway) receiptRoutes(in, admin gin.IRoutes) {
	in.GET("/intake/:sender/receipts", g.sendersOwn, g.receipts)
	in.GET("/intake/:sender/receipts/:id", g.sendersOwn, g.receipt)
	admin.GET("/receipts", g.receipts)
	admin.GET("/receipts/:id", g.receipt)
}

// receiptPath is where the receipt of an upload is read later.
func receiptPath(sender, id string) string { return "/intake/" + sender + "/receipts/" + id }

// sendersOwn lets those in who may send as the sender of the path.
func (g *Gateway) sendersOwn(c *gin.Context) {
	if !maySend(c, c.Param("sender")) {
		g.fail(c, fault.New(fault.Forbidden, "", "this client may not send as this sender"))
	}
}

// receipts: GET /intake/{sender}/receipts?before=…&limit=…, newest first, and
// GET /admin/receipts with sender=… as well.
func (g *Gateway) receipts(c *gin.Context) {
	f := store.ReceiptFilter{Sender: c.Param("sender"), Before: c.Query("before")}
	if f.Sender == "" {
		f.Sender = c.Query("sender")
	}
	var err error
	if f.Limit, err = limitOf(c); err != nil {
		g.fail(c, err)
		return
	}
	var views []ReceiptView
	err = g.cfg.Store.Decide(c.Request.Context(), func(tx store.Tx) error {
		list, err := tx.Ledger().Receipts(f)
		views = make([]ReceiptView, 0, len(list))
		for _, r := range list {
			h := batch.ParseHeading(r.Status)
			views = append(views, ReceiptView{r.Name, r.Sender, r.Received, h.Status, h.Counts})
		}
		return err
	})
	g.answer(c, views, err)
}

// receipt: GET /intake/{sender}/receipts/{id} and /admin/receipts/{id}, in JSON
// or, as the upload itself, in CSV.
func (g *Gateway) receipt(c *gin.Context) {
	var kept store.Receipt
	err := g.cfg.Store.Decide(c.Request.Context(), func(tx store.Tx) (err error) {
		kept, err = tx.Ledger().Receipt(c.Param("id"))
		return err
	})
	if sender := c.Param("sender"); err == nil && sender != "" && sender != kept.Sender {
		err = fault.New(fault.NotFound, "", "no receipt of this sender has this id")
	}
	var r *batch.Receipt
	if err == nil {
		r, err = batch.Read(kept.Body)
	}
	if err != nil {
		g.fail(c, err)
		return
	}
	writeReceipt(c, r, http.StatusOK)
}

// writeReceipt answers with a receipt as Accept asks.
func writeReceipt(c *gin.Context, r *batch.Receipt, status int) {
	if wantsCSV(c.GetHeader("Accept")) {
		c.Header("Content-Type", "text/csv; charset=utf-8")
		c.Status(status)
		_ = r.WriteCSV(c.Writer) // an error here is a caller who hung up
		return
	}
	c.Header("Content-Type", "application/json; charset=utf-8")
	c.Status(status)
	_ = r.WriteJSON(c.Writer)
}
