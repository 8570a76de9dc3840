package intake

// Taking are those of the senders whose mapping takes messages of the type that
// the body is. A body that cannot be read is for the first of them to refuse.
func (s *Service) Taking(names []string, body []byte) []string {
	var out []string
	for _, name := range names {
		sender, ok := s.Sender(name)
		if !ok {
			continue
		}
		m, err := sender.Format.Decode(body)
		if err != nil || m == nil {
			return names[:1]
		}
		if sender.Mapping.Accepts(m.Type) {
			out = append(out, name)
		}
	}
	return out
}
