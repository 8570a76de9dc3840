package postgres

import (
	"bytes"
	"encoding/hex"

	"github.com/linkloop/linkloop/adapter/store"
)

// idBytes is a resource id as stored: a UUID in lower case in 16 bytes behind a
// 'u', anything else as text behind a 't'.
func idBytes(id string) []byte {
	if len(id) == 36 && id[8] == '-' && id[13] == '-' && id[18] == '-' && id[23] == '-' {
		text := id[:8] + id[9:13] + id[14:18] + id[19:23] + id[24:]
		out := make([]byte, 17)
		out[0] = 'u'
		if _, err := hex.Decode(out[1:], []byte(text)); err == nil && hex.EncodeToString(out[1:]) == text {
			return out
		}
	}
	return append([]byte{'t'}, id...)
}

// Canonical bodies begin with type and id, so the row need not hold them again.
const (
	typeStart = `{"resourceType":"`
	idStart   = `","id":"`
)

// keyOf reads type and id from the start of a stored body.
func keyOf(body []byte) (k store.Key, ok bool) {
	rest, ok := bytes.CutPrefix(body, []byte(typeStart))
	if !ok {
		return k, false
	}
	typ, rest, ok := bytes.Cut(rest[:min(len(rest), 200)], []byte(idStart))
	if !ok {
		return k, false
	}
	end := bytes.IndexByte(rest, '"')
	if end < 0 {
		return k, false
	}
	return store.Key{Type: string(typ), ID: string(rest[:end])}, true
}

// tombstone is the body of a deletion: nothing but the key.
func tombstone(k store.Key) []byte {
	return []byte(typeStart + k.Type + idStart + k.ID + `"}`)
}

// plain reports whether an id needs no escaping in JSON, as every FHIR id.
func plain(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for i := range len(id) {
		if c := id[i]; c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
