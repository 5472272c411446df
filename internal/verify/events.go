package verify

import "fmt"

// Event tells what a verification is doing. Who called decides how to show it.
type Event struct {
	// Note is a sentence for the user, such as what is left out and why; "" where the event is progress.
	Note string
	// Stage is what is being done, Done of Total how much of it, in bytes where Bytes is true.
	Stage       string
	Done, Total int64
	Bytes       bool
}

func (o *Options) note(format string, a ...any) {
	if o.On != nil {
		o.On(Event{Note: fmt.Sprintf(format, a...)})
	}
}

// progress gives a function that tells how far a stage is.
func (o *Options) progress(stage string, bytes bool) func(done, total int64) {
	return func(done, total int64) {
		if o.On != nil {
			o.On(Event{Stage: stage, Done: done, Total: total, Bytes: bytes})
		}
	}
}
