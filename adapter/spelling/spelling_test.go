package spelling_test

import (
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/spelling"
)

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"a", "", 1}, {"status", "statu", 1}, {"brithDate", "birthDate", 1},
		{"kitten", "sitting", 3}, {"ca", "abc", 3}, {strings.Repeat("x", 500), strings.Repeat("x", 900), 0},
	} {
		if got := spelling.Distance(c.a, c.b); got != c.want {
			t.Errorf("Distance(%.10q, %.10q) = %d, want %d", c.a, c.b, got, c.want)
		}
		if got := spelling.Distance(c.b, c.a); got != c.want {
			t.Errorf("Distance(%.10q, %.10q) = %d, want %d", c.b, c.a, got, c.want)
		}
	}
}

func TestNearest(t *testing.T) {
	best, d := spelling.Nearest("Statsu", []string{"intent", "status", "state"})
	if best != "status" || d != 1 {
		t.Errorf("got %q at %d", best, d)
	}
	if best, d = spelling.Nearest("x", nil); best != "" || d != -1 {
		t.Errorf("without candidates: %q at %d", best, d)
	}
}
