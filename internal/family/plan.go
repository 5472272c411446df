package family

import (
	"fmt"
	"math"
	"slices"

	"famkit/internal/corpus"
	"famkit/internal/growth"
	"famkit/internal/job"
	"famkit/internal/trainstate"
	"famkit/train"
)

// Kind is what a stage does.
type Kind string

// The kinds.
const (
	MakeTokenizer Kind = "tokenizer"
	Train         Kind = "train"
	Grow          Kind = "grow"
)

// aloneStage begins the names of stages that train a member from random weights, to compare.
const aloneStage = "alone"

// Stage is one piece of work with one output.
type Stage struct {
	Name   string `json:"name"`
	Kind   Kind   `json:"kind"`
	Arm    string `json:"arm"`
	Member string `json:"member,omitempty"`
	From   string `json:"from,omitempty"` // the stage whose output it begins with
	// Final tells that the output is the member itself.
	Final    bool    `json:"final,omitempty"`
	Schedule string  `json:"schedule,omitempty"`
	Rate     float64 `json:"rate,omitempty"` // peak
	Steps    int     `json:"steps,omitempty"`
	Tokens   int64   `json:"tokens,omitempty"`
	// FLOPs is 6 N D, Operations what the matrix products cost, attention included.
	FLOPs      float64 `json:"flops,omitempty"`
	Operations float64 `json:"operations,omitempty"`
	Seconds    float64 `json:"seconds,omitempty"`
	Disk       int64   `json:"disk"`   // of the output
	Memory     int64   `json:"memory"` // while it runs
	// Wanted says that an arm which the recipe runs has the stage.
	Wanted bool `json:"wanted"`

	member int // its index
	decay  float64
}

// PlannedMember is a member as it will be.
type PlannedMember struct {
	Name    string       `json:"name"`
	Params  int64        `json:"parameters"`
	Counted float64      `json:"counted"` // parameters that its budget counts
	Sizes   growth.Sizes `json:"sizes"`
	Exact   bool         `json:"exact"` // the growth rounds no stored number
	Inexact []string     `json:"inexact,omitempty"`
	Alone   float64      `json:"tokens_alone"` // what it gets when it is trained alone
	Stage   float64      `json:"tokens_stage"` // what its stage gets
}

// Total adds up an arm.
type Total struct {
	Tokens     int64   `json:"tokens"`
	FLOPs      float64 `json:"flops"`
	Operations float64 `json:"operations"`
	Seconds    float64 `json:"seconds,omitempty"`
	Disk       int64   `json:"disk"`
	Memory     int64   `json:"memory"` // the most that a stage takes
}

// Plan is what a family takes. Everything is computed from the recipe; Seconds need a Speed.
type Plan struct {
	Schema      int             `json:"schema"`
	Family      string          `json:"family"`
	Recipe      string          `json:"recipe"`
	Schedule    string          `json:"schedule"`
	Members     []PlannedMember `json:"members"`
	Stages      []Stage         `json:"stages"`
	Progressive Total           `json:"progressive"`
	Independent Total           `json:"independent"`
	// Saving is the part of the independent arm's 6 N D that the progressive arm does not spend.
	Saving   float64        `json:"saving"`
	Run      Total          `json:"run"` // what the recipe's arms take together
	Data     *corpus.Census `json:"data,omitempty"`
	Epochs   float64        `json:"least_epochs,omitempty"` // passes over the data at least, if each byte were a token
	Speed    *Speed         `json:"speed,omitempty"`
	Formulas []string       `json:"formulas"`
	Warnings []string       `json:"warnings"`

	models []*model
	recipe *Recipe
}

