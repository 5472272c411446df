// Package draw makes random bits from counters: the same for the same seed, wherever and in whatever order they are
// drawn.
package draw

// Mix is one step of SplitMix64 (Steele, Lea and Flood 2014): a bijection that passes tests of randomness on counters.
func Mix(x uint64) uint64 { return Finish(x + 0x9e3779b97f4a7c15) }

// Finish is the finaliser of SplitMix64, which maps 0 to 0.
func Finish(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Signed is a number in [-1, 1) that depends on x alone.
func Signed(x uint64) float64 { return float64(int64(Mix(x))) / (1 << 63) }
