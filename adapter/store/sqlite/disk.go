package sqlite

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"syscall"

	"github.com/linkloop/linkloop/adapter/fault"
)

// diskFault gives an error of a file its kind. Room and access come back by
// what an operator does; the paths in err are of folders, never of patients.
func diskFault(err error, what string) error {
	if err == nil {
		return nil
	}
	var f *fault.Fault
	var e *sqliteError
	if errors.As(err, &f) || errors.As(err, &e) {
		return asFault(err)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return transient(err, "stopped before it was complete; nothing was left behind")
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return transient(err, what+": the disk is full")
	}
	return transient(err, what)
}

// syncFolder makes the names in a folder durable.
func syncFolder(folder string) error {
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// sum is what a file held when it was written.
type sum struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// copyFile copies a file to a new one that only its owner may read, and is
// complete and on disk when it returns.
func copyFile(ctx context.Context, from, to string) (sum, error) {
	in, err := os.Open(from)
	if err != nil {
		return sum{}, err
	}
	defer in.Close()
	return writeFile(to, func(w io.Writer) error {
		for {
			if err := ctx.Err(); err != nil {
				return err
			}
			if _, err := io.CopyN(w, in, 1<<20); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
		}
	})
}

// writeFile makes a new file and syncs it.
func writeFile(name string, fill func(w io.Writer) error) (sum, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return sum{}, err
	}
	h, n := sha256.New(), &counter{}
	if err = fill(io.MultiWriter(f, h, n)); err == nil {
		err = f.Sync()
	}
	return sum{n.bytes, hex.EncodeToString(h.Sum(nil))}, errors.Join(err, f.Close())
}

// sumFile reads a file back.
func sumFile(ctx context.Context, name string) (sum, error) {
	in, err := os.Open(name)
	if err != nil {
		return sum{}, err
	}
	defer in.Close()
	h, n := sha256.New(), &counter{}
	for {
		if err := ctx.Err(); err != nil {
			return sum{}, err
		}
		if _, err := io.CopyN(io.MultiWriter(h, n), in, 1<<20); errors.Is(err, io.EOF) {
			return sum{n.bytes, hex.EncodeToString(h.Sum(nil))}, nil
		} else if err != nil {
			return sum{}, err
		}
	}
}

type counter struct{ bytes int64 }

func (c *counter) Write(b []byte) (int, error) {
	c.bytes += int64(len(b))
	return len(b), nil
}
