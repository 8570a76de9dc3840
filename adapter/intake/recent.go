package intake

import "sync"

// recent remembers the identities of messages that were decided here lately. A
// message that is not among them is most likely new: looking it up before its
// decision, which looks it up anyway, would be a question to the store for
// nothing. One that is among them is answered without mapping and without a
// decision, which is what makes a sender who repeats for ever cheap.
type recent struct {
	mu        sync.Mutex
	now, then map[[32]byte]struct{}
}

// recentEach bounds each of the two generations; about 100 bytes an entry.
const recentEach = 32 << 10

func (r *recent) add(key [32]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.now) >= recentEach || r.now == nil {
		r.now, r.then = map[[32]byte]struct{}{}, r.now
	}
	r.now[key] = struct{}{}
}

func (r *recent) has(key [32]byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.now[key]; ok {
		return true
	}
	_, ok := r.then[key]
	return ok
}
