package gateway

import (
	"bytes"
	"encoding/json"
	"io"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/reconciliation"
	"github.com/linkloop/linkloop/adapter/store"
)

// reconciliation: GET /admin/reconciliation?since=2026-03-01&until=2026-03-02
// counts what was owed on those days in London; without them, on the day before
// today.
func (g *Gateway) reconciliation(c *gin.Context) {
	today, _ := reconciliation.Day(g.cfg.Store.Now())
	since, err := dayOf(c.Query("since"), today.AddDate(0, 0, -1))
	if err != nil {
		g.fail(c, err)
		return
	}
	until, err := dayOf(c.Query("until"), since.AddDate(0, 0, 1))
	if err != nil {
		g.fail(c, err)
		return
	}
	var rec reconciliation.Report
	err = g.cfg.Store.View(c.Request.Context(), func(r store.Reader) error {
		rec, err = reconciliation.Of(r, since, until)
		return err
	})
	g.answer(c, rec, err)
}

func dayOf(text string, otherwise time.Time) (time.Time, error) {
	if text == "" {
		return otherwise, nil
	}
	t, err := time.ParseInLocation(time.DateOnly, text, reconciliation.London)
	if err != nil {
		return t, fault.New(fault.Malformed, "since", "a day such as 2026-03-01 is expected")
	}
	return t, nil
}

// strictJSON decodes one JSON value without members that are not known.
func strictJSON(body []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil || dec.Decode(new(any)) != io.EOF {
		return fault.New(fault.Malformed, "", "one JSON object with the members of this address is expected")
	}
	return nil
}
