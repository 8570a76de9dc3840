package store

import "time"

// AuditLine is one line of the audit trail as it is kept.
type AuditLine struct {
	ID int64 // in the order of decisions
	AuditEvent
}

// AuditFilter selects lines, newest first. Zero fields do not filter.
type AuditFilter struct {
	Agent  string
	Action string
	Entity string    // Task/123
	Since  time.Time // at or after
	Until  time.Time // before
	Before int64     // ids below
	Limit  int       // at most MaxAuditLines
}

// AuditPage is what one look at the trail found.
type AuditPage struct {
	Lines []AuditLine
	// Next is the Before of the next look; 0 at the end. A look ends after
	// AuditScan lines, so that a page may hold fewer than were asked for, or
	// none, and not be the last.
	Next int64
}

// Bounds of one look.
const (
	MaxAuditLines = 1000
	AuditScan     = 50_000
)

// AuditReader reads the audit trail.
type AuditReader interface {
	List(AuditFilter) (AuditPage, error)
}

// Bounds are how many lines a page may hold, and below which id it begins.
func (f AuditFilter) Bounds() (limit int, before int64) {
	limit, before = f.Limit, f.Before
	if limit <= 0 || limit > MaxAuditLines {
		limit = MaxAuditLines
	}
	if before <= 0 {
		before = 1<<63 - 1
	}
	return limit, before
}

// Page is a page of lines that were found between two ids; oldest is the time of
// the oldest line that was looked at and last its id, 0 when nothing is there.
func (f AuditFilter) Page(lines []AuditLine, last int64, oldest time.Time) AuditPage {
	p := AuditPage{Lines: lines}
	switch limit, _ := f.Bounds(); {
	case len(lines) == limit:
		p.Next = lines[limit-1].ID
	case last > 1 && !oldest.Before(f.Since):
		p.Next = last
	}
	return p
}
