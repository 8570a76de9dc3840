package mapping

import (
	"fmt"
	"strconv"
	"strings"
)

// ruleAt is where a rule stands: hl7v2-ref/mapping.yaml:12:7.
func (m *Mapping) ruleAt(r int32) string {
	if r <= 0 || int(r) > len(m.rules) {
		return m.name + "/" + mappingFile
	}
	ru := &m.rules[r-1]
	return fmt.Sprintf("%s:%d:%d", m.fileOf(ru), ru.line, ru.column)
}

// fileOf is the file of a rule: hl7v2-ref/mapping.yaml, or shared/uk-address.yaml.
func (m *Mapping) fileOf(r *rule) string {
	if r.file != "" {
		return r.file
	}
	return m.name + "/" + mappingFile
}

// pathOf is the FHIR path of the element a rule is at work on.
func (e *eval) pathOf(r int32) string {
	if r <= 0 || int(r) > len(e.m.rules) {
		return ""
	}
	path := e.m.rules[r-1].path
	for i := 0; strings.Contains(path, "[]") && i < maxPathDepth; i++ {
		path = strings.Replace(path, "[]", "["+strconv.Itoa(e.index[i])+"]", 1)
	}
	return path
}
