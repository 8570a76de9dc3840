package app_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/linkloop/linkloop/adapter/store/postgrestest"
)

// onPostgres says that houses are opened on PostgreSQL.
var onPostgres bool

// TestMain runs every scenario twice: on the embedded store, and on PostgreSQL
// where it is installed. A profile is of the first, or the second would write
// over it.
func TestMain(m *testing.M) {
	code := m.Run()
	switch {
	case code != 0 || *growthSizes != "" || flag.Lookup("test.cpuprofile").Value.String() != "":
	case postgrestest.Installed():
		fmt.Println("the same on PostgreSQL:")
		onPostgres = true
		code = m.Run()
		postgrestest.Close()
	case os.Getenv(postgrestest.NeedEnv) != "":
		fmt.Println("FAIL: PostgreSQL is not installed, and", postgrestest.NeedEnv, "is set")
		code = 1
	default:
		fmt.Println("not run on PostgreSQL, which is not installed")
	}
	os.Exit(code)
}
