package app

import (
	"errors"

	"github.com/linkloop/linkloop/adapter/outbound/letter"
	"github.com/linkloop/linkloop/adapter/outcome"
)

// Letter renders the payload of a delivery as a letter in a format, html or
// pdf, for a person to send. One that corrects what was sent before says so first. Errors: fault.Malformed for a payload without a
// document, such as one that was restricted to codes.
func Letter(payload []byte, format string) ([]byte, error) {
	document, err := outcome.Document(payload)
	if err != nil {
		return nil, err
	}
	l, err := outcome.ReadLetter(document)
	if err == nil {
		l, err = outcome.Corrected(l, payload)
	}
	if err != nil {
		return nil, err
	}
	switch format {
	case "html":
		return letter.HTML(l)
	case "pdf":
		return letter.PDF(l)
	}
	return nil, errors.New("a letter is html or pdf")
}
