package config

import "github.com/linkloop/linkloop/adapter/spelling"

// nearest is the known name that was most likely meant.
func nearest(name string, candidates []string) string {
	best, _ := spelling.Nearest(name, candidates)
	return best
}
