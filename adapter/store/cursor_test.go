package store_test

import (
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/store"
)

// FuzzCursor: a cursor is text from outside.
func FuzzCursor(f *testing.F) {
	for _, s := range []string{"", "u1", "v1z", "p0.5.9", "q1.-zz.1", "h5", "n2", "u-", "p..", strings.Repeat("u", 70)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, order := range []byte{store.ByUpdated, store.ByUpdatedDesc, store.ByParam, store.ByParamDesc, store.ByHistory, store.ByVersionNumber} {
			c, ok, err := store.ParseCursor(text, order)
			if ok && (err != nil || c.String() != text || c.Number <= 0) {
				t.Errorf("%q reads as %+v, %v", text, c, err)
			}
			if !ok && err == nil && text != "" {
				t.Errorf("%q was passed over in silence", text)
			}
		}
	})
}
