package decoder_test

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/decoder"
	"famkit/internal/engine"
	_ "famkit/internal/engine/cpu"
	_ "famkit/internal/engine/ref"
	"famkit/internal/tensor"
)

// fixtures holds tiny models with what the real transformers library computes for them; testdata has some more of the
// kind.
const fixtures = "../../fixtures/oracle"

func oracleModels(t *testing.T) []string {
	t.Helper()
	dirs, least := []string{fixtures, "testdata"}, 25
	if other := os.Getenv("ORACLE"); other != "" { // another folder that the oracle script made
		dirs, least = []string{other}, 1
	}
	var models []string
	for _, dir := range dirs {
		found, err := filepath.Glob(filepath.Join(dir, "*", "expected.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			models = append(models, filepath.Dir(f))
		}
	}
	if len(models) < least {
		t.Fatalf("found %d oracle models, want at least %d", len(models), least)
	}
	return models
}

// open binds a checkpoint.
func open(t *testing.T, dir string) *arch.Checkpoint {
	t.Helper()
	h, err := format.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	ck, err := arch.Bind(h)
	if err != nil {
		t.Fatal(err)
	}
	return ck
}

// raw reads a tensor's shape and bytes.
func raw(t *testing.T, h format.Source, name string) (tensor.Info, []byte) {
	t.Helper()
	x, err := h.Tensor(name)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, x.Info().Size())
	if n, err := x.ReadAt(b, 0); n < len(b) {
		t.Fatal(err)
	}
	return x.Info(), b
}

