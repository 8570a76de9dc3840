package app

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// keyFile holds the secret of an installation. Resource ids and index terms
// are derived with it, so that neither gives away an NHS number; it belongs to
// the data and is backed up with it.
const keyFile = "installation.key"

// installationKey reads the secret, or makes it on the first start. The write
// is complete and on disk before the name exists.
func installationKey(folder string) ([]byte, error) {
	path := filepath.Join(folder, keyFile)
	key, err := os.ReadFile(path)
	switch {
	case err == nil && len(key) == sha256.Size:
		return key, nil
	case err == nil:
		return nil, fmt.Errorf("data.folder: %s is not %d bytes long; restore it from the backup of this data folder", keyFile, sha256.Size)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("data.folder: %w", err)
	}
	if _, err := os.Stat(filepath.Join(folder, "linkloop.db")); err == nil {
		// A new key would make new people of those who are known, and find nothing.
		return nil, fmt.Errorf("data.folder: there is a database and no %s; restore it from the backup of this data folder", keyFile)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("data.folder: %w", err)
	}
	key = make([]byte, sha256.Size)
	rand.Read(key)
	f, err := os.CreateTemp(folder, keyFile+".*")
	if err != nil {
		return nil, fmt.Errorf("data.folder: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(key)
	if err = errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close()); err != nil {
		return nil, fmt.Errorf("data.folder: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return nil, fmt.Errorf("data.folder: %w", err)
	}
	// The name must be on disk before anything is committed under the key.
	dir, err := os.Open(folder)
	if err != nil {
		return nil, fmt.Errorf("data.folder: %w", err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return nil, fmt.Errorf("data.folder: %w", err)
	}
	return key, nil
}

// derive makes the key of one purpose (RFC 5869).
func derive(key []byte, purpose string) []byte {
	k, err := hkdf.Key(sha256.New, key, nil, "linkloop "+purpose, sha256.Size)
	if err != nil { // only a length beyond 255 hashes fails
		panic(err)
	}
	return k
}
