package conform

import (
	"math"
	"strings"
	"testing"

	"famkit/internal/engine"
	_ "famkit/internal/engine/ref"
)

// counter counts what a check reports.
type counter struct {
	*testing.T
	errors int
}

func (c *counter) Errorf(string, ...any) { c.errors++ }

// defect is an engine with one operator that is wrong.
type defect struct {
	engine.Engine
	name    string // of the operator
	matmul  func(*engine.MatMul)
	norm    func(*engine.Norm)
	grad    func(*engine.Norm)
	rope    func(*engine.Rope)
	attn    func(*engine.Attention)
	back    func(*engine.Attention)
	gate    func(*engine.Gate)
	loss    func(*engine.CrossEntropy)
	adam    func(*engine.AdamW)
	embed   func(*engine.Embed)
	layer   func(*engine.Norm)
	layer2  func(*engine.Norm)
	route   func(*engine.Route)
	route2  func(*engine.Route)
	combine func(*engine.Combine)
	grouped func(*engine.Grouped)
	clip    func(*engine.Clip)
	spoiled bool // BiasGrad overwrites, AddTo skips the last element
}

func change[T any](p *T, f func(*T)) *T {
	q := *p
	if f != nil {
		f(&q)
	}
	return &q
}

func (d *defect) MatMul(p *engine.MatMul)             { d.Engine.MatMul(change(p, d.matmul)) }
func (d *defect) RMSNorm(p *engine.Norm)              { d.Engine.RMSNorm(change(p, d.norm)) }
func (d *defect) RMSNormGrad(p *engine.Norm)          { d.Engine.RMSNormGrad(change(p, d.grad)) }
func (d *defect) Rope(p *engine.Rope)                 { d.Engine.Rope(change(p, d.rope)) }
func (d *defect) Attention(p *engine.Attention)       { d.Engine.Attention(change(p, d.attn)) }
func (d *defect) AttentionGrad(p *engine.Attention)   { d.Engine.AttentionGrad(change(p, d.back)) }
func (d *defect) Gate(p *engine.Gate)                 { d.Engine.Gate(change(p, d.gate)) }
func (d *defect) GateGrad(p *engine.Gate)             { d.Engine.GateGrad(change(p, d.gate)) }
func (d *defect) CrossEntropy(p *engine.CrossEntropy) { d.Engine.CrossEntropy(change(p, d.loss)) }
func (d *defect) AdamW(p *engine.AdamW)               { d.Engine.AdamW(change(p, d.adam)) }
func (d *defect) Embed(p *engine.Embed)               { d.Engine.Embed(change(p, d.embed)) }
func (d *defect) EmbedGrad(p *engine.Embed)           { d.Engine.EmbedGrad(change(p, d.embed)) }
func (d *defect) LayerNorm(p *engine.Norm)            { d.Engine.LayerNorm(change(p, d.layer)) }
func (d *defect) LayerNormGrad(p *engine.Norm)        { d.Engine.LayerNormGrad(change(p, d.layer2)) }
func (d *defect) Route(p *engine.Route)               { d.Engine.Route(change(p, d.route)) }
func (d *defect) RouteGrad(p *engine.Route)           { d.Engine.RouteGrad(change(p, d.route2)) }
func (d *defect) Combine(p *engine.Combine)           { d.Engine.Combine(change(p, d.combine)) }
func (d *defect) CombineGrad(p *engine.Combine)       { d.Engine.CombineGrad(change(p, d.combine)) }
func (d *defect) Grouped(p *engine.Grouped)           { d.Engine.Grouped(change(p, d.grouped)) }
func (d *defect) Clip(p *engine.Clip)                 { d.Engine.Clip(change(p, d.clip)) }
func (d *defect) BiasGrad(b, y engine.Buf, r, n, s int) {
	if d.spoiled {
		d.Zero(b)
	}
	d.Engine.BiasGrad(b, y, r, n, s)
}

func (d *defect) AddTo(dst, src engine.Buf) {
	if d.spoiled {
		dst, src = dst.At(0, dst.N-1), src.At(0, src.N-1)
	}
	d.Engine.AddTo(dst, src)
}

