package verify

import (
	"math"

	"famkit/internal/tensor"
)

// plainly compares one row with its source by plain float64 arithmetic. It accepts only what is beyond doubt: where scales
// are exact, sums that were not rounded; where they are rounded themselves, what is well inside the bound. What it does not
// accept is looked at again.
func (c *checking) plainly(in, row []byte, ko float64) bool {
	if c.cols.fresh != anything && len(c.freshCols) > 0 {
		return false
	}
	exact := !c.rough && isPower(ko)
	if exact {
		for _, k := range c.colScale {
			exact = exact && isPower(k)
		}
	}
	if !exact && c.d == tensor.BF16 && (!c.cols.reads || c.single && c.colScale == nil) {
		return c.nearly16(in, row, float32(ko))
	}
	c.src, c.vals = grow2(c.src, c.cols.from), grow2(c.vals, c.cols.to())
	tensor.Decode(c.src, in, c.d)
	tensor.Decode(c.vals, row, c.d)
	switch {
	case !c.cols.reads && exact:
		return c.writtenExactly(ko)
	case !c.cols.reads:
		return c.writtenNearly(ko)
	case exact:
		return c.readExactly(ko)
	}
	return c.readNearly(ko)
}

func (c *checking) writtenExactly(ko float64) bool {
	for t, s := range c.cols.src {
		if s >= 0 {
			w := c.src[s] * ko * c.cols.scale(t)
			if c.vals[t] != w || c.src[s] != 0 && math.Abs(w) < tiniest {
				return false
			}
		}
	}
	return true
}

// tiniest is where products may lose bits.
const tiniest = 0x1p-900

func (c *checking) writtenNearly(ko float64) bool {
	u, worst := unitRoundoff(c.d), 0.0
	for t, s := range c.cols.src {
		if s < 0 {
			continue
		}
		k := ko
		if c.colScale != nil {
			k *= c.colScale[t]
		}
		x := c.vals[t]
		diff, size := math.Abs(x-c.src[s]*k), math.Abs(x)
		if !(diff <= size*u) || size != 0 && size < 0x1p-110 {
			return false
		}
		if diff > worst*size {
			worst = diff / size
			c.noteRounding(diff, size)
		}
		c.out.rounded = c.out.rounded || size != 0 // the scale itself is rounded
	}
	return true
}

// totals adds up the copies of each source; exact tells whether no sum was rounded.
func (c *checking) totals() (sums, sizes []float64, exact bool) {
	n := c.cols.from
	c.plain = grow2(c.plain, 2*n)
	sums, sizes = c.plain[:n], c.plain[n:]
	clear(c.plain)
	lost := 0.0
	for t, s := range c.cols.src {
		if s < 0 {
			continue
		}
		x := c.vals[t]
		if c.colScale != nil {
			x *= c.colScale[t]
			if c.vals[t] != 0 && math.Abs(x) < tiniest {
				lost = 1
			}
		}
		total, e := twoSum(sums[s], x)
		sums[s] = total
		sizes[s] += math.Abs(x)
		lost += math.Abs(e)
	}
	return sums, sizes, lost == 0
}

func (c *checking) readExactly(ko float64) bool {
	sums, _, exact := c.totals()
	if !exact {
		return false
	}
	for s, x := range sums {
		w := c.src[s] * ko
		if x != w && !at(c.missing, s) || c.src[s] != 0 && math.Abs(w) < tiniest {
			return false
		}
	}
	return true
}

func (c *checking) readNearly(ko float64) bool {
	sums, sizes, _ := c.totals()
	u, worst := unitRoundoff(c.d), 0.0
	for s, x := range sums {
		if at(c.missing, s) {
			continue
		}
		diff, size := math.Abs(x-c.src[s]*ko), sizes[s]
		if !(diff <= size*u) || size != 0 && size < 0x1p-110 {
			return false
		}
		if diff > worst*size {
			worst = diff / size
			c.noteRounding(diff, size)
		}
		c.out.rounded = c.out.rounded || size != 0
	}
	return true
}

// nearly16 is writtenNearly, and readNearly of columns that have one source each and no scale, for bfloat16: in float32, whose rounding is
// far below that of the type, and in one pass.
func (c *checking) nearly16(in, row []byte, ko float32) bool {
	const unit = 1.0 / 256
	src := c.cols.src
	row = row[:2*len(src)]
	if c.scale32 == nil {
		c.scale32 = make([]float32, len(src))
		for t := range c.scale32 {
			c.scale32[t] = float32(c.cols.scale(t))
		}
	}
	scale := c.scale32[:len(src)]
	worst := c.worst32
	for t, s := range src {
		if s < 0 {
			continue
		}
		i := 2 * uint(uint32(s))
		w := math.Float32frombits(uint32(in[i])<<16 | uint32(in[i+1])<<24)
		x := math.Float32frombits(uint32(row[2*t])<<16 | uint32(row[2*t+1])<<24)
		diff, size := abs32(x-w*(ko*scale[t])), abs32(x)
		if !(diff <= size*unit) || size < 0x1p-110 && size != 0 {
			return false
		}
		if diff > worst*size {
			worst = diff / size
			c.noteRounding(float64(diff), float64(size))
		}
	}
	c.worst32, c.out.rounded = worst, true // the scale itself is rounded
	return true
}

func abs32(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }
