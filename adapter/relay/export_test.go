package relay

import "time"

// Backoff is how long a delivery waits after so many attempts.
func (r *Relay) Backoff(attempts int, asked time.Duration) time.Duration {
	return r.backoff(attempts, asked)
}

// Lanes is how many practices are remembered.
func (r *Relay) Lanes() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.lanes)
}
