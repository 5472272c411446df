package format

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"famkit/internal/disk"
	"famkit/internal/fault"
	"famkit/internal/output"
	"famkit/internal/tensor"
)

const (
	// chunkBytes is how much of a tensor is produced at once; a multiple of every element size.
	chunkBytes = 4 << 20
	// poolBytes bounds the buffers of all workers together.
	poolBytes = 48 << 20
	// writebackBytes is the smallest chunk that the disk is asked to take at once, while the next ones are computed.
	writebackBytes = 1 << 20
)

// pump moves tensors to their places, chunk by chunk: each worker takes the next chunk, asks the tensor for its
// bytes, writes them and adds them to the tensor's digest. Digests need the chunks of a tensor in order, so a worker
// waits for its turn there; since chunks are handed out in order the one that others wait for never waits itself.
type pump struct {
	workers  int
	progress func(done int64)

	mu    sync.Mutex // guards queue
	queue func() (chunk, bool)
	done  atomic.Int64
	told  sync.Mutex // serialises progress
}

// job is one tensor on its way.
type job struct {
	placed
	out    *disk.File // nil: only the digest is wanted
	path   string     // what out will be
	pieces *pieces    // of out
	base   int64      // offset of the tensor in out
	digest bool
	hash   hash.Hash
	turn   sync.Cond
	next   int64 // offset of the chunk whose turn it is
	sum    string

	cut   int64 // how much has been handed out
	taken bool  // all of it has
}

type chunk struct {
	*job
	off, n int64
}

func (p *pump) pool() (workers int, size int64) {
	workers = p.workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	workers = min(workers, poolBytes/(256<<10))
	size = min(chunkBytes, poolBytes/int64(workers))
	return workers, size &^ 4095
}

// run moves all jobs, group after group, and gives the first error.
func (p *pump) run(ctx context.Context, groups [][]*job) error {
	jobs := slices.Concat(groups...)
	for _, j := range jobs {
		j.turn.L = &sync.Mutex{}
		if j.digest {
			j.hash = sha256.New()
		}
	}
	workers, size := p.pool()
	p.queue = chunks(groups, size)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() { // wakes those who wait for a turn that will not come
		for _, j := range jobs {
			j.turn.L.Lock()
			j.turn.Broadcast()
			j.turn.L.Unlock()
		}
	})
	defer stop()
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			if err := p.work(ctx, size); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// chunks cuts the jobs into pieces of at most size bytes. The jobs of a group advance side by side, each in
// proportion to its length. An empty tensor is one empty piece.
func chunks(groups [][]*job, size int64) func() (chunk, bool) {
	return func() (chunk, bool) {
		for ; len(groups) > 0; groups = groups[1:] {
			if j := furthestBehind(groups[0]); j != nil {
				total := j.end - j.begin
				c := chunk{j, j.cut, min(size, total-j.cut)}
				j.cut += c.n
				j.taken = j.cut == total
				return c, true
			}
		}
		return chunk{}, false
	}
}

// furthestBehind is the job of which the smallest part has been handed out, the first of several; nil when nothing is
// left.
func furthestBehind(group []*job) *job {
	var last *job
	least := 0.0
	for _, j := range group {
		if j.taken {
			continue
		}
		part := float64(j.cut) / float64(max(1, j.end-j.begin))
		if last == nil || part < least {
			last, least = j, part
		}
	}
	return last
}

func (p *pump) work(ctx context.Context, size int64) error {
	buf := make([]byte, size)
	for ctx.Err() == nil {
		p.mu.Lock()
		c, ok := p.queue()
		p.mu.Unlock()
		if !ok {
			return nil
		}
		if err := p.move(ctx, c, buf[:c.n]); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

func (p *pump) move(ctx context.Context, c chunk, buf []byte) error {
	if err := tensor.Fill(c.Tensor, buf, c.off); err != nil {
		if fault.IsUnread(err) { // it names the file and the tensor there
			return err
		}
		return wrap(err, "tensor %q: reading bytes %d to %d", c.info.Name, c.off, c.off+c.n)
	}
	if c.out != nil {
		if _, err := c.out.WriteAt(buf, c.base+c.off); err != nil {
			return output.Failed(c.path, fmt.Sprintf("writing tensor %q", c.info.Name), err)
		}
		c.pieces.add(c.base+c.off, buf)
		if c.n >= writebackBytes {
			c.out.StartWriteback(c.base+c.off, c.n)
		}
	}
	if c.digest && !c.add(ctx, buf) {
		return context.Cause(ctx)
	}
	if p.progress != nil && c.out != nil {
		done := p.done.Add(c.n)
		p.told.Lock()
		p.progress(done)
		p.told.Unlock()
	}
	return nil
}

// add hashes a chunk when its turn has come; false when the work was given up.
func (c chunk) add(ctx context.Context, buf []byte) bool {
	c.turn.L.Lock()
	for c.next != c.off && ctx.Err() == nil {
		c.turn.Wait()
	}
	mine := c.next == c.off
	c.turn.L.Unlock()
	if !mine {
		return false
	}
	c.hash.Write(buf) // outside the lock: nobody else has this turn
	c.turn.L.Lock()
	defer c.turn.L.Unlock()
	c.next += c.n
	if c.next == c.end-c.begin {
		c.sum = hex.EncodeToString(c.hash.Sum(nil))
		c.hash = nil
	}
	c.turn.Broadcast()
	return true
}
