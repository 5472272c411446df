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

// ParseChange reads "768" (a number), "2x", "x1.5" or "150%" (a factor), "+2" (an increment).
func ParseChange(s string) (Change, error) {
	bad := fmt.Errorf("size %q: want a number (768), a factor (2x, x1.5, 150%%) or an increment (+2)", s)
	c := Change{text: s}
	s = strings.ToLower(s)
	switch {
	case s == "":
		return c, nil
	case strings.HasPrefix(s, "+"):
		n, err := strconv.Atoi(s[1:])
		if err != nil || n < 1 {
			return c, bad
		}
		c.add = n
	case strings.HasSuffix(s, "%"):
		r, ok := decimal(s[:len(s)-1])
		if !ok {
			return c, bad
		}
		c.factor = r.Quo(r, big.NewRat(100, 1))
	case strings.HasPrefix(s, "x") || strings.HasSuffix(s, "x"):
		r, ok := decimal(strings.Trim(s, "x"))
		if !ok || strings.Count(s, "x") != 1 {
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

// decimal reads a positive number without a sign, a fraction bar or an exponent.
func decimal(s string) (*big.Rat, bool) {
	r, ok := new(big.Rat).SetString(s)
	return r, ok && r.Sign() > 0 && !strings.ContainsAny(s, "/ep+-_")
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
	asked := fault.Arg(what, c.text)
	beyond := func() error { return fault.Inputf("%v: %s would be beyond %d", asked, what, most) }
	switch {
	case c.factor != nil && n == 0 && what == "experts":
		return 0, fault.Usagef("%v: there are none to multiply, give a number", asked)
	case c.factor != nil:
		f := new(big.Rat).Mul(c.factor, big.NewRat(int64(n), 1))
		f.Add(f, big.NewRat(1, 2))
		q := new(big.Int).Quo(f.Num(), f.Denom())
		if !q.IsInt64() || q.Int64() > int64(most) {
			return 0, beyond()
		}
		to = int(q.Int64())
	case c.add > most-n:
		return 0, beyond()
	case c.add > 0:
		to = n + c.add
	case c.size > 0:
		to = c.size
	}
	if to > most {
		return 0, beyond()
	}
	if to < n {
		err := fault.Inputf("%v: %s is %d and a growth cannot shrink it to %d", asked, what, n, to)
		if c.size > 1 && c.size <= 16 { // 2 for 2x
			return 0, fault.Hint(err, "%v multiplies it, %v adds to it", fault.Arg(what, itoa(c.size)+"x"),
				fault.Arg(what, "+"+itoa(c.size)))
		}
		return 0, err
	}
	return to, nil
}
