package family

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"time"

	"famkit/internal/infile"
	"famkit/internal/job"
	"famkit/internal/output"
	"famkit/internal/report"
	"famkit/internal/trainstate"
)

// Report is what came of a family, as far as it is made.
type Report struct {
	Schema   int       `json:"schema"`
	Family   string    `json:"family"`
	Schedule string    `json:"schedule"`
	Made     time.Time `json:"made"`
	By       string    `json:"by"`
	Out      string    `json:"out"`
	Complete bool      `json:"complete"` // every stage of the recipe is done
	// Members that are finished, smallest first.
	Members []MemberReport `json:"members"`
	// Spent are the operations (6 N D) of the finished stages of each arm, Alone what the finished grown members would
	// have cost alone; Saved is 1 - Progressive / Alone.
	Progressive float64 `json:"progressive_flops"`
	Independent float64 `json:"independent_flops"`
	Alone       float64 `json:"alone_flops"`
	Saved       float64 `json:"saved"`
	Seconds     float64 `json:"seconds"` // of all finished stages
	// Neighbours compares members next to each other, those that were trained alone too.
	Neighbours []Neighbours `json:"neighbours,omitempty"`
	Growths    []GrowthRow  `json:"growths,omitempty"`
	Curves     []Curve      `json:"curves"`
	Provenance Provenance   `json:"provenance"`
}

// MemberReport is a finished member.
type MemberReport struct {
	Name   string     `json:"name"`
	Model  string     `json:"model"` // below the family's folder
	Params int64      `json:"parameters"`
	Tokens int64      `json:"tokens"` // of its own stages
	Seen   int64      `json:"tokens_seen"`
	FLOPs  float64    `json:"flops"` // of the family up to it
	Score  *job.Score `json:"score,omitempty"`
	Digest string     `json:"digest"`
	// AloneScore is that of the same size trained alone, at the same 6 N D; nil where it was not. Gain is its loss less
	// the grown member's: above 0 the grown one is better.
	AloneScore *job.Score `json:"alone,omitempty"`
	Gain       *float64   `json:"gain,omitempty"`
}

// Neighbours compares two members next to each other in an arm.
type Neighbours struct {
	Arm string `json:"arm"`
	job.Pair
}

// GrowthRow is one growth.
type GrowthRow struct {
	Stage   string `json:"stage"`
	Verdict string `json:"verdict"`
	Proof   string `json:"proof"` // below the family's folder
	// Before and After are the evaluations on both sides of the growth, nil where nothing was held out.
	Before *float64 `json:"loss_before,omitempty"`
	After  *float64 `json:"loss_after,omitempty"`
}

// Curve is the loss of a stage that trained against the family's operations.
type Curve struct {
	Stage  string         `json:"stage"`
	Arm    string         `json:"arm"`
	Member int            `json:"member"` // its index
	Final  bool           `json:"final,omitempty"`
	Held   []report.Point `json:"held_out"`
	Batch  []report.Point `json:"batch"` // means over stretches of steps
	From   float64        `json:"from_flops"`
}

// Provenance is what a family was made of.
type Provenance struct {
	Recipe  string            `json:"recipe"` // its text
	Ledger  string            `json:"ledger"` // digest
	Stages  map[string]string `json:"stages"` // keys of the finished stages
	Data    string            `json:"data"`   // digest of the training data's files
	Made    []string          `json:"made_by"`
	Version string            `json:"version"`
}

// ReportOptions say what MakeReport does.
type ReportOptions struct {
	Recipe, Out string
	// NoModels leaves out what needs the models to be run: bits per byte, neighbours.
	NoModels bool
	By       string
}

