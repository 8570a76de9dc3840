package app

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/linkloop/linkloop/adapter/profile"
	"github.com/linkloop/linkloop/config"
	"github.com/linkloop/linkloop/conformance"
)

// maxPackedBytes bounds a package as a file.
const maxPackedBytes = 128 << 20

// loadProfiles reads the profiles of this house and those of the configured
// packages.
func loadProfiles(c config.Validation) (*profile.Library, error) {
	own, err := profile.ReadFolder(conformance.Files, "linkloop", Version)
	if err != nil {
		return nil, err
	}
	packages := []*profile.Package{own}
	for i, file := range c.Packages {
		p, err := readPackage(file)
		if err != nil {
			return nil, fmt.Errorf("validation.packages[%d]: %w", i+1, err)
		}
		packages = append(packages, p)
	}
	return profile.NewLibrary(packages...), nil
}

func readPackage(file string) (*profile.Package, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	switch st, err := f.Stat(); {
	case err != nil:
		return nil, err
	case !st.Mode().IsRegular() || st.Size() > maxPackedBytes:
		return nil, fmt.Errorf("%s is no file of at most %d MB", file, maxPackedBytes>>20)
	}
	p, err := profile.ReadPackage(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return p, nil
}

// newGate is what resources are held against when they come in. Profiles of
// packages that cannot be used are told once, in the log.
func newGate(c config.Validation, log *slog.Logger) (*profile.Gate, error) {
	l, err := loadProfiles(c)
	if err != nil {
		return nil, err
	}
	for _, u := range l.Unusable() {
		log.Warn("a profile cannot be used", "profile", u.Canonical, "why", u.Why)
	}
	g, err := profile.NewGate(l, c.Profiles, c.Extensible)
	if err != nil {
		return nil, fmt.Errorf("validation.profiles: %w", err)
	}
	return g, nil
}

// profiles looks at packages and at the profiles that are held against.
func (x *examination) profiles(cfg config.Config) {
	const advice = "name .tgz files in validation.packages, with snapshots or differentials and the profiles they are based on, and in validation.profiles what they have"
	l, err := loadProfiles(cfg.Validation)
	if err != nil {
		x.fail("profiles", advice, "%v", err)
		return
	}
	if _, err := profile.NewGate(l, cfg.Validation.Profiles, false); err != nil {
		x.fail("profiles", advice, "%v", err)
		return
	}
	for _, u := range l.Unusable() {
		x.warn("profiles", advice, "%s cannot be used: %s", u.Canonical, u.Why)
	}
	profiles, valueSets, codeSystems := l.Count()
	x.ok("profiles", "%d loaded with %d value sets and %d code systems; %d held against what comes in",
		profiles, valueSets, codeSystems, len(cfg.Validation.Profiles))
}
