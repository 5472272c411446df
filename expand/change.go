package expand

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"famkit/internal/arch"
	"famkit/internal/fault"
	"famkit/internal/growth"
)

// Change says how one axis grows: to an absolute size, by a factor, or by an increment. The zero value keeps it.
type Change struct {
	text   string
	size   int
	factor *big.Rat
	add    int
}

// ParseChange reads "768" (absolute), "2x" or "x1.5" (factor), "+2" (increment).
func ParseChange(s string) (Change, error) {
	bad := fmt.Errorf("size %q: want a number (768), a factor (2x, x1.5) or an increment (+2)", s)
	c := Change{text: s}
	switch {
	case s == "":
		return c, nil
	case strings.HasPrefix(s, "+"):
		n, err := strconv.Atoi(s[1:])
		if err != nil || n < 1 {
			return c, bad
		}
		c.add = n
	case strings.HasPrefix(s, "x") || strings.HasSuffix(s, "x"):
		r, ok := new(big.Rat).SetString(strings.Trim(s, "x"))
		if !ok || strings.Count(s, "x") != 1 || r.Sign() <= 0 || strings.ContainsAny(s, "/eEpP-_") {
			return c, bad
		}
		c.factor = r
	default:
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || s[0] < '0' {
			return c, bad
		}
		c.size = n
	}
	return c, nil
}

// Given reports whether the axis is to change.
func (c Change) Given() bool { return c.text != "" }

func (c Change) String() string { return c.text }

// maxOf is the largest size of an axis.
func maxOf(what string) int {
	if what == "depth" {
		return arch.MaxLayers
	}
	return growth.MaxSize
}

// Of gives the new size of an axis that has n now; a factor is rounded to the nearest integer.
func (c Change) Of(what string, n int) (int, error) {
	if !c.Given() {
		return n, nil
	}
	to, most := n, maxOf(what)
	beyond := fault.Inputf("--%s %s: %s would be beyond %d", what, c.text, what, most)
	switch {
	case c.factor != nil && n == 0 && what == "experts":
		return 0, fault.Usagef("--%s %s: there are none to multiply, give a number", what, c.text)
	case c.factor != nil:
		f := new(big.Rat).Mul(c.factor, big.NewRat(int64(n), 1))
		f.Add(f, big.NewRat(1, 2))
		q := new(big.Int).Quo(f.Num(), f.Denom())
		if !q.IsInt64() || q.Int64() > int64(most) {
			return 0, beyond
		}
		to = int(q.Int64())
	case c.add > most-n:
		return 0, beyond
	case c.add > 0:
		to = n + c.add
	case c.size > 0:
		to = c.size
	}
	if to > most {
		return 0, beyond
	}
	if to < n {
		return 0, fault.Inputf("--%s %s: %s is %d and a growth cannot shrink it to %d", what, c.text, what, n, to)
	}
	return to, nil
}
