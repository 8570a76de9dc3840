package sqlite_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/inbound/hl7v2"
	"github.com/linkloop/linkloop/adapter/intake"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/profile"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/store/sqlite"
	"github.com/linkloop/linkloop/conformance"
	"github.com/linkloop/linkloop/mappings"
)

// rows is what one decision of the intake has written.
type rows struct {
	message store.Message
	writes  []store.Write
}

// recorder is a store that remembers what is written through it.
type recorder struct {
	store.Store
	all []rows
}

func (r *recorder) Decide(ctx context.Context, fn func(store.Tx) error, _ ...store.Hint) error {
	var now rows
	err := r.Store.Decide(ctx, func(tx store.Tx) error {
		now = rows{}
		return fn(recordedTx{tx, &now})
	})
	r.all = append(r.all, now)
	return err
}

type recordedTx struct {
	store.Tx
	now *rows
}

func (t recordedTx) Resources() store.ResourceWriter {
	return recordedResources{t.Tx.Resources(), t.now}
}
func (t recordedTx) Inbox() store.InboxWriter { return recordedInbox{t.Tx.Inbox(), t.now} }

type recordedResources struct {
	store.ResourceWriter
	now *rows
}

func (r recordedResources) Put(w store.Write) (store.Version, error) {
	r.now.writes = append(r.now.writes, w)
	return r.ResourceWriter.Put(w)
}

type recordedInbox struct {
	store.InboxWriter
	now *rows
}

func (r recordedInbox) Add(m store.Message) (int64, error) {
	r.now.message = m
	return r.InboxWriter.Add(m)
}

// BenchmarkBareIntake commits the rows that the intake makes of referrals of
// 1.3 kB, with as many referrals in a commit as 16 clients over HTTP reach, and
// does nothing else. It is what BenchmarkIntakeHL7 of adapter/app is held
// against.
func BenchmarkBareIntake(b *testing.B) {
	for _, group := range []int{8, 12, 16} {
		b.Run(fmt.Sprint("group=", group), func(b *testing.B) {
			all := intakeRows(b, b.N)
			place := b.TempDir()
			if err := open(b, sqlite.Config{Path: place}).Close(); err != nil {
				b.Fatal(err)
			}
			bare, err := sqlite.OpenBare(place)
			if err != nil {
				b.Fatal(err)
			}
			defer bare.Close()
			b.ResetTimer()
			for i := 0; i < b.N; i += group {
				if err := bare.Begin(); err != nil {
					b.Fatal(err)
				}
				for _, r := range all[i:min(i+group, b.N)] {
					if err := bare.File(r.message, r.writes, store.Delivery{}); err != nil {
						b.Fatal(err)
					}
				}
				if err := bare.Commit(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "referrals/s")
		})
	}
}

// intakeRows takes n referrals in and gives what was written for each.
func intakeRows(b *testing.B, n int) []rows {
	m, err := mapping.Compile(mappings.Files, "hl7v2-ref")
	if err != nil {
		b.Fatal(err)
	}
	rules, err := profile.LoadRules(conformance.Files, "house-rules.yaml")
	if err != nil {
		b.Fatal(err)
	}
	s := open(b, sqlite.Config{Path: b.TempDir()})
	defer s.Close()
	rec := &recorder{Store: s}
	key := bytes.Repeat([]byte{1}, 32)
	svc, err := intake.New(intake.Config{
		Rules: rules, Store: rec, Indexer: resource.NewIndexer(key), IDKey: key, BaseURL: "http://test/fhir", Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Senders: []intake.Sender{{Name: "s", FormatName: "hl7v2", Format: hl7v2.New(), Mapping: m}},
	})
	if err != nil {
		b.Fatal(err)
	}
	for i := range n {
		res, err := svc.Accept(context.Background(), intake.Submission{Sender: "s", Body: bareReferral(i), Received: time.Now()})
		if err != nil || res.Kind != "accepted" {
			b.Fatalf("a referral ended as %q", res.Kind)
		}
	}
	return rec.all
}

// bareReferral is a REF^I12 of 1.3 kB about a person who has no NHS number, so
// that each is a new one, of one of 200 practices and to one of 200 services.
func bareReferral(i int) []byte {
	return []byte(strings.ReplaceAll(fmt.Sprintf(`MSH|^~\&|EPR|A8%[2]s|LINKLOOP|HB%[3]s|20260302091500+0000||REF^I12|G%[1]d|P|2.4|||AL|AL|GBR|UNICODE UTF-8|en
RF1|P^Pending^HL70283|R^Routine^HL70280||||SP-%[1]d^EPR|20260302|20260902|20260302091500|105531004^Housing unsatisfactory^SCT
PRD|RP^Referring Provider^HL70286|OKAFOR^NGOZI^^^DR|1 Riverside^^Otley^^ZZ9 9AA^GBR||^WPN^PH^^^^^^^^^01632960100||C3456789^^^GMC|||Surgery %[2]s^^A8%[2]s
PRD|RT^Referred to Provider^HL70286||2 Harbour Row^^Otley^^ZZ9 9AB^GBR||^WPN^PH^^^^^^^^^01632960200|||||Service %[3]s^^HB%[3]s
PID|1||R%[1]d-0000^^^A8%[2]s^MR~Q%[1]d^^^A8%[2]s^MR||Canarybird^Zebedee^^^Mr||19700611|M|||14 Quetzal Lane^^Otley^^LS21 9ZZ^GBR^H||07700900123^PRN^CP~^NET^Internet^person%[1]d@example.org||en|||||||A
PD1|||Surgery %[2]s^^A8%[2]s
DG1|1||105531004^Housing unsatisfactory^SCT|Housing unsatisfactory|20260302|W
OBX|1|NM|BMI^Body mass index^L|1|24|kg/m2|||||F|||20260302
OBX|2|ST|CONSENT^Consent to share^L|1|Y||||||F|||20260302
NTE|1|P|Damp flat on the fourth floor, no lift in use since spring. Breathing is worse at home. Landlord has not answered.
NTE|2|P|No change to medication. No known risks to a lone visitor. Speaks English, reads without help, uses the bus.
NTE|3|P|Please see within four weeks. Prefers mornings. Best reached by mobile phone.
`, i, fmt.Sprintf("%04d", i*7%200), fmt.Sprintf("%03d", i%200)), "\n", "\r"))
}
