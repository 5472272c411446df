//go:build linux && cgo

package cuda

// #include "driver.h"
import "C"

import "unsafe"

const (
	threads   = 256   // of a block, at most
	lanes     = 32    // of a warp
	mostGrid  = 4096  // blocks of a kernel that walks over elements
	mostGridY = 65535 // CUDA's own bound
)

// launch runs kernel k on gx by gy blocks of so many threads, with the arguments at args.
func launch[T any](e *Engine, k, gx, gy, block int, args *T) {
	if e.err != nil || gx == 0 || gy == 0 {
		return
	}
	_ = e.fail(e.d.check(C.gpu_launch(e.d.c, e.functions[k], C.uint(gx), C.uint(gy), C.uint(block), unsafe.Pointer(args),
		C.size_t(unsafe.Sizeof(*args)))))
}

func blocksFor(n, each int) int { return min((n+each-1)/each, mostGrid) }

// blockFor is the threads of a block that shall serve n: whole warps, and none without work.
func blockFor(n int) int { return min(threads, (n+lanes-1)/lanes*lanes) }

// overElements runs a kernel with a thread for each of n elements.
func overElements[T any](e *Engine, k, n int, args *T) { overRows(e, k, 1, n, args) }

// overRows runs a kernel with a thread for each column of each row.
func overRows[T any](e *Engine, k, rows, columns int, args *T) {
	launch(e, k, blocksFor(columns, threads), min(rows, mostGridY), blockFor(columns), args)
}

// overWarps runs a kernel with a warp for each of n rows.
func overWarps[T any](e *Engine, k, n int, args *T) {
	launch(e, k, blocksFor(n, threads/lanes), 1, blockFor(n*lanes), args)
}

func flag(b bool) int32 {
	if b {
		return 1
	}
	return 0
}
