package kern

import (
	"encoding/binary"
	"math"
)

func (twins) SumsHold(p *SumPlan, b *SumBlock, from int) int {
	p.check(b)
	for from < len(b.Rows) && p.rowHolds(b, &b.Rows[from]) {
		from++
	}
	return from
}

func (p *SumPlan) rowHolds(b *SumBlock, r *SumRow) bool {
	for i := range p.spans {
		if s := &p.spans[i]; r.Terms == 0 || s.Kind == SpanSums && !p.sumsHold(b, r, s) || s.Kind != SpanSums &&
			!p.only(b, r, s) {
			return false
		}
	}
	return true
}

// only looks at columns that have no source.
func (p *SumPlan) only(b *SumBlock, r *SumRow, s *SumSpan) bool {
	for _, row := range b.Terms[r.First : r.First+r.Terms] {
		e := p.t.Size()
		raw := b.Child[(int(row.At)*p.child+int(p.terms[s.first].At))*e:][:int(s.Len)*e]
		p.values = p.t.decode(p.values, raw)
		for _, x := range p.values {
			if s.Kind == SpanZeros && (x != 0 || math.Signbit(x)) || x-x != 0 {
				return false
			}
		}
	}
	return true
}

// tiniest is where products may lose bits.
const tiniest = 0x1p-900

// sumsHold adds up in float64, the rounding errors beside.
func (p *SumPlan) sumsHold(b *SumBlock, r *SumRow, s *SumSpan) bool {
	e, n := p.t.Size(), int(s.Len)
	near := r.near|s.near != 0
	p.wants = p.t.decode(p.wants, b.Parent[(int(r.Parent)*p.parent+int(s.From))*e:][:n*e])
	sums, sizes := make([]float64, n), make([]float64, n)
	lost := 0.0
	for _, row := range b.Terms[r.First : r.First+r.Terms] {
		for _, col := range p.terms[s.first : s.first+s.terms] {
			p.values = p.t.decode(p.values, b.Child[(int(row.At)*p.child+int(col.At))*e:][:n*e])
			k := row.Scale * col.Scale
			for i, v := range p.values {
				x := v * k
				sum := sums[i] + x
				y := sum - sums[i]
				lost += math.Abs((sums[i] - (sum - y)) + (x - y))
				if v != 0 && math.Abs(x) < tiniest {
					return false
				}
				sums[i], sizes[i] = sum, sizes[i]+math.Abs(x)
			}
		}
	}
	if !near && lost != 0 {
		return false
	}
	b.Met.rounded |= int64(bit(near))
	for i, v := range p.wants {
		w := v * r.Scale * s.Scale
		diff := math.Abs(sums[i] - w)
		if v != 0 && math.Abs(w) < tiniest || !(diff <= sizes[i]*p.t.Unit()) || !near && diff != 0 || sizes[i] > 0x1p1000 ||
			!(sizes[i] <= OneSign*math.Abs(sums[i])) {
			return false
		}
		if diff > b.Met.Ratio*sizes[i] {
			b.Met.Ratio, b.Met.Size = diff/sizes[i], sizes[i]
		}
	}
	return true
}

// decode gives numbers as float64.
func (t SumType) decode(dst []float64, raw []byte) []float64 {
	le, dst := binary.LittleEndian, dst[:0]
	for e := t.Size(); len(raw) > 0; raw = raw[e:] {
		var x float64
		switch t {
		case SumF32:
			x = float64(math.Float32frombits(le.Uint32(raw)))
		case SumBF16:
			x = float64(bf16ToF32(le.Uint16(raw)))
		case SumF16:
			x = float64(f16ToF32(le.Uint16(raw)))
		case SumF64:
			x = math.Float64frombits(le.Uint64(raw))
		}
		dst = append(dst, x)
	}
	return dst
}
