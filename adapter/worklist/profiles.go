package worklist

// Profiles lists the profiles that resources of a type can be held against, by
// canonical.
func (s *Service) Profiles(typ string) []string { return s.cfg.Gate.Supported(typ) }
