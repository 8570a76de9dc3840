package load

import (
	"math/rand/v2"
	"strconv"

	"github.com/linkloop/linkloop/adapter/nhs"
)

// numbers is how many candidates the test range has: six free digits.
const numbers = 1_000_000

// person is a made-up patient. Everything follows from the seed and the NHS
// number, so that the same number is always the same person.
type person struct {
	nhs           string
	family, given string
	title         string
	female        bool
	born          string // YYYYMMDD
	house         int
	street, town  string
	postcode      string
	phone, mail   string
	need          need
}

// need is a reason for referral: its SNOMED CT concept, the term, and what a GP
// would write.
type need struct{ code, text, story string }

var (
	families = []string{"Ashworth", "Begum", "Carter", "Davies", "Evans", "Fletcher", "Greenwood", "Hussain", "Iqbal", "Jones", "Kaur", "Lewis", "Murphy", "Nowak", "O'Brien", "Patel", "Quinn", "Roberts", "Shah", "Taylor", "Usman", "Vaughan", "Williams", "Young"}
	women    = []string{"Amina", "Beth", "Carol", "Dorothy", "Eileen", "Fatima", "Grace", "Helen", "Irene", "Joan", "Kath", "Linda"}
	men      = []string{"Adam", "Brian", "Colin", "David", "Eric", "Farooq", "George", "Harold", "Ivan", "John", "Keith", "Leslie"}
	streets  = []string{"Mill Lane", "Station Road", "High Street", "Chapel Row", "Canal Side", "Park View", "Church Walk", "Victoria Terrace"}
	towns    = []string{"Leeds", "Bolton", "Hull", "Derby", "Luton", "Exeter", "Preston", "Dudley"}
	needs    = []need{
		{"267076002", "Feeling lonely", "Lives alone since a bereavement last year. Sees nobody between appointments. Would like company but does not know where to begin."},
		{"160932005", "Financial problem", "Behind with rent and energy bills after hours at work were cut. Worried about opening letters. Not sleeping."},
		{"105531004", "Housing unsatisfactory", "Damp flat on the fourth floor, no lift in use since spring. Breathing is worse at home. Landlord has not answered."},
		{"422650009", "Social isolation", "Told to join a gym and did not go. Feels out of place among younger people. Would walk if somebody came along the first time."},
	}
)

// nhsNumber returns the i-th NHS number of the test range 999 000 0000 to
// 999 999 9999. Neighbouring i give numbers far apart. About one candidate in
// eleven has no check digit; the next one that has stands in for it.
func nhsNumber(seed uint64, i int) string {
	const stride = 616_367 // prime, and not a factor of numbers: visits each once
	at := (uint64(i)%numbers*stride + seed%numbers) % numbers
	for {
		nine := strconv.FormatUint(999_000_000+at, 10)
		for digit := byte('0'); digit <= '9'; digit++ {
			number := nine + string(digit)
			if _, reason := nhs.ParseNumber(number); reason == nhs.Valid {
				return number
			}
		}
		at = (at + 1) % numbers
	}
}

// personOf makes up the person of an NHS number.
func personOf(seed uint64, number string) person {
	n, _ := strconv.ParseUint(number, 10, 64) // ten digits, by nhsNumber
	r := rand.New(rand.NewPCG(seed, n))
	p := person{
		nhs:    number,
		female: r.IntN(2) == 0,
		family: pick(r, families),
		born:   strconv.Itoa(1925+r.IntN(80)) + two(1+r.IntN(12)) + two(1+r.IntN(28)),
		house:  1 + r.IntN(199),
		street: pick(r, streets), town: pick(r, towns),
		postcode: "ZZ" + strconv.Itoa(1+r.IntN(9)) + " " + strconv.Itoa(1+r.IntN(9)) + "AA",
		phone:    "07700900" + strconv.Itoa(100+r.IntN(900)), // 07700 900000 to 900999 is kept for fiction by Ofcom
		mail:     "person" + strconv.Itoa(r.IntN(1e6)) + "@example.org",
	}
	p.given, p.title = pick(r, men), "Mr"
	if p.female {
		p.given, p.title = pick(r, women), "Mrs"
	}
	p.need = pick(r, needs)
	return p
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func two(n int) string {
	if n < 10 {
		return "0" + strconv.Itoa(n)
	}
	return strconv.Itoa(n)
}
