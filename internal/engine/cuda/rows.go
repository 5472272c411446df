//go:build linux && cgo

package cuda

import "famkit/internal/engine"

func (e *Engine) norm(o *engine.Norm, layer bool) *normArgs {
	act := e.spec.Act
	a := &e.args.norm
	*a = normArgs{x: is(o.X, act), y: is(o.Y, act), gain: is(o.Gain, engine.F32), stat: is(o.Stat, engine.F32),
		dx: is(o.DX, act), dy: is(o.DY, act),
		strideX: int64(o.StrideX), strideY: int64(o.StrideY), rows: int32(o.Rows), groups: int32(o.Groups), dim: int32(o.Dim),
		layer:      flag(layer),
		accumulate: flag(o.Accumulate), eps: float32(o.Eps), plusOne: float32(o.PlusOne)}
	if layer {
		a.bias, a.mean = is(o.Bias, engine.F32), is(o.Mean, engine.F32)
	}
	return a
}

// RMSNorm has a warp for each vector.
func (e *Engine) RMSNorm(o *engine.Norm) { overWarps(e, kNorm, o.Rows*o.Groups, e.norm(o, false)) }

// LayerNorm has a warp for each vector.
func (e *Engine) LayerNorm(o *engine.Norm) { overWarps(e, kNorm, o.Rows*o.Groups, e.norm(o, true)) }

// RMSNormGrad sums gains before DX, which may be DY.
func (e *Engine) RMSNormGrad(o *engine.Norm) { e.normGrad(o, false) }

// LayerNormGrad sums gains and biases before DX, which may be DY.
func (e *Engine) LayerNormGrad(o *engine.Norm) { e.normGrad(o, true) }

func (e *Engine) normGrad(o *engine.Norm, layer bool) {
	a, vectors := e.norm(o, layer), o.Rows*o.Groups
	if !o.DGain.Nil() {
		sums := 1 + int(flag(layer))
		count, each := chunks(vectors, o.Dim, sums)
		a.dgain, a.chunk = e.partial, int32(each)
		if layer {
			a.dbias = e.partial + ptr(4*count*o.Dim)
		}
		launch(e, kNormGains, blocksFor(o.Dim, threads), count, blockFor(o.Dim), a)
		e.gather(o.DGain, a.dgain, o.Dim, count)
		if layer {
			e.gather(o.DBias, a.dbias, o.Dim, count)
		}
	}
	overWarps(e, kNormGrad, vectors, a)
}

// Rope has a thread for each pair.
func (e *Engine) Rope(o *engine.Rope) {
	e.args.rope = ropeArgs{x: is(o.X, e.spec.Act), cos: is(o.Cos, engine.F32), sin: is(o.Sin, engine.F32),
		stride: int64(o.Stride), rows: int32(o.Rows),
		t: int32(o.T), heads: int32(o.Heads), headDim: int32(o.HeadDim), half: int32(o.Dim / 2), inverse: flag(o.Inverse)}
	overRows(e, kRope, o.Rows, o.Heads*o.Dim/2, &e.args.rope)
}

func (e *Engine) gate(o *engine.Gate) *gateArgs {
	act := e.spec.Act
	e.args.gate = gateArgs{g: is(o.G, act), u: is(o.U, act), h: is(o.H, act), dg: is(o.DG, act), du: is(o.DU, act),
		dh:      is(o.DH, act),
		strideG: int64(o.StrideG), strideH: int64(o.StrideH), rows: int32(o.Rows), dim: int32(o.Dim), kind: int32(o.Act)}
	return &e.args.gate
}

// Gate has a thread for each element.
func (e *Engine) Gate(o *engine.Gate) { overRows(e, kGate, o.Rows, o.Dim, e.gate(o)) }

// GateGrad reads an element of G and U before it writes over them.
func (e *Engine) GateGrad(o *engine.Gate) { overRows(e, kGateGrad, o.Rows, o.Dim, e.gate(o)) }

func (e *Engine) embed(o *engine.Embed) *embedArgs {
	e.args.embed = embedArgs{table: is(o.Table, e.spec.Act), pos: is(o.Pos, e.spec.Act), ids: is(o.IDs, engine.I32),
		order: is(o.Order, engine.I32),
		y:     is(o.Y, e.spec.Act), dy: is(o.DY, e.spec.Act), dtable: is(o.DTable, engine.F32), dpos: is(o.DPos, engine.F32),
		rows: int32(o.Rows), dim: int32(o.Dim), t: int32(o.T), scale: float32(o.Scale)}
	return &e.args.embed
}

// Embed has a thread for each element.
func (e *Engine) Embed(o *engine.Embed) { overRows(e, kEmbed, o.Rows, o.Dim, e.embed(o)) }

// EmbedGrad has the first row of each id add up all of them.
func (e *Engine) EmbedGrad(o *engine.Embed) {
	a := e.embed(o)
	overRows(e, kEmbedGrad, o.Rows, o.Dim, a)
	if a.dpos != 0 {
		overRows(e, kPositionsGrad, min(o.T, o.Rows), o.Dim, a)
	}
}

// CrossEntropy has a block for each row.
func (e *Engine) CrossEntropy(o *engine.CrossEntropy) {
	e.args.loss = lossArgs{logits: is(o.Logits, e.spec.Act), targets: is(o.Targets, engine.I32),
		loss: is(o.Loss, engine.F32), rows: int32(o.Rows),
		vocab: int32(o.Vocab), grad: flag(o.Grad), scale: float32(o.Scale), cap: float32(o.Softcap)}
	launch(e, kCrossEntropy, min(o.Rows, 1<<20), 1, threads, &e.args.loss)
}
