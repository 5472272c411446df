package family

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"

	"famkit/expand"
	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/fault"
	"famkit/internal/growth"
	"famkit/internal/infile"
	"famkit/internal/job"
	"famkit/internal/tensor"
)

// model is a member as it will be: known before anything is trained.
type model struct {
	*arch.Model
	config  []byte       // its config.json
	counted float64      // parameters that its budget counts
	growth  *growth.Plan // nil for the smallest
	request expand.Request
}

// models resolves the members: the smallest from its config, each other one by compiling its growth against tensors
// that have shapes and no bytes. Members that cannot be grown into one another are refused.
func (r *Recipe) models() ([]*model, error) {
	first, ck, err := r.smallest()
	if err != nil {
		return nil, err
	}
	list := []*model{first}
	for i := 1; i < len(r.Members); i++ {
		m := &model{}
		if m.request, err = r.request(i); err != nil {
			return nil, err
		}
		g, err := expand.Compile(ck, m.request)
		if err != nil {
			table := fmt.Sprintf("member[%d]", i)
			where := fault.Inputf("%s: member %q cannot be grown from %q: %s", r.memberAt(i), r.Members[i].Name,
				r.Members[i-1].Name, fault.Text(err, r.spellIn(table)))
			return nil, fault.Hint(where, "%s", fault.HintText(err, r.spellIn(table)))
		}
		m.growth = g.Plan
		if len(g.Inexact) > 0 && !r.Growth.AllowInexact {
			return nil, fault.Hint(fault.Inputf("%s: the growth to member %q does not keep the function: %s", r.memberAt(i),
				r.Members[i].Name, strings.Join(g.Inexact, "; ")), "[growth] allow-inexact = true lets it")
		}
		m.config, _ = format.ReadFile(g.Apply(), expand.ConfigFile)
		if m.Model, err = g.ChildOf(ck); err != nil {
			return nil, err
		}
		if m.counted, err = r.counted(i, m.Params()); err != nil {
			return nil, err
		}
		if ck, err = hollow(m.config, r.dtype()); err != nil {
			return nil, fault.Inputf("%s: %w", r.memberAt(i), err)
		}
		list = append(list, m)
	}
	return list, nil
}

// memberAt is where a member stands: the line of what it grows to, or of its table.
func (r *Recipe) memberAt(i int) string {
	for _, a := range append([]axis{{name: "params"}, {name: "config"}}, r.Members[i].axes()...) {
		if key := memberKey(i, a.name); r.lines[key] > 0 {
			return r.at(key)
		}
	}
	return r.at(fmt.Sprintf("member[%d]", i))
}

// dtype is the type that weights will have.
func (r *Recipe) dtype() tensor.DType {
	if d, err := tensor.ParseTorchDType(r.Training.DType); err == nil && d.Real() {
		return d
	}
	return tensor.F32
}

// smallest resolves the first member.
func (r *Recipe) smallest() (*model, *arch.Checkpoint, error) {
	config, place, err := r.firstConfig()
	if err != nil {
		return nil, nil, err
	}
	ck, err := hollow(config, r.dtype())
	if err != nil {
		return nil, nil, fault.Inputf("%s: %w", place, err)
	}
	m := &model{Model: ck.Model, config: config}
	if m.counted, err = r.counted(0, m.Params()); err != nil {
		return nil, nil, err
	}
	if s := r.Training.Seq; s > m.MaxPos {
		return nil, nil, r.refuse("training.seq", fmt.Sprintf("at most the model's max_position_embeddings %d", m.MaxPos), s)
	}
	return m, ck, nil
}

// firstConfig is the config.json of the smallest member and the place that messages name.
func (r *Recipe) firstConfig() (config []byte, place string, err error) {
	keys := r.Model
	place = r.at("model")
	if r.Config != "" {
		path := r.Path(r.Config)
		if path, err = infile.At(path, expand.ConfigFile); err != nil {
			return nil, "", err
		}
		b, err := infile.Read(path)
		if err != nil {
			return nil, "", fault.Inputf("%s: %w", r.at("config"), err)
		}
		c, err := arch.ParseConfig(b)
		if err != nil {
			return nil, "", fault.Inputf("%s: %w", path, err)
		}
		if c.IsSet("vocab_size") {
			return b, path, r.vocabFits(c)
		}
		if keys, err = jsonObject(b); err != nil {
			return nil, "", fault.Inputf("%s: %w", path, err)
		}
		place = path
	}
	c, err := r.filledConfig(keys)
	if err != nil {
		return nil, "", fault.Inputf("%s: %w", place, err)
	}
	return c.Bytes(), place, r.vocabFits(c)
}

// filledConfig is the config that keys say, with the vocabulary of the tokenizer where they name none.
func (r *Recipe) filledConfig(keys map[string]any) (*arch.Config, error) {
	b, err := json.Marshal(keys)
	if err != nil {
		return nil, err
	}
	c, err := arch.ParseConfig(b)
	if err != nil {
		return nil, err
	}
	if !c.IsSet("vocab_size") {
		n, err := r.tokens()
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return nil, fault.Hint(fault.Inputf("vocab_size is missing"), "it may come from [tokenizer] vocab or path")
		}
		c.Set("vocab_size", n)
	}
	return c, nil
}

