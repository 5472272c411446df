package expand

import (
	"math"

	"famkit/internal/draw"
)

// word draws 64 bits: attempt k at number i of a row's column.
func (c choice) word(col, i, k int) uint64 {
	return draw.Mix(uint64(c) + 0xd6e8feb86659fd93*uint64(col) + 0xa0761d6478bd642f*uint64(i+1) +
		0xe7037ed1a0b428db*uint64(k))
}

// unit draws number i of a row's column: uniform in (0, 1).
func (c choice) unit(col, i int) float64 { return unitOf(c.word(col, i, 0)) }

func unitOf(x uint64) float64 { return (float64(x>>11) + 0.5) / (1 << 53) }

// normal draws number i of a row's column: standard normal, by the ziggurat of Marsaglia and Tsang (2000), as Doornik
// (2005) has it. Of a hundred draws 99 take one look into a table.
func (c choice) normal(col, i int) float64 {
	for k := 0; ; k += 2 {
		x := c.word(col, i, k)
		u, layer := 2*unitOf(x)-1, x&(boxes-1) // unitOf does not use these bits
		if math.Abs(u) < ziggurat.inside[layer] {
			return u * ziggurat.edge[layer]
		}
		if z, ok := c.outside(u, int(layer), col, i, k+1); ok {
			return z
		}
	}
}

// outside decides what falls between a layer's box and the curve, and what lies in the tail.
func (c choice) outside(u float64, layer, col, i, k int) (float64, bool) {
	other := c.word(col, i, k)
	if layer == 0 {
		// Marsaglia (1964): exponential beyond tailFrom, kept where a second exponential allows it
		x := -math.Log(unitOf(other)) / tailFrom
		y := -math.Log(unitOf(draw.Mix(other)))
		return math.Copysign(tailFrom+x, u), 2*y > x*x
	}
	x := u * ziggurat.edge[layer]
	low, high := density(ziggurat.edge[layer]), density(ziggurat.edge[layer+1])
	return x, low+unitOf(other)*(high-low) < density(x)
}

// The ziggurat: layers of one area, the lowest with the tail.
const (
	boxes     = 128
	tailFrom  = 3.442619855899
	layerArea = 9.91256303526217e-3
)

// edge is where each layer ends, in falling order; inside the part of it that lies under the curve whatever the height.
var ziggurat = func() (z struct{ edge, inside [boxes + 1]float64 }) {
	z.edge[0], z.edge[1] = layerArea/density(tailFrom), tailFrom
	for i := 2; i < boxes; i++ {
		z.edge[i] = math.Sqrt(-2 * math.Log(layerArea/z.edge[i-1]+density(z.edge[i-1])))
	}
	for i := range boxes {
		z.inside[i] = z.edge[i+1] / z.edge[i]
	}
	return z
}()

// density is that of the normal distribution, 1 at 0.
func density(x float64) float64 { return math.Exp(-x * x / 2) }
