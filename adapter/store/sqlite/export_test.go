package sqlite

import (
	"os"
	"strconv"
)

func init() {
	if v := os.Getenv("PS"); v != "" {
		pageSize, _ = strconv.Atoi(v)
	}
}
