package intake

import "testing"

// TestRecent: what came lately is remembered, what came long ago forgotten, and
// the memory has an end.
func TestRecent(t *testing.T) {
	var r recent
	id := func(i int) [32]byte { return [32]byte{byte(i), byte(i >> 8), byte(i >> 16)} }
	if r.has(id(0)) {
		t.Error("an empty memory remembers")
	}
	for i := range 3 * recentEach {
		r.add(id(i))
		if !r.has(id(i)) {
			t.Fatalf("number %d is forgotten at once", i)
		}
	}
	if last := 3*recentEach - 1; !r.has(id(last - recentEach)) {
		t.Error("a generation was forgotten too early")
	}
	if r.has(id(0)) {
		t.Error("the first is remembered for ever")
	}
	if n := len(r.now) + len(r.then); n > 2*recentEach {
		t.Errorf("%d are remembered", n)
	}
}
