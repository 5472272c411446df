package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// memoryBound is what converting and growing take at most, whatever the model's size: tensors are streamed in pieces.
const memoryBound = 256 << 20

// units of sizes, decimal as the field gives them (GB) and binary (GiB).
var units = []struct {
	suffix string
	factor float64
}{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}, {"kB", 1e3}, {"B", 1}, {"", 1},
}

// parseCount reads a number of things: 20M, 1.5B, 3e9, 1000000.
func parseCount(s string) (int64, error) {
	for _, u := range []struct {
		suffix string
		factor float64
	}{{"T", 1e12}, {"B", 1e9}, {"G", 1e9}, {"M", 1e6}, {"K", 1e3}, {"k", 1e3}, {"", 1}} {
		if !strings.HasSuffix(s, u.suffix) {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(s, u.suffix)), 64)
		if err != nil || !(v > 0) || v*u.factor > math.MaxInt64/2 {
			break
		}
		return int64(math.Round(v * u.factor)), nil
	}
	return 0, fmt.Errorf("%q: want a number above 0 such as 20M or 1.5B", s)
}

// shellWord is s as one word of a shell's command line. What a terminal would not print is escaped as Go has it.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return r < 128 && (r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune("/._-+:@%,=", r))
	}
	if s != "" && strings.TrimFunc(s, plain) == "" {
		return s
	}
	if strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsGraphic(r) }) {
		return strconv.Quote(s)
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// parseBytes reads a size in bytes: 5GB, 512MiB, 1000000.
func parseBytes(s string) (int64, error) {
	for _, u := range units {
		if !strings.HasSuffix(s, u.suffix) {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(s, u.suffix)), 64)
		if err != nil || !(v > 0) || v*u.factor > math.MaxInt64/2 {
			break
		}
		return int64(v * u.factor), nil
	}
	return 0, fmt.Errorf("size %q: want a number of bytes such as 5GB or 512MiB", s)
}
