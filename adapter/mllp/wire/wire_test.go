package wire_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/linkloop/linkloop/adapter/mllp/wire"
)

func frame(s string) string { return string(wire.Append(nil, []byte(s))) }

func TestReader(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	for _, c := range []struct {
		name, in string
		want     []string // messages
		stray    int
		err      error
	}{
		{"two messages", frame("MSH|1") + frame("MSH|2"), []string{"MSH|1", "MSH|2"}, 0, io.EOF},
		{"line ends between", frame("a") + "\r\n\r\n" + frame("b"), []string{"a", "b"}, 0, io.EOF},
		{"stray bytes", "hello" + frame("a") + "GET /" + frame("b"), []string{"a", "b"}, 10, io.EOF},
		{"an end without a start", "\x1c\r" + frame("a"), []string{"a"}, 1, io.EOF},
		{"an end mark alone is content", frame("a\x1cb\x1c"), []string{"a\x1cb\x1c"}, 0, io.EOF},
		{"begun anew", "\x0bMSH|1\rPID" + frame("MSH|2"), []string{"MSH|2"}, 9, io.EOF},
		{"begun anew with a batch", "\x0bMSH|1" + frame("BHS|2"), []string{"BHS|2"}, 5, io.EOF},
		{"vertical tab in a text", frame("MSH|1\rNTE|1||a\x0bb"), []string{"MSH|1\rNTE|1||a\x0bb"}, 0, io.EOF},
		{"empty frame", frame(""), []string{""}, 0, io.EOF},
		{"long", frame(long) + frame("b"), []string{long, "b"}, 0, io.EOF},
		{"as long as allowed", frame(long + long), []string{long + long}, 0, io.EOF},
		{"too long", frame(long + long + "x"), nil, 0, wire.ErrTooLarge},
		{"endless", "\x0b" + strings.Repeat(long, 5), nil, 0, wire.ErrTooLarge},
		{"cut", "\x0bMSH|1", nil, 0, wire.ErrCut},
		{"garbage", long, nil, 65536, wire.ErrStray},
	} {
		for _, way := range []struct {
			name string
			of   func(io.Reader) io.Reader
		}{{"whole", func(r io.Reader) io.Reader { return r }}, {"halves", iotest.HalfReader}, {"bytes", iotest.OneByteReader}, {"with the error", iotest.DataErrReader}} {
			t.Run(c.name+"/"+way.name, func(t *testing.T) {
				r := wire.NewReader(way.of(strings.NewReader(c.in)), 200_000)
				stray := 0
				for i := 0; ; i++ {
					m, s, err := r.Next()
					stray += s
					if err != nil {
						if !errors.Is(err, c.err) || i != len(c.want) {
							t.Errorf("%d messages, then %v; want %d, then %v", i, err, len(c.want), c.err)
						}
						break
					}
					if i >= len(c.want) || string(m) != c.want[i] {
						t.Fatalf("message %d has %d bytes and is not the one wanted", i, len(m))
					}
				}
				if c.err != wire.ErrStray && stray != c.stray {
					t.Errorf("%d stray bytes, want %d", stray, c.stray)
				}
			})
		}
	}
}

// TestReserve: memory is asked for before it is used, and a refusal gives what
// is there of the frame.
func TestReserve(t *testing.T) {
	r := wire.NewReader(strings.NewReader(frame("MSH|"+strings.Repeat("x", 50_000))), 1<<20)
	most := 0
	full := errors.New("full")
	r.Reserve = func(n int) error {
		if n > 10_000 {
			return full
		}
		most = n
		return nil
	}
	m, _, err := r.Next()
	if !errors.Is(err, full) || len(m) > most || !bytes.HasPrefix(m, []byte("MSH|")) {
		t.Errorf("%d bytes of %d reserved, %v", len(m), most, err)
	}
}

// FuzzReader: what comes out of frames is what was put into them, however it is
// cut into pieces, and nothing is taken twice.
func FuzzReader(f *testing.F) {
	f.Add([]byte(frame("MSH|1")+"x"+frame("a\x1cb\x0bMSH")), uint8(3))
	f.Add([]byte("\x0b\x0bMSH\x1c\x1c\r\r\n\x0b\x1c\r"), uint8(1))
	f.Fuzz(func(t *testing.T, in []byte, size uint8) {
		read := func(src io.Reader) (out [][]byte, stray int, err error) {
			r := wire.NewReader(src, 1000)
			for {
				m, s, err := r.Next()
				stray += s
				if err != nil {
					return out, stray, err
				}
				out = append(out, m)
			}
		}
		whole, strayWhole, errWhole := read(bytes.NewReader(in))
		parts, strayParts, errParts := read(&pieces{in, int(size)%7 + 1})
		if len(whole) != len(parts) || !errors.Is(errWhole, errParts) || errParts == io.EOF && strayWhole != strayParts {
			t.Fatalf("%d messages, %d stray, %v; in pieces %d, %d, %v", len(whole), strayWhole, errWhole, len(parts), strayParts, errParts)
		}
		total := 0
		for i := range whole {
			if !bytes.Equal(whole[i], parts[i]) {
				t.Fatal("a message depends on how it is cut into pieces")
			}
			total += len(whole[i]) + 3
		}
		if total > len(in) {
			t.Fatal("more came out than was put in")
		}
	})
}

// pieces gives a few bytes at a time.
type pieces struct {
	b []byte
	n int
}

func (p *pieces) Read(out []byte) (int, error) {
	if len(p.b) == 0 {
		return 0, io.EOF
	}
	n := copy(out, p.b[:min(p.n, len(p.b))])
	p.b = p.b[n:]
	return n, nil
}
