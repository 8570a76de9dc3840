package fault_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/fault"
)

// TestTable holds the table against what every protocol needs of a row.
func TestTable(t *testing.T) {
	names := map[string]bool{}
	for _, k := range fault.Kinds() {
		row := k.Row()
		if row.Name == "" || names[row.Name] {
			t.Errorf("kind %d: name %q is empty or used twice", k, row.Name)
		}
		names[row.Name] = true
		if row.HTTP < 200 || row.HTTP > 599 {
			t.Errorf("%s: HTTP status %d", k, row.HTTP)
		}
		if row.Issue == "" || row.Public == "" {
			t.Errorf("%s: issue code or public text is missing", k)
		}
		switch row.ACK {
		case "AA", "AE", "AR", "":
		default:
			t.Errorf("%s: MSA-1 %q is not in HL7 table 0008", k, row.ACK)
		}
		if row.HTTP == 503 && row.Retry != fault.Again {
			t.Errorf("%s: 503 invites to try again, the relay does not", k)
		}
	}
}

func TestOutOfRangeKindIsInternal(t *testing.T) {
	if got := fault.Kind(250).Row().Name; got != "internal" {
		t.Errorf("row of an unknown kind = %q", got)
	}
}

// TestErrorHidesCause: causes of foreign libraries quote input.
func TestErrorHidesCause(t *testing.T) {
	cause := errors.New("cannot parse 'Ada Canary'")
	f := fault.Wrap(fault.Malformed, cause, "not a date")
	err := fmt.Errorf("decoding: %w", f)
	if strings.Contains(err.Error(), "Canary") {
		t.Errorf("the text gives away its cause: %q", err)
	}
	if !errors.Is(err, cause) {
		t.Error("the cause is lost to errors.Is")
	}
	if fault.KindOf(err) != fault.Malformed || fault.KindOf(cause) != fault.Internal {
		t.Error("KindOf does not find the kind")
	}
}

func TestErrorNamesPlace(t *testing.T) {
	f := &fault.Fault{Kind: fault.Profile, Issues: []fault.Issue{
		{Place: "PID-7", Text: "a"}, {Expression: "Patient.birthDate", Text: "b"}, {Text: "c"}}}
	if got, want := f.Error(), "profile: PID-7: a; Patient.birthDate: b; c"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
