package app_test

import "time"

// settled waits until nothing is on its way to a record: how far an outcome came
// is written into its Task, which has another version then.
func (h *house) settled() {
	h.t.Helper()
	for range 500 {
		// One look at all states: what is asked for state by state may move on between.
		waiting := 0
		for _, d := range h.want(h.call("GET", "/admin/deliveries?limit=1000", nil), 200).value(h.t).Items {
			if state := d.Str("state"); state == "owed" || state == "leased" {
				waiting++
			}
		}
		if waiting == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	h.t.Error("what is owed is not settled")
}
