package expand

import (
	"encoding/binary"
	"math"
	"sync"

	"famkit/internal/tensor"
)

// roundTable holds every number of a 16-bit type, by its bits, times a factor and rounded back to the type.
type roundTable [1 << 16]uint16

func newRoundTable(k float64, d tensor.DType) *roundTable {
	var table roundTable
	var raw [2]byte
	var v [1]float64
	for w := range table {
		binary.LittleEndian.PutUint16(raw[:], uint16(w))
		tensor.Decode(v[:], raw[:], d)
		v[0] *= k
		tensor.Encode(raw[:], v[:], d)
		table[w] = binary.LittleEndian.Uint16(raw[:])
	}
	return &table
}

// scale looks up the elements of in, four at once.
func (t *roundTable) scale(out, in []byte) {
	le := binary.LittleEndian
	for len(in) >= 8 && len(out) >= 8 {
		w := le.Uint64(in)
		le.PutUint64(out, uint64(t[uint16(w)])|uint64(t[uint16(w>>16)])<<16|uint64(t[uint16(w>>32)])<<32|uint64(t[w>>48])<<48)
		in, out = in[8:], out[8:]
	}
	for len(in) >= 2 && len(out) >= 2 {
		le.PutUint16(out, t[le.Uint16(in)])
		in, out = in[2:], out[2:]
	}
}

// roundTables are the tables of a child, whose growth multiplies by few factors. A table takes 128 KiB and as long to
// make as some 100,000 products, so there are not many, and none for small tensors.
type roundTables struct {
	mu   sync.RWMutex
	made map[tableKey]*roundTable
}

type tableKey struct {
	k uint64 // bits of the factor
	d tensor.DType
}

const mostTables = 16

// tableFrom is the smallest tensor, in elements, that tables are made for; tests make them for all.
var tableFrom = 1 << 18

// get gives a table, nil when there are too many.
func (s *roundTables) get(k float64, d tensor.DType) *roundTable {
	key := tableKey{math.Float64bits(k), d}
	s.mu.RLock()
	t, full := s.made[key], len(s.made) >= mostTables
	s.mu.RUnlock()
	if t != nil || full {
		return t
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.made[key]; t != nil || len(s.made) >= mostTables {
		return t
	}
	if s.made == nil {
		s.made = map[tableKey]*roundTable{}
	}
	s.made[key] = newRoundTable(k, d)
	return s.made[key]
}
