package store

import (
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/fault"
)

// Cursor says where a page of a store ended. Its text, Page.Next, is opaque to
// callers; the first letter says which order it belongs to, so that it cannot be
// used with another.
type Cursor struct {
	Order  byte
	Phase  int64 // sorted pages: 1 when among those without a value
	Key    int64 // sorted pages: the value
	Number int64 // the commit time in microseconds, or the version number in the history of one resource
}

// Orders that a Cursor can belong to.
const (
	ByUpdated       = 'u'
	ByUpdatedDesc   = 'v'
	ByParam         = 'p'
	ByParamDesc     = 'q'
	ByHistory       = 'h'
	ByVersionNumber = 'n'
)

// String is the opaque text.
func (c Cursor) String() string {
	b := []byte{c.Order}
	if c.Order == ByParam || c.Order == ByParamDesc {
		b = strconv.AppendInt(b, c.Phase, 36)
		b = append(b, '.')
		b = strconv.AppendInt(b, c.Key, 36)
		b = append(b, '.')
	}
	return string(strconv.AppendInt(b, c.Number, 36))
}

// ParseCursor reads a cursor of the order; ok is false for the empty text. The
// error is fault.Malformed.
func ParseCursor(text string, order byte) (c Cursor, ok bool, err error) {
	if text == "" {
		return c, false, nil
	}
	bad := fault.New(fault.Malformed, "", "the page link is not one of this search; begin again from the first page")
	if len(text) > 64 || text[0] != order {
		return c, false, bad
	}
	parts := strings.Split(text[1:], ".")
	c.Order = order
	targets := []*int64{&c.Number}
	if order == ByParam || order == ByParamDesc {
		targets = []*int64{&c.Phase, &c.Key, &c.Number}
	}
	if len(parts) != len(targets) {
		return c, false, bad
	}
	for i, p := range parts {
		n, perr := strconv.ParseInt(p, 36, 64)
		if perr != nil {
			return c, false, bad
		}
		*targets[i] = n
	}
	if c.Number <= 0 || c.Phase < 0 || c.Phase > 1 || c.String() != text {
		return c, false, bad
	}
	return c, true, nil
}
