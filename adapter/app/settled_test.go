package app_test

import "time"

// settled waits until nothing is on its way to a record: how far an outcome came
// is written into its Task, which has another version then.
func (h *house) settled() {
	h.t.Helper()
	for range 500 {
		waiting := 0
		for _, state := range []string{"owed", "leased"} {
			waiting += len(h.want(h.call("GET", "/admin/deliveries?state="+state, nil), 200).value(h.t).Items)
		}
		if waiting == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	h.t.Error("what is owed is not settled")
}
