package codes

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
)

// ParsePublicKey reads a public key as the configuration writes it: base64 of
// the 32 bytes.
func ParsePublicKey(text string) (ed25519.PublicKey, error) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b) != ed25519.PublicKeySize {
		return nil, errors.New("a public key is base64 of the 32 bytes of an Ed25519 key")
	}
	return b, nil
}

// ParsePrivateKey reads a private key in PEM (PKCS #8, RFC 8410), as linkloop
// codes key or openssl genpkey -algorithm ed25519 write it.
func ParsePrivateKey(b []byte) (ed25519.PrivateKey, error) {
	bad := errors.New("a private key is PEM of an Ed25519 key (PKCS #8), without a passphrase")
	block, _ := pem.Decode(b)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, bad
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, bad
	}
	key, ok := k.(ed25519.PrivateKey)
	if !ok {
		return nil, bad
	}
	return key, nil
}

// WritePrivateKey is the PEM that ParsePrivateKey reads.
func WritePrivateKey(key ed25519.PrivateKey) ([]byte, error) {
	b, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: b}), nil
}
