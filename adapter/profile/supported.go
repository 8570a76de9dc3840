package profile

// Supported lists the profiles of a resource type that resources can be held
// against, by canonical.
func (g *Gate) Supported(resourceType string) []string {
	if g == nil {
		return nil
	}
	var out []string
	for _, p := range g.library.Profiles() {
		if p.Type == resourceType {
			out = append(out, p.Canonical())
		}
	}
	return out
}