// MakeReport reads what was made and writes report/index.html, report.md and report.json in the family's folder.
func MakeReport(ctx context.Context, o ReportOptions, on job.Observer) (*Report, error) {
	f, err := open(ctx, RunOptions{Recipe: o.Recipe, Out: o.Out, By: o.By}, nil)
	if err != nil {
		return nil, err
	}
	s, err := f.status()
	if err != nil {
		return nil, err
	}
	r := &Report{Schema: 1, Family: f.r.Name, Schedule: f.r.Schedule.Kind, Made: time.Now().UTC().Truncate(time.Second),
		By: o.By, Out: f.dir,
		Complete: s.Left == 0}
	if err := f.provenance(r); err != nil {
		return nil, err
	}
	if err := f.collect(r); err != nil {
		return nil, err
	}
	if !o.NoModels {
		if err := f.measure(ctx, r, on); err != nil {
			return nil, err
		}
	}
	r.judge()
	return r, f.writeReport(r)
}

func (f *family) provenance(r *Report) error {
	b, err := infile.Read(f.o.Recipe)
	if err != nil {
		return err
	}
	p := &r.Provenance
	p.Recipe, p.Version, p.Stages = string(b), f.o.By, map[string]string{}
	if l, err := infile.Read(f.ledger.path); err == nil {
		p.Ledger = trainstate.Digest(l)
	}
	for _, w := range f.works {
		row := f.ledger.done(w.key)
		if row == nil {
			continue
		}
		p.Stages[w.Name] = w.key
		if row.By != "" && !slices.Contains(p.Made, row.By) {
			p.Made = append(p.Made, row.By)
		}
		if d := w.inputs["data"]; d != "" {
			p.Data = d
		}
	}
	return nil
}

// collect goes through the finished stages in the order in which they run, and adds up what the family has spent.
func (f *family) collect(r *Report) error {
	spent := 0.0
	for _, w := range f.works {
		row := f.ledger.done(w.key)
		if row == nil || row.Result == nil {
			continue
		}
		res := row.Result
		r.Seconds += res.Seconds
		from := 0.0
		switch {
		case w.Arm == Progressive:
			from = spent
			spent += res.FLOPs
			r.Progressive += res.FLOPs
		case w.Arm == Independent:
			r.Independent += res.FLOPs
		}
		if w.Kind == Grow {
			r.Growths = append(r.Growths, GrowthRow{Stage: w.Name, Verdict: res.Verdict,
				Proof: filepath.Join(res.Output, proofFile)})
			continue
		}
		if w.Kind != Train {
			continue
		}
		c, err := f.curve(w, res, from)
		if err != nil {
			return err
		}
		r.Curves = append(r.Curves, *c)
		f.seam(r, w, c)
		if w.Final {
			f.member(r, w, res, spent)
		}
	}
	return nil
}

// seam notes the evaluations around a growth: the last before it, and the first of the stage that begins with it.
func (f *family) seam(r *Report, w *work, c *Curve) {
	grow := f.find(w.From)
	if grow == nil || grow.Kind != Grow || len(c.Held) == 0 {
		return
	}
	i := slices.IndexFunc(r.Growths, func(g GrowthRow) bool { return g.Stage == grow.Name })
	if i < 0 {
		return
	}
	after := c.Held[0].Y
	r.Growths[i].After = &after
	if row := f.ledger.done(f.find(grow.From).key); row != nil && row.Result != nil {
		r.Growths[i].Before = row.Result.Eval
	}
}

// member adds a finished member, or what the same size gave alone.
func (f *family) member(r *Report, w *work, res *Result, spent float64) {
	name := f.r.Members[w.member].Name
	i := slices.IndexFunc(r.Members, func(m MemberReport) bool { return m.Name == name })
	score := &job.Score{Model: res.Output, Params: res.Params}
	if res.Eval != nil {
		score.Loss, score.Perplexity = *res.Eval, math.Exp(*res.Eval)
	}
	if w.Arm == Independent {
		if i >= 0 {
			r.Members[i].AloneScore = score
		}
		return
	}
	r.Members = append(r.Members, MemberReport{Name: name, Model: filepath.Join(membersDir, name), Params: res.Params,
		Tokens: res.Tokens,
		Seen:   f.p.seen(w.Stage), FLOPs: spent, Score: score, Digest: res.Digest})
	r.Alone += flopsPerParameter * f.p.models[w.member].counted * f.p.Members[w.member].Alone
}

