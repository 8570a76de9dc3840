package sqlite

import (
	"testing"

	"github.com/linkloop/linkloop/adapter/store"
)

func TestUUIDsArePacked(t *testing.T) {
	for id, packed := range map[string]bool{
		"3f1c9f9e-6f0b-4a53-9a55-2d1f0a1b2c3d":  true,
		"3F1c9f9e-6f0b-4a53-9a55-2d1f0a1b2c3d":  false,
		"3f1c9f9e6f0b-4a53-9a55-2d1f0a1b2c3d":   false,
		"3f1c9f9e-6f0b-4a53-9a55-2d1f0a1b2c3":   false,
		"3f1c9f9e-6f0b-4a53-9a55-2d1f0a1b2c3dd": false,
		"3f1c9f9e-6f0b-4a53-9a55-2d1f0a1b2c3g":  false,
		"3f1c9f9e-6f0b-4a53-9a55--d1f0a1b2c3d":  false,
		"":                                      false,
	} {
		var b [16]byte
		if packUUID(&b, id) != packed {
			t.Errorf("packUUID(%q) is %v", id, !packed)
		}
	}
}

func TestKeyBytes(t *testing.T) {
	k := store.Key{Type: "Task", ID: "a.b-1"}
	if !owns(tombstone(k), k) || owns(tombstone(k), store.Key{Type: "Task", ID: "a.b-2"}) {
		t.Error("a tombstone does not name its key")
	}
	for _, body := range []string{"", "{}", `{"resourceType":"Task"`, `{"resourceType":"Task","id":"`, `{"id":"a","resourceType":"Task"}`} {
		if _, _, ok := keyBytes([]byte(body)); ok {
			t.Errorf("a key was read from %q", body)
		}
	}
}