// TestChecksBite feeds the checks engines that are wrong in one way each: some check of the operator must notice, and
// none may where nothing is wrong.
func TestChecksBite(t *testing.T) {
	good, err := engine.New("ref", engine.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = good.Close() }()
	all := checks(false)
	for _, c := range all {
		c.against(t, good, good, 1e-13)
	}
	for what, d := range map[string]*defect{
		"bias left out":              {name: "MatMul/", matmul: func(p *engine.MatMul) { p.Bias = engine.Buf{} }},
		"add left out":               {name: "MatMul/", matmul: func(p *engine.MatMul) { p.Add = engine.Buf{} }},
		"C not added to":             {name: "MatMul/", matmul: func(p *engine.MatMul) { p.Beta = 0 }},
		"C always added to":          {name: "MatMul/", matmul: func(p *engine.MatMul) { p.Beta = 1 }},
		"last k left out":            {name: "MatMul/", matmul: func(p *engine.MatMul) { p.K -= p.K / 16 }},
		"last row left out":          {name: "MatMul/", matmul: func(p *engine.MatMul) { p.M -= p.M / 16 }},
		"eps":                        {name: "RMSNorm/", norm: func(p *engine.Norm) { p.Eps *= 1.1 }},
		"one added to gains":         {name: "RMSNorm/", norm: func(p *engine.Norm) { p.PlusOne = 0 }},
		"gain of the gradient":       {name: "RMSNormGrad/", grad: func(p *engine.Norm) { p.PlusOne = 0 }},
		"gradient not accumulated":   {name: "RMSNormGrad/", grad: func(p *engine.Norm) { p.Accumulate = false }},
		"gradient always added":      {name: "RMSNormGrad/", grad: func(p *engine.Norm) { p.Accumulate = true }},
		"gain's gradient left out":   {name: "RMSNormGrad/", grad: func(p *engine.Norm) { p.DGain = engine.Buf{} }},
		"layer norm's eps":           {name: "LayerNorm/", layer: func(p *engine.Norm) { p.Eps *= 1.1 }},
		"layer norm's bias":          {name: "LayerNorm/", layer: func(p *engine.Norm) { p.Bias = p.Gain }},
		"layer norm's gain":          {name: "LayerNorm/", layer: func(p *engine.Norm) { p.PlusOne = 0 }},
		"layer norm not accumulated": {name: "LayerNormGrad/", layer2: func(p *engine.Norm) { p.Accumulate = false }},
		"bias's gradient": {name: "LayerNormGrad/", layer2: func(p *engine.Norm) {
			p.DGain, p.DBias = p.DBias,
				p.DGain
		}},
		"mean forgotten":            {name: "LayerNormGrad/", layer2: func(p *engine.Norm) { p.Mean = p.Stat }},
		"weights always normalised": {name: "Route/", route: func(p *engine.Route) { p.Normalise = true }},
		"weights never normalised":  {name: "Route/", route: func(p *engine.Route) { p.Normalise = false }},
		"router's gradient":         {name: "RouteGrad/", route2: func(p *engine.Route) { p.Normalise = true }},
		"router's other gradient":   {name: "RouteGrad/", route2: func(p *engine.Route) { p.Normalise = false }},
		"addend of a mixture":       {name: "Combine/", combine: func(p *engine.Combine) { p.Add = engine.Buf{} }},
		"last row of a mixture":     {name: "CombineGrad/", combine: func(p *engine.Combine) { p.Rows-- }},
		"heads side by side":        {name: "AttentionGrad/turns", back: func(p *engine.Attention) { p.StepKV = 0 }},
		"up left out":               {name: "Gate/act", gate: func(p *engine.Gate) { p.U = engine.Buf{} }},
		"rotated back":              {name: "Rope/", rope: func(p *engine.Rope) { p.Inverse = !p.Inverse }},
		"positions repeat early":    {name: "Rope/", rope: func(p *engine.Rope) { p.T = min(p.T, 4) }},
		"window too wide by one":    {name: "Attention/", attn: func(p *engine.Attention) { p.Window += min(p.Window, 1) }},
		"window too narrow by one": {name: "Attention/",
			attn: func(p *engine.Attention) { p.Window -= min(p.Window-1, 1) * min(p.Window, 1) }},
		"no cap":                      {name: "Attention/", attn: func(p *engine.Attention) { p.Softcap = 0 }},
		"scale":                       {name: "Attention/", attn: func(p *engine.Attention) { p.Scale *= 1.001 }},
		"gradient sees no window":     {name: "AttentionGrad/", back: func(p *engine.Attention) { p.Window = 0 }},
		"gradient sees no cap":        {name: "AttentionGrad/", back: func(p *engine.Attention) { p.Softcap = 0 }},
		"another activation":          {name: "Gate/", gate: func(p *engine.Gate) { p.Act = engine.GELU }},
		"another slope":               {name: "GateGrad/", gate: func(p *engine.Gate) { p.Act = engine.GELUTanh }},
		"logits' gradient not wanted": {name: "CrossEntropy/", loss: func(p *engine.CrossEntropy) { p.Grad = true }},
		"logits not capped":           {name: "CrossEntropy/", loss: func(p *engine.CrossEntropy) { p.Softcap = 0 }},
		"gradient not scaled":         {name: "CrossEntropy/", loss: func(p *engine.CrossEntropy) { p.Scale = 1 }},
		"decay forgotten":             {name: "AdamW/", adam: func(p *engine.AdamW) { p.Decay = 0 }},
		"gradient not clipped":        {name: "AdamW/", adam: func(p *engine.AdamW) { p.Factor = engine.Buf{} }},
		"norm of the first":           {name: "Clip/", clip: func(p *engine.Clip) { p.Grads = p.Grads[:1] }},
		"no bound":                    {name: "Clip/", clip: func(p *engine.Clip) { p.Max = 0 }},
		"guard left out":              {name: "Clip/", clip: func(p *engine.Clip) { p.Guard = engine.Buf{} }},
		"last group left out":         {name: "Grouped/", grouped: func(p *engine.Grouped) { p.Groups-- }},
		"weights one after the other": {name: "Grouped/", grouped: func(p *engine.Grouped) { p.Step = min(p.Step, p.N*p.K) }},
		"rows of the next group": {name: "Grouped/",
			grouped: func(p *engine.Grouped) { p.Starts = p.Starts.From(1); p.Groups-- }},
		"positions left out":        {name: "Embed/", embed: func(p *engine.Embed) { p.Pos = engine.Buf{} }},
		"positions' gradient":       {name: "EmbedGrad/", embed: func(p *engine.Embed) { p.DPos = engine.Buf{} }},
		"weights of a mixture":      {name: "Combine/", combine: func(p *engine.Combine) { p.Weight = engine.Buf{} }},
		"no bias correction":        {name: "AdamW/", adam: func(p *engine.AdamW) { p.C2 = 1 }},
		"embedding not scaled":      {name: "Embed/", embed: func(p *engine.Embed) { p.Scale = 1 }},
		"embedding's last row":      {name: "EmbedGrad/", embed: func(p *engine.Embed) { p.Rows-- }},
		"bias gradient overwritten": {name: "BiasGrad/", spoiled: true},
		"last element not added":    {name: "vectors/", spoiled: true},
	} {
		d.Engine = good
		found := 0
		for _, c := range all {
			if strings.HasPrefix(c.name, d.name) && found == 0 {
				r := &counter{T: t}
				c.against(r, d, good, 1e-5)
				found += r.errors
			}
		}
		if found == 0 {
			t.Errorf("%s: no check of %s notices", what, d.name)
		}
	}
}

// TestCompare: a difference, a NaN where there should be none, and a number where a NaN should have stayed.
func TestCompare(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		got, want []float64
		bad       int
	}{
		{[]float64{1, 2}, []float64{1, 2}, 0}, {[]float64{1, 2.1}, []float64{1, 2}, 1},
		{[]float64{1, 2.01}, []float64{1, 2}, 0},
		{[]float64{nan, 2}, []float64{nan, 2}, 0}, {[]float64{nan, 2}, []float64{1, 2}, 1},
		{[]float64{1, 2}, []float64{nan, 2}, 1},
		{[]float64{math.Inf(1)}, []float64{1}, 1},
	} {
		r := &counter{T: t}
		compare(r, "", c.got, c.want, 0.01, 0)
		if r.errors != c.bad {
			t.Errorf("%v against %v: %d errors, want %d", c.got, c.want, r.errors, c.bad)
		}
	}
}
