package inbound

// Canonicalizer is a Format of which one message may arrive in bytes that
// differ without meaning anything, because every way that it takes writes line
// ends and framing its own way. Canonical is the one form by which a repeat is
// known; Canonical of that form is the form itself. What is kept and decoded is
// the body as it was received.
type Canonicalizer interface {
	Format
	Canonical(body []byte) []byte
}
