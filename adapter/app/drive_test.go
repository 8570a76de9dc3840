package app_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/app"
	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/nhs"
	"github.com/linkloop/linkloop/adapter/store/postgrestest"
	"github.com/linkloop/linkloop/config"
)

// How many practices send referrals in the benchmarks, and to how many services.
const practices, services = 200, 200

// site is a running linkloop that benchmarks drive over loopback.
type site struct {
	tb     testing.TB
	app    *app.App
	addr   string
	lines  []*line
	owners []string // of Tasks: references of the services met so far
}

// startSite starts a linkloop over a data folder.
func startSite(tb testing.TB, folder string) *site {
	tb.Helper()
	cfg := config.Default()
	cfg.HTTP.Listen, cfg.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0"
	cfg.Data.Folder = folder
	if onPostgres {
		cfg.Data.Postgres = postgrestest.Database(tb)
	}
	a, err := app.New(context.Background(), cfg, app.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	a.Start()
	return &site{tb: tb, app: a, addr: strings.TrimPrefix(a.BaseURL(), "http://")}
}

func (s *site) stop() {
	for _, l := range s.lines {
		_ = l.conn.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.app.Stop(ctx); err != nil {
		s.tb.Errorf("stop: %v", err)
	}
}

// line is one keep-alive connection. It writes requests itself, because the
// client of net/http costs about as much as the server that is measured.
type line struct {
	conn net.Conn
	in   *bufio.Reader
	out  []byte
}

// answer is what came back; body is valid until the next request of the line.
type answer struct {
	status int
	etag   string
	body   []byte
}

func (l *line) do(method, path, contentType, ifMatch string, body []byte) (answer, error) {
	b := append(l.out[:0], method...)
	b = append(append(append(b, ' '), path...), " HTTP/1.1\r\nHost: 127.0.0.1\r\n"...)
	if ifMatch != "" {
		b = append(append(append(b, "If-Match: "...), ifMatch...), "\r\n"...)
	}
	if body != nil {
		b = append(append(append(b, "Content-Type: "...), contentType...), "\r\nContent-Length: "...)
		b = append(strconv.AppendInt(b, int64(len(body)), 10), "\r\n"...)
	}
	b = append(append(b, "\r\n"...), body...)
	l.out = b
	if _, err := l.conn.Write(b); err != nil {
		return answer{}, err
	}
	res, err := http.ReadResponse(l.in, nil)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	a := answer{status: res.StatusCode, etag: res.Header.Get("ETag")}
	a.body, err = io.ReadAll(res.Body)
	return a, err
}

// want is do for an answer of one status only.
func (l *line) want(status int, method, path, contentType, ifMatch string, body []byte) (answer, error) {
	a, err := l.do(method, path, contentType, ifMatch, body)
	if err == nil && a.status != status {
		err = fmt.Errorf("%s answered with %d, want %d", method, a.status, status)
	}
	return a, err
}

// timing is what a number of requests took, as the clients saw it.
type timing struct {
	rate     float64 // per second
	p50, p99 time.Duration
}

// drive does n requests with so many clients, each as fast as it is answered.
func (s *site) drive(clients, n int, request func(l *line, i int) error) timing {
	s.tb.Helper()
	for len(s.lines) < clients {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			s.tb.Fatal(err)
		}
		s.lines = append(s.lines, &line{conn: c, in: bufio.NewReaderSize(c, 64<<10)})
	}
	took := make([]time.Duration, n)
	var next atomic.Int64
	var wg sync.WaitGroup
	begun := time.Now()
	for _, l := range s.lines[:clients] {
		wg.Go(func() {
			for i := int(next.Add(1) - 1); i < n; i = int(next.Add(1) - 1) {
				at := time.Now()
				if err := request(l, i); err != nil {
					s.tb.Error(err)
					return
				}
				took[i] = time.Since(at)
			}
		})
	}
	wg.Wait()
	t := timing{rate: float64(n) / time.Since(begun).Seconds()}
	if s.tb.Failed() {
		s.tb.FailNow()
	}
	slices.Sort(took)
	t.p50, t.p99 = took[n/2], took[n*99/100]
	return t
}

// messages makes referrals of about 1.3 kB, no two alike. Who a referral is
// about follows from the NHS number, and where that person is registered too.
type messages struct{ next atomic.Int64 }

func (m *messages) person() (i int, nine int) {
	const stride, numbers = 616_367, 1_000_000 // all of the range 999, far apart
	i = int(m.next.Add(1))
	return i, 999_000_000 + i*stride%numbers
}

// nhsNumber completes nine digits; one in eleven has no check digit and the
// next one stands in.
func nhsNumber(nine int) string {
	for ; ; nine++ {
		for digit := range 10 {
			text := strconv.Itoa(nine) + strconv.Itoa(digit)
			if _, reason := nhs.ParseNumber(text); reason == nhs.Valid {
				return text
			}
		}
	}
}

func practiceCode(n int) string { return fmt.Sprintf("A8%04d", n%practices) }
func serviceCode(n int) string  { return fmt.Sprintf("HB%03d", n%services) }

// hl7 is the next referral as HL7 v2.4 REF^I12.
func (m *messages) hl7() []byte {
	i, nine := m.person()
	number := nhsNumber(nine)
	practice, service := practiceCode(nine), serviceCode(i)
	return []byte(strings.ReplaceAll(fmt.Sprintf(`MSH|^~\&|EPR|%[3]s|LINKLOOP|%[4]s|20260302091500+0000||REF^I12|G%[1]d|P|2.4|||AL|AL|GBR|UNICODE UTF-8|en
RF1|P^Pending^HL70283|R^Routine^HL70280||||SP-%[1]d^EPR|20260302|20260902|20260302091500|105531004^Housing unsatisfactory^SCT
PRD|RP^Referring Provider^HL70286|OKAFOR^NGOZI^^^DR|1 Riverside^^Otley^^ZZ9 9AA^GBR||^WPN^PH^^^^^^^^^01632960100||C3456789^^^GMC|||Surgery %[3]s^^%[3]s
PRD|RT^Referred to Provider^HL70286||2 Harbour Row^^Otley^^ZZ9 9AB^GBR||^WPN^PH^^^^^^^^^01632960200|||||Service %[4]s^^%[4]s
PID|1||%[2]s^^^NHS^NH~R%[2]s^^^%[3]s^MR||Canarybird^Zebedee^^^Mr||19%02[5]d0611|M|||14 Quetzal Lane^^Otley^^LS21 9ZZ^GBR^H||07700900%03[6]d^PRN^CP~^NET^Internet^person%[6]d@example.org||en|||||||A
PD1|||Surgery %[3]s^^%[3]s
DG1|1||105531004^Housing unsatisfactory^SCT|Housing unsatisfactory|20260302|W
OBX|1|NM|BMI^Body mass index^L|1|24|kg/m2|||||F|||20260302
OBX|2|ST|CONSENT^Consent to share^L|1|Y||||||F|||20260302
NTE|1|P|Damp flat on the fourth floor, no lift in use since spring. Breathing is worse at home. Landlord has not answered.
NTE|2|P|No change to medication. No known risks to a lone visitor. Speaks English, reads without help, uses the bus.
NTE|3|P|Please see within four weeks. Prefers mornings. Best reached by mobile phone.
`, i, number, practice, service, nine%60+30, nine%1000), "\n", "\r"))
}

// json is the next referral as a JSON document.
func (m *messages) json() []byte {
	i, nine := m.person()
	return fmt.Appendf(nil, `{"id":"G%[1]d","type":"referral","createdAt":"2026-03-02T09:15:00Z","priority":"routine","patient":{"nhsNumber":"%[2]s","familyName":"Canarybird","givenName":"Zebedee","title":"Mr","dateOfBirth":"1970-06-11","gender":"male","address":{"line":"14 Quetzal Lane","town":"Otley","postcode":"LS21 9ZZ"},"phone":"07700900%03[5]d","email":"person%[5]d@example.org"},"referrer":{"name":"Dr Ngozi Okafor","gmcNumber":"C3456789","practiceName":"Surgery %[3]s","practiceOdsCode":"%[3]s"},"service":{"name":"Service %[4]s","odsCode":"%[4]s"},"needs":[{"code":"105531004","text":"Housing unsatisfactory"}],"notes":"Damp flat on the fourth floor, no lift in use since spring. Breathing is worse at home. Landlord has not answered.","consent":true,"validUntil":"2026-06-02"}`,
		i, nhsNumber(nine), practiceCode(nine), serviceCode(i), nine%1000)
}

// sendHL7 and sendJSON send one referral and want it accepted.
func (m *messages) sendHL7(l *line, _ int) error {
	a, err := l.want(200, "POST", "/intake/hl7v2-ref", hl7Type, "", m.hl7())
	if err == nil && !bytes.Contains(a.body, []byte("MSA|AA")) {
		err = fmt.Errorf("a referral was not accepted")
	}
	return err
}

func (m *messages) sendJSON(l *line, _ int) error {
	_, err := l.want(200, "POST", "/intake/generic-json", "application/json", "", m.json())
	return err
}

// createLike makes a second Task for what one of the Tasks is about.
func createLike(tasks []version) func(l *line, i int) error {
	return func(l *line, i int) error {
		v, err := element.Parse(tasks[i%len(tasks)].body, element.Limits{})
		if err != nil {
			return err
		}
		for _, name := range []string{"id", "meta", "identifier"} {
			v.Remove(name)
		}
		_, err = l.want(201, "POST", "/fhir/Task", fhirJSON, "", v.JSON())
		return err
	}
}

// version is a Task as it was read.
type version struct {
	path, etag string
	body       []byte
}

// readOne reads one of the Tasks.
func readOne(tasks []version) func(l *line, i int) error {
	return func(l *line, i int) error {
		_, err := l.want(200, "GET", tasks[i*7919%len(tasks)].path, "", "", nil)
		return err
	}
}

// updateOne writes the next version of a Task, with If-Match.
func updateOne(tasks []version) func(l *line, i int) error {
	return func(l *line, i int) error {
		t := tasks[i]
		v, err := element.Parse(t.body, element.Limits{})
		if err != nil {
			return err
		}
		v.Set("businessStatus", element.NewObject(element.S("text", "rung "+strconv.Itoa(i))))
		_, err = l.want(200, "PUT", t.path, fhirJSON, t.etag, v.JSON())
		return err
	}
}

func worklistPath(owner string) string {
	return "/fhir/Task?owner=" + owner + "&status=requested&_sort=-_lastUpdated&_count=20"
}

// worklist asks for the worklist of one service after the other.
func (s *site) worklist(l *line, i int) error {
	a, err := l.want(200, "GET", worklistPath(s.owners[i*77%len(s.owners)]), "", "", nil)
	if err == nil && bytes.Count(a.body, []byte(`"fullUrl"`)) != 20 {
		err = fmt.Errorf("a worklist page is not full")
	}
	return err
}

// meet finds the services that are there.
func (s *site) meet() {
	s.tb.Helper()
	s.owners = nil
	var mu sync.Mutex
	s.drive(1, services, func(l *line, i int) error {
		a, err := l.want(200, "GET", "/fhir/Organization?identifier=https://fhir.nhs.uk/Id/ods-organization-code|"+serviceCode(i), "", "", nil)
		if err != nil {
			return err
		}
		v, err := element.Parse(a.body, element.Limits{})
		if err != nil {
			return err
		}
		if id := v.TextAt("entry.resource.id"); id != "" {
			mu.Lock()
			defer mu.Unlock()
			s.owners = append(s.owners, "Organization/"+id)
		}
		return nil
	})
	slices.Sort(s.owners)
}

// tasks reads n Tasks or more, spread over services and time as far as pages go.
func (s *site) tasks(n int) []version {
	s.tb.Helper()
	var mu sync.Mutex
	var out []version
	count := min(1000, n/len(s.owners)+1)
	s.drive(4, len(s.owners), func(l *line, i int) error {
		a, err := l.want(200, "GET", fmt.Sprintf("/fhir/Task?owner=%s&_sort=_lastUpdated&_count=%d", s.owners[i], count), "", "", nil)
		if err != nil {
			return err
		}
		v, err := element.Parse(a.body, element.Limits{})
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		for _, e := range v.List("entry") {
			t := e.Get("resource")
			out = append(out, version{"/fhir/Task/" + t.ID(), `W/"` + t.TextAt("meta.versionId") + `"`, t.JSON()})
		}
		return nil
	})
	if len(out) < n {
		s.tb.Fatalf("%d Tasks found, %d needed", len(out), n)
	}
	return out
}
