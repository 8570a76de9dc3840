package postgrestest

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// ticksPerSecond is the unit of times in /proc, the same on every Linux
// (https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html).
const ticksPerSecond = 100

// CPU is the processor time that the server has used, with every process of it;
// 0 where the system does not tell.
func (s *Server) CPU() time.Duration {
	ticks := cpuTicks(s.cmd.Process.Pid)
	for _, child := range children(s.cmd.Process.Pid) {
		ticks += cpuTicks(child)
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond
}

// cpuTicks is what a process, and those it has waited for, used.
func cpuTicks(pid int) (sum int64) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The name in parentheses may hold spaces; the fields behind it begin with
	// the third.
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	for i := 11; i < 15 && i < len(fields); i++ { // utime, stime, cutime, cstime
		if n, err := strconv.ParseInt(string(fields[i]), 10, 64); err == nil {
			sum += n
		}
	}
	return sum
}
