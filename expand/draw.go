package expand

import "math"

// unit draws number i of a row's column: uniform in (0, 1).
func (c choice) unit(col, i int) float64 {
	x := mix(uint64(c) + 0xd6e8feb86659fd93*uint64(col) + 0xa0761d6478bd642f*uint64(i+1))
	return (float64(x>>11) + 0.5) / (1 << 53)
}

// normal draws number i of a row's column: standard normal, by Box and Muller.
func (c choice) normal(col, i int) float64 {
	return math.Sqrt(-2*math.Log(c.unit(col, 2*i))) * math.Cos(2*math.Pi*c.unit(col, 2*i+1))
}
