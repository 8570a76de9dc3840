package outbound

import "strings"

// CodeMark, ListMark and MappingMark are the words under which deliveries are
// found by what they carry and by what they were made with.
func CodeMark(code string) string { return "code " + code }

// ListMark is of a version of the list of codes, by the sum of its file.
func ListMark(sum string) string { return "list " + sum }

// MappingMark is of a mapping, by its content hash.
func MappingMark(hash string) string { return "mapping " + hash }

// correction stands in the key of what corrects another delivery.
const correction = "/correct/"

// CorrectionKey is the key of what corrects a delivery in a recall.
func CorrectionKey(key, recall string) string { return key + correction + recall }

// InsteadKey is the key of what takes the place of a delivery that never left. It
// is no correction: it leaves as the delivery would have. In place of a
// correction it is one still.
func InsteadKey(key, recall string) string { return key + "/instead/" + recall }

// IsCorrection reports whether a key is that of a correction.
func IsCorrection(key string) bool { return strings.Contains(key, correction) }

// AlertKey begins the key of an alert to people.
const AlertKey = "alert/"
