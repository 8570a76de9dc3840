package load_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/load"
)

// TestSoak: the peak is looked for, and what follows is at its share.
func TestSoak(t *testing.T) {
	_, srv := newFake(t)
	c := load.DefaultConfig()
	c.Target = srv.URL
	s := load.Soak{Share: .5, Search: 200 * time.Millisecond, Length: 200 * time.Millisecond}
	var out bytes.Buffer
	r, err := load.RunSoak(t.Context(), c, s, &out)
	if err != nil || len(r.Problems) > 0 {
		t.Fatalf("%v %q\n%s", err, r.Problems, out.String())
	}
	if len(r.Phases) != 1 || r.Phases[0].Phase.Work != load.Mixed || r.Phases[0].Phase.Rate <= 0 || r.Primed == 0 {
		t.Errorf("the long stretch is %+v after %d referrals", r.Phases[0].Phase, r.Primed)
	}
	for _, want := range []string{"soak at 50 %", "  hl7", "  move"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report does not say %q:\n%s", want, out.String())
		}
	}
}

func TestParseMix(t *testing.T) {
	mix, err := load.ParseMix("hl7=20,move=1")
	if err != nil || len(mix) != 2 || mix[0] != (load.Share{Work: load.HL7, Weight: 20}) || mix[1] != (load.Share{Work: load.Move, Weight: 1}) {
		t.Errorf("%v, %v", mix, err)
	}
	for _, words := range []string{"", "hl7", "hl7=", "hl7=x", "hl7=0", "hl7=-1", "hl7=1001", "hl8=1", "mixed=1", "hl7=1,hl7=2", "hl7=1,"} {
		if got, err := load.ParseMix(words); err == nil {
			t.Errorf("%q was read as %v", words, got)
		}
	}
}
