// Package job does what famkit's commands do, without a command line: each job takes options and gives a result that
// can be printed as text or as JSON. A job never prints. What it has to say while it runs it tells an Observer.
//
// To read: open.go (checkpoints), then a file for each job: inspect.go, convert.go, expand.go, verify.go, logits.go,
// tokenizer.go.
package job

import "famkit/internal/fault"

// Kind is what an Event tells.
type Kind string

// The kinds of events.
const (
	// Note is something that the user may want to know.
	Note Kind = "note"
	// Warning is something that the user should know.
	Warning Kind = "warning"
	// Progress says how much of a task is done. The last one of a task has Done = Total, unless the job failed.
	Progress Kind = "progress"
)

// Event is one thing that a job tells while it runs.
type Event struct {
	Kind Kind
	// Message of a note or a warning.
	Message fault.Message
	// Task names what progresses ("expanding"); Done and Total count its bytes, or other parts of the work.
	Task        string
	Done, Total int64
	Parts       bool // they are not bytes
}

// Observer is told the events of a job, by one goroutine at a time. nil: nobody listens.
type Observer func(Event)

func (o Observer) tell(e Event) {
	if o != nil {
		o(e)
	}
}

func (o Observer) note(format string, a ...any) {
	o.tell(Event{Kind: Note, Message: fault.Say(format, a...)})
}

func (o Observer) warn(format string, a ...any) {
	o.tell(Event{Kind: Warning, Message: fault.Say(format, a...)})
}

// task tells how a task progresses: what it gives is called with the bytes that are done.
func (o Observer) task(name string, total int64) func(done int64) {
	return func(done int64) { o.tell(Event{Kind: Progress, Task: name, Done: done, Total: total}) }
}

// MemoryBound is what converting and growing take at most, in bytes, whatever the model's size: tensors are streamed in
// pieces.
const MemoryBound = 256 << 20
