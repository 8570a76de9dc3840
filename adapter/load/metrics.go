package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// metrics are the values of one scrape, by name with labels as they are written:
// linkloop_deliveries{state="owed"}.
type metrics map[string]float64

// metricsLimit bounds what is read of a scrape, in bytes.
const metricsLimit = 4 << 20

// scrape asks the operations port of a server for its metrics.
// https://prometheus.io/docs/instrumenting/exposition_formats/
func scrape(ctx context.Context, ops string) (metrics, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, ops+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", plain(err))
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, metricsLimit))
	if err != nil || res.StatusCode != http.StatusOK {
		return nil, errors.New("metrics: no answer that could be read")
	}
	m := metrics{}
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		at := strings.LastIndexByte(line, ' ')
		if at < 0 || line[0] == '#' {
			continue
		}
		if v, err := strconv.ParseFloat(line[at+1:], 64); err == nil {
			m[line[:at]] = v
		}
	}
	return m, nil
}

// deliveryStates are the states of a delivery, as the metrics name them.
var deliveryStates = []string{"owed", "leased", "delivered", "proven", "dead", "held"}

// Deliveries are how many deliveries a server holds, by state.
type Deliveries map[string]int64

// Total is how many there are.
func (d Deliveries) Total() int64 {
	var n int64
	for _, v := range d {
		n += v
	}
	return n
}

// open are those that are still to be sent.
func (d Deliveries) open() int64 { return d["owed"] + d["leased"] }

// String lists the states that there are.
func (d Deliveries) String() string {
	var words []string
	for _, s := range deliveryStates {
		if d[s] != 0 {
			words = append(words, fmt.Sprintf("%s %d", s, d[s]))
		}
	}
	if words == nil {
		return "none"
	}
	return strings.Join(words, ", ")
}

// deliveries reads the states. A store that does not answer in time leaves them
// out; who waits for a number of deliveries asks again.
func (m metrics) deliveries() Deliveries {
	d := Deliveries{}
	for _, s := range deliveryStates {
		if v, ok := m[`linkloop_deliveries{state="`+s+`"}`]; ok {
			d[s] = int64(v)
		}
	}
	return d
}
