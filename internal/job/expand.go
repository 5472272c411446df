package job

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"famkit/expand"
	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/disk"
	"famkit/internal/fault"
	"famkit/internal/growth"
	"famkit/internal/trainstate"
)

// ExpandOptions say what Expand grows and where it writes.
type ExpandOptions struct {
	// Source is the parent. Destination is derived from it where it is "".
	Source, Destination string
	Request             expand.Request
	// Optimizer says what becomes of a training's optimizer state; "" keeps it where there is one.
	Optimizer expand.OptimizerState
	// MaxShard is the largest weights file in bytes; 0 is format's default.
	MaxShard int64
	// Force replaces the destination.
	Force bool
	// DryRun compiles and measures, and writes nothing. Tensors also lists what each tensor is made of.
	DryRun, Tensors bool
}

// Expanded is the result of Expand.
type Expanded struct {
	Schema  int          `json:"schema"`
	Output  string       `json:"output"`
	Written bool         `json:"written"`
	Bytes   int64        `json:"bytes"`
	Params  int64        `json:"parameters"`
	Free    int64        `json:"free_disk,omitempty"`
	Memory  int64        `json:"memory,omitempty"`
	Exact   bool         `json:"exact"`
	Plan    *growth.Plan `json:"plan"`
	Tensors []string     `json:"tensors,omitempty"`
	// NonFinite counts NaNs and infinities by tensor: what the parent holds, the child holds too.
	NonFinite map[string]int64 `json:"non_finite,omitempty"`
}

// Expand grows a checkpoint. A dry run gives its result also where the destination is then refused, so that the plan
// can be shown beside the refusal.
func Expand(ctx context.Context, o ExpandOptions, on Observer) (*Expanded, error) {
	if o.Optimizer != "" {
		if err := o.Optimizer.Check(); err != nil {
			return nil, err
		}
	}
	if err := locate(on, &o.Source); err != nil {
		return nil, err
	}
	h, ck, err := OpenModel(o.Source, on)
	if err != nil {
		return nil, err
	}
	defer func() { _ = h.Close() }()
	g, err := expand.Compile(ck, o.Request)
	if err != nil {
		return nil, err
	}
	parent, err := home(o.Source, ck.Source)
	if err != nil {
		return nil, err
	}
	if o.Destination == "" {
		from, err := outsideCache(parent)
		if err != nil {
			return nil, err
		}
		o.Destination = g.OutputName(from)
		on.note("writing to %s", o.Destination)
	}
	if isLone(ck) && !isWeights(o.Destination) {
		on.note("%s has no %s, so %s will have none", o.Source, configFile, o.Destination)
	}
	if o.Force {
		if err := trainstate.Guard(o.Destination); err != nil {
			return nil, err
		}
	}
	e := &expansion{ExpandOptions: o, on: on, ck: ck, grown: g, parent: parent,
		write: format.WriteOptions{Force: o.Force, Inputs: []string{parent}, MaxShard: o.MaxShard}}
	if o.DryRun {
		return e.measure()
	}
	return e.run(ctx)
}

// outsideCache is the path from which a child's is derived. What lies in the cache of the Hugging Face hub gets no
// child there, where other programs would take it for their own: it goes into the current folder, under the model's
// name (models--ORG--NAME gives NAME).
func outsideCache(path string) (string, error) {
	abs, err := disk.Abs(path)
	if err != nil {
		return "", fault.OS(err)
	}
	file := ""
	if isWeights(abs) {
		file = filepath.Base(abs)
	}
	for dir, cached := abs, false; ; dir = filepath.Dir(dir) {
		base := filepath.Base(dir)
		if name, ok := strings.CutPrefix(base, "models--"); ok {
			if at := strings.LastIndex(name, "--"); at >= 0 {
				name = name[at+2:]
			}
			return strings.TrimSuffix(name+"-"+file, "-"), nil
		}
		cached = cached || base == "snapshots" && dir != abs
		switch {
		case dir != filepath.Dir(dir):
		case !cached:
			return path, nil
		case file != "":
			return file, nil
		default:
			return "model", nil
		}
	}
}

// isWeights reports whether a destination is one safetensors file.
func isWeights(path string) bool { return strings.HasSuffix(path, ".safetensors") }

// expansion is one Expand after the growth was compiled.
type expansion struct {
	ExpandOptions
	on     Observer
	ck     *arch.Checkpoint
	grown  *expand.Growth
	parent string // its path
	write  format.WriteOptions
}

// measure says what the growth would take.
func (e *expansion) measure() (*Expanded, error) {
	out := e.grown.Apply()
	need, err := format.Measure(e.Destination, out, e.write)
	if err != nil {
		return nil, err
	}
	params, err := parameters(out)
	if err != nil {
		return nil, err
	}
	r := &Expanded{Schema: 1, Output: e.Destination, Bytes: need.Bytes, Params: params, Free: need.Free,
		Memory: MemoryBound, Exact: e.grown.Exact(), Plan: e.grown.Plan}
	if e.Tensors {
		for _, x := range e.grown.Exprs() {
			r.Tensors = append(r.Tensors, x.String())
		}
	}
	return r, format.Admit(e.Destination, out, e.write)
}

// run writes the child, its plan and the grown state of a training.
func (e *expansion) run(ctx context.Context) (*Expanded, error) {
	state, err := openTraining(e.parent, e.Optimizer)
	if err != nil {
		return nil, err
	}
	defer state.close()
	plan := e.grown.Plan
	if plan.Parent.Path, err = pathFrom(filepath.Dir(growth.PlanPath(e.Destination)), e.parent); err != nil {
		return nil, err
	}
	out := e.grown.Apply()
	src, err := state.grow(e.grown, out, &e.write)
	if err != nil {
		return nil, err
	}
	params, err := parameters(out)
	if err != nil {
		return nil, err
	}
	total, err := format.Bytes(out)
	if err != nil {
		return nil, err
	}
	e.write.Progress = e.on.task("expanding", total)
	e.write.NoDigests = true
	e.write.Origin = &format.Origin{Source: e.ck.Source, Of: out.From, Done: e.planFiles, Files: []string{e.planFile()}}
	written, err := format.Write(ctx, e.Destination, src, e.write)
	if err != nil {
		return nil, err
	}
	r := &Expanded{Schema: 1, Output: written.Path, Written: true, Bytes: written.Bytes, Params: params,
		Exact: plan.Exact(), Plan: plan, NonFinite: out.NonFinite()}
	for _, name := range slices.Sorted(maps.Keys(r.NonFinite)) {
		e.on.warn("tensor %q holds %d values that are NaN or infinite, as its parent does", name, r.NonFinite[name])
	}
	return r, nil
}

// planFile is the name of the plan: a side file of a folder, or one that stands beside a lone file.
func (e *expansion) planFile() string { return filepath.Base(growth.PlanPath(e.Destination)) }

// planFiles completes the plan with the parent's digest and gives it as a side file.
func (e *expansion) planFiles(digest string) (map[string][]byte, error) {
	e.grown.Parent.Digest = digest
	return map[string][]byte{e.planFile(): e.grown.JSON()}, nil
}
