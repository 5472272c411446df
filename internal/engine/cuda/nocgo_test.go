//go:build !linux || !cgo

package cuda_test

const cgoEnabled = false
