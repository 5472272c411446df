package train

import (
	"context"
	"io"
	"path/filepath"
	"slices"
	"sync"

	"famkit/format"
	"famkit/internal/decoder"
	"famkit/internal/engine"
	"famkit/internal/fault"
	"famkit/internal/tensor"
	"famkit/internal/trainstate"
)

// save replaces the output directory by the state after `step` updates: weights, optimizer and trainer state in one move.
func (r *run) save(ctx context.Context, step int) error {
	state := trainstate.State{Step: step, Tokens: r.tokensAt(step), Seconds: r.seconds(), Model: r.origin, Settings: r.s, Digests: r.digests, Growth: r.growth()}
	b, err := state.Bytes()
	if err != nil {
		return err
	}
	r.files[trainstate.StateFile] = b
	w, err := format.Write(context.WithoutCancel(ctx), r.o.Out, r.d.Source(r.config, r.dtype, r.files), r.checkpointOptions())
	if err != nil {
		return err
	}
	r.saved = step
	row := SaveRow{Type: "save", Step: step, Path: r.o.Out, Bytes: w.Bytes, Seconds: r.seconds()}
	r.on(Event{Save: &row})
	return r.log.write(row)
}

// writeOptions say how checkpoints are written: one tensor at a time, since the engine takes one call at a time.
func (r *run) writeOptions() format.WriteOptions {
	o := format.WriteOptions{NoDigests: true, Workers: 1, Force: r.o.Force || r.o.Resume || r.saved >= 0}
	if r.o.Model != "" && !(r.o.Resume && sameFile(r.o.Model, r.o.Out)) {
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
	return src
}

func dtypeOf(t engine.Type) tensor.DType {
	if t == engine.F64 {
		return tensor.F64
	}
	return tensor.F32
}

// restore loads moments and master weights of a saved training. It wants each tensor in the engine's type.
func (r *run) restore(dir string) error {
	path := filepath.Join(dir, trainstate.OptimizerFile)
	h, err := format.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = h.Close() }()
	narrow := slices.Contains(h.Names(), trainstate.MasterWeight+r.opt.params[0].Name)
	for i, p := range r.opt.params {
		if err := r.fill(h, path, trainstate.FirstMoment+p.Name, p, r.opt.m[i]); err != nil {
			return err
		}
		if err := r.fill(h, path, trainstate.SecondMoment+p.Name, p, r.opt.v[i]); err != nil {
			return err
		}
		if narrow {
			if err := r.fill(h, path, trainstate.MasterWeight+p.Name, p, p.W); err != nil {
				return err
			}
		}
	}
	r.d.Refresh()
	return r.e.Sync()
}

const fillBytes = 8 << 20

// fill uploads a tensor a piece at a time.
func (r *run) fill(h format.Handle, path, name string, p decoder.Param, dst engine.Buf) error {
	t, err := h.Tensor(name)
	if err != nil {
		return err
	}
	info := t.Info()
	if info.DType != dtypeOf(dst.Type) && !r.o.Force || !info.DType.Real() || !slices.Equal(info.Shape, p.Shape) {
		return fault.Inputf("%s: tensor %q: wanted %s %v, found %s %v", path, name, dtypeOf(dst.Type), p.Shape, info.DType, info.Shape)
	}
	width := info.DType.Bits() / 8
	buf := make([]byte, min(fillBytes, dst.N*width))
	for off := 0; off < dst.N; {
		b := buf[:min(len(buf), (dst.N-off)*width)]
		if err := tensor.Fill(t, b, int64(off)*int64(width)); err != nil {
			return fault.Inputf("%s: tensor %q: %w", path, name, err)
		}
		n := len(b) / width
		if err := r.e.Upload(dst.At(off, n), b, info.DType); err != nil {
			return err
		}
		off += n
	}
	return nil
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
