package train

import (
	"path/filepath"
	"slices"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/decoder"
	"famkit/internal/engine"
	"famkit/internal/fault"
	"famkit/internal/tensor"
	"famkit/internal/trainstate"
)

// size is what the decoder is built for.
func (r *run) size() decoder.Options {
	return decoder.Options{Batch: r.s.Batch, SeqLen: r.s.Seq, Train: !r.o.onlyEvaluates()}
}

// build takes the memory and fills it: fresh weights, a checkpoint's, or a saved training.
func (r *run) build(ck *arch.Checkpoint) (err error) {
	if r.d, err = decoder.New(r.e, r.model, r.size()); err != nil {
		return err
	}
	if ck == nil {
		err = r.d.Init(r.s.Seed)
	} else {
		err = r.d.Load(ck)
	}
	if err != nil || r.o.onlyEvaluates() {
		return err
	}
	if r.opt, err = newAdamW(r.d, &r.s); err != nil {
		return err
	}
	r.opt.trainable = r.trainable
	r.graph = newGraph(r.d, r.d.Params(), r.model.Layers, r.spec.HostMemory, r.model.Tied)
	if r.kind == Resume {
		r.saved = r.state.Step
	}
	dir := modelDir(r.o.Model)
	if r.state != nil && !r.o.FreshOptimizer {
		err = r.restore(ck, dir)
	}
	if err != nil {
		return err
	}
	return r.beginHandOver(filepath.Join(dir, trainstate.OptimizerFile))
}

// restore loads the moments and the master weights of a saved training. A training that goes on as itself wants each
// tensor in the engine's type.
func (r *run) restore(ck *arch.Checkpoint, dir string) error {
	path := filepath.Join(dir, trainstate.OptimizerFile)
	h, err := format.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = h.Close() }()
	master := slices.Contains(h.Names(), trainstate.MasterWeight+r.opt.params[0].Name)
	grown := r.state.Growth != nil && r.state.Growth.Step == r.state.Step
	m := &masters{ck, h, path, grown}
	for i, p := range r.opt.params {
		if master {
			if err := m.check(p); err != nil {
				return err
			}
		}
		for _, f := range []struct {
			wanted bool
			prefix string
			dst    engine.Buf
		}{
			{true, trainstate.FirstMoment, r.opt.m[i]},
			{true, trainstate.SecondMoment, r.opt.v[i]},
			{master, trainstate.MasterWeight, p.W},
		} {
			if !f.wanted {
				continue
			}
			if err := r.fill(h, path, f.prefix+p.Name, p, f.dst); err != nil {
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
	converts := r.kind == TakeOver || r.o.Change
	if info.DType != dtypeOf(dst.Type) && !converts || !info.DType.Real() || !slices.Equal(info.Shape, p.Shape) {
		return fault.Inputf("%s: tensor %q: wanted %s %v, found %s %v", path, name, dtypeOf(dst.Type), p.Shape, info.DType,
			info.Shape)
	}
	width := info.DType.Bits() / 8
	buf := make([]byte, min(fillBytes, dst.N*width))
	for off := 0; off < dst.N; {
		b := buf[:min(len(buf), (dst.N-off)*width)]
		if err := tensor.Fill(t, b, int64(off)*int64(width)); err != nil {
			return fault.Unread(err, "%s: tensor %q", path, name)
		}
		n := len(b) / width
		if err := r.e.Upload(dst.At(off, n), b, info.DType); err != nil {
			return err
		}
		off += n
	}
	return nil
}
