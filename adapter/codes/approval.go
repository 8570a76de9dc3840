// Package codes guards the rules by which codes leave for patient records: a
// list of codes and the measures that bring scores are used only as two people
// approved them. An approval names each file with its SHA-256 and carries
// Ed25519 signatures over that and the time of each (RFC 8032); the public keys stand in the
// configuration of the server, the private ones with those who approve. Pure:
// no I/O, no clock, no random numbers.
package codes

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Needed is how many people approve: one who changes, one who checks.
const Needed = 2

// maxApproval bounds what Read takes, in bytes.
const maxApproval = 256 << 10

// Approval says which content of which files was approved, and by whom.
type Approval struct {
	List       string            `yaml:"list"`
	Version    string            `yaml:"version"`
	Files      map[string]string `yaml:"files"` // SHA-256 in hexadecimal, by file name
	Signatures []Signature       `yaml:"signatures,omitempty"`
}

// Signature is what one person approved with one key.
type Signature struct {
	By        string `yaml:"by"`
	At        string `yaml:"at"`        // when, by the clock of who approved: RFC 3339, whole seconds, UTC; signed
	Key       string `yaml:"key"`       // public key, base64 of 32 bytes
	Signature string `yaml:"signature"` // base64 of 64 bytes
}

// Approver is somebody whose signature counts.
type Approver struct {
	Name string
	Key  ed25519.PublicKey
}

// Approved is one approval that counts.
type Approved struct {
	Name string
	At   time.Time
}

// String is such as "ada on 02-Mar-2026 at 09:30 UTC".
func (a Approved) String() string {
	return a.Name + " on " + a.At.UTC().Format("02-Jan-2006 at 15:04 MST")
}

// By are approvals in words.
func By(approved []Approved) string {
	words := make([]string, 0, len(approved))
	for _, a := range approved {
		words = append(words, a.String())
	}
	if len(words) == 0 {
		return "nobody"
	}
	return strings.Join(words, " and ")
}

// Of is the approval that these contents need, without signatures.
func Of(list, version string, files map[string][]byte) Approval {
	a := Approval{List: list, Version: version, Files: map[string]string{}}
	for name, b := range files {
		a.Files[name] = fmt.Sprintf("%x", sha256.Sum256(b))
	}
	return a
}

// Read takes an approval from a file. Errors name what is wrong with it.
func Read(b []byte) (Approval, error) {
	if len(b) > maxApproval {
		return Approval{}, fmt.Errorf("an approval has at most %d bytes", maxApproval)
	}
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	var a Approval
	if err := dec.Decode(&a); err != nil {
		return Approval{}, fmt.Errorf("approval: %w", err)
	}
	if err := dec.Decode(new(Approval)); !errors.Is(err, io.EOF) {
		return Approval{}, errors.New("approval: one document is expected")
	}
	return a, a.check()
}

func (a Approval) check() error {
	var errs []error
	if !word(a.List) || !word(a.Version) || len(a.Files) == 0 {
		errs = append(errs, errors.New("list, version and files are needed; list and version are single words"))
	}
	for name, sum := range a.Files {
		if b, err := hex.DecodeString(sum); err != nil || len(b) != sha256.Size || !word(name) || sum != strings.ToLower(sum) {
			errs = append(errs, fmt.Errorf("files: %s needs a name without spaces and a SHA-256 of 64 hexadecimal digits", name))
		}
	}
	return errors.Join(errs...)
}

// word reports whether a text can stand in a line of the signed message
// without being taken for anything else.
func word(s string) bool { return s != "" && len(s) <= 200 && !strings.ContainsAny(s, " \t\r\n\x00") }

// Write is the file that Read reads.
func (a Approval) Write() ([]byte, error) { return yaml.Marshal(a) }

// Message is what is signed, but for the last line, which is the time of the
// signature: the purpose, the list with its version, and the files in order of
// their names, one a line.
func (a Approval) Message() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "linkloop approval of outcome codes, 2\nlist %s\nversion %s\n", a.List, a.Version)
	for _, name := range slices.Sorted(maps.Keys(a.Files)) {
		fmt.Fprintf(&b, "sha256 %s %s\n", a.Files[name], name)
	}
	return b.Bytes()
}

// signed is what one person signs.
func (a Approval) signed(at string) []byte { return fmt.Appendf(a.Message(), "at %s\n", at) }

// Sign adds a signature of a time. It refuses a name or a key that signed already: the
// second approval is another person's.
func (a *Approval) Sign(by string, key ed25519.PrivateKey, at time.Time) error {
	if by = strings.TrimSpace(by); by == "" {
		return errors.New("who approves has a name")
	}
	if err := a.check(); err != nil {
		return err
	}
	public := base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey))
	for _, s := range a.Signatures {
		if strings.EqualFold(s.By, by) || s.Key == public {
			return errors.New("this name or key has approved already; the other approval is another person's")
		}
	}
	when := at.UTC().Format(time.RFC3339)
	a.Signatures = append(a.Signatures, Signature{By: by, At: when, Key: public,
		Signature: base64.StdEncoding.EncodeToString(ed25519.Sign(key, a.signed(when)))})
	return nil
}

// Verify returns who approved and when, and an error unless that are at least
// Needed of the approvers, each with a key of their own. Signatures of others do
// not count and do no harm; one by an approver that does not fit is an error,
// because then the approval or its time was changed after it was given.
func (a Approval) Verify(approvers []Approver) ([]Approved, error) {
	var by []Approved
	if err := a.check(); err != nil {
		return nil, err
	}
	for _, p := range approvers {
		for _, s := range a.Signatures {
			key, err := base64.StdEncoding.DecodeString(s.Key)
			if err != nil || len(key) != ed25519.PublicKeySize || !bytes.Equal(key, p.Key) {
				continue
			}
			if s.At == "" {
				return nil, fmt.Errorf("the signature of %s has no time; approvals of before times were recorded are given anew", p.Name)
			}
			signature, err := base64.StdEncoding.DecodeString(s.Signature)
			at, wrong := time.Parse(time.RFC3339, s.At)
			if err != nil || wrong != nil || !ed25519.Verify(p.Key, a.signed(s.At), signature) {
				return nil, fmt.Errorf("the signature of %s is not of this content and time: one of them was changed after it was approved", p.Name)
			}
			if !slices.ContainsFunc(by, func(o Approved) bool { return o.Name == p.Name }) {
				by = append(by, Approved{p.Name, at})
			}
		}
	}
	if len(by) < Needed {
		return by, fmt.Errorf("%d of %d approvals; each is by another of the approvers in the configuration", len(by), Needed)
	}
	return by, nil
}

// Covers returns an error that names every file which differs from what was
// approved, is missing there, or is approved and missing here.
func (a Approval) Covers(now Approval) error {
	var errs []error
	if a.List != now.List || a.Version != now.Version {
		errs = append(errs, fmt.Errorf("approved is %s %s, this is %s %s", a.List, a.Version, now.List, now.Version))
	}
	for _, name := range slices.Sorted(maps.Keys(now.Files)) {
		switch sum, ok := a.Files[name]; {
		case !ok:
			errs = append(errs, fmt.Errorf("%s was not approved", name))
		case sum != now.Files[name]:
			errs = append(errs, fmt.Errorf("%s differs from what was approved", name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.Files)) {
		if _, ok := now.Files[name]; !ok {
			errs = append(errs, fmt.Errorf("%s was approved and is not here", name))
		}
	}
	return errors.Join(errs...)
}
