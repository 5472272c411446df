package family

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"text/template"

	"famkit/internal/fault"
	"famkit/internal/job"
	"famkit/internal/output"
)

// InitOptions say what recipe Init writes.
type InitOptions struct {
	Path               string // of the recipe
	Name               string
	Data               []string
	Ext                string
	Eval               string
	EvalFraction       float64
	Tokenizer          string // folder; "": one is made with Vocab tokens
	Vocab              int
	Config             string  // of the smallest member; "": a Llama type of about Params parameters
	Params             float64 // of the smallest member
	Nominal            bool    // budgets count Params and its multiples, not what the shapes have
	Members            int
	Factor             float64
	TokensPerParameter float64
	Schedule           string
	Independent        bool // also the arm to compare with
	LR                 float64
	Batch, Seq, Accum  int
	Force              bool
}

// Started is a recipe that was written.
type Started struct {
	Schema int    `json:"schema"`
	Path   string `json:"path"`
	Shape  *Shape `json:"shape,omitempty"`
	Params int64  `json:"parameters"`
}

// Init writes a recipe from a few choices, with a comment for each key. What it writes is read back before it is kept.
func Init(o InitOptions) (*Started, error) {
	meaning := output.Keep
	if o.Force {
		meaning = output.Replace
	}
	to, err := output.Find(o.Path, meaning)
	if err != nil {
		return nil, err
	}
	if o.Members < 1 || o.Members > 64 {
		return nil, fault.Usagef("%v: wanted 1 to 64, found %d", fault.Arg("members"), o.Members)
	}
	if !(o.Factor > 1 && o.Factor <= 64) {
		return nil, fault.Usagef("%v: wanted above 1, at most 64, found %v", fault.Arg("factor"), o.Factor)
	}
	started := &Started{Schema: 1, Path: o.Path}
	if o.Config == "" {
		s, err := o.shape()
		if err != nil {
			return nil, err
		}
		started.Shape = &s
		o.Params = math.Round(o.Params)
	}
	var b bytes.Buffer
	if err := recipeText.Execute(&b, struct {
		InitOptions
		Shape *Shape
	}{o, started.Shape}); err != nil {
		return nil, err
	}
	r, err := Parse(o.Path, b.Bytes())
	if err != nil {
		return nil, err
	}
	models, err := r.models()
	if err != nil {
		return nil, err
	}
	started.Params = models[0].Params()
	return started, to.Write(b.Bytes())
}

// shape chooses the smallest member.
func (o *InitOptions) shape() (Shape, error) {
	if !(o.Params >= 1000 && o.Params <= 1e12) {
		return Shape{}, fault.Usagef("%v: wanted 1000 to 1e12, found %g", fault.Arg("params"), o.Params)
	}
	vocab := o.Vocab
	if o.Tokenizer != "" {
		r := &Recipe{path: o.Path}
		t, err := job.OpenTokenizer(r.Path(o.Tokenizer), nil)
		if err != nil {
			return Shape{}, err
		}
		vocab = t.VocabSize()
	}
	if vocab < 1 {
		return Shape{}, fault.Usagef("%v: wanted 257 or more, found %d", fault.Arg("vocab"), vocab)
	}
	return shapeFor(o.Params, vocab)
}

// text spells a string as TOML does; its basic strings take JSON's escapes.
func text(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings marshal
	}
	return string(b)
}

