package train

import (
	"encoding/binary"
	"math"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/decoder"
	"famkit/internal/engine"
	"famkit/internal/fault"
	"famkit/internal/growth"
	"famkit/internal/tensor"
	"famkit/internal/trainstate"
)

// handOver moves what a block adds to the residual stream to the silent copies of the block, a little in each of the
// first steps after a growth. A block with c copies keeps 1/(c+1) of its writers W as they were when it was grown, and
// each copy gets as much:
//
//	step k of n:  W_block -= c/(c+1) W / n,  W_copy += 1/(c+1) W / n
//
// Where branches' outputs are normed, W is the gain of that norm. The growth stays exact: before the first step
// nothing has moved. The sum of all writers stays on the way. In the end the model is where the inexact growth
// "halve" begins, but was trained all the way there.
type handOver struct {
	*trainstate.HandOver
	moves  []handing
	offset float64 // stored gains are less by it
}

// handing is one writer of a block, with the same writer of the block's silent copies.
type handing struct {
	from decoder.Param
	to   []decoder.Param
	at   []byte // the writer at the growth, in the engine's type of weights
}

// handOverSteps are the steps of the hand-over, nil where there is none.
func (r *run) handOverSteps() *trainstate.HandOver {
	switch {
	case r.kind == Resume && (r.state.HandOver != nil || r.grownBy == nil):
		return r.state.HandOver
	case r.s.HandOver == 0 || r.grownBy == nil || len(silentCopies(r.grownBy)) == 0:
		return nil
	}
	first := r.base.Step
	n := max(1, int(math.Round(r.s.HandOver*float64(r.s.Steps-first))))
	return &trainstate.HandOver{From: first, To: first + n}
}

// settleHandOver refuses a hand-over that cannot be.
func (r *run) settleHandOver() error {
	if s := r.state; s != nil && r.kind == TakeOver && s.HandOver.Left(s.Step) > 0 && !r.o.onlyEvaluates() {
		return fault.Hint(fault.Inputf("%s: its training is handing blocks over to their copies, which ends at step %d; "+
			"it is at %d",
			r.o.Model, s.HandOver.To, s.Step), "%v finishes it first", fault.Arg("resume"))
	}
	r.plan.HandOver = r.handOverSteps()
	return nil
}

// silentCopies lists for each block of a child the silent blocks that are its copies.
func silentCopies(p *growth.Plan) map[int][]int {
	block := map[int]int{} // of each parent's block, the one that is not silent
	for i, l := range p.Layers {
		if !l.Silent {
			block[l.Src] = i
		}
	}
	list := map[int][]int{}
	for i, l := range p.Layers {
		if from, ok := block[l.Src]; ok && l.Silent && !l.Pairs && !l.Fresh {
			list[from] = append(list[from], i)
		}
	}
	return list
}

// beginHandOver finds the writers, and what they are at the growth: as they stand, or as the checkpoint at path has
// them where the hand-over goes on.
func (r *run) beginHandOver(path string) error {
	if r.plan.HandOver.Left(r.base.Step) == 0 {
		return nil
	}
	r.hand = &handOver{HandOver: r.plan.HandOver}
	if r.model.PostNorm {
		r.hand.offset = r.model.GainOffset
	}
	if r.kind != Resume || r.state.HandOver == nil {
		return r.hand.find(r, silentCopies(r.grownBy))
	}
	h, err := format.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = h.Close() }()
	return r.hand.read(r, h, path)
}

// writers are a block's parameters that write the stream, by what they are.
func (r *run) writers(layer int) map[[2]any]decoder.Param {
	list := map[[2]any]decoder.Param{}
	for _, p := range r.opt.params {
		if p.Layer == layer && adds(r.model, p.Role) {
			list[[2]any{p.Role, p.Expert}] = p
		}
	}
	return list
}

// adds reports whether tensors of a role are what a block adds to the stream last: what writes it, or, where a
// branch's output is normed, the gain of that norm. Those are what a silent block has zero.
func adds(m *arch.Model, role arch.Role) bool {
	if m.PostNorm {
		return role == arch.AttnPostNorm || role == arch.MLPPostNorm
	}
	for i := range m.Spec.Block {
		if t := &m.Spec.Block[i]; t.Role == role {
			return t.WritesStream()
		}
	}
	return false
}

// find takes the writers as they stand.
func (h *handOver) find(r *run, copies map[int][]int) error {
	for _, p := range r.opt.params {
		if len(copies[p.Layer]) == 0 || p.Layer < 0 || !adds(r.model, p.Role) {
			continue
		}
		m := handing{from: p, at: make([]byte, p.W.N*p.W.Type.Size())}
		for _, layer := range copies[p.Layer] {
			m.to = append(m.to, r.writers(layer)[[2]any{p.Role, p.Expert}])
		}
		if err := r.e.Download(m.at, dtypeOf(p.W.Type), p.W); err != nil {
			return err
		}
		h.moves = append(h.moves, m)
	}
	return nil
}

