//go:build !cgo

package kern

func cPaths() []Path { return nil }

func cKernels(Path) Kernels { panic("kern: built without cgo") }
