package decoder

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"runtime"
	"strings"
	"sync"

	"famkit/internal/arch"
	"famkit/internal/tensor"
)

// Init sets fresh weights as transformers does: matrices and the embedding from a normal distribution of mean 0 and
// standard deviation InitRange, gains 1, biases 0. An element is a function of (seed, tensor name, index) alone.
func (d *Decoder) Init(seed uint64) error {
	b := make([]byte, 8*piece)
	for _, p := range d.Params() {
		key := streamKey(seed, p.Name)
		for off := 0; off < p.W.N; off += piece {
			n := min(piece, p.W.N-off)
			fillParallel(b[:8*n], n, initial(p, key, off, d.m.InitRange))
			if err := d.e.Upload(p.W.At(off, n), b[:8*n], tensor.F64); err != nil {
				return err
			}
		}
	}
	return d.e.Sync()
}

// initial gives element i of a piece of p that starts at off.
func initial(p Param, key uint64, off int, std float64) func(i int) float64 {
	switch {
	case strings.HasSuffix(string(p.Role), string(arch.Role("").Bias())):
		return func(int) float64 { return 0 }
	case len(p.Shape) == 1:
		return func(int) float64 { return 1 }
	}
	return func(i int) float64 { return std * normal(key, uint64(off+i)) }
}

func fillParallel(b []byte, n int, f func(int) float64) {
	var wg sync.WaitGroup
	k := runtime.GOMAXPROCS(0)
	for w := range k {
		wg.Go(func() {
			for i := n * w / k; i < n*(w+1)/k; i++ {
				binary.LittleEndian.PutUint64(b[8*i:], math.Float64bits(f(i)))
			}
		})
	}
	wg.Wait()
}

// streamKey separates the random streams of different tensors and seeds.
func streamKey(seed uint64, name string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // a hash never fails
	return mix(mix(seed) + h.Sum64())
}

// mix is the finalizer of SplitMix64 (Steele, Lea and Flood 2014): a bijection that passes tests of randomness on counters.
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// normal is element i of a stream of standard normal numbers (Box and Muller): a pair of elements shares two uniforms.
func normal(key, i uint64) float64 {
	pair := i &^ 1
	u := (float64(mix(key+mix(pair))>>11) + 1) / (1 << 53) // in (0,1]
	v := float64(mix(key+mix(pair|1))>>11) / (1 << 53)
	s, c := math.Sincos(2 * math.Pi * v)
	if r := math.Sqrt(-2 * math.Log(u)); i&1 == 0 {
		return r * c
	} else {
		return r * s
	}
}
