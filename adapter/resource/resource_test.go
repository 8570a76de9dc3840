package resource_test

import (
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
)

var key = []byte("a key of thirty-two bytes, fixed")

func parse(t testing.TB, s string) *element.Value {
	t.Helper()
	v, err := element.Parse([]byte(s), element.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}
