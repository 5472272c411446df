package infer

import (
	"math"
	"slices"

	"famkit/internal/proof"
)

// likeness is what two vectors may differ by and still be taken for one another, besides rounding.
type likeness int

const (
	// same: nothing.
	same likeness = iota
	// upToScale: a factor of either sign.
	upToScale
)

// match finds for each vector of to the one of from that it is, and by what factor. Among equals it takes the one whose
// number is that of t, counted round, else one that is used least.
func match(from, to [][]float64, like likeness) ([]int32, []float64) {
	src, ratio := make([]int32, len(to)), make([]float64, len(to))
	known := classesOf(from, like)
	for t, v := range to {
		src[t], ratio[t] = proof.NoSource, 1
		if s, k, ok := known.find(v, t%max(1, len(from))); ok {
			src[t], ratio[t] = int32(s), k
		}
	}
	return src, ratio
}

// closeness is the rounding that two vectors may differ by and still be taken for copies: that of bfloat16.
const closeness = 1.0 / 64

// class is a set of vectors that are equal, number by number.
type class struct {
	v       []float64
	norm    float64
	key     float64
	members []int
	next    int // the place in members that is used least
	used    int // how often all members were
}

// take gives the member that was used least.
func (c *class) take() int {
	s := c.members[c.next]
	c.next++
	if c.next == len(c.members) {
		c.next, c.used = 0, c.used+1
	}
	return s
}

// classes are vectors in the order of their first number: of its magnitude in a vector of norm 1 where only the
// direction counts.
type classes struct {
	like  likeness
	list  []*class
	of    []*class // by vector
	zeros bool     // some vector is zero
}

func classesOf(from [][]float64, like likeness) *classes {
	k := &classes{like: like, of: make([]*class, len(from))}
	order := make([]int, len(from))
	for s := range order {
		order[s] = s
	}
	slices.SortStableFunc(order, func(a, b int) int { return slices.Compare(from[a], from[b]) })
	for i, s := range order {
		if i > 0 && slices.Equal(from[s], from[order[i-1]]) {
			k.of[s] = k.of[order[i-1]]
		} else {
			n := norm(from[s])
			k.of[s] = &class{v: from[s], norm: n, key: k.key(from[s], n)}
			k.list = append(k.list, k.of[s])
			k.zeros = k.zeros || n == 0
		}
		k.of[s].members = append(k.of[s].members, s)
	}
	slices.SortStableFunc(k.list, func(a, b *class) int {
		switch {
		case a.key < b.key:
			return -1
		case a.key > b.key:
			return 1
		}
		return a.members[0] - b.members[0]
	})
	return k
}

// find gives the vector that v is most likely a copy of, and v's factor. Among equals preferred is taken before any
// other.
func (k *classes) find(v []float64, preferred int) (s int, ratio float64, ok bool) {
	n := norm(v)
	if n == 0 && !k.zeros {
		return 0, 1, false
	}
	var best *class
	nearest := math.Inf(1)
	for _, c := range k.near(v, n) {
		r, off := k.compare(c, v, n)
		if off > 1 || best != nil && (off > nearest || off == nearest && c.used >= best.used) {
			continue
		}
		best, nearest, ratio = c, off, r
	}
	if best == nil {
		return 0, 1, false
	}
	if r, off := k.compare(k.of[preferred], v, n); off <= nearest {
		return preferred, r, true
	}
	return best.take(), ratio, true
}

// negligible is how far off, as a part of what is allowed, arithmetic in float64 alone may be.
const negligible = 1e-9

// compare gives the factor by which v, of norm n, is a class's vector, and how far off it then is: more than 1 where
// that cannot be rounding.
func (k *classes) compare(c *class, v []float64, n float64) (ratio, off float64) {
	ratio = 1
	if k.like == upToScale && c.norm > 0 {
		ratio = math.Copysign(n/c.norm, dot(c.v, v))
	}
	room := n / math.Sqrt(float64(len(v))) / 16
	for i, x := range c.v {
		diff := math.Abs(x*ratio - v[i])
		if diff == 0 {
			continue
		}
		if off = max(off, diff/(closeness*(math.Abs(v[i])+room))); !(off <= 1) {
			return ratio, math.Inf(1)
		}
	}
	if off < negligible {
		off = 0
	}
	return ratio, off
}

func (k *classes) key(v []float64, n float64) float64 {
	switch {
	case len(v) == 0 || n == 0:
		return 0
	case k.like == upToScale:
		return math.Abs(v[0]) / n
	}
	return v[0]
}

// near gives the classes whose first number is about that of v.
func (k *classes) near(v []float64, n float64) []*class {
	at, size := k.key(v, n), n
	if k.like == upToScale {
		size = 1
	}
	room := 2 * closeness * (math.Abs(at) + size/math.Sqrt(float64(len(v)))/16)
	lo, _ := slices.BinarySearchFunc(k.list, at-room, func(c *class, x float64) int {
		if c.key < x {
			return -1
		}
		return 1
	})
	hi := lo
	for hi < len(k.list) && k.list[hi].key <= at+room {
		hi++
	}
	return k.list[lo:hi]
}

func norm(v []float64) float64 { return math.Sqrt(dot(v, v)) }

func dot(a, b []float64) float64 {
	s := 0.0
	for i, x := range a {
		s += x * b[i]
	}
	return s
}
