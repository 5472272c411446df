// Package units reads and prints sizes and counts, everywhere alike: bytes in decimal units, as the shard sizes of the
// field are given, and whole numbers with commas.
package units

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bytes prints a size: "13.8 MB", "482 bytes".
func Bytes(n int64) string {
	switch f := float64(n); {
	case n >= 1e9:
		return fmt.Sprintf("%.2f GB", f/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", f/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.1f kB", f/1e3)
	}
	return fmt.Sprintf("%d bytes", n)
}

// Count prints a whole number with commas: "134,515,008".
func Count(n int64) string {
	s := strconv.FormatInt(n, 10)
	first := 0
	if n < 0 {
		first = 1
	}
	for i := len(s) - 3; i > first; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Plural prints "1 file" or "2 files".
func Plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Count(int64(n)) + " " + noun + "s"
}

// unit is a suffix with the factor that it stands for.
type unit struct {
	suffix string
	factor float64
}

// Longer suffixes stand before those that they end in. Decimal units are the field's, binary ones spelled with an i.
var (
	byteUnits = []unit{{"tib", 1 << 40}, {"gib", 1 << 30}, {"mib", 1 << 20}, {"kib", 1 << 10},
		{"tb", 1e12}, {"gb", 1e9}, {"mb", 1e6}, {"kb", 1e3}, {"t", 1e12}, {"g", 1e9}, {"m", 1e6}, {"k", 1e3}, {"b", 1},
		{"", 1}}
	countUnits = []unit{{"t", 1e12}, {"b", 1e9}, {"g", 1e9}, {"m", 1e6}, {"k", 1e3}, {"", 1}}
)

// ParseBytes reads a size in bytes: 5GB, 512MiB, 1000000. Case does not matter.
func ParseBytes(s string) (int64, error) {
	v, ok := parse(s, byteUnits)
	if !ok {
		return 0, fmt.Errorf("size %q: want a number of bytes such as 5GB or 512MiB", s)
	}
	return int64(v), nil
}

// ParseCount reads a number of things: 20M, 1.5B, 3e9, 1000000. Case does not matter.
func ParseCount(s string) (int64, error) {
	v, ok := parse(s, countUnits)
	if !ok {
		return 0, fmt.Errorf("%q: want a number above 0 such as 20M or 1.5B", s)
	}
	return int64(math.Round(v)), nil
}

func parse(s string, units []unit) (float64, bool) {
	lower := strings.ToLower(s)
	for _, u := range units {
		number, ok := strings.CutSuffix(lower, u.suffix)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		// A hexadecimal number or an infinity is no size.
		if err != nil || !(v > 0) || v*u.factor > math.MaxInt64/2 || strings.ContainsAny(number, "xp_n") {
			return 0, false
		}
		return v * u.factor, true
	}
	return 0, false
}