func jsonObject(b []byte) (m map[string]any, err error) {
	err = json.Unmarshal(b, &m)
	return m, err
}

// tokens is the size of the tokenizer's vocabulary, 0 where there is none.
func (r *Recipe) tokens() (int, error) {
	if r.Tokenizer.Path == "" {
		return r.Tokenizer.Vocab, nil
	}
	t, err := job.OpenTokenizer(r.Path(r.Tokenizer.Path), nil)
	if err != nil {
		return 0, fault.Inputf("%s: %w", r.at("tokenizer.path"), err)
	}
	return t.VocabSize(), nil
}

// vocabFits refuses a tokenizer with more tokens than the model has rows, or special ids that it does not have.
func (r *Recipe) vocabFits(c *arch.Config) error {
	n, err := r.tokens()
	if err != nil || n == 0 {
		return err
	}
	size, err := c.Int("vocab_size", 0)
	if err != nil {
		return fault.Inputf("%s: %w", r.at("model.vocab_size"), err)
	}
	if size < n {
		return r.refuse("model.vocab_size", fmt.Sprintf("the tokenizer's %d tokens or more", n), size)
	}
	for _, key := range []string{"bos_token_id", "eos_token_id"} {
		if id, err := c.Int(key, -1); err == nil && id >= n {
			return fault.Hint(r.refuse("model."+key, fmt.Sprintf("a token of the tokenizer's %d", n), id),
				"leave it out: it then comes from the tokenizer")
		}
	}
	return nil
}

// request is what member i is to be grown to, and how.
func (r *Recipe) request(i int) (expand.Request, error) {
	m, g := &r.Members[i], r.Growth
	q := expand.Request{Seed: r.Seed + uint64(i), Split: growth.Split(g.Split), Place: expand.Place(g.Place),
		Pairs: g.Silent == "pairs", Fresh: g.New == "fresh", AllowInexact: g.AllowInexact}
	if q.Place == "" {
		q.Place = expand.Interleave
	}
	for _, name := range strings.Split(g.Method, ",") {
		if name = strings.TrimSpace(name); name != "" {
			q.Methods = append(q.Methods, name)
		}
	}
	for _, a := range m.axes() {
		if a.value == nil {
			continue
		}
		change, err := expand.ParseChange(sizeText(a.value))
		if err != nil {
			return q, fault.Inputf("%s: %w", r.at(memberKey(i, a.name)), err)
		}
		*a.to(&q) = change
	}
	if m.Config != "" {
		like, err := job.ModelConfig(r.Path(m.Config))
		if err != nil {
			return q, fault.Inputf("%s: %w", r.at(memberKey(i, "config")), err)
		}
		q.Like = like
	}
	// Where axes are named they are the sizes, and params is the number that the budget counts.
	if m.Params != nil && q.Like == nil && !m.sized() {
		q.Params = sizeText(m.Params)
	}
	return q, nil
}

// sized tells whether some axis of the member is given.
func (m *Member) sized() bool {
	for _, a := range m.axes() {
		if a.value != nil {
			return true
		}
	}
	return false
}

// sizeText spells a size as the command line does.
func sizeText(v any) string {
	if f, ok := v.(float64); ok && f == math.Trunc(f) && math.Abs(f) < 1e15 {
		return fmt.Sprintf("%.0f", f)
	}
	return fmt.Sprint(v)
}

// nominal is by how much a shape may miss the number of parameters that it is counted as.
const nominal = 1.25

// counted is the number of parameters that member i's budget counts: the number that the recipe names, or else the
// shape's own.
func (r *Recipe) counted(i int, has int64) (float64, error) {
	v := r.Members[i].Params
	if text, ok := v.(string); v == nil || ok && strings.Contains(strings.ToLower(text), "x") {
		return float64(has), nil
	}
	n, err := count(v)
	if err != nil {
		return 0, r.refuse(memberKey(i, "params"), "a factor (2x) or a number of parameters (250M)", quoted(v))
	}
	if off := float64(n) / float64(has); off > nominal || off < 1/nominal {
		return 0, r.refuse(memberKey(i, "params"), fmt.Sprintf("within a quarter of the shape's %d parameters", has), n)
	}
	return float64(n), nil
}

// hollow is a checkpoint of a config whose tensors have shapes and no bytes.
func hollow(config []byte, dtype tensor.DType) (*arch.Checkpoint, error) {
	c, err := arch.ParseConfig(config)
	if err != nil {
		return nil, err
	}
	m, err := arch.Resolve(c)
	if err != nil {
		return nil, err
	}
	src := format.FromTensors(nil, map[string]string{"format": "pt"}, map[string][]byte{expand.ConfigFile: config})
	for _, s := range m.Layout() {
		src.Add(shape{tensor.Info{Name: s.Name, DType: dtype, Shape: s.Shape}})
	}
	return arch.Bind(src)
}

// shape is a tensor of which nothing but the shape is known.
type shape struct{ info tensor.Info }

func (t shape) Info() tensor.Info { return t.info }

func (t shape) ReadAt([]byte, int64) (int, error) {
	return 0, fmt.Errorf("tensor %q is planned and does not exist yet: %w", t.info.Name, io.ErrUnexpectedEOF)
}