// read takes the writers from a saved hand-over.
func (h *handOver) read(r *run, src format.Source, path string) error {
	copies, err := handedLayers(src)
	if err != nil {
		return fault.Inputf("%s: %w", path, err)
	}
	for _, p := range r.opt.params {
		if len(copies[p.Layer]) == 0 || p.Layer < 0 || !adds(r.model, p.Role) {
			continue
		}
		t, err := src.Tensor(trainstate.Handed + p.Name)
		if err != nil {
			return fault.Inputf("%s: %w", path, err)
		}
		m := handing{from: p, at: make([]byte, p.W.N*p.W.Type.Size())}
		if info := t.Info(); info.DType != dtypeOf(p.W.Type) || info.Size() != int64(len(m.at)) {
			return fault.Inputf("%s: tensor %q: wanted %s of %d bytes, found %s of %d", path, info.Name, dtypeOf(p.W.Type),
				len(m.at),
				info.DType, info.Size())
		}
		if err := tensor.Fill(t, m.at, 0); err != nil {
			return fault.Unread(err, "%s: tensor %q", path, t.Info().Name)
		}
		for _, layer := range copies[p.Layer] {
			to, ok := r.writers(layer)[[2]any{p.Role, p.Expert}]
			if !ok {
				return fault.Inputf("%s: tensor %q: layer %d is no copy of %d", path, trainstate.HandedLayers, layer, p.Layer)
			}
			m.to = append(m.to, to)
		}
		h.moves = append(h.moves, m)
	}
	return nil
}

// handedLayers reads which layers are handed over to which: pairs of numbers, a block and its copy.
func handedLayers(src format.Source) (map[int][]int, error) {
	t, err := src.Tensor(trainstate.HandedLayers)
	if err != nil {
		return nil, err
	}
	info := t.Info()
	if info.DType != tensor.I32 || len(info.Shape) != 2 || info.Shape[1] != 2 || info.Shape[0] > arch.MaxLayers {
		return nil, fault.Inputf("tensor %q: wanted I32 [n, 2], found %s %v", info.Name, info.DType, info.Shape)
	}
	b := make([]byte, info.Size())
	if err := tensor.Fill(t, b, 0); err != nil {
		return nil, err
	}
	list := map[int][]int{}
	for ; len(b) >= 8; b = b[8:] {
		from, to := int(int32(binary.LittleEndian.Uint32(b))), int(int32(binary.LittleEndian.Uint32(b[4:])))
		list[from] = append(list[from], to)
	}
	return list, nil
}

// save adds what the hand-over needs to go on after `step` steps.
func (h *handOver) save(src *format.Memory, step int) {
	if h == nil || h.Left(step) == 0 {
		return
	}
	var layers []byte
	seen := map[[2]int]bool{}
	for _, m := range h.moves {
		src.AddBytes(tensor.Info{Name: trainstate.Handed + m.from.Name, DType: dtypeOf(m.from.W.Type), Shape: m.from.Shape},
			m.at)
		for _, to := range m.to {
			if pair := [2]int{m.from.Layer, to.Layer}; !seen[pair] {
				seen[pair] = true
				layers = binary.LittleEndian.AppendUint32(layers, uint32(pair[0]))
				layers = binary.LittleEndian.AppendUint32(layers, uint32(pair[1]))
			}
		}
	}
	src.AddBytes(tensor.Info{Name: trainstate.HandedLayers, DType: tensor.I32, Shape: []int{len(layers) / 8, 2}}, layers)
}

// move makes the move of a step, after the step's update.
func (h *handOver) move(e engine.Engine, d *decoder.Decoder, step int) error {
	if h == nil || step > h.To {
		return nil
	}
	each := 1 / float64(h.To-h.From)
	for _, m := range h.moves {
		share := each / float64(len(m.to)+1)
		if err := addTo(e, m.from.W, m.at, -share*float64(len(m.to)), h.offset); err != nil {
			return err
		}
		for _, to := range m.to {
			if err := addTo(e, to.W, m.at, share, h.offset); err != nil {
				return err
			}
		}
	}
	d.Refresh()
	return nil
}

// addTo computes w += f*(x + offset), where x is in w's type, in float64 and rounded once.
func addTo(e engine.Engine, w engine.Buf, x []byte, f, offset float64) error {
	d := dtypeOf(w.Type)
	raw, now, at := make([]byte, len(x)), make([]float64, w.N), make([]float64, w.N)
	if err := e.Download(raw, d, w); err != nil {
		return err
	}
	tensor.Decode(now, raw, d)
	tensor.Decode(at, x, d)
	for i, v := range at {
		now[i] += f * (v + offset)
	}
	tensor.Encode(raw, now, d)
	return e.Upload(w, raw, d)
}
