package batch_test

import (
	"reflect"
	"testing"

	"github.com/linkloop/linkloop/adapter/batch"
)

// TestHeading: what is kept for lists is read again, a line without counts too.
func TestHeading(t *testing.T) {
	full := batch.Heading{Status: batch.Partial, Counts: &batch.Counts{Read: 12, Accepted: 7, Repeated: 2, Refused: 3}}
	for line, want := range map[string]batch.Heading{
		full.String():      full,
		"complete":         {Status: batch.Complete},
		"":                 {},
		"complete 1 2":     {Status: "complete 1 2"},
		"refused 0 0 0 0":  {Status: batch.Refused, Counts: &batch.Counts{}},
		"complete a b c d": {Status: "complete a b c d"},
	} {
		if got := batch.ParseHeading(line); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, want %+v", line, got, want)
		}
	}
}
