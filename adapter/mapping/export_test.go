package mapping

// WithoutOrigins makes a mapping record nothing about where its values come
// from.
func WithoutOrigins(m *Mapping) { m.bare = true }