func readInts(t *testing.T, h format.Source, name string) ([]int, []int32) {
	t.Helper()
	info, b := raw(t, h, name)
	if info.DType != tensor.I32 {
		t.Fatalf("%s is %s", name, info.DType)
	}
	ids := make([]int32, len(b)/4)
	for i := range ids {
		ids[i] = int32(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return info.Shape, ids
}

func readReals(t *testing.T, h format.Source, name string) []float64 {
	t.Helper()
	info, b := raw(t, h, name)
	n, _ := info.Elems()
	x := make([]float64, n)
	tensor.Decode(x, b, info.DType)
	return x
}

func openFile(t *testing.T, path string) format.Source {
	t.Helper()
	h, err := format.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// newEngine makes a named engine in its most exact precision, or skips where it cannot run.
func newEngine(t *testing.T, c engine.Candidate, threads int) engine.Engine {
	t.Helper()
	if s, why := c.Score(); s == 0 {
		t.Skipf("engine %s: %s", c.Name, why)
	}
	e, err := c.Create(engine.Options{Threads: threads, Precision: c.Exact()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// values downloads a buffer.
func values(t *testing.T, e engine.Engine, b engine.Buf) []float64 {
	t.Helper()
	raw := make([]byte, 8*b.N)
	if err := e.Download(raw, tensor.F64, b); err != nil {
		t.Fatal(err)
	}
	x := make([]float64, b.N)
	tensor.Decode(x, raw, tensor.F64)
	return x
}

func logits(t *testing.T, e engine.Engine, d *decoder.Decoder, batch, seq int, ids []int32) []float64 {
	t.Helper()
	var out []float64
	err := d.Logits(batch, seq, ids, func(first, rows int, b engine.Buf) error {
		if v := d.Model().Vocab; first*v != len(out) || b.N != rows*v {
			t.Fatalf("chunk of %d rows from %d after %d numbers", rows, first, len(out))
		}
		out = append(out, values(t, e, b)...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func maxDiff(a, b []float64) float64 {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	var worst float64
	for i := range a {
		if d := math.Abs(a[i] - b[i]); !(d <= worst) {
			worst = d
		}
	}
	return worst
}

// TestLogits compares every engine with transformers: float64 engines with its float64 logits, others with its float32.
func TestLogits(t *testing.T) {
	for _, c := range engine.Candidates() {
		for _, dir := range oracleModels(t) {
			if played(c.Name, dir) {
				continue
			}
			t.Run(c.Name+"/"+filepath.Base(dir), func(t *testing.T) {
				e := newEngine(t, c, 2)
				ck := open(t, dir)
				expected := openFile(t, filepath.Join(dir, "expected.safetensors"))
				shape, ids := readInts(t, expected, "input_ids")
				d, err := decoder.New(e, ck.Model, decoder.Options{Batch: shape[0], SeqLen: shape[1]})
				if err != nil {
					t.Fatal(err)
				}
				if err := d.Load(ck); err != nil {
					t.Fatal(err)
				}
				key, tol := "logits", 2e-5
				if e.Spec().Act == engine.F64 {
					key, tol = "logits_f64", 1e-10
				}
				worst := maxDiff(logits(t, e, d, shape[0], shape[1], ids), readReals(t, expected, key))
				if !(worst <= tol) {
					t.Errorf("logits differ by %.1e, allowed %.0e", worst, tol)
				}
				t.Logf("logits differ by %.1e", worst)
			})
		}
	}
}

// trainRecord is what torch's AdamW did to a model in 20 steps.
type trainRecord struct {
	LR          float64   `json:"lr"`
	Betas       []float64 `json:"betas"`
	Eps         float64   `json:"eps"`
	WeightDecay float64   `json:"weight_decay"`
	Clip        float64   `json:"clip"`
	Losses      []float64 `json:"losses"`
	GradNorms   []float64 `json:"grad_norms"`
}

// TestTrainRecord follows transformers' training record with AdamW and clipping.
func TestTrainRecord(t *testing.T) {
	for _, c := range engine.Candidates() {
		for _, dir := range oracleModels(t) {
			if played(c.Name, dir) {
				continue
			}
			t.Run(c.Name+"/"+filepath.Base(dir), func(t *testing.T) {
				var rec trainRecord
				b, err := os.ReadFile(filepath.Join(dir, "train_record.json"))
				if err != nil {
					t.Skip("no training record")
				}
				if err := json.Unmarshal(b, &rec); err != nil {
					t.Fatal(err)
				}
				shape, tokens := readInts(t, openFile(t, filepath.Join(dir, "train_tokens.safetensors")), "tokens")
				e := newEngine(t, c, 2)
				run := newTrainer(t, e, open(t, dir), shape[1], shape[2]-1)
				var worstLoss, worstNorm float64
				for s := range rec.Losses {
					n := shape[1] * shape[2]
					loss, norm := run.step(t, &rec, tokens[s*n:(s+1)*n], shape[2])
					worstLoss = max(worstLoss, math.Abs(loss-rec.Losses[s])/rec.Losses[s])
					worstNorm = max(worstNorm, math.Abs(norm-rec.GradNorms[s])/rec.GradNorms[s])
				}
				if !(worstLoss <= 2e-4) || !(worstNorm <= 1e-3) {
					t.Errorf("loss differs by %.1e (allowed 2e-4), gradient norm by %.1e (1e-3), relatively", worstLoss, worstNorm)
				}
				t.Logf("loss differs by %.1e, norm by %.1e", worstLoss, worstNorm)
			})
		}
	}
}

// trainer is the smallest training loop.
type trainer struct {
	e      engine.Engine
	d      *decoder.Decoder
	m, v   []engine.Buf
	number int
}

func newTrainer(t *testing.T, e engine.Engine, ck *arch.Checkpoint, batch, seq int) *trainer {
	t.Helper()
	d, err := decoder.New(e, ck.Model, decoder.Options{Batch: batch, SeqLen: seq, Train: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Load(ck); err != nil {
		t.Fatal(err)
	}
	tr := &trainer{e: e, d: d}
	for _, p := range d.Params() {
		for _, state := range []*[]engine.Buf{&tr.m, &tr.v} {
			b, err := e.Alloc(p.W.Type, p.W.N)
			if err != nil {
				t.Fatal(err)
			}
			*state = append(*state, b)
		}
	}
	return tr
}

// step trains on rows of seq+1 tokens and gives the mean loss and the norm of the gradient before clipping.
func (tr *trainer) step(t *testing.T, rec *trainRecord, tokens []int32, width int) (loss, norm float64) {
	t.Helper()
	var ids, targets []int32
	for r := 0; r < len(tokens); r += width {
		ids = append(ids, tokens[r:r+width-1]...)
		targets = append(targets, tokens[r+1:r+width]...)
	}
	batch := len(tokens) / width
	tr.d.ZeroGrad()
	passes(t, tr.d, batch, width-1, ids, targets, 1/float64(len(ids)))
	tr.d.Clip(rec.Clip)
	tr.number++
	for i, p := range tr.d.Params() {
		o := engine.AdamW{W: p.W, Copy: p.Copy, G: p.G, M: tr.m[i], V: tr.v[i], Factor: tr.d.Factor(), LR: rec.LR,
			Beta1: rec.Betas[0], Beta2: rec.Betas[1], Eps: rec.Eps,
			C1: 1 - math.Pow(rec.Betas[0], float64(tr.number)), C2: 1 - math.Pow(rec.Betas[1], float64(tr.number))}
		if len(p.Shape) > 1 {
			o.Decay = rec.WeightDecay
		}
		tr.e.AdamW(&o)
	}
	got, err := tr.d.Figures()
	if err != nil {
		t.Fatal(err)
	}
	return got.Loss / float64(len(ids)), got.Norm
}

// passes runs both passes.
func passes(t *testing.T, d *decoder.Decoder, batch, seq int, ids, targets []int32, scale float64) {
	t.Helper()
	if err := d.SetBatch(batch, seq, ids, targets); err != nil {
		t.Fatal(err)
	}
	d.EmbedForward()
	for l := range d.Model().Layers {
		d.BlockForward(l)
	}
	if err := d.HeadForward(scale); err != nil {
		t.Fatal(err)
	}
	for l := d.Model().Layers - 1; l >= 0; l-- {
		d.BlockBackward(l)
	}
	d.EmbedBackward()
}

// lossAndGrad runs both passes and gives the loss of all batches since ZeroGrad.
func lossAndGrad(t *testing.T, d *decoder.Decoder, batch, seq int, ids, targets []int32, scale float64) float64 {
	t.Helper()
	passes(t, d, batch, seq, ids, targets, scale)
	return figures(t, d).Loss
}

func figures(t *testing.T, d *decoder.Decoder) decoder.Figures {
	t.Helper()
	got, err := d.Figures()
	if err != nil {
		t.Fatal(err)
	}
	return got
}
