package demo

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/nhs"
	"github.com/linkloop/linkloop/adapter/recordtest"
)

// standIn is the demo's patient record: the same strict stand-in that tests
// use, served on a port of its own.
type standIn struct {
	record *recordtest.Record
	server *http.Server
	addr   net.Listener
}

// known are the people of the stories who are registered with the practice.
var known = []string{"9990000379", "9990000743", "9990001111", "9990001480"}

func newStandIn() (*standIn, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &standIn{record: recordtest.NewRecord(), addr: l}
	for _, n := range known {
		s.record.Know(nhs.SystemNHSNumber, n)
	}
	s.server = &http.Server{Handler: http.StripPrefix("/record", s.record), ReadHeaderTimeout: 5 * time.Second}
	go s.server.Serve(l) //nolint:errcheck // ends with Close
	return s, nil
}

func (s *standIn) url() string  { return "http://" + s.addr.Addr().String() + "/record" }
func (s *standIn) down()        { s.record.Set(recordtest.Down) }
func (s *standIn) up()          { s.record.Set(recordtest.Up) }
func (s *standIn) written() int { return s.record.Tally().Creating }
func (s *standIn) close()       { s.server.Close() }

// newestDocument is the text of the last DocumentReference, as a reader of the
// record sees it.
func (s *standIn) newestDocument() (string, error) {
	res, err := http.Get(s.url() + "/DocumentReference")
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return "", err
	}
	v, err := element.Parse(b, element.Limits{})
	if err != nil {
		return "", err
	}
	entries := v.List("entry")
	if len(entries) == 0 {
		return "", errors.New("the record holds no document")
	}
	text, err := base64.StdEncoding.DecodeString(entries[len(entries)-1].TextAt("resource.content.attachment.data"))
	return string(text), err
}

// holds counts what is in the record, in words.
func (s *standIn) holds() string {
	t := s.record.Tally()
	var parts []string
	for typ, n := range t.ByType {
		parts = append(parts, fmt.Sprintf("%d %s", n, typ))
	}
	slices.Sort(parts)
	return fmt.Sprintf("%s from %d deliveries; %d stand twice", strings.Join(parts, ", "), t.Creating, t.Doubled)
}
