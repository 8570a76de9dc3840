package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
)

// redacted is what every way of printing a secret shows.
const redacted = "(secret)"

// secretLimit bounds what is read from a secret file, in bytes.
const secretLimit = 8 << 10

// Secret is text that must not be printed. Only Reveal shows it.
type Secret struct{ text string }

// NewSecret keeps text as a secret.
func NewSecret(text string) Secret { return Secret{text} }

// Reveal returns the secret, for the one place that sends it.
func (s Secret) Reveal() string { return s.text }

// Empty says that there is no secret.
func (s Secret) Empty() bool { return s.text == "" }

// String hides the secret.
func (s Secret) String() string {
	if s.Empty() {
		return ""
	}
	return redacted
}

// Format hides the secret from every verb of fmt, %#v and %x included.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue hides the secret from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText hides the secret from JSON, YAML and XML encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// readSecretFile returns the content of a file without the line end that
// editors and echo leave.
func readSecretFile(path string) (Secret, error) {
	b, err := readBounded(path, secretLimit)
	if err != nil {
		return Secret{}, err
	}
	text := strings.TrimRight(string(b), "\r\n")
	if err := checkSecret(text); err != nil {
		return Secret{}, err
	}
	return Secret{text}, nil
}

// checkSecret refuses what cannot be a bearer token (RFC 6750 section 2.1:
// visible ASCII), so that a wrong file is found at start and not at the first
// delivery.
func checkSecret(text string) error {
	if text == "" {
		return fmt.Errorf("is empty")
	}
	for _, r := range text {
		if r <= ' ' || r > '~' {
			return fmt.Errorf("holds a space, a line end or another character that no token has")
		}
	}
	return nil
}

// readBounded reads a regular file of at most limit bytes. Errors do not quote
// the content.
func readBounded(path string, limit int64) ([]byte, error) {
	// Stat comes first: opening a named pipe would wait for a writer.
	info, err := os.Stat(path)
	if err != nil {
		return nil, openError(err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("is not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, openError(err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("cannot be read")
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("is larger than %s", Size(limit))
	}
	return b, nil
}

// openError words a failure without the path, which the caller names.
func openError(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("does not exist")
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("may not be read by this user")
	}
	return fmt.Errorf("cannot be opened")
}
