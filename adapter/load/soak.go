package load

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Soak is a long stretch of mixed work well below what the server can do. What
// grows in it grows for ever.
type Soak struct {
	Rate   float64       // requests per second; 0: Share of the peak, which is measured first
	Share  float64       // of the peak
	Search time.Duration // how long the peak is looked for
	Length time.Duration
}

// DefaultSoak is ten minutes at 70 % of the peak.
func DefaultSoak() Soak {
	return Soak{Share: .7, Search: 15 * time.Second, Length: 10 * time.Minute}
}

// RunSoak measures the peak, unless a rate is given, then soaks the server. The
// report is about the long stretch; problems of the search are part of it. The
// error says that the load could not be made.
func RunSoak(ctx context.Context, c Config, s Soak, out io.Writer) (Report, error) {
	var found []string
	if s.Rate == 0 {
		c.Phases = []Phase{{Work: Mixed, Clients: closedNumber, Duration: s.Search}}
		peak, err := Run(ctx, c, out)
		if err != nil {
			return peak, err
		}
		found, s.Rate = peak.Problems, s.Share*peak.Phases[0].Throughput()
		if s.Rate <= 0 {
			return peak, fmt.Errorf("nothing was answered well while the peak was looked for")
		}
		if _, err := fmt.Fprintf(out, "\nsoak at %.0f %% of %.0f a second\n\n", 100*s.Share, peak.Phases[0].Throughput()); err != nil {
			return peak, fmt.Errorf("write report: %w", err)
		}
	}
	c.Phases = []Phase{{Work: Mixed, Rate: s.Rate, Clients: openClients, Duration: s.Length}}
	r, err := Run(ctx, c, out)
	r.Problems = append(found, r.Problems...)
	return r, err
}
