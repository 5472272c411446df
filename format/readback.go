package format

import (
	"bytes"
	"cmp"
	"context"
	"hash/maphash"
	"io"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"famkit/internal/disk"
	"famkit/internal/output"
)

// What was written is read back after it was synced and held against what was handed to the system: a write that was
// reported as done and was not, or that another one hit, is found before the destination appears. Digests of 64 bits,
// of each piece as it was in memory, stand for the pieces; their seed is drawn for the process.
var seed = maphash.MakeSeed()

// piece is a part of a file with its digest.
type piece struct {
	off, n int64
	sum    uint64
}

// pieces are what was written into one file.
type pieces struct {
	mu   sync.Mutex
	list []piece
}

// pieceBytes is the size of a piece, and of the buffer of each of at most readers that read pieces back.
const (
	pieceBytes = 1 << 20
	readers    = 8
)

// add remembers data that is written at off.
func (p *pieces) add(off int64, data []byte) {
	for len(data) > 0 {
		n := min(len(data), pieceBytes)
		sum := maphash.Bytes(seed, data[:n])
		p.mu.Lock()
		p.list = append(p.list, piece{off, int64(n), sum})
		p.mu.Unlock()
		off, data = off+int64(n), data[n:]
	}
}

// readBack compares a file with what was written into it: every byte of it, header and pieces without a gap.
func (o *outFile) readBack(ctx context.Context, f *disk.File) error {
	size, err := f.Size()
	if err != nil {
		return err
	}
	if size != o.size || !o.pieces.cover(int64(len(o.header)), size) {
		return output.ErrOther
	}
	head := make([]byte, len(o.header))
	if err := readAll(f, head, 0); err != nil {
		return err
	}
	if !bytes.Equal(head, o.header) {
		return output.ErrOther
	}
	return o.pieces.compare(ctx, f)
}

// compare reads the pieces, several at once.
func (p *pieces) compare(ctx context.Context, f *disk.File) error {
	var next atomic.Int64
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), readers) {
		wg.Go(func() {
			buf := make([]byte, pieceBytes)
			for ctx.Err() == nil {
				i := next.Add(1) - 1
				if i >= int64(len(p.list)) {
					return
				}
				part := p.list[i]
				if err := readAll(f, buf[:part.n], part.off); err != nil {
					cancel(err)
				} else if maphash.Bytes(seed, buf[:part.n]) != part.sum {
					cancel(output.ErrOther)
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// cover reports whether the pieces fill a file from start to size, each byte once.
func (p *pieces) cover(start, size int64) bool {
	slices.SortFunc(p.list, func(a, b piece) int { return cmp.Or(cmp.Compare(a.off, b.off), cmp.Compare(a.n, b.n)) })
	for _, part := range p.list {
		if part.off != start {
			return false
		}
		start += part.n
	}
	return start == size
}

// readAll fills p from off. A file that ends before is another one than was written.
func readAll(f *disk.File, p []byte, off int64) error {
	n, err := f.ReadAt(p, off)
	switch {
	case n == len(p):
		return nil
	case err == nil || err == io.EOF:
		return output.ErrOther
	}
	return err
}
