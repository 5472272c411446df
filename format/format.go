// Package format reads and writes checkpoints as bytes: containers, directories, shards.
// It knows tensors and files, never what they mean.
package format

import (
	"iter"

	"famkit/internal/tensor"
)

// Source is an immutable view of a checkpoint: tensors, header metadata and the files that travel
// beside them (config.json, tokenizer files). Nothing is read before it is asked for. A Source may be
// backed by files, by another Source (a conversion, a growth) or by a running model.
type Source interface {
	// Names lists the tensors in the order in which they should be written.
	Names() []string
	// Tensor gives one tensor, or an error that names it.
	Tensor(name string) (tensor.Tensor, error)
	// Meta is the header's __metadata__; treat it as text to show.
	Meta() map[string]string
	// Files yields the side files by name relative to the checkpoint ("config.json"), sorted, byte for byte.
	Files() iter.Seq2[string, []byte]
}

// Handle is a Source that holds open files.
type Handle interface {
	Source
	// Path is what was opened, as given.
	Path() string
	// Warnings are the findings that do not stop reading, such as a stale model.safetensors beside an index.
	Warnings() []string
	Close() error
}

// WriteOptions say how Write lays a checkpoint out.
type WriteOptions struct {
	// Force replaces an existing destination.
	Force bool
	// Inputs are paths that the destination must not equal or lie inside.
	Inputs []string
	// MaxShard is the size in bytes above which tensors go to several shards; 0 means 50 GB, as transformers 5 has it.
	MaxShard int64
	// Progress, when set, is told the bytes written so far.
	Progress func(done int64)
	// NoDigests leaves the SHA-256 of each tensor out; Written.Digests is nil then.
	NoDigests bool
	// Workers bounds the tensors that are computed side by side; 0 means GOMAXPROCS.
	Workers int
	// Origin, when set, is the checkpoint that is written from; its digest is taken in the same pass.
	Origin *Origin
	// Extra are safetensors files beside the weights, by name ("optimizer.safetensors"); they appear in the same move.
	// Written does not count their tensors. Only for a directory.
	Extra map[string]Source
}

// Written says what Write left behind.
type Written struct {
	Path    string            `json:"path"`
	Bytes   int64             `json:"bytes"`
	Tensors int               `json:"tensors"`
	Digests map[string]string `json:"digests"` // tensor name -> hex SHA-256 of its bytes, taken while writing
	Files   []string          `json:"files"`
}
