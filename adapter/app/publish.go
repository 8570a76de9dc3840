package app

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/conformance"
)

// publish makes the definitions of our own operations, profiles and codes
// resources that clients can read and find by the addresses that the
// CapabilityStatement, the profiles and the codes themselves give.
func (a *App) publish(ctx context.Context) error {
	files, err := fs.Glob(conformance.Files, "*-*.json")
	if err != nil {
		return err
	}
	var all []*element.Value
	for _, file := range files {
		b, err := fs.ReadFile(conformance.Files, file)
		if err != nil {
			return err
		}
		v, err := element.Parse(b, element.Limits{})
		if err != nil {
			return fmt.Errorf("conformance/%s: %w", file, err)
		}
		all = append(all, v)
	}
	return a.worklist.Publish(ctx, all...)
}