// MakePlan computes what the family of a recipe takes. speed may be nil: then no time is known.
func MakePlan(r *Recipe, speed *Speed) (*Plan, error) {
	models, err := r.models()
	if err != nil {
		return nil, err
	}
	alone, err := r.alone(models)
	if err != nil {
		return nil, err
	}
	stage, err := r.stages(models, alone)
	if err != nil {
		return nil, err
	}
	p := &Plan{Schema: 1, Family: r.Name, Recipe: r.path, Schedule: r.Schedule.Kind, Speed: speed, models: models,
		recipe:   r,
		Warnings: []string{}}
	for i, m := range models {
		pm := PlannedMember{Name: r.Members[i].Name, Params: m.Params(), Counted: m.counted, Sizes: growth.SizesOf(m.Model),
			Exact: true, Alone: alone[i], Stage: stage[i]}
		if m.growth != nil {
			pm.Exact, pm.Inexact = m.growth.Exact(), m.growth.Inexact
		}
		p.Members = append(p.Members, pm)
	}
	if err := p.addStages(alone, stage); err != nil {
		return nil, err
	}
	p.total()
	p.formulas()
	return p, p.look()
}

// addStages lists the stages of both arms in the order in which they run.
func (p *Plan) addStages(alone, stage []float64) error {
	r := p.recipe
	progressive, independent := slices.Contains(r.Arms, Progressive), slices.Contains(r.Arms, Independent)
	if r.Tokenizer.Vocab > 0 {
		p.Stages = append(p.Stages, Stage{Name: "tokenizer", Kind: MakeTokenizer, Wanted: true, member: -1})
	}
	from := ""
	for i := range r.Members {
		list, err := p.memberStages(i, stage[i], from)
		if err != nil {
			return err
		}
		for _, s := range list {
			s.Arm, s.Wanted = Progressive, progressive
			p.Stages = append(p.Stages, s)
		}
		from = p.grownFrom(i)
	}
	for i := range r.Members {
		name := p.name(aloneStage, i)
		s, err := p.training(name, i, alone[i], trainstate.WSD, r.Schedule.DecayFraction)
		if err != nil {
			return err
		}
		s.Arm, s.Final, s.Wanted = Independent, true, independent && (i > 0 || !progressive)
		p.Stages = append(p.Stages, *s)
	}
	return nil
}

func (p *Plan) name(what string, i int) string { return what + "-" + p.recipe.Members[i].Name }

// grownFrom is the stage whose output grows into the member after i.
func (p *Plan) grownFrom(i int) string {
	if p.recipe.Schedule.Kind == Decayed {
		return p.name("member", i)
	}
	return p.name("trunk", i)
}

// memberStages are the stages of member i of the progressive arm, which grows from the output of stage from.
func (p *Plan) memberStages(i int, tokens float64, from string) (list []Stage, err error) {
	r := p.recipe
	if i > 0 {
		g := Stage{Name: p.name("grow", i), Kind: Grow, Member: r.Members[i].Name, From: from, member: i,
			Disk: p.bytes(i), Memory: job.MemoryBound}
		list, from = append(list, g), g.Name
	}
	add := func(what string, tokens float64, schedule string, decay float64) error {
		s, err := p.training(p.name(what, i), i, tokens, schedule, decay)
		if err != nil {
			return err
		}
		s.From, s.Final = from, what == "member"
		list, from = append(list, *s), s.Name
		return nil
	}
	f := r.Schedule.DecayFraction
	if r.Schedule.Kind == Decayed {
		return list, add("member", tokens, trainstate.WSD, f)
	}
	if err := add("trunk", (1-f)*tokens, trainstate.Constant, 0); err != nil {
		return nil, err
	}
	return list, add("member", f*tokens, trainstate.WSD, 1)
}

