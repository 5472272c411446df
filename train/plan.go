package train

import (
	"strconv"
	"strings"

	"famkit/internal/corpus"
	"famkit/internal/trainstate"
)

// Plan is what a run is about to do, settled before it takes memory and before anything goes.
type Plan struct {
	Kind  Kind   `json:"kind"`
	From  string `json:"from"` // the model, the config, or the training
	First int    `json:"first_step"`
	Steps int    `json:"steps"`
	// Data says what is read and how often.
	Data DataPlan `json:"data"`
	// FLOPs of the steps of this run, forward and backward. Seconds is an estimate, 0 where nothing tells: Measured says
	// whether it comes from the speed of the runs before, or else is about the least that the steps take on this machine.
	FLOPs    float64 `json:"flops"`
	Seconds  float64 `json:"seconds,omitempty"`
	Measured bool    `json:"measured,omitempty"`
	// Optimizer says what becomes of the moments: new, resumed, taken over, or left behind.
	Optimizer string `json:"optimizer"`
	Updates   int    `json:"updates"`                // that the moments have seen
	Rewarm    int    `json:"rewarm_steps,omitempty"` // after a growth
	// HandOver says in which steps blocks hand over to their silent copies; nil: none.
	HandOver *trainstate.HandOver `json:"hand_over,omitempty"`
	// Inherited are the settings that come from the training that is taken over.
	Inherited []string `json:"inherited,omitempty"`
	// StepsWere is the length of a training that is extended, 0 where it is not.
	StepsWere int                 `json:"steps_were,omitempty"`
	Changes   []trainstate.Change `json:"changes,omitempty"`
	Special   []string            `json:"special,omitempty"` // ids that the config got from the tokenizer
	Unused    []string            `json:"unused,omitempty"`  // files of another training that are not used
	// EnginesPassed says which engines were passed over and why, Elsewhere why the chosen one does not run here.
	EnginesPassed []string `json:"engines_passed,omitempty"`
	Elsewhere     string   `json:"elsewhere,omitempty"`
	Erased        *Erased  `json:"erased,omitempty"`
	// Damaged says that a training goes on from an earlier checkpoint, since its last one is damaged.
	Damaged *Damaged `json:"damaged,omitempty"`
}

// DataPlan is what a training reads.
type DataPlan struct {
	corpus.Counts
	Rows      int64   `json:"rows"` // of one pass
	EvalRows  int64   `json:"eval_rows"`
	Separator *Token  `json:"separator,omitempty"`
	Epochs    float64 `json:"epochs"` // passes of this training, this run and those before
	Done      float64 `json:"epochs_done"`
	PerParam  float64 `json:"tokens_per_parameter"` // that are trained, not those that are there
	// Anew names what begins the order of the data anew although a training goes on.
	Anew string `json:"order_anew,omitempty"`
	// First are the first rows as text, special tokens included, or as ids where there is no tokenizer.
	First []string `json:"first_rows,omitempty"`
}

// shownRows is the number of rows that a plan shows.
const shownRows = 3

// makePlan completes the plan, once everything is settled.
func (r *run) makePlan() {
	p := &r.plan
	p.Kind, p.From, p.First, p.Steps, p.Erased = r.kind, r.origin, r.base.Step+1, r.s.Steps, r.erased
	if r.kind == Resume {
		p.From = r.o.Model
	}
	steps := float64(r.s.Steps - r.base.Step)
	p.FLOPs = steps * float64(r.s.StepTokens()) * flopsPerToken(r.model, r.s.Seq)
	if s := r.state; r.kind == Resume && s.Tokens > 0 {
		p.Seconds, p.Measured = steps*float64(r.s.StepTokens())*s.Seconds/float64(s.Tokens), true
	}
	p.Updates, p.Rewarm = r.base.Updates, r.growth.Left(r.base.Step)
	p.Optimizer = map[Kind]string{Start: "new", TakeOver: "taken over", Resume: "resumed"}[r.kind]
	if r.kind == TakeOver && r.o.FreshOptimizer {
		p.Optimizer = "left behind"
	}
	d := &p.Data
	d.Counts, d.Rows = r.data.Counts, r.data.Epoch
	d.EvalRows = r.evalRows()
	if d.Rows > 0 {
		d.Done = float64(r.base.Rows) / float64(d.Rows)
		d.Epochs = float64(r.at(r.s.Steps).Rows-r.at(0).Rows) / float64(d.Rows)
	}
	d.PerParam = float64(r.at(r.s.Steps).Tokens) / float64(r.model.Params())
	if r.o.DryRun {
		d.First = r.firstRows()
		if !p.Measured {
			p.Seconds = r.leastSeconds()
		}
	}
}

// firstRows shows the rows that the next step begins with.
func (r *run) firstRows() (list []string) {
	if r.data.Rows == nil {
		return nil
	}
	tok, err := r.loadTokenizer()
	row := make([]int32, r.s.Seq+1)
	for i := range min(shownRows, r.data.Epoch, r.s.StepRows()) {
		r.data.Rows.Row(row, r.base.Rows+i)
		text := ""
		if err == nil {
			text, err = tok.Decode(row, false)
		}
		if err != nil {
			text = idsText(row)
		}
		list = append(list, text)
	}
	return list
}

func idsText(row []int32) string {
	var b strings.Builder
	for _, id := range row {
		b.WriteString(strconv.Itoa(int(id)))
		b.WriteByte(' ')
	}
	return strings.TrimSpace(b.String())
}
