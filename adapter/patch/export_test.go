package patch

// ApplyXML patches any document, as the official cases do.
func ApplyXML(target, patch []byte) ([]byte, error) {
	p, err := ParseXML(patch)
	if err != nil {
		return nil, err
	}
	return p.(xmlPatch).applyXML(target)
}

// SpellXML writes a document in the one way in which results are written.
func SpellXML(document []byte) ([]byte, error) {
	n, err := parseXMLNodes(document)
	if err != nil {
		return nil, err
	}
	return n.append([]byte(`<?xml version="1.0" encoding="UTF-8"?>`), ""), nil
}
