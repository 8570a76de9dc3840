package config

import (
	"errors"
	"strconv"
	"time"
)

// scalar turns the words of one value into what the kind asks for, or says why
// not. It is the same for the file and for the environment. The result is a
// string, an int, a bool, a time.Duration or a Size; the error has no value in
// it.
func scalar(k kind, words string) (any, error) {
	switch k {
	case whole:
		n, err := parseWhole(words)
		if err != nil {
			return nil, err
		}
		if int64(int(n)) != n {
			return nil, errors.New("is out of range")
		}
		return int(n), nil
	case truth:
		if words != "true" && words != "false" {
			return nil, errors.New("must be true or false, in lower case")
		}
		return words == "true", nil
	case duration:
		return parseDuration(words)
	case size:
		return ParseSize(words)
	}
	return words, nil
}

// parseDuration is time.ParseDuration without its one exception, a zero that
// needs no unit.
func parseDuration(words string) (time.Duration, error) {
	if _, err := strconv.ParseFloat(words, 64); err == nil {
		return 0, errors.New("needs a unit: ms, s, m or h, such as 30s")
	}
	d, err := time.ParseDuration(words)
	if err != nil {
		return 0, errors.New("must be a number with a unit: ms, s, m or h, such as 30s or 1h30m (a day is 24h)")
	}
	return d, nil
}
