package corpus

import (
	"crypto/sha256"
	"encoding/hex"
	"unsafe"

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

// digest identifies the list: the hex SHA-256 of its ids in their type.
func (s *ids) digest() string {
	h := sha256.New()
	if len(s.narrow) > 0 {
		h.Write(unsafe.Slice((*byte)(unsafe.Pointer(&s.narrow[0])), 2*len(s.narrow)))
	}
	if len(s.wide) > 0 {
		h.Write(unsafe.Slice((*byte)(unsafe.Pointer(&s.wide[0])), 4*len(s.wide)))
	}
	return hex.EncodeToString(h.Sum(nil))
}
