package train

import "famkit/internal/trainstate"

// Event is something that happened. Exactly one field is set. The rows are what the log holds, with a "type" each.
type Event struct {
	Plan     *Result // what is about to be done: the result as far as it is known, with its Plan
	Start    *StartRow
	Step     *StepRow
	Eval     *EvalRow
	Save     *SaveRow
	End      *EndRow
	Progress *Progress
	LogCut   *LogCut
}

// StartRow opens the log, and again each resumed part of it (type "resume").
type StartRow struct {
	Type       string              `json:"type"`
	Step       int                 `json:"step"` // the last step done before
	Model      string              `json:"model"`
	Settings   trainstate.Settings `json:"settings"`
	Params     int64               `json:"params"`
	DataTokens int64               `json:"data_tokens"`
	StepTokens int64               `json:"step_tokens"` // target tokens of a step
	EvalRows   int64               `json:"eval_rows"`
	Engine     string              `json:"engine"`
	FLOPs      float64             `json:"flops_per_token"`
	Memory     Memory              `json:"memory"`
	Tokens     int64               `json:"tokens"`  // of the steps done before
	Seconds    float64             `json:"seconds"` // of the runs before
	Updates    int                 `json:"updates"` // that the moments have seen
	Rewarm     int                 `json:"rewarm_steps,omitempty"`
}

// StepRow is one update. Loss is the mean over the step's target tokens before the update, in nats; GradNorm the
// global norm before clipping; Tokens the target tokens so far; Seconds the wall time since the training began.
type StepRow struct {
	Type     string  `json:"type"`
	Step     int     `json:"step"`
	Loss     float64 `json:"loss"`
	GradNorm float64 `json:"grad_norm"`
	LR       float64 `json:"lr"`
	Tokens   int64   `json:"tokens"`
	Seconds  float64 `json:"seconds"`
}

// EvalRow is an evaluation on held-out rows after Step updates.
type EvalRow struct {
	Type    string  `json:"type"`
	Step    int     `json:"step"`
	Loss    float64 `json:"loss"` // on the first set
	Tokens  int64   `json:"eval_tokens"`
	Seconds float64 `json:"seconds"`
	// Sets are all sets, the first one first.
	Sets []SetLoss `json:"sets"`
	// Before is the last evaluation of the training that goes on, on the same rows: at the seam of a growth the two are
	// equal when the growth keeps the function.
	Before *float64 `json:"before,omitempty"`
}

// SaveRow tells of a checkpoint written.
type SaveRow struct {
	Type    string  `json:"type"`
	Step    int     `json:"step"`
	Path    string  `json:"path"`
	Bytes   int64   `json:"bytes"`
	Seconds float64 `json:"seconds"`
}

// EndRow closes the log (type "end", or "stop" with the reason).
type EndRow struct {
	Type    string  `json:"type"`
	Step    int     `json:"step"`
	Reason  string  `json:"reason,omitempty"`
	Tokens  int64   `json:"tokens"`
	Seconds float64 `json:"seconds"`
}

// Progress of what is done between steps. Tokenizing counts bytes, evaluating target tokens.
type Progress struct {
	Label       string
	Tokens      bool // tokens are counted, not bytes
	Done, Total int64
}

// LogCut tells that a log lost the rows past the step that the training goes on from.
type LogCut struct {
	Path string
	Rows int
	Step int
}
