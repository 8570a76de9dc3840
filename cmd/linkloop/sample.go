package main

import (
	"fmt"
	"io"
	"os"
)

// maxSample bounds a message or a file of them that a command works on as a
// whole, in bytes: well above what the gateway takes as one message.
const maxSample = 64 << 20

// readSample reads a file with a sample message. The error names the file.
func readSample(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSample+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxSample {
		return nil, fmt.Errorf("%s: longer than %d MB; take the first records of it", name, maxSample>>20)
	}
	return b, nil
}
