package app_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// TestIncludesAreBounded: what a page brings along is bounded in bytes, and the
// page says that there is more.
func TestIncludesAreBounded(t *testing.T) {
	h := open(t, nil)
	patient := h.held(`{"resourceType":"Patient","name":[{"family":"Canarybird"}]}`)
	const each, held = 4, 10 // MB, and how many
	data := strings.Repeat("QUJD", each<<20/4)
	for range held {
		h.held(fmt.Sprintf(`{"resourceType":"DocumentReference","status":"current","subject":{"reference":%q},"content":[{"attachment":{"contentType":"text/plain","data":%q}}]}`, patient, data))
	}
	page := h.want(h.call("GET", "/fhir/Patient?_id="+strings.TrimPrefix(patient, "Patient/")+"&_revinclude=DocumentReference:subject", nil), 200)
	if n := bytes.Count(page.body, []byte(`"mode":"include"`)); n == 0 || n*each > 32 {
		t.Errorf("%d of %d MB each are brought along", n, each)
	}
	if !bytes.Contains(page.body, []byte("there are more")) {
		t.Error("the page does not say that there are more")
	}
}