// training is a stage that trains member i.
func (p *Plan) training(name string, i int, tokens float64, schedule string, decay float64) (*Stage, error) {
	r, m := p.recipe, p.models[i]
	set := r.settings(r.rate(i, p.models))
	n, ok := steps(tokens, set.StepTokens())
	if !ok {
		return nil, r.refuse("training.batch", fmt.Sprintf("steps large enough that %.3g tokens take at most %d", tokens,
			math.MaxInt32),
			set.StepTokens())
	}
	s := &Stage{Name: name, Kind: Train, Member: r.Members[i].Name, Schedule: schedule, Rate: set.LR, Steps: n, member: i,
		decay: decay, Tokens: int64(n) * set.StepTokens(), Disk: p.bytes(i)}
	s.FLOPs = flopsPerParameter * m.counted * float64(s.Tokens)
	s.Operations = train.FLOPsPerToken(m.Model, set.Seq) * float64(s.Tokens)
	if p.Speed != nil {
		s.Seconds = s.Operations / p.Speed.of(i)
	}
	if p.Speed.onGPUs() {
		s.Memory = mixedBytes * m.Params()
		return s, nil
	}
	need, err := train.Need(m.Model, &set)
	if err != nil {
		return nil, r.inRecipe(err, "training", r.spellIn("training"))
	}
	s.Memory = need.Total
	return s, nil
}

// mixedBytes is what a parameter takes in mixed precision on GPUs: bfloat16 weights and gradients, float32 master
// weights and two moments. Activations come on top.
const mixedBytes = 2 + 2 + 4 + 4 + 4

// bytes is the size of a checkpoint of member i: weights, two moments in float32, and float32 master weights where the
// saved ones are narrower.
func (p *Plan) bytes(i int) int64 {
	width := int64(p.recipe.dtype().Bits() / 8)
	each := width + 8
	if width < 4 {
		each += 4
	}
	return each * p.models[i].Params()
}

// total adds up the arms. The first member is the same in both.
func (p *Plan) total() {
	for i := range p.Stages {
		s := &p.Stages[i]
		switch s.Arm {
		case Progressive:
			p.Progressive.add(s)
		case Independent:
			p.Independent.add(s)
		}
		if s.Wanted {
			p.Run.add(s)
		}
	}
	p.Saving = 1 - p.Progressive.FLOPs/p.Independent.FLOPs
}

func (t *Total) add(s *Stage) {
	t.Tokens += s.Tokens
	t.FLOPs += s.FLOPs
	t.Operations += s.Operations
	t.Seconds += s.Seconds
	t.Disk += s.Disk
	t.Memory = max(t.Memory, s.Memory)
}

// stage finds a stage by its name, nil where there is none.
func (p *Plan) stage(name string) *Stage {
	i := slices.IndexFunc(p.Stages, func(s Stage) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return &p.Stages[i]
}

// LargestOutput is the disk that the largest output takes: a save holds the old and the new one.
func (p *Plan) LargestOutput() (most int64) {
	for i := range p.Stages {
		if p.Stages[i].Wanted {
			most = max(most, p.Stages[i].Disk)
		}
	}
	return most
}

// formulas says how the figures are computed.
func (p *Plan) formulas() {
	budget := fmt.Sprintf("D(i) = %g N(i)", p.recipe.Budget.TokensPerParameter)
	if p.recipe.Budget.FLOPs > 0 {
		budget = fmt.Sprintf("D(i) = c N(i), c = %.3g / 6 N(K)^2", p.recipe.Budget.FLOPs)
	}
	p.Formulas = []string{
		"N(i): parameters of member i of K, as the recipe counts them; D(i): its tokens when it is trained alone, " + budget,
		"cost of a training: 6 N D operations",
		"independent: sum of 6 N(i) D(i)",
		"tokens of stage i: (6 N(i) D(i) - 6 N(i-1) D(i-1)) / 6 N(i), rounded to whole steps",
		"progressive: sum over the stages of 6 N(i) tokens(i) = 6 N(K) D(K); saving: 1 - progressive / independent",
		"operations: 6 for each weight that multiplies and causal attention; time: operations / speed",
	}
	if p.recipe.Schedule.Kind == Trunk {
		p.Formulas = append(p.Formulas, fmt.Sprintf("trunk and branches: %g of each stage's tokens train the trunk, the "+
			"rest decay the member off it",
			1-p.recipe.Schedule.DecayFraction))
	}
}
