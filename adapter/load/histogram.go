package load

import (
	"math/bits"
	"time"
)

// Latencies are counted in microseconds, in buckets that are exact below
// subBuckets and at most 1/subBuckets wide above: under 1 % off at any size, in
// a fixed 27 kB, whatever the number of samples.
const (
	subBits    = 7
	subBuckets = 1 << subBits
	mostBits   = 33 // 2^33 us: more than two hours
	buckets    = (mostBits - subBits + 1) * subBuckets
)

// Histogram counts durations. The zero value is empty. It is not safe for
// concurrent use.
type Histogram struct {
	counts [buckets]uint64
	n      uint64
	sum    time.Duration
	max    time.Duration
}

// Add counts one duration; a negative one counts as zero.
func (h *Histogram) Add(d time.Duration) {
	d = max(d, 0)
	h.counts[bucket(uint64(d/time.Microsecond))]++
	h.n++
	h.sum += d
	h.max = max(h.max, d)
}

// Count is the number of durations.
func (h *Histogram) Count() uint64 { return h.n }

// Max is the longest duration, exactly.
func (h *Histogram) Max() time.Duration { return h.max }

// Mean is the average, exactly; 0 when empty.
func (h *Histogram) Mean() time.Duration {
	if h.n == 0 {
		return 0
	}
	return h.sum / time.Duration(h.n)
}

// Quantile returns the duration that the share q (0 to 1) of all did not
// exceed, rounded up to the end of its bucket but never above Max.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := uint64(q * float64(h.n))
	if float64(rank) < q*float64(h.n) {
		rank++
	}
	rank = min(max(rank, 1), h.n)
	var seen uint64
	for i, c := range h.counts {
		if seen += c; seen >= rank && c > 0 {
			return min(upper(i), h.max)
		}
	}
	return h.max
}

// bucket finds the bucket of a number of microseconds.
func bucket(us uint64) int {
	if us < subBuckets {
		return int(us)
	}
	shift := bits.Len64(us) - subBits - 1
	i := (shift+1)*subBuckets + int(us>>shift) - subBuckets
	return min(i, buckets-1)
}

// upper is the longest duration of a bucket.
func upper(i int) time.Duration {
	if i < subBuckets {
		return time.Duration(i+1)*time.Microsecond - 1
	}
	shift := i/subBuckets - 1
	top := uint64(i%subBuckets+subBuckets+1) << shift
	return time.Duration(top)*time.Microsecond - 1
}
