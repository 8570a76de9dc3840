package load

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/linkloop/linkloop/config"
)

// Config says which server is put under which load.
type Config struct {
	Target      string // base address, such as http://127.0.0.1:8080
	AllowRemote bool   // allow a target on another machine; a load test of a live service is an outage
	Token       string // bearer token; empty: none is sent
	PID         int    // process of the server, for processor time and memory; 0: not measured
	Ops         string // base address of its operations port, for metrics and deliveries; empty: not asked

	// Record is where the server delivers to, when that is ours: its content is
	// compared with what was completed. nil: the server has records of its own.
	Record *StandIn

	HL7Sender  string // name in /intake/{sender} for HL7 v2 REF^I12
	JSONSender string // name in /intake/{sender} for JSON referrals
	FHIRSender string // name in /intake/{sender} for FHIR messages
	Owner      string // reference put into Task.owner when a Task is accepted; empty: left as it is

	Phases  []Phase
	Mix     []Share       // what a phase of mixed work is made of
	Timeout time.Duration // of one request
	Drain   time.Duration // how long is waited at the end for the next of what is owed to be delivered
	Run     string        // makes message ids unique; empty: from the time
	Seed    uint64        // of the made-up people
}

// Work is what the requests of a phase do.
type Work string

// The kinds of work.
const (
	HL7    Work = "hl7"    // new referrals as HL7 v2 REF^I12 of 1.3 kB
	Large  Work = "large"  // the same with the notes of years, 10 kB
	JSON   Work = "json"   // new referrals as JSON
	FHIR   Work = "fhir"   // new referrals as FHIR messages
	Repeat Work = "repeat" // HL7 referrals that were accepted before, again
	Bad    Work = "bad"    // messages that must be refused
	Read   Work = "read"   // one Task or ServiceRequest by id
	Search Work = "search" // the searches of a worklist
	Move   Work = "move"   // Tasks accepted, begun and completed with If-Match
	Mixed  Work = "mixed"  // all of them by turns
)

// Works lists every kind of work.
func Works() []Work { return []Work{HL7, Large, JSON, FHIR, Repeat, Bad, Read, Search, Move, Mixed} }

// Share is a part of a mix.
type Share struct {
	Work   Work
	Weight int // of the sum of all weights
}

// DefaultMix is a day at a busy practice: of a hundred requests 38 are new
// referrals, and link workers look more often than they write.
func DefaultMix() []Share {
	return []Share{
		{HL7, 20}, {Large, 4}, {JSON, 8}, {FHIR, 6}, {Repeat, 5}, {Bad, 3}, {Read, 20}, {Search, 14}, {Move, 20},
	}
}

// ParseMix reads hl7=20,json=8,move=20.
func ParseMix(s string) ([]Share, error) {
	var out []Share
	for part := range strings.SplitSeq(s, ",") {
		work, weight, _ := strings.Cut(part, "=")
		n, err := strconv.Atoi(weight)
		if err != nil {
			return nil, fmt.Errorf("mix %q: kinds of work with whole weights are expected, such as hl7=20,move=20", s)
		}
		out = append(out, Share{Work(work), n})
	}
	return out, validMix(out)
}

func validMix(mix []Share) error {
	seen := map[Work]bool{}
	for _, s := range mix {
		switch {
		case s.Work == Mixed || !slices.Contains(Works(), s.Work):
			return fmt.Errorf("mix: %q is no kind of work that can be mixed", s.Work)
		case seen[s.Work]:
			return fmt.Errorf("mix: %s is there twice", s.Work)
		case s.Weight < 1 || s.Weight > 1000:
			return fmt.Errorf("mix: the weight of %s must be between 1 and 1000", s.Work)
		}
		seen[s.Work] = true
	}
	if len(mix) == 0 {
		return errors.New("mix: there is nothing in it")
	}
	return nil
}

// Phase is a stretch of one kind of work.
type Phase struct {
	Work     Work
	Rate     float64       // requests per second; 0: closed-loop
	Clients  int           // closed-loop: how many; open-loop: the most requests in flight
	Duration time.Duration // how long new requests are due
}

// String is the form that ParsePhase reads: work@rate or work*clients.
func (p Phase) String() string {
	if p.Rate > 0 {
		return fmt.Sprintf("%s@%.5g", p.Work, p.Rate)
	}
	return fmt.Sprintf("%s*%d", p.Work, p.Clients)
}

