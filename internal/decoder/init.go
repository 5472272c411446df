package decoder

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"runtime"
	"strings"
	"sync"

	"famkit/internal/arch"
	"famkit/internal/draw"
	"famkit/internal/tensor"
)

// Init sets fresh weights as transformers does: matrices and the embedding from a normal distribution of mean 0 and
// standard deviation InitRange, gains 1 (stored less GainOffset), biases 0. What some architectures scale by their
// depth, GPT-2 the writers of the stream, is not scaled. An element is a function of (seed, tensor name, index)
// alone.
func (d *Decoder) Init(seed uint64) error {
	b := make([]byte, 8*piece)
	for _, p := range d.Params() {
		key := streamKey(seed, p.Name)
		for off := 0; off < p.W.N; off += piece {
			n := min(piece, p.W.N-off)
			fill(b[:8*((n+1)&^1)], initial(p, key, off, d.m))
			if err := d.e.Upload(p.W.At(off, n), b[:8*n], tensor.F64); err != nil {
				return err
			}
		}
	}
	d.Refresh()
	return d.e.Sync()
}

// initial gives, for even i, the elements off+i and off+i+1 of p; off is even.
func initial(p Param, key uint64, off int, m *arch.Model) func(i int) (float64, float64) {
	switch {
	case strings.HasSuffix(string(p.Role), string(arch.Role("").Bias())):
		return func(int) (float64, float64) { return 0, 0 }
	case len(p.Shape) == 1:
		return func(int) (float64, float64) { return 1 - m.GainOffset, 1 - m.GainOffset }
	}
	std := m.InitRange
	return func(i int) (float64, float64) {
		x, y := normals(key, uint64(off+i)/2)
		return std * x, std * y
	}
}

// fill writes float64 numbers in pairs, f(i) at i and i+1 for even i, on all processors.
func fill(b []byte, f func(i int) (float64, float64)) {
	var wg sync.WaitGroup
	pairs, k := len(b)/16, runtime.GOMAXPROCS(0)
	for w := range k {
		wg.Go(func() {
			for i := pairs * w / k; i < pairs*(w+1)/k; i++ {
				x, y := f(2 * i)
				binary.LittleEndian.PutUint64(b[16*i:], math.Float64bits(x))
				binary.LittleEndian.PutUint64(b[16*i+8:], math.Float64bits(y))
			}
		})
	}
	wg.Wait()
}

// streamKey separates the random streams of different tensors and seeds.
func streamKey(seed uint64, name string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // a hash never fails
	return draw.Mix(draw.Mix(seed) + h.Sum64())
}

// normals are elements 2*pair and 2*pair+1 of a stream of standard normal numbers (Box and Muller 1958).
func normals(key, pair uint64) (x, y float64) {
	u := (float64(draw.Mix(key+draw.Mix(2*pair))>>11) + 1) / (1 << 53) // in (0,1]
	v := float64(draw.Mix(key+draw.Mix(2*pair+1))>>11) / (1 << 53)
	s, c := math.Sincos(2 * math.Pi * v)
	r := math.Sqrt(-2 * math.Log(u))
	return r * c, r * s
}
