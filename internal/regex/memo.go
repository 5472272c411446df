package regex

// The two memories of a search. Both hold answers for pairs of a split and a position, in blocks of positions that are
// made when they are first needed: a pattern in use looks a few characters ahead, and one that looks far is bounded.

const (
	blockBits = 10 // a block is 1024 positions
	blockSize = 1 << blockBits
	// maxMemory bounds what one search remembers, in bytes.
	maxMemory = 64 << 20
	// maxOpen bounds the choices and the questions that are open at one time.
	maxOpen = 1 << 20
)

// failures are the splits from which no match was found.
type failures struct {
	splits int
	blocks map[int][]uint64
	free   [][]uint64
	oldest int // blocks before it are given back
	bytes  int
	last   []uint64 // the block that was asked for last, of positions lastAt << blockBits on
	lastAt int
}

func (f *failures) words() int { return (blockSize*f.splits + 63) / 64 }

// block makes the block of a position where it is not there yet.
func (f *failures) block(pos int) ([]uint64, error) {
	k := pos >> blockBits
	if f.last != nil && f.lastAt == k {
		return f.last, nil
	}
	b := f.blocks[k]
	if n := len(f.free); b == nil && n > 0 {
		b = f.free[n-1]
		f.free = f.free[:n-1]
		clear(b)
	}
	if b == nil {
		if f.bytes += 8 * f.words(); f.bytes > maxMemory {
			return nil, ErrMemory
		}
		b = make([]uint64, f.words())
	}
	f.blocks[k] = b
	f.last, f.lastAt = b, k
	return b, nil
}

// reset forgets everything.
func (f *failures) reset() {
	for k, b := range f.blocks {
		f.free = append(f.free, b)
		delete(f.blocks, k)
	}
	f.last, f.oldest = nil, 0
	if f.bytes > 1<<20 {
		f.free, f.bytes = nil, 0
	}
}

// forget gives back what concerns positions before pos.
func (f *failures) forget(pos int) {
	for ; f.oldest < pos>>blockBits; f.oldest++ {
		if b := f.blocks[f.oldest]; b != nil {
			f.free = append(f.free, b)
			delete(f.blocks, f.oldest)
		}
	}
	if f.lastAt < f.oldest {
		f.last = nil
	}
}

// clearAt forgets the answers at one position.
func (f *failures) clearAt(pos int) {
	b := f.blocks[pos>>blockBits]
	if b == nil {
		return
	}
	from := (pos & (blockSize - 1)) * f.splits
	for i := from; i < from+f.splits; i++ {
		b[i>>6] &^= 1 << (i & 63)
	}
}

// ends are where the insides of lookarounds and atomic groups end from a split on.
type ends struct {
	splits int
	blocks map[int][]int32
	bytes  int
}

// The answers that are no end. An end is kept as its position plus known.
const (
	unknown = 0
	failed  = 1
	known   = 2
)

func (e *ends) at(split int32, pos int) (*int32, error) {
	k := pos >> blockBits
	b := e.blocks[k]
	if b == nil {
		if e.bytes += 4 * blockSize * e.splits; e.bytes > maxMemory {
			return nil, ErrMemory
		}
		b = make([]int32, blockSize*e.splits)
		e.blocks[k] = b
	}
	return &b[(pos&(blockSize-1))*e.splits+int(split)], nil
}