// The bounds of a phase, which keep a slip of the keyboard from exhausting the
// machine that makes the load.
const (
	mostClients  = 4096
	mostRate     = 100_000
	openClients  = 256
	closedNumber = 16
)

// ParsePhase reads hl7@500 (500 a second), hl7*16 (16 clients, each as fast as
// it is answered) or hl7 (16 clients).
func ParsePhase(s string, d time.Duration) (Phase, error) {
	p := Phase{Work: Work(s), Clients: closedNumber, Duration: d}
	if work, rate, ok := strings.Cut(s, "@"); ok {
		p.Work, p.Clients = Work(work), openClients
		if _, err := fmt.Sscanf(rate+"\n", "%g\n", &p.Rate); err != nil || p.Rate <= 0 {
			return Phase{}, fmt.Errorf("phase %q: the rate must be a number above 0", s)
		}
	} else if work, clients, ok := strings.Cut(s, "*"); ok {
		p.Work = Work(work)
		if _, err := fmt.Sscanf(clients+"\n", "%d\n", &p.Clients); err != nil {
			return Phase{}, fmt.Errorf("phase %q: the number of clients must be whole", s)
		}
	}
	return p, p.validate()
}

func (p Phase) validate() error {
	switch {
	case !slices.Contains(Works(), p.Work):
		return fmt.Errorf("phase %q: the work is one of %v", p.Work, Works())
	case p.Rate < 0 || p.Rate > mostRate || p.Rate != p.Rate:
		return fmt.Errorf("phase %s: the rate must be between 0 and %d", p.Work, mostRate)
	case p.Clients < 1 || p.Clients > mostClients:
		return fmt.Errorf("phase %s: the clients must be between 1 and %d", p.Work, mostClients)
	case p.Duration <= 0 || p.Duration > 24*time.Hour:
		return fmt.Errorf("phase %s: the duration must be above 0 and at most 24h", p.Work)
	}
	return nil
}

// DefaultPhases is a tour: every kind of work once, d each.
func DefaultPhases(d time.Duration) []Phase {
	var out []Phase
	for _, w := range Works() {
		p := Phase{Work: w, Clients: closedNumber, Duration: d}
		switch w {
		case HL7:
			p.Clients = 64 // enough callers at once to share a commit
			out = append(out, p)
			p = Phase{Work: w, Rate: 300, Clients: openClients, Duration: d}
		case Repeat, Bad:
			p.Duration = max(d/4, time.Second)
		}
		out = append(out, p)
	}
	return out
}

// DefaultConfig is a tour of a server on this machine with the shipped senders.
func DefaultConfig() Config {
	return Config{
		Target:    "http://127.0.0.1:8080",
		HL7Sender: "hl7v2-ref", JSONSender: "generic-json", FHIRSender: "bars-r4",
		Phases:  DefaultPhases(20 * time.Second),
		Mix:     DefaultMix(),
		Timeout: 10 * time.Second,
		Drain:   30 * time.Second,
		Seed:    1,
	}
}

// Validate returns every problem at once.
func (c Config) Validate() error {
	var errs []error
	u, err := url.Parse(c.Target)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		errs = append(errs, errors.New("target: must be an http or https address, such as http://127.0.0.1:8080"))
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		errs = append(errs, errors.New("target: must have no user name, query or fragment"))
	case !c.AllowRemote && !config.Loopback(u.Hostname()):
		errs = append(errs, errors.New("target: is not on this machine; a load test of a live service is an outage, so another machine must be allowed explicitly"))
	}
	if c.HL7Sender == "" || c.JSONSender == "" || c.FHIRSender == "" {
		errs = append(errs, errors.New("senders: all three names are needed"))
	}
	if c.Timeout <= 0 || c.Drain < 0 {
		errs = append(errs, errors.New("timeout: must be above 0, and drain not below"))
	}
	if c.Record != nil && c.Ops == "" {
		errs = append(errs, errors.New("ops: the address of the operations port is needed to compare the record"))
	}
	errs = append(errs, validMix(c.Mix))
	if len(c.Phases) == 0 {
		errs = append(errs, errors.New("phases: there is none"))
	}
	if len(c.Run) > 20 || strings.Trim(c.Run, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		errs = append(errs, errors.New("run: at most 20 lower-case letters and digits"))
	}
	for _, p := range c.Phases {
		errs = append(errs, p.validate())
	}
	return errors.Join(errs...)
}
