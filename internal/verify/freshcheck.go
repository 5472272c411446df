package verify

import (
	"encoding/binary"
	"math"

	"famkit/internal/tensor"
)

// meanOf is the mean of finite numbers to about twice float64's precision.
func meanOf(v []float64) sum {
	var s sum
	for _, x := range v {
		s.add(x)
	}
	return s.over(float64(len(v)))
}

// meanSlack is what a mean over numbers that were rounded before may miss, more than its own rounding.
func (c *checking) meanSlack(m sum, k float64) float64 {
	if !c.rough {
		return 0
	}
	return c.roundings * unitRoundoff(c.d) * m.size * math.Abs(k)
}

// times is a mean, scaled; whoever computes it in float64 may miss it by a little of what is added up.
func (s sum) times(k float64) sum {
	out := sum{slack: claimError * s.size * math.Abs(k)}
	out.addProduct(s.hi, k)
	out.addProduct(s.lo, k)
	return out
}

// over is s / n.
func (s sum) over(n float64) sum {
	q := s.hi / n
	p, e := twoProduct(q, n)
	return sum{hi: q, lo: (s.hi - p - e + s.lo) / n, size: s.size / n}
}

// freshRows looks at the child's rows that have no source.
func (c *checking) freshRows() error {
	width := c.cols.to() * c.size
	for t := 0; t < c.rows.to(); {
		if c.rows.src[t] >= 0 {
			t++
			continue
		}
		n := 1
		for t+n < c.rows.to() && c.rows.src[t+n] < 0 && (n+1)*width <= blockBytes {
			n++
		}
		c.its = resized(c.its, n*width)
		if err := tensor.ReadFull(c.child, c.its, int64(t)*int64(width)); err != nil {
			return err
		}
		c.out.bytes += int64(len(c.its))
		c.finite(c.its, t)
		for i := 0; i < n && c.out.bad == nil; i++ {
			c.freshRow(t+i, c.its[i*width:(i+1)*width])
		}
		if c.out.bad != nil {
			return c.ctx.Err()
		}
		t += n
	}
	return c.ctx.Err()
}

func (c *checking) freshRow(t int, row []byte) {
	switch c.rows.fresh {
	case anything:
		if c.cols.fresh == noted || c.cols.fresh == zeros {
			// what a fresh row reads does not matter: nothing reads the row
			return
		}
	case noted, zeros:
		if allZero(row) {
			return
		}
		c.vals = resized(c.vals, c.cols.to())
		tensor.Decode(c.vals, row, c.d)
		for i, x := range c.vals {
			if x == 0 || c.rows.fresh == noted && c.cols.reads && c.cols.src[i] < 0 {
				continue // what it reads there is zero
			}
			if c.rows.fresh == zeros {
				c.refuse(t, i, "wanted 0 as nothing of the parent stands behind it, found %v", x)
			} else {
				c.out.rowSet[t] = true
			}
			return
		}
	case mean:
		c.meanRow(t, row)
	}
}

// meanRow compares a row with the mean of the parent's.
func (c *checking) meanRow(t int, row []byte) {
	list, rows := []int32{int32(t)}, [][]byte{row}
	c.fold(list, rows)
	for i := range c.wide {
		if c.out.bad != nil {
			return
		}
		from := i
		if !c.cols.reads {
			from = int(c.cols.src[i])
		}
		if from < 0 {
			continue
		}
		m := c.columns[from].over(float64(c.rows.from))
		k := c.rows.scale(t)
		if !c.cols.reads {
			k *= c.cols.scale(i)
		}
		want := m.times(k)
		want.slack += c.meanSlack(m, k)
		if !c.compare(c.sums[i], want, false) && !c.closely(i, from, k, want, false, list, rows) {
			c.refuse(t, c.column(i), "wanted %v, the mean over the rows of %s, found %v", want.hi, c.parent.Info().Name, c.sums[i].hi)
			return
		}
		c.asMean(i, t, m.size*math.Abs(k))
	}
}

func allZero(b []byte) bool {
	for len(b) >= 8 {
		if binary.LittleEndian.Uint64(b) != 0 {
			return false
		}
		b = b[8:]
	}
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}
