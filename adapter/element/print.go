package element

import (
	"bytes"
	"strconv"
	"time"
	"unicode/utf8"
)

// AppendJSON prints the value as compact JSON, members in their order.
func (v *Value) AppendJSON(dst []byte) []byte {
	if v == nil {
		return append(dst, "null"...)
	}
	switch v.Kind {
	case Bool, Number:
		return append(dst, v.Text...)
	case String:
		return appendString(dst, v.Text)
	case Object:
		dst = append(dst, '{')
		for i, f := range v.Fields {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendString(dst, f.Name)
			dst = append(dst, ':')
			dst = f.Value.AppendJSON(dst)
		}
		return append(dst, '}')
	case Array:
		dst = append(dst, '[')
		for i, it := range v.Items {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = it.AppendJSON(dst)
		}
		return append(dst, ']')
	default:
		return append(dst, "null"...)
	}
}

// JSON prints the value as compact JSON.
func (v *Value) JSON() []byte { return v.AppendJSON(nil) }

// Canonical prints a resource the way it is stored: resourceType, id and meta
// first, meta always there and without versionId and lastUpdated, which Stamp
// puts in when the version is committed.
func Canonical(v *Value) []byte {
	dst := make([]byte, 0, 1024)
	dst = append(dst, `{"resourceType":`...)
	dst = appendString(dst, v.ResourceType())
	dst = append(dst, `,"id":`...)
	dst = appendString(dst, v.ID())
	dst = append(dst, `,"meta":{`...)
	n := 0
	if m := v.Get("meta"); m != nil {
		for _, f := range m.Fields {
			if f.Name == "versionId" || f.Name == "lastUpdated" {
				continue
			}
			if n++; n > 1 {
				dst = append(dst, ',')
			}
			dst = appendString(dst, f.Name)
			dst = append(dst, ':')
			dst = f.Value.AppendJSON(dst)
		}
	}
	dst = append(dst, '}')
	for _, f := range v.Fields {
		switch f.Name {
		case "resourceType", "id", "meta":
			continue
		}
		dst = append(dst, ',')
		dst = appendString(dst, f.Name)
		dst = append(dst, ':')
		dst = f.Value.AppendJSON(dst)
	}
	return append(dst, '}')
}

// InstantLayout is how lastUpdated is printed: UTC with microseconds, so that
// strictly increasing commit times stay distinct.
const InstantLayout = "2006-01-02T15:04:05.000000Z"

// Stamp puts versionId and lastUpdated into bytes made by Canonical. It
// returns nil when the bytes are not canonical.
func Stamp(canonical []byte, version int64, updated time.Time) []byte {
	at := metaStart(canonical)
	if at < 0 {
		return nil
	}
	dst := make([]byte, 0, len(canonical)+80)
	dst = append(dst, canonical[:at]...)
	dst = append(dst, `"versionId":"`...)
	dst = strconv.AppendInt(dst, version, 10)
	dst = append(dst, `","lastUpdated":"`...)
	dst = updated.UTC().AppendFormat(dst, InstantLayout)
	dst = append(dst, '"')
	if canonical[at] != '}' {
		dst = append(dst, ',')
	}
	return append(dst, canonical[at:]...)
}

// metaStart is the offset just behind `,"meta":{` of canonical bytes, or -1.
// Type and id are plain tokens of at most 64 characters, so meta is near.
func metaStart(b []byte) int {
	const key = `,"meta":{`
	if i := bytes.Index(b[:min(len(b), 256)], []byte(key)); i > 0 {
		return i + len(key)
	}
	return -1
}

const hex = "0123456789abcdef"

func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				dst = append(dst, s[start:i]...)
				dst = append(dst, "\ufffd"...)
				i++
				start = i
				continue
			}
			i += n
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		start = i
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}
