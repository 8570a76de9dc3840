package load

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// userHZ is the unit of times in /proc: a hundredth of a second on every
// architecture that Go runs Linux on (proc(5), sysconf(_SC_CLK_TCK)).
const userHZ = 100

// Usage is what a process has used.
type Usage struct {
	CPU  time.Duration // user and system time, of all threads, since it began
	RSS  int64         // resident memory in bytes, now
	Peak int64         // highest resident memory in bytes so far
}

// usageOf reads /proc. The error says so where there is no /proc.
func usageOf(pid int) (Usage, error) {
	dir := "/proc/" + strconv.Itoa(pid)
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return Usage{}, fmt.Errorf("process %d cannot be measured: %w", pid, err)
	}
	u := Usage{}
	if u.CPU, err = parseStat(stat); err != nil {
		return Usage{}, err
	}
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		return Usage{}, fmt.Errorf("process %d cannot be measured: %w", pid, err)
	}
	u.RSS, u.Peak = statusSize(status, "VmRSS:"), statusSize(status, "VmHWM:")
	return u, nil
}

// parseStat takes fields 14 and 15, utime and stime, of proc(5). The command
// name in field 2 may hold spaces and brackets, so counting starts behind its
// last closing bracket.
func parseStat(stat []byte) (time.Duration, error) {
	i := bytes.LastIndexByte(stat, ')')
	if i < 0 {
		return 0, errors.New("process times cannot be read: no command name")
	}
	fields := strings.Fields(string(stat[i+1:]))
	if len(fields) < 13 {
		return 0, errors.New("process times cannot be read: too few fields")
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, errors.New("process times cannot be read: utime is no number")
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	if err != nil {
		return 0, errors.New("process times cannot be read: stime is no number")
	}
	return time.Duration(user+system) * time.Second / userHZ, nil
}

// statusSize finds a line such as "VmRSS:  1234 kB"; 0 when there is none.
func statusSize(status []byte, name string) int64 { return int64(statusNumber(status, name)) * 1024 }

// statusNumber finds a line such as "Threads:  12"; 0 when there is none.
func statusNumber(status []byte, name string) int {
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			if err == nil {
				return n
			}
		}
	}
	return 0
}
