package message

// Members are the names of a path of plain members from the root, such as
// export.items; false for any other path.
func (p Path) Members() ([]string, bool) {
	if p.hl7 || p.Relative() {
		return nil, false
	}
	out := make([]string, 0, len(p.steps))
	for i := range p.steps {
		if p.steps[i].resolve || len(p.steps[i].selects) > 0 {
			return nil, false
		}
		out = append(out, p.steps[i].name)
	}
	return out, len(out) > 0
}
