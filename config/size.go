package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes, written with a unit: 5MB, 64KiB, 512B.
type Size int64

// The units of a Size.
const (
	Byte     Size = 1
	Kilobyte Size = 1_000
	Megabyte Size = 1_000_000
	Gigabyte Size = 1_000_000_000
	Kibibyte Size = 1 << 10
	Mebibyte Size = 1 << 20
	Gibibyte Size = 1 << 30
)

// sizeUnits is ordered so that the longest unit which divides a size without
// a rest is found first when printing, and B last when parsing.
var sizeUnits = []struct {
	suffix string
	unit   Size
}{
	{"GiB", Gibibyte}, {"GB", Gigabyte}, {"MiB", Mebibyte}, {"MB", Megabyte},
	{"KiB", Kibibyte}, {"kB", Kilobyte}, {"B", Byte},
}

// ParseSize reads a whole number with a unit. The error never quotes the text.
func ParseSize(s string) (Size, error) {
	for _, u := range sizeUnits {
		digits, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		n, err := parseWhole(digits)
		if err != nil {
			return 0, err
		}
		if n > math.MaxInt64/int64(u.unit) || n < 0 {
			return 0, fmt.Errorf("is out of range")
		}
		return Size(n) * u.unit, nil
	}
	return 0, fmt.Errorf("needs a whole number and a unit: B, kB, KiB, MB, MiB, GB or GiB, such as 5MB")
}

// String is the shortest exact form, which ParseSize reads back.
func (s Size) String() string {
	if s != 0 {
		for _, u := range sizeUnits {
			if s%u.unit == 0 {
				return strconv.FormatInt(int64(s/u.unit), 10) + u.suffix
			}
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}

// parseWhole reads a decimal integer and nothing that merely looks like one:
// no octal, no hexadecimal, no underscores, no leading zeros.
func parseWhole(s string) (int64, error) {
	digits := strings.TrimPrefix(s, "-")
	if len(digits) > 1 && digits[0] == '0' {
		return 0, fmt.Errorf("has a leading zero; write the number without it")
	}
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, fmt.Errorf("must be a whole decimal number")
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("is out of range")
	}
	return n, nil
}
