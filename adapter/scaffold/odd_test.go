package scaffold_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/inbound/jsondoc"
)

// TestBadDaysStayBad: what is wrong or unusual about a value is so in the
// example too, because that is what an example is for.
func TestBadDaysStayBad(t *testing.T) {
	for in, want := range map[string]string{
		`{"dob":"22nd Feb 1938"}`:    `^\{"dob":"22nd Jun 197\d"\}$`,
		`{"dob":"3RD of June 1951"}`: `^\{"dob":"3RD of March 197\d"\}$`,
		`{"dob":"about 1938"}`:       `^\{"dob":"about 197\d"\}$`,
		`{"dob":"30 Feb 60"}`:        `^\{"dob":"30 Feb \d\d"\}$`,
		`{"a":[{"ref":"pt_dob","t":"3/9/1951"},{"ref":"pt_name","t":"x y"},{"ref":"z","t":"q"}]}`: `"t":"\d/\d/197\d"`,
		`{"nhsNumber":"999 123 456"}`:                         `^\{"nhsNumber":"999 \d{3} \d{3}"\}$`,
		`{"nhsNumber":"99912345678"}`:                         `^\{"nhsNumber":"999\d{8}"\}$`,
		`{"nhsNumber":"999 123 45 Z"}`:                        `^\{"nhsNumber":"999 \d{3} \d{2} Z"\}$`,
		`{"date":"Mon 3 Feb 26"}`:                             `^\{"date":"Mon \d Jun \d\d"\}$`,
		`{"address":{"house":"14","street":"Quay Street"}}`:   `"house":"(?:[02-9]\d|1[0-35-9])"`,
		`{"nhsNumber":"not known"}`:                           `^\{"nhsNumber":"not known"\}$`,
		`{"fullName":"BRIGGS, Kenneth (Mr)"}`:                 `^\{"fullName":"[A-Z]+, [A-Z][a-z]+ \(Mr\)"\}$`,
		`{"notes":"Lives at 14 quay street with 2 dogs"}`:     `made up`,
		`{"contact":"07700 900123, flat 2, 14 Quay Street"}`:  `, flat [13-9], (?:[02-9]\d|1[0-35-9]) `,
		`{"address":"Flat 2, 14 Quay Street, Hull"}`:          `"Flat [13-9], (?:[02-9]\d|1[0-35-9]) `,
		`{"x":"ring after 6; wife at 07700 900123, 2 weeks"}`: `after 6; |\w+ 6; `,
	} {
		made := anonymous(t, jsondoc.New(), false, in)
		if !regexp.MustCompile(want).MatchString(made) {
			t.Errorf("%s became %s, want %s", in, made, want)
		}
		for _, left := range []string{"1938", "1951", "123 456", "9123456", "BRIGGS", "Kenneth", "Quay", "quay", "Hull"} {
			if strings.Contains(made, left) {
				t.Errorf("%s is left in %s", left, made)
			}
		}
	}
	for age, grown := range map[int]bool{8: false, 30: true, 96: true} {
		made := anonymous(t, jsondoc.New(), false, fmt.Sprintf(`{"dob":"%d-03-09"}`, time.Now().Year()-age))
		at, err := time.Parse(`{"dob":"2006-01-02"}`, made)
		if err != nil || at.After(time.Now()) || at.Before(time.Now().AddDate(-18, 0, 0)) != grown {
			t.Errorf("of an age of %d came %s, %v", age, made, err)
		}
	}
	made := anonymous(t, jsondoc.New(), false, `{"nhs":"999 000 0018","notes":"Known as 9990000018 in the old system, wants help with forms and letters","x":"see 999-000-0018"}`)
	m := regexp.MustCompile(`^\{"nhs":"(\d{3}) (\d{3}) (\d{4})","notes":"Words of the referral, made up \(1\)\. (\d{10})","x":"\w+ (\d{3})-(\d{3})-(\d{4})"\}$`).FindStringSubmatch(made)
	if m == nil || m[1]+m[2]+m[3] != m[4] || m[5]+m[6]+m[7] != m[4] {
		t.Errorf("one number became several: %s", made)
	}
}
