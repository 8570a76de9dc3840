package hl7v2_test

import (
	"testing"

	"github.com/linkloop/linkloop/adapter/inbound/hl7v2"
)

const sample = "MSH|^~\\&|SYSTMONE|B81001|LINKLOOP|LL001|20260301101500+0000||REF^I12^REF_I12|MSG00001|P|2.5.1|||||GBR|UNICODE UTF-8\r" +
	"RF1|P^Pending^HL70283|R^Routine^HL70280|SP^Social prescribing^L||O^Outpatient^HL70284|REF0001^SYSTMONE|20260301|20260601|20260301|267076002^Feeling lonely^SCT~160932005^Financial problem^SCT|EXT-0001\r" +
	"PRD|RP^Referring provider^HL70286|Okafor^Ngozi^^^Dr|Oak Surgery&1 High Street^^Leeds^^LS1 1AA^GBR^B|^^^^^Oak Surgery&B81001|^WPN^PH^^^0113^4960001||C3456789^GMC\r" +
	"PRD|RT^Referred to provider^HL70286|Link Worker^Team|^^Leeds|^^^^^Leeds Social Prescribing&A1B2C\r" +
	"PID|1||12345^^^B81001^MR~9990000018^^^NHS^NH||Testperson^Amelia^Jane^^Mrs||19700214|F|||22 Example Road^Flat 2^Leeds^West Yorkshire^LS2 2BB^GBR^H||01134960002^PRN^PH~07700900123^PRN^CP~amelia@example.org^NET^Internet||en^English^ISO639|M|||||||A^White British^NHSDD\r" +
	"NK1|1|Testperson^Bruno|SPO^Spouse^HL70063|22 Example Road^^Leeds^^LS2 2BB|07700900124\r" +
	"DG1|1||38341003^Hypertension^SCT|Hypertension|20200110|W\r" +
	"OBR|1|||SPREF^Social prescribing referral^L|||20260301\r" +
	"OBX|1|NM|60621009^Body mass index^SCT||30|kg/m2|||||F\r" +
	"OBX|2|FT|REASON^Reason^L||Told to join a gym, did not go.\\.br\\Feels out of place among younger people \\T\\ would like company.||||||F\r" +
	"NTE|1||Prefers to be phoned in the morning.\r"

func BenchmarkDecode(b *testing.B) {
	f := hl7v2.New()
	body := []byte(sample)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Decode(body); err != nil {
			b.Fatal(err)
		}
	}
}
