package train

import "famkit/internal/trainstate"

// Event is something that happened. Exactly one field is set. The rows are what the log holds, with a "type" each.
type Event struct {
	Start    *StartRow
	Step     *StepRow
	Eval     *EvalRow
	Save     *SaveRow
	End      *EndRow
	Note     string
	Progress *Progress
}

// StartRow opens the log, and again each resumed part of it (type "resume").
type StartRow struct {
	Type       string              `json:"type"`
	Step       int                 `json:"step"` // the last step done before
	Model      string              `json:"model"`
	Settings   trainstate.Settings `json:"settings"`
	Params     int64               `json:"params"`
	DataTokens int64               `json:"data_tokens"`
	StepTokens int                 `json:"step_tokens"` // target tokens of a step
	EvalRows   int64               `json:"eval_rows"`
	Engine     string              `json:"engine"`
	FLOPs      float64             `json:"flops_per_token"`
	Memory     Memory              `json:"memory"`
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
	Loss    float64 `json:"loss"`
	Tokens  int64   `json:"eval_tokens"`
	Seconds float64 `json:"seconds"`
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

// Progress of a preparation, such as tokenizing, in bytes.
type Progress struct {
	Label       string
	Done, Total int64
}
