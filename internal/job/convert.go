package job

import (
	"context"
	"slices"
	"sync/atomic"

	"famkit/convert"
	"famkit/format"
	"famkit/internal/tensor"
	"famkit/internal/trainstate"
)

// ConvertOptions say what Convert reads and writes.
type ConvertOptions struct {
	Source, Destination string
	// DType is the type of the weights; Invalid keeps what they have.
	DType tensor.DType
	// MaxShard is the largest weights file in bytes; 0 is format's default.
	MaxShard int64
	// Force replaces the destination. DryRun measures and writes nothing.
	Force, DryRun bool
}

// Converted is the result of Convert.
type Converted struct {
	Schema  int      `json:"schema"`
	Source  string   `json:"source"`
	Output  string   `json:"output"`
	Written bool     `json:"written"`
	Bytes   int64    `json:"bytes"`
	Tensors int      `json:"tensors"`
	Params  int64    `json:"parameters"`
	DTypes  []string `json:"dtypes"`
	Files   []string `json:"files"`
	Free    int64    `json:"free_disk,omitempty"`
	Memory  int64    `json:"memory,omitempty"`
	// Rounded counts the numbers that a new type could not hold as they were; it is known where something was written.
	Rounded int64 `json:"rounded,omitempty"`
}

// Convert writes a checkpoint in another form. A dry run gives its result also where the destination is then refused.
func Convert(ctx context.Context, o ConvertOptions, on Observer) (*Converted, error) {
	if err := locate(on, &o.Source); err != nil {
		return nil, err
	}
	h, err := Open(o.Source, on)
	if err != nil {
		return nil, err
	}
	defer func() { _ = h.Close() }()
	var rounded atomic.Int64
	out, err := converted(h, o.DType, &rounded)
	if err != nil {
		return nil, err
	}
	if _, ok := format.ReadFile(out, configFile); ok && isWeights(o.Destination) {
		on.note("%s is one file: config and tokenizer are left out", o.Destination)
	}
	if o.Force {
		if err := trainstate.Guard(o.Destination); err != nil {
			return nil, err
		}
	}
	r, err := describeConverted(o, out)
	if err != nil {
		return nil, err
	}
	at, err := home(o.Source, h)
	if err != nil {
		return nil, err
	}
	w := format.WriteOptions{Force: o.Force, Inputs: []string{at}, MaxShard: o.MaxShard, NoDigests: true}
	if o.DryRun {
		return r, r.measure(out, w)
	}
	total, err := format.Bytes(out)
	if err != nil {
		return nil, err
	}
	w.Progress = on.task("converting", total)
	written, err := format.Write(ctx, o.Destination, out, w)
	if err != nil {
		return nil, err
	}
	r.Output, r.Written, r.Bytes, r.Files = written.Path, true, written.Bytes, written.Files
	r.Rounded = rounded.Load()
	return r, nil
}

// converted is what is to be written, lazily.
func converted(h format.Handle, dtype tensor.DType, rounded *atomic.Int64) (src format.Source, err error) {
	src = h
	if _, ok := format.GGUF(h); ok {
		if src, err = convert.FromGGUF(h); err != nil {
			return nil, err
		}
	}
	if dtype == tensor.Invalid {
		return src, nil
	}
	return convert.CastCounted(src, dtype, rounded)
}

func describeConverted(o ConvertOptions, out format.Source) (*Converted, error) {
	r := &Converted{Schema: 1, Source: o.Source, Output: o.Destination, Tensors: len(out.Names())}
	var err error
	if r.Params, err = parameters(out); err != nil {
		return nil, err
	}
	for _, name := range out.Names() {
		t, err := out.Tensor(name)
		if err != nil {
			return nil, err
		}
		if d := t.Info().DType.String(); !slices.Contains(r.DTypes, d) {
			r.DTypes = append(r.DTypes, d)
		}
	}
	slices.Sort(r.DTypes)
	return r, nil
}

// measure says what writing would take, and then refuses what writing would refuse.
func (r *Converted) measure(out format.Source, w format.WriteOptions) error {
	need, err := format.Measure(r.Output, out, w)
	if err != nil {
		return err
	}
	r.Bytes, r.Free, r.Memory, r.Files = need.Bytes, need.Free, MemoryBound, need.Files
	if !isWeights(r.Output) {
		for name := range out.Files() {
			r.Files = append(r.Files, name)
		}
	}
	return format.Admit(r.Output, out, w)
}
