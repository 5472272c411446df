package train

import (
	"context"
	"io"
	"sync"

	"famkit/format"
	"famkit/internal/decoder"
	"famkit/internal/disk"
	"famkit/internal/engine"
	"famkit/internal/output"
	"famkit/internal/tensor"
	"famkit/internal/trainstate"
)

// save replaces the output directory by the state after `step` steps: weights, optimizer and trainer state in one move.
func (r *run) save(ctx context.Context, step int) error {
	p := r.at(step)
	log, err := r.log.seenFrom(r.o.Out)
	if err != nil {
		return err
	}
	state := trainstate.State{Step: p.Step, Updates: p.Updates, Rows: p.Rows, Tokens: p.Tokens, Seconds: r.seconds(),
		Model: r.origin,
		Log:   log, Settings: r.s, Digests: r.digests, Growth: r.growth, HandOver: r.plan.HandOver, Eval: r.lastEval}
	if state.Eval == nil && r.kind == Resume {
		state.Eval = r.state.Eval
	}
	if r.files[trainstate.StateFile], err = state.Bytes(); err != nil {
		return err
	}
	if r.files[trainstate.LineageFile], err = r.traced(p); err != nil {
		return err
	}
	out := r.d.Source(r.config, r.dtype, r.files)
	w, err := format.Write(context.WithoutCancel(ctx), r.o.Out, out, r.checkpointOptions())
	if err != nil {
		return err
	}
	if err := r.keptAfter(step); err != nil {
		return err
	}
	r.saved = step
	row := SaveRow{Type: "save", Step: step, Path: r.o.Out, Bytes: w.Bytes, Seconds: r.seconds()}
	r.on(Event{Save: &row})
	return r.log.write(row)
}

// keptAfter keeps a checkpoint, after those of a training that was erased are gone.
func (r *run) keptAfter(step int) error {
	if r.o.Erase && r.saved < 0 {
		if err := disk.DeleteAll(keptDir(r.o.Out)); err != nil {
			return output.Failed(keptDir(r.o.Out), "removing", err)
		}
	}
	return r.keepCheckpoint(step)
}

// writeOptions say how checkpoints are written: one tensor at a time, since the engine takes one call at a time.
func (r *run) writeOptions() format.WriteOptions {
	o := format.WriteOptions{NoDigests: true, Workers: 1, Force: r.o.Force || r.inPlace || r.erased != nil || r.saved >= 0}
	if r.o.Model != "" && !r.inPlace {
		o.Inputs = []string{r.o.Model}
	}
	return o
}

// checkpointOptions are writeOptions once there is an optimizer, whose state is written beside the weights.
func (r *run) checkpointOptions() format.WriteOptions {
	o := r.writeOptions()
	o.Extra = map[string]format.Source{trainstate.OptimizerFile: r.optimizerSource()}
	return o
}

// optimizerSource shows the moments, and the master weights where the saved ones are narrower, as a checkpoint.
func (r *run) optimizerSource() format.Source {
	src := format.FromTensors(nil, map[string]string{"format": "pt"}, nil)
	lock := &sync.Mutex{}
	add := func(prefix string, p decoder.Param, b engine.Buf) {
		info := tensor.Info{Name: prefix + p.Name, DType: dtypeOf(b.Type), Shape: p.Shape}
		src.Add(&bufTensor{info, r.e, b, lock})
	}
	for i, p := range r.opt.params {
		add(trainstate.FirstMoment, p, r.opt.m[i])
		add(trainstate.SecondMoment, p, r.opt.v[i])
		if r.dtype != dtypeOf(p.W.Type) {
			add(trainstate.MasterWeight, p, p.W)
		}
	}
	r.hand.save(src, r.result.Step)
	return src
}

func dtypeOf(t engine.Type) tensor.DType {
	if t == engine.F64 {
		return tensor.F64
	}
	return tensor.F32
}

// bufTensor is a tensor in an engine's memory, in the engine's type.
type bufTensor struct {
	info tensor.Info
	e    engine.Engine
	b    engine.Buf
	mu   *sync.Mutex // the engine takes one call at a time
}

func (t *bufTensor) Info() tensor.Info { return t.info }

// ReadAt downloads the elements that cover the bytes asked for.
func (t *bufTensor) ReadAt(p []byte, off int64) (int, error) {
	width, size := int64(t.b.Type.Size()), t.info.Size()
	if off < 0 || off >= size {
		return 0, io.EOF
	}
	n := min(int64(len(p)), size-off)
	first, end := off/width, (off+n+width-1)/width
	dst := p[:n]
	if off%width != 0 || n%width != 0 {
		dst = make([]byte, (end-first)*width)
	}
	t.mu.Lock()
	err := t.e.Download(dst, t.info.DType, t.b.At(int(first), int(end-first)))
	t.mu.Unlock()
	if err != nil {
		return 0, err
	}
	if int64(len(dst)) != n {
		copy(p[:n], dst[off-first*width:])
	}
	if n < int64(len(p)) {
		return int(n), io.EOF
	}
	return int(n), nil
}
