// Package cuda is the engine of NVIDIA GPUs. It opens the driver and cuBLAS when they are there, and needs neither
// when famkit is built: no header, library or compiler of CUDA. Weights, gradients, moments and activations live on
// the device; the host sends token ids and reads one loss and one norm a step.
//
// Matrix products are cuBLAS's. Everything else is in kernels/kernels.cu, which is shipped as PTX for compute
// capability 8.0 and compiled for the device by the driver. Nothing is added atomically, and one stream has one
// workspace: a step gives the same bits every time on one machine.
package cuda

import "famkit/internal/engine"

// Name is the engine's.
const Name = "cuda"

func init() {
	engine.Register(engine.Candidate{Name: Name, Specs: []engine.Spec{spec(engine.BFloat16), spec(engine.Float32)},
		Score: score, Create: New, Look: look})
}

const (
	// logitElems is 512 MB of bfloat16: the head's products should be large.
	logitElems = 256 << 20
	// scoreElems is how many numbers the scores of an attention, and as many of their gradients, may take together,
	// unless one kv head of one sequence needs more.
	scoreElems = 64 << 20
)

// spec is bfloat16 memory for what products read, or float32 throughout.
func spec(p engine.Precision) engine.Spec {
	f := engine.Formats{Master: engine.F32, Weight: engine.BF16, Act: engine.BF16, Stat: engine.F32}
	if p == engine.Float32 {
		f.Weight, f.Act = engine.F32, engine.F32
	}
	return engine.Spec{Precision: p, Formats: f, Logits: logitElems, AttentionWork: attentionWork}
}

// unitWork is what one kv head of one sequence needs: scores and their gradients for each of its query heads, and the
// sums of the gradients of its keys and values.
func unitWork(o *engine.Attention) int {
	return 2*(o.Heads/o.KVHeads)*o.T*o.T + 2*o.T*o.HeadDim
}

func attentionWork(o *engine.Attention) int {
	return unitWork(o) * max(1, min(o.KVHeads, scoreElems/unitWork(o)))
}

// score ranks the engine below cpu: it is used where it is asked for.
func score() (int, string) {
	if why := unusable(); why != "" {
		return 0, why
	}
	return 2, "an NVIDIA GPU"
}
