package family

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"famkit/expand"
	"famkit/internal/fault"
	"famkit/internal/growth"
	"famkit/internal/trainstate"
	"famkit/internal/units"
)

// nameForm is what names of families and members look like: they become names of folders.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// check refuses recipes that cannot be, or that contradict themselves.
func (r *Recipe) check() error {
	for _, f := range []func() error{r.checkNames, r.checkModel, r.checkData, r.checkMembers, r.checkBudget,
		r.checkSchedule,
		r.checkGrowth, r.checkTraining} {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

func (r *Recipe) checkNames() error {
	const form = "letters, digits, and . _ - after the first"
	if !nameForm.MatchString(r.Name) {
		return r.refuse("name", "a name of "+form, quoted(r.Name))
	}
	seen := map[string]int{}
	for i, m := range r.Members {
		key := memberKey(i, "name")
		switch before, twice := seen[strings.ToLower(m.Name)]; {
		case !nameForm.MatchString(m.Name):
			return r.refuse(key, "a name of "+form, quoted(m.Name))
		case strings.HasPrefix(m.Name, aloneStage+"-"):
			return r.refuse(key, "a name that does not begin with alone-, as what is trained alone does", quoted(m.Name))
		case twice:
			return r.refuse(key, "a name of its own", fmt.Sprintf("%q, which member %d has", m.Name, before+1))
		}
		seen[strings.ToLower(m.Name)] = i
	}
	for _, arm := range r.Arms {
		if arm != Progressive && arm != Independent {
			return r.refuse("arms", "progressive, independent or both", quoted(arm))
		}
	}
	if len(r.Arms) == 0 {
		return r.refuse("arms", "progressive, independent or both", "none")
	}
	return nil
}

func (r *Recipe) checkModel() error {
	switch {
	case r.Config != "" && r.Model != nil:
		return fault.Hint(r.refuse("config", "the smallest member once", "both config and [model]"), "leave one of them out")
	case r.Config == "" && r.Model == nil:
		return fault.Hint(fault.Inputf("%s: the smallest member is missing: neither [model] nor config is given", r.path),
			"famkit family init writes one")
	case r.Tokenizer.Path != "" && r.Tokenizer.Vocab != 0:
		return fault.Hint(r.refuse("tokenizer.vocab", "a tokenizer that is taken or made", "both path and vocab"),
			"leave one of them out")
	case r.Tokenizer.Vocab < 0 || r.Tokenizer.Vocab > growth.MaxSize || r.Tokenizer.Vocab > 0 && r.Tokenizer.Vocab < 257:
		return r.refuse("tokenizer.vocab", "257 tokens or more: 256 bytes and the end of text", r.Tokenizer.Vocab)
	}
	return nil
}

func (r *Recipe) checkData() error {
	d := r.Data
	switch {
	case len(d.Train) == 0:
		return r.refuse("data.train", "files or folders to train on", "none")
	case slices.Contains(d.Train, ""):
		return r.refuse("data.train", "files or folders to train on", "an empty path")
	case d.Eval != "" && d.EvalFraction != 0:
		return fault.Hint(r.refuse("data.eval-fraction", "held-out data once", "both eval and eval-fraction"),
			"leave one of them out")
	case !(d.MaxEpochs > 0) || math.IsInf(d.MaxEpochs, 0):
		return r.refuse("data.max-epochs", "a number above 0", d.MaxEpochs)
	}
	return nil
}

func (r *Recipe) checkMembers() error {
	if len(r.Members) == 0 {
		return fault.Hint(fault.Inputf("%s: no [[member]] is given", r.path),
			"the first [[member]] is the smallest one, of [model]")
	}
	for i := range r.Members {
		m := &r.Members[i]
		if m.LR < 0 || math.IsInf(m.LR, 0) || math.IsNaN(m.LR) {
			return r.refuse(memberKey(i, "lr"), "a learning rate above 0", m.LR)
		}
		if m.Tokens != nil {
			if _, err := count(m.Tokens); err != nil {
				return r.refuse(memberKey(i, "tokens"), "a number of tokens such as 2B", quoted(m.Tokens))
			}
		}
		axes := m.axes()
		given := slices.IndexFunc(axes, func(a axis) bool { return a.value != nil })
		switch {
		case i == 0 && (given >= 0 || m.Config != ""):
			name := "config"
			if given >= 0 {
				name = axes[given].name
			}
			return fault.Hint(r.refuse(memberKey(i, name), "no sizes: the first member is [model]", "some"),
				"its sizes stand in [model]")
		case i > 0 && given < 0 && m.Config == "" && m.Params == nil:
			return fault.Hint(r.refuse(memberKey(i, "params"), "what it grows to", "nothing"),
				"params = \"2x\", or sizes such as depth = \"2x\"")
		}
	}
	return nil
}

func (r *Recipe) checkBudget() error {
	b := r.Budget
	rest := slices.ContainsFunc(r.Members, func(m Member) bool { return m.Tokens == nil })
	bad := func(v float64) bool { return v < 0 || math.IsNaN(v) || math.IsInf(v, 0) }
	switch {
	case bad(b.TokensPerParameter):
		return r.refuse("budget.tokens-per-parameter", "a number above 0", b.TokensPerParameter)
	case bad(b.FLOPs):
		return r.refuse("budget.flops", "a number above 0", b.FLOPs)
	case b.TokensPerParameter > 0 && b.FLOPs > 0:
		return fault.Hint(r.refuse("budget.flops", "one budget", "both tokens-per-parameter and flops"),
			"leave one of them out")
	case b.FLOPs > 0 && slices.ContainsFunc(r.Members, func(m Member) bool { return m.Tokens != nil }):
		return fault.Hint(r.refuse("budget.flops", "one budget", "flops, and tokens of a member"), "leave one of them out")
	case b.TokensPerParameter == 0 && b.FLOPs == 0 && rest:
		return fault.Hint(r.refuse("budget", "how long to train", "nothing"), "tokens-per-parameter = 20")
	}
	return nil
}

func (r *Recipe) checkSchedule() error {
	s := r.Schedule
	switch {
	case s.Kind != Trunk && s.Kind != Decayed:
		return r.refuse("schedule.kind", "trunk or decayed", quoted(s.Kind))
	case !(s.DecayFraction > 0 && s.DecayFraction < 1):
		return r.refuse("schedule.decay-fraction", "a part of each stage, above 0 and below 1", s.DecayFraction)
	}
	return nil
}

func (r *Recipe) checkGrowth() error {
	g := r.Growth
	for _, c := range []struct {
		name, value string
		have        []string
	}{
		{"silent", g.Silent, []string{"", "zero", "pairs"}},
		{"new", g.New, []string{"", "copy", "fresh"}},
		{"optimizer", g.Optimizer, []string{"keep", "asymmetric", "reset", "drop"}},
	} {
		if !slices.Contains(c.have, c.value) {
			return r.refuse("growth."+c.name, strings.Join(slices.DeleteFunc(c.have, func(s string) bool { return s == "" }),
				" or "),
				quoted(c.value))
		}
	}
	if !(g.HandOver >= 0 && g.HandOver <= 1) {
		return r.refuse("growth.hand-over", "a part of a stage, from 0 to 1", g.HandOver)
	}
	if err := growth.Split(g.Split).Check(); g.Split != "" && err != nil {
		return r.refuse("growth.split", "choice, shares, noise or even", quoted(g.Split))
	}
	if err := expand.Place(g.Place).Check(); g.Place != "" && err != nil {
		return fault.Inputf("%s: %w", r.at("growth.place"), err)
	}
	return nil
}

func (r *Recipe) checkTraining() error {
	t := r.Training
	if !(t.LRPower >= -2 && t.LRPower <= 2) {
		return r.refuse("training.lr-power", "a power from -2 to 2", t.LRPower)
	}
	if t.Warmup < -1 {
		return r.refuse("training.warmup", "a number of steps, or -1 for a twentieth of them", t.Warmup)
	}
	s := r.settings(t.LR)
	return r.inRecipe(s.Check(), "training", r.spellIn("training"))
}

// settings are those that all trainings of the family have, at a learning rate.
func (r *Recipe) settings(lr float64) trainstate.Settings {
	d, t, s := r.Data, r.Training, trainstate.Defaults()
	for _, p := range d.Train {
		s.Data = append(s.Data, r.Path(p))
	}
	s.Ext, s.TokenDType, s.TextField, s.AsText, s.Separator = d.Ext, d.TokenDType, d.TextField, d.AsText, d.Separator
	s.Eval, s.EvalFraction = r.Path(d.Eval), d.EvalFraction
	s.Seed, s.Batch, s.Seq, s.Accum = r.Seed, t.Batch, t.Seq, t.Accum
	s.LR, s.Warmup, s.MinLR, s.WeightDecay = lr, t.Warmup, t.MinLR, t.WeightDecay
	s.Beta1, s.Beta2, s.Eps, s.Clip = t.Beta1, t.Beta2, t.Eps, t.Clip
	s.EvalEvery, s.SaveEvery = t.EvalEvery, t.SaveEvery
	s.Engine, s.Precision, s.Threads, s.DType = t.Engine, t.Precision, t.Threads, t.DType
	s.DecayFraction = r.Schedule.DecayFraction
	return s
}

func memberKey(i int, key string) string { return fmt.Sprintf("member[%d].%s", i, key) }

func quoted(v any) string { return fmt.Sprintf("%q", fmt.Sprint(v)) }

// count reads a number of things, written as a number or as "2B".
func count(v any) (int64, error) {
	switch v := v.(type) {
	case int64:
		if v > 0 {
			return v, nil
		}
	case float64:
		if v >= 1 && v <= 1<<60 {
			return int64(math.Round(v)), nil
		}
	case string:
		return units.ParseCount(v)
	}
	return 0, fmt.Errorf("%v is no count", v)
}

// axis is one axis of a member with the size that it is to get.
type axis struct {
	name  string
	value any
	to    func(*expand.Request) *expand.Change
}

func (m *Member) axes() []axis {
	return []axis{
		{"depth", m.Depth, func(r *expand.Request) *expand.Change { return &r.Depth }},
		{"width", m.Width, func(r *expand.Request) *expand.Change { return &r.Width }},
		{"hidden", m.Hidden, func(r *expand.Request) *expand.Change { return &r.Hidden }},
		{"ffn", m.FFN, func(r *expand.Request) *expand.Change { return &r.FFN }},
		{"heads", m.Heads, func(r *expand.Request) *expand.Change { return &r.Heads }},
		{"kv", m.KV, func(r *expand.Request) *expand.Change { return &r.KV }},
		{"head-dim", m.HeadDim, func(r *expand.Request) *expand.Change { return &r.HeadDim }},
		{"vocab", m.Vocab, func(r *expand.Request) *expand.Change { return &r.Vocab }},
		{"positions", m.Positions, func(r *expand.Request) *expand.Change { return &r.Positions }},
		{"experts", m.Experts, func(r *expand.Request) *expand.Change { return &r.Experts }},
		{"top-k", m.TopK, func(r *expand.Request) *expand.Change { return &r.TopK }},
		{"expert-ffn", m.ExpertFFN, func(r *expand.Request) *expand.Change { return &r.ExpertFFN }},
	}
}
