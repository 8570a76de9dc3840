package sqlite

import (
	"bytes"
	"encoding/hex"

	"github.com/linkloop/linkloop/adapter/store"
)

// id binds a resource id: a UUID in lower case as its 16 bytes, which is less
// than half of its text in every index row, anything else as text.
func (s *stmt) id(id string) *stmt {
	var b [16]byte
	if packUUID(&b, id) {
		return s.blob(b[:])
	}
	return s.text(id)
}

// packUUID decodes a UUID as crypto libraries print it. Upper case stays text,
// because ids are case sensitive (https://hl7.org/fhir/R4/datatypes.html#id).
func packUUID(dst *[16]byte, id string) bool {
	if len(id) != 36 || id[8] != '-' || id[13] != '-' || id[18] != '-' || id[23] != '-' {
		return false
	}
	var text [32]byte
	n := 0
	for i := range len(id) {
		switch c := id[i]; {
		case c == '-' && (i == 8 || i == 13 || i == 18 || i == 23):
		case c >= '0' && c <= '9' || c >= 'a' && c <= 'f':
			if n == len(text) {
				return false
			}
			text[n] = c
			n++
		default:
			return false
		}
	}
	_, err := hex.Decode(dst[:], text[:n])
	return err == nil && n == len(text)
}

// Canonical bodies begin with type and id, so the row need not hold them again.
const (
	typeStart = `{"resourceType":"`
	idStart   = `","id":"`
)

// keyBytes reads type and id from the start of a stored body.
func keyBytes(body []byte) (typ, id []byte, ok bool) {
	rest, ok := bytes.CutPrefix(body, []byte(typeStart))
	if !ok {
		return nil, nil, false
	}
	typ, rest, ok = bytes.Cut(rest[:min(len(rest), 200)], []byte(idStart))
	if !ok {
		return nil, nil, false
	}
	end := bytes.IndexByte(rest, '"')
	if end < 0 {
		return nil, nil, false
	}
	return typ, rest[:end], true
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
