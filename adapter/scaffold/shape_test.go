package scaffold

import "testing"

// TestMadePhone: a number keeps its layout and whether it is a mobile.
func TestMadePhone(t *testing.T) {
	for in, want := range map[string]string{
		"07711 222333": "07700 900001", "+44 7711 222333": "+44 7700 900001", "+44 (0)7711 222333": "+44 (0)7700 900001",
		"(0113) 496 1234": "(0163) 296 0001", "0113 49612": "01632960001",
	} {
		if got := madePhone(in, 0); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}
