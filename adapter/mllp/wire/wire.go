// Package wire is the minimal lower layer protocol (HL7 v2.5.1 appendix C.4,
// transport specification MLLP release 1): frames on a stream, read within
// limits, and the client that sends in them. The server is the package above.
package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// The marks of a frame: start, the message, end and a carriage return behind it.
const (
	start    = 0x0b
	end      = 0x1c
	carriage = 0x0d
)

// Errors that end a connection, beside those of the stream.
var (
	// ErrTooLarge: a frame grew past the limit.
	ErrTooLarge = errors.New("the frame is larger than the limit")
	// ErrStray: so much came outside of frames that this is not MLLP.
	ErrStray = errors.New("what comes is not in frames")
	// ErrCut: the stream ended within a frame.
	ErrCut = errors.New("the stream ended within a frame")
)

const (
	// maxStray is how many bytes may come between two frames.
	maxStray = 64 << 10
	// firstBuffer is enough for a referral without documents.
	firstBuffer = 4 << 10
	// chunk bounds one read, and with it what is kept of a frame that comes
	// before the one in front of it was answered.
	chunk = 32 << 10
)

// Append writes a message as a frame.
func Append(out, message []byte) []byte {
	out = append(out, start)
	out = append(out, message...)
	return append(out, end, carriage)
}

// Reader reads frames. Between two of them it keeps half a kilobyte.
type Reader struct {
	src   io.Reader
	limit int

	// Begun is told when a frame begins; nil: nobody.
	Begun func()
	// Reserve is asked before a frame may take n bytes of memory in all; its
	// error ends the frame. Nil: always.
	Reserve func(n int) error

	stray int    // bytes outside of frames since the last Next
	rest  []byte // read and not looked at
	small [512]byte
}

// NewReader reads frames of at most limit bytes.
func NewReader(src io.Reader, limit int) *Reader { return &Reader{src: src, limit: limit} }

// Next returns the message of the next frame; the caller may keep it. stray is
// how many bytes came before it that belong to no frame, line ends apart.
//
// Where a frame begins anew before it ended, the first beginning is stray: its
// sender gave it up. A start mark anywhere else in a text is a vertical tab.
//
// Errors: io.EOF between frames, ErrTooLarge, ErrStray, ErrCut, that of Reserve
// or that of the stream. Of a frame that was begun, what there is comes along.
func (r *Reader) Next() (message []byte, stray int, err error) {
	r.stray = 0
	if err := r.seek(); err != nil {
		return nil, r.stray, err
	}
	if r.Begun != nil {
		r.Begun()
	}
	message, err = r.frame()
	if i := restart(message); i >= 0 {
		r.stray += i
		message = message[i+1:]
	}
	return message, r.stray, err
}

// seek reads up to the start of a frame.
func (r *Reader) seek() error {
	for {
		i := bytes.IndexByte(r.rest, start)
		between := r.rest
		if i >= 0 {
			between = r.rest[:i]
		}
		for _, c := range between {
			if c != '\r' && c != '\n' {
				r.stray++
			}
		}
		if r.stray > maxStray {
			return ErrStray
		}
		if i >= 0 {
			r.rest = r.rest[i+1:]
			return nil
		}
		n, err := r.src.Read(r.small[:])
		r.rest = r.small[:n]
		if n == 0 && err != nil {
			return err
		}
	}
}

// frame reads up to the end of a frame and keeps what came behind it.
func (r *Reader) frame() ([]byte, error) {
	buf, err := r.grow(nil, max(firstBuffer, len(r.rest)))
	if err != nil {
		return r.rest, err
	}
	buf = append(buf, r.rest...)
	r.rest = nil
	for looked := 0; ; {
		if i := bytes.Index(buf[looked:], []byte{end, carriage}); i >= 0 {
			r.keep(buf[looked+i+2:])
			buf = buf[: looked+i : looked+i]
			if len(buf) > r.limit {
				return buf, ErrTooLarge
			}
			return buf, nil
		}
		looked = max(0, len(buf)-1)
		if len(buf) > r.limit+1 { // the last byte may be an end mark
			return buf, ErrTooLarge
		}
		if len(buf) == cap(buf) {
			if buf, err = r.grow(buf, min(2*cap(buf), r.limit+chunk)); err != nil {
				return buf, err
			}
		}
		n, err := r.src.Read(buf[len(buf):min(cap(buf), len(buf)+chunk)])
		buf = buf[:len(buf)+n]
		if n == 0 && err != nil {
			if errors.Is(err, io.EOF) {
				err = ErrCut
			}
			return buf, err
		}
	}
}

// grow gives a frame a larger buffer; on an error it keeps the one it has.
func (r *Reader) grow(buf []byte, size int) ([]byte, error) {
	if r.Reserve != nil {
		if err := r.Reserve(size); err != nil {
			return buf, err
		}
	}
	return append(make([]byte, 0, size), buf...), nil
}

// keep copies what was read behind a frame, so that the frame's buffer is free.
func (r *Reader) keep(behind []byte) {
	if len(behind) <= len(r.small) {
		r.rest = r.small[:copy(r.small[:], behind)]
		return
	}
	r.rest = bytes.Clone(behind)
}

// restart finds the last start mark that begins a message or a batch anew; -1
// when there is none.
func restart(message []byte) int {
	for upTo := len(message); ; {
		i := bytes.LastIndexByte(message[:upTo], start)
		if i < 0 {
			return -1
		}
		for _, name := range []string{"MSH", "FHS", "BHS"} {
			if bytes.HasPrefix(message[i+1:], []byte(name)) {
				return i
			}
		}
		upTo = i
	}
}

// tooLong words the limit.
func tooLong(limit int) error { return fmt.Errorf("%w of %d bytes", ErrTooLarge, limit) }
