//go:build linux && cgo

package cuda

// #include "driver.h"
import "C"

import "unsafe"

const (
	threads   = 256 // of a block
	warps     = threads / 32
	mostGrid  = 4096  // blocks of a kernel that walks over elements
	mostGridY = 65535 // CUDA's own bound
)

// launch runs kernel k on gx by gy blocks with the arguments at args.
func launch[T any](e *Engine, k, gx, gy int, args *T) {
	if e.err != nil || gx == 0 || gy == 0 {
		return
	}
	_ = e.fail(e.d.check(C.gpu_launch(e.d.c, e.functions[k], C.uint(gx), C.uint(gy), unsafe.Pointer(args), C.size_t(unsafe.Sizeof(*args)))))
}

func blocksFor(n, each int) int { return min((n+each-1)/each, mostGrid) }

// overElements runs a kernel with a thread for each of n elements.
func overElements[T any](e *Engine, k, n int, args *T) { launch(e, k, blocksFor(n, threads), 1, args) }

// overRows runs a kernel with a thread for each column of each row.
func overRows[T any](e *Engine, k, rows, columns int, args *T) {
	launch(e, k, blocksFor(columns, threads), min(rows, mostGridY), args)
}

// overWarps runs a kernel with a warp for each of n rows.
func overWarps[T any](e *Engine, k, n int, args *T) { launch(e, k, blocksFor(n, warps), 1, args) }

func flag(b bool) int32 {
	if b {
		return 1
	}
	return 0
}
