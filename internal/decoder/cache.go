package decoder

import (
	"slices"

	"famkit/internal/engine"
	"famkit/internal/fault"
)

// cache is the sequence whose keys and values are kept.
type cache struct {
	on   bool      // a pass extends it
	past int       // rows before those of the pass; 0 outside of Extend
	ids  []int32   // all that are kept
	freq []float64 // of the rotary embedding that the keys were turned by, where it depends on the length
}

// takeCache takes the keys and values of every block, [Cache, kv*head_dim] each, heads side by side.
func (d *Decoder) takeCache(a *arenas) {
	if d.o.Cache == 0 {
		return
	}
	for l := range d.blocks {
		b := &d.blocks[l]
		b.keys, b.values = a.acts.take(d.o.Cache*d.kvWidth()), a.acts.take(d.o.Cache*d.kvWidth())
	}
}

// Kept is the number of positions that Extend has run so far.
func (d *Decoder) Kept() int { return len(d.cache.ids) }

// Forget begins a new sequence.
func (d *Decoder) Forget() { d.cache = cache{} }

// Extend runs the next ids of a sequence and keeps their keys and values, so that it costs what the new rows cost.
// LastLogits then gives what follows them: the numbers that Forward gives for the sequence as a whole. Any other pass
// forgets the sequence. Where the frequencies of the rotary embedding depend on the length and change, the whole
// sequence is run again.
func (d *Decoder) Extend(ids []int32) error {
	total := len(d.cache.ids) + len(ids)
	if len(ids) == 0 || total > d.o.Cache {
		return fault.Inputf("%d tokens after %d do not fit into the %d that are kept", len(ids), len(d.cache.ids), d.o.Cache)
	}
	all := append(slices.Clip(d.cache.ids), ids...)
	from := len(d.cache.ids)
	if d.elastic {
		freq, err := d.m.RopeInvFreqAt(total)
		if err != nil {
			return err
		}
		if !slices.Equal(freq, d.cache.freq) {
			if err := d.uploadTurns(total); err != nil {
				return err
			}
			from, d.cache.freq = 0, freq
		}
	}
	freq := d.cache.freq
	defer func() { d.cache.on, d.cache.past = false, 0 }()
	for ; from < total; from += d.rows {
		n := min(total-from, d.o.SeqLen)
		if err := d.checkBatch(1, n, all[from:from+n], nil); err != nil {
			return err
		}
		d.putBatch(1, n, all[from:from+n], nil)
		d.cache = cache{on: true, past: from, ids: all[:from+n], freq: freq}
		d.blocksForward()
	}
	d.normForward(d.last, d.finalOut, d.finalStat, d.finalNorm)
	return d.e.Sync()
}

// LastLogits gives the logits [1, vocab] after the last id of Extend. The buffer is overwritten by the next pass.
func (d *Decoder) LastLogits() (engine.Buf, error) { return d.LogitRows(d.rows-1, 1) }

// keep has an attention read the kept keys and values, once those of its own rows are among them. Rows that the
// window of the first query leaves out are not read.
func (d *Decoder) keep(b *block, a *engine.Attention) {
	past, width := d.cache.past, d.kvWidth()
	for t := range d.rows {
		d.keepRow(b.keys.At((past+t)*width, width), a.K.From(t*a.StrideK), a.StepKV)
		d.keepRow(b.values.At((past+t)*width, width), a.V.From(t*a.StrideV), a.StepKV)
	}
	from := 0
	if b.window > 0 {
		from = max(0, past-b.window+1)
	}
	a.K, a.V, a.Past = b.keys.From(from*width), b.values.From(from*width), past-from
	a.StrideK, a.StrideV, a.StepKV = width, width, 0
}

// keepRow copies the heads of one row, which lie step elements apart; 0: side by side.
func (d *Decoder) keepRow(dst, src engine.Buf, step int) {
	if step == 0 {
		d.e.Copy(dst, src.At(0, dst.N))
		return
	}
	for h := range d.m.KVHeads {
		d.e.Copy(dst.At(h*d.m.HeadDim, d.m.HeadDim), src.At(h*step, d.m.HeadDim))
	}
}
