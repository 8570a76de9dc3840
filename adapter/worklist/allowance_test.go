package worklist_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/worklist"
)

// ending is a context that is over after some looks at it.
type ending struct {
	context.Context
	looks, after int
}

func (e *ending) Err() error {
	if e.looks++; e.looks > e.after {
		return context.DeadlineExceeded
	}
	return nil
}

// TestTransactionInTime: a transaction ends with the time of its request,
// before any of its entries, and within those that read more than once.
func TestTransactionInTime(t *testing.T) {
	const entries = 20
	onBoth(t, (*resource.Indexer).Index, func(t *testing.T, s *worklist.Service) {
		for name, url := range map[string]string{"a search": "Patient?_list=l1", "a read": "Patient/p1", "a history": "_history", "a value set": "Observation?code:in=http://v.example/gladness"} {
			one := fmt.Sprintf(`{"request":{"method":"GET","url":%q}}`, url)
			body := []byte(`{"resourceType":"Bundle","type":"transaction","entry":[` + strings.TrimSuffix(strings.Repeat(one+",", entries), ",") + `]}`)
			whole := &ending{t.Context(), 0, 1 << 30}
			if _, err := s.Bundle(whole, worklist.Caller{Trusted: true}, body, worklist.Preferences{}); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if whole.looks < 2*entries {
				t.Errorf("%s: the time is looked at %d times for %d entries", name, whole.looks, entries)
			}
			for after := range whole.looks {
				_, err := s.Bundle(&ending{t.Context(), 0, after}, worklist.Caller{Trusted: true}, body, worklist.Preferences{})
				if fault.KindOf(err) != fault.Transient {
					t.Fatalf("%s, over after %d of %d looks: %v", name, after, whole.looks, err)
				}
			}
		}
	})
}
