package deps

// mayImport says, package by package, which packages of this module its non-test files may import.
// "dir/..." stands for dir and everything below it. Every package may import internal/fault, and
// cmd/famkit everything. A package that is missing here fails the test: give it a place first.
var mayImport = map[string][]string{
	"internal/tensor": {},
	"internal/kern":   {},
	"internal/mem":    {},
	"internal/fault":  {"internal/printable"},
	// printable makes text from files fit for a terminal; whoever prints any may import it.
	"internal/printable": {},
	// strictjson reads JSON from outside; whoever reads any may import it.
	"internal/strictjson": {},
	// disk is the file system, infile opens inputs, output writes files; whoever does so may import them.
	"internal/disk":   {},
	"internal/infile": {"internal/disk"},
	"internal/output": {"internal/disk"},
	// draw makes random bits; whoever draws any may import it.
	"internal/draw": {},
	// units reads and prints sizes and counts.
	"internal/units": {},
	// runs writes long lists of indices as text.
	"internal/runs": {},

	"format":        {"internal/disk", "internal/infile", "internal/output", "internal/tensor", "internal/strictjson"},
	"internal/arch": {"internal/printable", "internal/tensor", "internal/strictjson", "format"},
	"convert":       {"internal/tensor", "format", "internal/arch", "internal/tokenizer"},
	// growth is data: whoever reads or makes plans may import it.
	"internal/growth": {"internal/tensor", "internal/strictjson", "internal/runs", "internal/arch"},
	"expand": {"internal/draw", "internal/tensor", "format", "internal/arch", "internal/trainstate",
		"internal/growth"},

	"internal/engine":      {"internal/kern", "internal/mem", "internal/tensor"},
	"internal/engine/host": {"internal/engine"},
	"internal/engine/ref": {"internal/kern", "internal/mem", "internal/tensor", "internal/engine",
		"internal/engine/host"},
	"internal/engine/cpu": {"internal/kern", "internal/mem", "internal/tensor", "internal/engine",
		"internal/engine/host"},
	"internal/engine/cuda":          {"internal/kern", "internal/mem", "internal/tensor", "internal/engine"},
	"internal/engine/cuda/cudatest": {"internal/engine/cuda"},
	"internal/engine/conform":       {"internal/tensor", "internal/engine"},
	"internal/engine/enginetest":    {"internal/engine", "internal/engine/conform"},

	// trainstate is what a training is made of, corpus what it reads; neither runs anything.
	"internal/trainstate": {"internal/disk", "internal/infile", "internal/strictjson"},
	"internal/corpus": {"internal/disk", "internal/infile", "internal/draw", "internal/strictjson", "internal/tensor",
		"format"},

	"internal/regex":     {},
	"internal/tokenizer": {"internal/regex"},
	"internal/decoder": {"internal/draw", "internal/tensor", "internal/mem", "format", "internal/arch",
		"internal/engine"},
	// rowsum compares numbers and knows no architecture. proof is independent of what makes children, and of what runs
	// them.
	"internal/rowsum": {"internal/kern", "internal/tensor"},
	"internal/proof": {"internal/strictjson", "internal/runs", "internal/units", "internal/tensor", "internal/arch",
		"internal/rowsum"},
	"internal/infer": {"internal/tensor", "internal/arch", "internal/rowsum", "internal/proof"},
	"internal/verify": {"internal/disk", "internal/infile", "internal/draw", "internal/tensor", "format", "internal/arch",
		"internal/growth", "expand", "internal/engine", "internal/decoder",
		"internal/rowsum", "internal/proof", "internal/infer", "internal/units"},
	"internal/generate": {"internal/draw", "internal/tensor", "internal/units", "internal/arch", "internal/engine",
		"internal/decoder"},
	"train": {"internal/strictjson", "internal/disk", "internal/output", "internal/tensor", "internal/mem", "format",
		"internal/arch", "internal/engine", "internal/tokenizer", "internal/decoder",
		"internal/corpus", "internal/draw", "internal/growth", "internal/infile", "internal/trainstate", "internal/units"},

	"internal/report": {"internal/infile"},

	// job does what commands do; whoever runs several of them in one process imports it.
	"internal/selftest": {"internal/tensor", "internal/arch", "internal/engine", "internal/engine/conform",
		"internal/decoder"},
	"internal/job": {"internal/selftest", "internal/disk", "internal/infile", "internal/output", "internal/mem",
		"internal/tensor", "internal/units", "format", "internal/arch", "convert", "internal/growth", "expand",
		"internal/engine", "internal/decoder", "internal/generate", "internal/tokenizer", "internal/proof", "internal/verify",
		"internal/corpus", "internal/trainstate", "train"},

	// family runs jobs and trainings, one after the other.
	"internal/family": {"internal/disk", "internal/output", "internal/mem", "internal/tensor", "internal/units",
		"internal/infile", "internal/strictjson", "format", "internal/arch",
		"internal/growth", "expand", "internal/corpus", "internal/trainstate", "internal/tokenizer", "internal/verify",
		"internal/proof", "internal/engine",
		"internal/decoder", "internal/report", "train", "internal/job"},

	"expand/expandtest": {"internal/arch", "internal/growth", "expand"},
	"internal/proof/prooftest": {"internal/draw", "internal/tensor", "format", "internal/arch", "internal/arch/archtest",
		"internal/growth", "expand",
		"internal/engine", "internal/engine/ref", "internal/decoder", "internal/proof"},
	"internal/arch/archtest": {"internal/tensor", "format", "internal/arch"},
	"internal/gguftest":      {"internal/tensor"},
	"internal/demo/...":      {"internal/output", "internal/report"},
	"internal/tally":         {"internal/output"},
	"internal/interop/...":   {"internal/tensor", "format", "internal/arch", "internal/arch/archtest"},
	"internal/deps":          {},
}

// thirdParty says which packages may import a module from outside, in any file or, with "test:" before
// the package, in its test files only. A module that is missing here fails the test.
var thirdParty = map[string][]string{
	"github.com/nlpodyssey/safetensors": {"format"},
	"github.com/nlpodyssey/spago":       {"train"},
	"github.com/urfave/cli/v2":          {"cmd/famkit"},
	"github.com/schollz/progressbar/v3": {"cmd/famkit"},
	"github.com/pelletier/go-toml/v2":   {"internal/family"},
	"golang.org/x/term":                 {"cmd/famkit"},
	"github.com/xrash/smetrics":         {"cmd/famkit"},
	"golang.org/x/sys":                  {"*"},
	"golang.org/x/text":                 {"internal/tokenizer"},
	"github.com/rogpeppe/go-internal":   {"test:*"},
}

// cgo says which packages may contain C; everything else must build with CGO_ENABLED=0.
var cgo = []string{"internal/kern", "internal/engine/cpu", "internal/engine/cuda"}

// engineFree packages never reach an engine or the decoder, however indirectly: inspecting, converting and growing
// a model needs no arithmetic engine.
var engineFree = []string{"format", "internal/arch", "convert", "internal/growth", "expand", "internal/rowsum",
	"internal/proof", "internal/infer"}

// independent packages never reach what they judge, however indirectly: a proof shares no code with what makes
// children.
var independent = map[string][]string{
	"internal/proof":  {"expand", "internal/growth", "internal/trainstate"},
	"internal/rowsum": {"expand", "internal/growth", "internal/arch"},
	"internal/infer":  {"expand", "internal/growth"},
}