func texts(list []string) string {
	var out []string
	for _, s := range list {
		out = append(out, text(s))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// memberNames are "1x", "2x", "4x", or what the factor makes of them.
func memberNames(k int, factor float64) (list []string) {
	for i := range k {
		list = append(list, fmt.Sprintf("%.6gx", math.Pow(factor, float64(i))))
	}
	return list
}

// nominalText spells a number of parameters so that it reads well and is exact.
func nominalText(v float64) string {
	for _, u := range []struct {
		by   float64
		name string
	}{{1e9, "B"}, {1e6, "M"}, {1e3, "K"}} {
		if s := fmt.Sprintf("%.6g", v/u.by); v >= u.by {
			return s + u.name
		}
	}
	return fmt.Sprintf("%.0f", v)
}

var recipeText = template.Must(template.New("recipe").Funcs(template.FuncMap{"text": text, "texts": texts,
	"names":   memberNames,
	"nominal": func(o InitOptions, i int) string { return nominalText(o.Params * math.Pow(o.Factor, float64(i))) },
}).Parse(`# A family of models for famkit. famkit family plan shows what it takes, famkit family run makes it.
# Paths are seen from this file's folder. What is left out has the value shown by its comment.

name = {{text .Name}}
seed = 1
# progressive: each member is grown from the one before. independent: each is trained from random weights, to compare.
arms = {{if .Independent}}["progressive", "independent"]{{else}}["progressive"]{{end}}
{{- if .Config}}

# The smallest member.
config = {{text .Config}}
{{- end}}

[data]
train = {{texts .Data}}
{{- if .Ext}}
ext = {{text .Ext}}  # names that are taken in folders
{{- else}}
# ext = ".txt,.md,!_test.go"  # names that are taken in folders; without it all
{{- end}}
{{- if .Eval}}
eval = {{text .Eval}}  # held-out data
{{- else}}
eval-fraction = {{.EvalFraction}}  # of the rows that are held out; or eval = "PATH"
{{- end}}
max-epochs = 4  # text that is repeated more often teaches little

[tokenizer]
{{- if .Tokenizer}}
path = {{text .Tokenizer}}  # a folder with tokenizer.json; or vocab = N makes one of the data
{{- else}}
vocab = {{.Vocab}}  # one is made of the data; or path = "DIR" takes one
{{- end}}
{{- if .Shape}}

# The smallest member: keys of its config.json. Special ids and vocab_size come from the tokenizer.
[model]
model_type = "llama"
hidden_size = {{.Shape.Hidden}}
num_hidden_layers = {{.Shape.Layers}}
num_attention_heads = {{.Shape.Heads}}
num_key_value_heads = {{.Shape.KVHeads}}
head_dim = {{.Shape.HeadDim}}
intermediate_size = {{.Shape.FFN}}
max_position_embeddings = {{.Seq}}
rms_norm_eps = 1e-5
rope_theta = 10000.0
tie_word_embeddings = {{.Shape.Tied}}
hidden_act = "silu"
{{- end}}

# Each member after the first is grown from the one before: params = "2x" (or "250M") proposes sizes; depth, width,
# hidden, ffn, heads, kv, head-dim, vocab, positions give them one by one ("2x", "+2", 768); config = "PATH" takes them
# from another config.json. A number such as "250M" is also what the budget counts. lr and tokens may be a member's own.
{{- $o := .InitOptions}}
{{- $factor := printf "%gx" .Factor}}
{{- range $i, $name := names .Members .Factor}}

[[member]]
name = {{text $name}}
{{- if and $o.Nominal (not $o.Config)}}
params = {{text (nominal $o $i)}}
{{- else if $i}}
params = {{text $factor}}
{{- end}}
{{- end}}

[budget]
# A member trained alone gets so many tokens for each parameter. A stage of the family gets what tops the cost of all
# stages so far up to that. Instead: flops = 1e18, the operations of the whole family.
tokens-per-parameter = {{.TokensPerParameter}}

[schedule]
# trunk: the rate of the trunk never decays, each member is a short decay off it, and the trunk grows.
# decayed: each stage decays, and the decayed member grows.
kind = {{text .Schedule}}
decay-fraction = 0.2  # of each stage's tokens

[growth]
# As famkit expand takes them: method = "", split = "choice", place = "interleave", silent = "zero", new = "copy".
optimizer = "keep"  # the optimizer's state: keep, asymmetric, reset or drop
hand-over = 0.03  # part of a stage in which blocks hand half of what they write to their silent copies

[training]
batch = {{.Batch}}
seq = {{.Seq}}
accum = {{.Accum}}
lr = {{.LR}}  # peak rate of the smallest member; a starting point, worth a sweep
lr-power = 0.0  # a member's rate is lr x (smallest / its parameters) ^ lr-power
warmup = -1  # steps; -1: a twentieth of them, at most 100
min-lr = 0.0  # at the end of a decay, a fraction of the peak
weight-decay = 0.1
beta1 = 0.9
beta2 = 0.95
eps = 1e-8
clip = 1.0
eval-every = 50
save-every = 200
# engine = "auto", precision = "f32", threads = 0 (one per processor), dtype = "float32"
`))