// stretches is into how many means the losses of a stage's batches are taken together.
const stretches = 200

// curve reads the log of a stage.
func (f *family) curve(w *work, res *Result, from float64) (*Curve, error) {
	c := &Curve{Stage: w.Name, Arm: w.Arm, Member: w.member, Final: w.Final, From: from}
	path := f.log(w)
	if ok, err := there(path); err != nil || !ok {
		return c, err
	}
	rows, err := report.ReadLog(path)
	if err != nil {
		return nil, err
	}
	each := res.FLOPs / float64(max(res.Steps, 1))
	for _, p := range report.Losses(rows, "eval") {
		c.Held = append(c.Held, report.Point{X: from + p.X*each, Y: p.Y})
	}
	steps := report.Losses(rows, "step")
	for chunk := range slices.Chunk(steps, max(1, (len(steps)+stretches-1)/stretches)) {
		var mean report.Point
		for _, p := range chunk {
			mean.X, mean.Y = mean.X+p.X/float64(len(chunk)), mean.Y+p.Y/float64(len(chunk))
		}
		c.Batch = append(c.Batch, report.Point{X: from + mean.X*each, Y: mean.Y})
	}
	return c, nil
}

// measure runs the finished members on what was held out.
func (f *family) measure(ctx context.Context, r *Report, on job.Observer) error {
	for _, arm := range []string{Progressive, Independent} {
		var paths, names []string
		var scores []*job.Score
		for i := range r.Members {
			m := &r.Members[i]
			score, name := m.Score, m.Name
			if arm == Independent && i > 0 {
				if score, name = m.AloneScore, m.Name+" alone"; score == nil {
					break
				}
			}
			names = append(names, name)
			paths, scores = append(paths, filepath.Join(f.dir, score.Model)), append(scores, score)
		}
		if len(paths) == 0 || arm == Independent && len(paths) < 2 {
			continue
		}
		if f.r.Data.Eval == "" && f.r.Data.EvalFraction == 0 {
			continue // nothing to measure on
		}
		set := f.r.settings(f.r.Training.LR)
		given := []string{"data", "batch", "seq", "seed", "ext", "text-field", "as-text", "separator", "token-dtype"}
		given = append(given, map[bool]string{true: "eval", false: "eval-fraction"}[set.Eval != ""])
		got, err := job.Eval(ctx, job.EvalOptions{Models: paths, Settings: set, Pairs: len(paths) > 1,
			Given: func(name string) bool { return slices.Contains(given, name) }}, on)
		if err != nil {
			return err
		}
		for i := range got.Models {
			model := scores[i].Model
			*scores[i] = got.Models[i]
			scores[i].Model = model
		}
		for i, p := range got.Pairs {
			p.A, p.B = names[i], names[i+1]
			r.Neighbours = append(r.Neighbours, Neighbours{arm, p})
		}
	}
	return nil
}

// judge compares the arms.
func (r *Report) judge() {
	if r.Alone > 0 {
		r.Saved = 1 - r.Progressive/r.Alone
	}
	for i := range r.Members {
		if m := &r.Members[i]; m.AloneScore != nil {
			gain := m.AloneScore.Loss - m.Score.Loss
			m.Gain = &gain
		}
	}
}

// writeReport writes the three files.
func (f *family) writeReport(r *Report) error {
	page, err := r.HTML()
	if err != nil {
		return err
	}
	text, err := jsonText(r)
	if err != nil {
		return err
	}
	return output.WriteAll(filepath.Join(f.dir, "report"), map[string][]byte{"index.html": page,
		"report.md":   []byte(r.Markdown()),
		"report.json": text}, true)
}
