package cuda

import "famkit/internal/engine"

// The kernels, by their place in a table; names has their names without the prefix of a precision.
const (
	kWiden = iota
	kNarrow
	kAdd
	kSoftcap
	kSum
	kSquares
	kClip
	kAdamW
	kBegin
	kColumns
	kGather
	kNorm
	kNormGrad
	kNormGains
	kRope
	kSoftmax
	kDelta
	kSoftmaxGrad
	kUnpack
	kGate
	kGateGrad
	kEmbed
	kEmbedGrad
	kPositionsGrad
	kRoute
	kRouteCount
	kRouteStarts
	kRoutePlace
	kRouteGrad
	kCombine
	kCombineGrad
	kCrossEntropy
	kernels
)

var names = [kernels]string{"widen", "narrow", "add", "softcap", "sum", "squares", "clip", "adamw", "begin", "columns",
	"gather", "norm", "norm_grad",
	"norm_gains", "rope", "softmax", "delta", "softmax_grad", "unpack", "gate", "gate_grad", "embed", "embed_grad",
	"positions_grad", "route",
	"route_count", "route_starts", "route_place", "route_grad", "combine", "combine_grad", "cross_entropy"}

// KernelNames are the names of all kernels of a precision.
func KernelNames(p engine.Precision) []string {
	var list []string
	for _, name := range names {
		list = append(list, string(p)+"_"+name)
	}
	return list
}
