package postgres

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/linkloop/linkloop/adapter/fault"
)

// retryAfter is what a caller is told to wait when the database is busy or away.
const retryAfter = time.Second

// notFound is made anew each time, because callers may add to a fault.
func notFound() error {
	return &fault.Fault{Kind: fault.NotFound, Issues: []fault.Issue{{Text: "not found"}}}
}

func transient(cause error, text string) *fault.Fault {
	f := fault.Wrap(fault.Transient, cause, "%s", text)
	f.RetryAfter = retryAfter
	return f
}

// passing are the classes and codes of errors that pass by themselves or by an
// operator's hand: the same decision may be sent again.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
var passing = map[string]string{
	"08": "the connection to the database broke",
	"25": "the database takes no writes now", // 25006 read-only after a failover, 25P03 held too long
	"40": "the database could not take two changes at once",
	"53": "the database has no room or no connection to spare",
	"55": "the store is busy",
	"57": "the database is stopping, or took too long",
	"58": "the disk of the database does not answer as it should",
	"XX": "the database is in trouble",
}

// asFault gives an error of the database its kind. Faults pass through.
func asFault(err error) error {
	if err == nil {
		return nil
	}
	var f *fault.Fault
	if errors.As(err, &f) {
		return err
	}
	var e *pgconn.PgError
	if errors.As(err, &e) && len(e.Code) == 5 {
		if e.Code == "26000" || e.Code == "42P05" {
			return transient(cause(e), "prepared statements do not stay where they are made: there seems to be a connection pooler, so add "+modeSetting+"=cache_describe to the address of the database")
		}
		if text, ok := passing[e.Code[:2]]; ok {
			return transient(cause(e), text)
		}
		return fault.Wrap(fault.Internal, cause(e), "the store failed")
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return transient(err, "the caller gave up before the store answered")
	}
	// What is left did not come from the server: the way to it is broken.
	return transient(err, "the database does not answer")
}

// cause keeps of an error of the server what cannot quote a value.
func cause(e *pgconn.PgError) error {
	return errors.New(strings.Join([]string{"postgres:", e.Severity, e.Code, e.TableName, e.ConstraintName}, " "))
}

// ours reports whether an error was caused by what was asked for, rather than
// by the state of the database: then another decision may well succeed.
func ours(err error) bool {
	var e *pgconn.PgError
	if !errors.As(err, &e) || len(e.Code) != 5 {
		return false
	}
	return fault.KindOf(asFault(err)) != fault.Transient
}
