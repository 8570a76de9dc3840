package postgres

import (
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/fault"
)

// cursor says where a page ended. Its text is opaque to callers; the first
// letter says which order it belongs to, so that it cannot be used with another.
type cursor struct {
	order  byte
	phase  int64 // sorted pages: 1 when among those without a value
	key    int64 // sorted pages: the value
	number int64 // the seq, or the version number in the history of one resource
}

// Orders that a cursor can belong to.
const (
	byUpdated       = 'u'
	byUpdatedDesc   = 'v'
	byParam         = 'p'
	byParamDesc     = 'q'
	byHistory       = 'h'
	byVersionNumber = 'n'
)

func (c cursor) String() string {
	b := []byte{c.order}
	if c.order == byParam || c.order == byParamDesc {
		b = strconv.AppendInt(b, c.phase, 36)
		b = append(b, '.')
		b = strconv.AppendInt(b, c.key, 36)
		b = append(b, '.')
	}
	return string(strconv.AppendInt(b, c.number, 36))
}

// parseCursor reads a cursor of the order; ok is false for the empty text.
func parseCursor(text string, order byte) (c cursor, ok bool, err error) {
	if text == "" {
		return c, false, nil
	}
	bad := fault.New(fault.Malformed, "", "the page link is not one of this search; begin again from the first page")
	if len(text) > 64 || text[0] != order {
		return c, false, bad
	}
	parts := strings.Split(text[1:], ".")
	c.order = order
	targets := []*int64{&c.number}
	if order == byParam || order == byParamDesc {
		targets = []*int64{&c.phase, &c.key, &c.number}
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
	if c.number <= 0 || c.phase < 0 || c.phase > 1 || c.String() != text {
		return c, false, bad
	}
	return c, true, nil
}
