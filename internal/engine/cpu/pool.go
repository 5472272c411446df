package cpu

import "sync/atomic"

// spins is how often a waiting thread looks before it sleeps: a few microseconds, the usual distance between two
// operators.
const spins = 4000

// task is an operator's work, cut into parts; part i of n must not depend on the others.
type task interface {
	part(i, n int)
}

// pool is a fixed set of goroutines that work on one task at a time, the caller being one of them.
type pool struct {
	n       int
	task    task
	round   atomic.Uint32 // counts tasks
	left    atomic.Int32  // workers not yet done
	stop    bool
	workers []worker
	done    sleeper
	idle    func() bool // every worker is done
	exited  chan struct{}
}

// sleeper lets one goroutine wait for a condition that others make true and then wake it.
type sleeper struct {
	asleep atomic.Bool
	bell   chan struct{}
}

type worker struct {
	sleeper
	_ [64]byte // a worker's flag in its own cache line
}

// wait returns when ready does. Spurious bells are possible and harmless.
func (s *sleeper) wait(ready func() bool) {
	for {
		for range spins {
			if ready() {
				return
			}
		}
		s.asleep.Store(true)
		if ready() && s.asleep.CompareAndSwap(true, false) {
			return
		}
		<-s.bell
	}
}

func (s *sleeper) wake() {
	if s.asleep.CompareAndSwap(true, false) {
		s.bell <- struct{}{}
	}
}

func newPool(n int) *pool {
	p := &pool{n: n, workers: make([]worker, n), exited: make(chan struct{}, n)}
	p.idle = func() bool { return p.left.Load() == 0 }
	p.done.bell = make(chan struct{}, 1)
	for i := 1; i < n; i++ {
		p.workers[i].bell = make(chan struct{}, 1)
		go p.work(i)
	}
	return p
}

func (p *pool) work(i int) {
	var seen uint32
	ready := func() bool { return p.round.Load() != seen }
	for {
		p.workers[i].wait(ready)
		seen = p.round.Load()
		if p.stop {
			p.exited <- struct{}{}
			return
		}
		p.task.part(i, p.n)
		if p.left.Add(-1) == 0 {
			p.done.wake()
		}
	}
}

// run gives every thread its part and waits for all.
func (p *pool) run(t task) {
	if p.n == 1 {
		t.part(0, 1)
		return
	}
	p.task = t
	p.start()
	t.part(0, p.n)
	p.done.wait(p.idle)
}

func (p *pool) start() {
	p.left.Store(int32(p.n - 1))
	p.round.Add(1)
	for i := 1; i < p.n; i++ {
		p.workers[i].wake()
	}
}

// close ends the workers.
func (p *pool) close() {
	if p.n == 1 {
		return
	}
	p.stop = true
	p.start()
	for i := 1; i < p.n; i++ {
		<-p.exited
	}
}
