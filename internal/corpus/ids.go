package corpus

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"

	"famkit/internal/fault"
)

// ids is a list of token ids in the narrowest type that holds the vocabulary.
type ids struct {
	vocab  int
	narrow []uint16 // used where the vocabulary fits 16 bits
	wide   []uint32
}

func newIDs(vocab int) *ids { return &ids{vocab: vocab} }

// add appends a batch of ids and refuses those outside the vocabulary, naming the file and the position in it.
func (s *ids) add(list []int32, file string, pos int) error {
	for i, id := range list {
		if id < 0 || int(id) >= s.vocab {
			return fault.Inputf("%s: token %d is id %d, outside the vocabulary of %d", file, pos+i, id, s.vocab)
		}
		if s.vocab <= 1<<16 {
			s.narrow = append(s.narrow, uint16(id))
		} else {
			s.wide = append(s.wide, uint32(id))
		}
	}
	return nil
}

func (s *ids) len() int64 { return int64(len(s.narrow) + len(s.wide)) }

// copy fills dst with the ids from off.
func (s *ids) copy(dst []int32, off int64) {
	if s.narrow != nil {
		for i, v := range s.narrow[off : off+int64(len(dst))] {
			dst[i] = int32(v)
		}
		return
	}
	for i, v := range s.wide[off : off+int64(len(dst))] {
		dst[i] = int32(v)
	}
}

// digest identifies the list: the hex SHA-256 of its ids in 16 bits, or in 32 where an id needs them. It does not
// depend on the size of the vocabulary, which a growth may change.
func (s *ids) digest() string {
	h := sha256.New()
	var b []byte
	flush := func(least int) {
		if len(b) > least {
			h.Write(b)
			b = b[:0]
		}
	}
	const chunk = 1 << 16
	wide := slices.ContainsFunc(s.wide, func(v uint32) bool { return v > math.MaxUint16 })
	for _, v := range s.narrow {
		b = binary.LittleEndian.AppendUint16(b, v)
		flush(chunk)
	}
	for _, v := range s.wide {
		if wide {
			b = binary.LittleEndian.AppendUint32(b, v)
		} else {
			b = binary.LittleEndian.AppendUint16(b, uint16(v))
		}
		flush(chunk)
	}
	flush(0)
	return hex.EncodeToString(h.Sum(nil))
}
