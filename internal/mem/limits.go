package mem

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Total is the memory of the machine, or of the control group where that is smaller, in bytes; 0 if unknown.
func Total() int64 { return limits("/proc", "/sys/fs/cgroup").total() }

// Available is what can be taken without swapping, within the control group's limit, in bytes; 0 if unknown.
func Available() int64 { return limits("/proc", "/sys/fs/cgroup").available() }

type figures struct {
	memTotal, memAvailable int64
	groupMax, groupUsed    int64 // 0: no limit
}

func (f figures) total() int64 {
	if f.groupMax > 0 && (f.memTotal == 0 || f.groupMax < f.memTotal) {
		return f.groupMax
	}
	return f.memTotal
}

func (f figures) available() int64 {
	if f.groupMax == 0 {
		return f.memAvailable
	}
	left := max(f.groupMax-f.groupUsed, 1)
	if f.memAvailable > 0 {
		left = min(left, f.memAvailable)
	}
	return left
}

func limits(proc, cgroup string) figures {
	var f figures
	f.memTotal, f.memAvailable = meminfo(filepath.Join(proc, "meminfo"))
	f.groupMax, f.groupUsed = group(proc, cgroup)
	return f
}

func meminfo(path string) (total, available int64) {
	file, err := os.Open(path)
	if err != nil {
		return 0, 0
	}
	defer func() { _ = file.Close() }()
	for s := bufio.NewScanner(file); s.Scan(); {
		w := strings.Fields(s.Text())
		if len(w) < 2 {
			continue
		}
		kib, _ := strconv.ParseInt(w[1], 10, 64)
		switch w[0] {
		case "MemTotal:":
			total = kib << 10
		case "MemAvailable:":
			available = kib << 10
		}
	}
	return total, available
}

// group finds the tightest limit on the way from the process's control group to the root (version 2), or that of the
// memory controller (version 1). Page cache counts as used there but can be reclaimed, so inactive file pages are
// given back.
func group(proc, root string) (limit, used int64) {
	raw, _ := os.ReadFile(filepath.Join(proc, "self", "cgroup"))
	for line := range strings.Lines(string(raw)) {
		part := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(part) != 3 {
			continue
		}
		switch {
		case part[0] == "0":
			for dir := part[2]; ; dir = filepath.Dir(dir) {
				at := filepath.Join(root, dir)
				tighter(&limit, &used, at, "memory.max", "memory.current", "inactive_file ")
				if dir == "/" || dir == "." {
					break
				}
			}
		case part[1] == "memory":
			for _, at := range []string{filepath.Join(root, "memory", part[2]), filepath.Join(root, "memory")} {
				tighter(&limit, &used, at, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file ")
			}
		}
	}
	return limit, used
}

func tighter(limit, used *int64, dir, maxName, nowName, cacheKey string) {
	m := number(filepath.Join(dir, maxName))
	if m <= 0 || m >= 1<<60 { // "max", absent, or version 1's way to say none
		return
	}
	u := number(filepath.Join(dir, nowName)) - statOf(filepath.Join(dir, "memory.stat"), cacheKey)
	if *limit == 0 || m-u < *limit-*used {
		*limit, *used = m, u
	}
}

func number(path string) int64 {
	raw, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64)
	return n
}

func statOf(path, key string) int64 {
	raw, _ := os.ReadFile(path)
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, key); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
			return n
		}
	}
	return 0
}
