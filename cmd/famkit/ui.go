package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"famkit/internal/fault"
	"famkit/internal/job"
	"famkit/internal/printable"
	"famkit/internal/units"
)

// ui carries the streams. The rules of what is printed where:
//   - standard output carries the answer only: text made by a command, or one JSON object;
//   - notes, warnings, progress and errors go to standard error, prefixed "famkit:";
//   - messages are lower case without a full stop; a hint is a line of its own;
//   - progress bars are drawn on a terminal only, otherwise a line every ten seconds;
//   - under --json errors are JSON too, and notes are left out.
type ui struct {
	out, err    io.Writer
	answers     *stream // standard output, whatever out is
	json, quiet bool
	color       string    // --color
	jsonAsked   bool      // also where another flag is wrong, so that none is read
	bar         *progress // of the job that runs
}

func newUI(out, errw io.Writer) *ui {
	s := &stream{w: out}
	return &ui{out: s, err: errw, answers: s}
}

// answer prints v as one JSON object under --json, else what text writes.
func (u *ui) answer(v any, text func(w io.Writer)) error {
	if !u.json {
		var b bytes.Buffer
		text(&b)
		_, err := screen(u.out).Write(b.Bytes())
		return err
	}
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = u.out.Write(append(printable.JSON(b), '\n'))
	return err
}

// lastRow prints v as one line of JSON, after rows that went to standard output.
func (u *ui) lastRow(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = u.out.Write(append(printable.JSON(b), '\n'))
	return err
}

// result shows what a job gives. A job that is refused may still give what it found out: that is shown before the
// refusal.
func (u *ui) result(v any, err error, text func(w io.Writer)) error {
	if reflect.ValueOf(v).IsNil() {
		return err
	}
	if shown := u.answer(v, text); shown != nil {
		return shown
	}
	return err
}

// observe shows the events of one job.
func (u *ui) observe() job.Observer {
	return func(e job.Event) {
		switch e.Kind {
		case job.Note:
			u.note("%s", e.Message.Text(flagText))
		case job.Warning:
			u.warn("%s", e.Message.Text(flagText))
		case job.Progress:
			if u.bar == nil || u.bar.label != e.Task {
				u.bar = u.progressOf(e.Task, e.Total, !e.Parts)
			}
			u.bar.set(e.Done)
			if e.Done == e.Total {
				u.bar.finish()
			}
		}
	}
}

// note prints a message for the user on standard error.
func (u *ui) note(format string, a ...any) {
	if !u.json && !u.quiet {
		say(screen(u.err), "famkit: "+format+"\n", a...)
	}
}

// warn prints a message that even --quiet shows.
func (u *ui) warn(format string, a ...any) {
	if !u.json {
		say(screen(u.err), "famkit: "+u.colours(u.err).of(unsure, "warning:")+" "+format+"\n", a...)
	}
}

type jsonError struct {
	Type    string `json:"type"`
	Code    int    `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// exit prints err and gives the exit code.
func (u *ui) exit(ctx context.Context, err error) int {
	err = u.answers.failed(err)
	code := exitCode(ctx, err)
	if u.bar != nil {
		u.bar.finish() // of a job that did not end well
	}
	if err == nil {
		return code
	}
	message, hint := fault.Text(err, flagText), fault.HintText(err, flagText)
	if u.json || u.jsonAsked {
		b, _ := json.Marshal(jsonError{"error", code, message, hint})
		u.lastWords(append(printable.JSON(b), '\n'))
		return code
	}
	paint := u.colours(u.err)
	prefix := "famkit: " + paint.of(bad, "error:") + " "
	if code > 128 { // a signal is no error
		prefix = "famkit: "
	}
	var b bytes.Buffer
	text := screen(&b)
	_, _ = fmt.Fprintf(text, "%s%s\n", prefix, message)
	if hint != "" {
		_, _ = fmt.Fprintf(text, "famkit: %s %s\n", paint.of(aside, "hint:"), hint)
	}
	u.lastWords(b.Bytes())
	return code
}

// lastWords prints an error. A write that fails is tried once more: without the message nobody knows why the command
// ended.
func (u *ui) lastWords(b []byte) {
	if n, err := u.err.Write(b); err != nil {
		_, _ = u.err.Write(b[n:])
	}
}

// flagText spells a setting that a message names as the command line does.
func flagText(s fault.Setting) string {
	if s.Value == "" {
		return "--" + s.Name
	}
	return "--" + s.Name + " " + s.Value
}

// terminal reports whether standard error is a terminal that may be drawn on.
func (u *ui) terminal() bool {
	f, ok := fileOf(u.err)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// progress shows how far a job of total units is. It is safe for several goroutines.
type progress struct {
	u      *ui
	mu     sync.Mutex
	bar    *progressbar.ProgressBar
	line   *statusLine // in place of a bar, where the terminal is too narrow for one
	label  string
	of     string // what the total is, to show
	total  int64
	done   int64
	next   time.Time
	silent bool
}

// narrow is the width below which a bar with its numbers would wrap, and leave copies of itself behind.
const narrow = 70

// progressBytes starts a display for a job of total bytes.
func (u *ui) progressBytes(label string, total int64) *progress {
	return u.progressOf(label, total, true)
}

// progressOf starts a display for a job of total units, which are bytes or are not shown.
func (u *ui) progressOf(label string, total int64, bytes bool) *progress {
	p := &progress{u: u, label: label, total: total, next: time.Now().Add(10 * time.Second), silent: u.json || u.quiet}
	if bytes {
		p.of = " of " + units.Bytes(total)
	}
	if line := u.statusLine(); line != nil && line.width() < narrow {
		p.line = line
	} else if line != nil {
		p.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(u.err), progressbar.OptionSetDescription(label),
			progressbar.OptionShowBytes(bytes), progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionClearOnFinish(),
			progressbar.OptionFullWidth())
	}
	return p
}

// set tells how much is done.
func (p *progress) set(done int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.silent || done < p.done {
		return
	}
	p.done = done
	switch {
	case p.bar != nil:
		_ = p.bar.Set64(done)
	case p.line != nil:
		p.line.draw([]part{{p.label, 1}, {fmt.Sprintf("%d%%", 100*done/max(p.total, 1)), 0}})
	case p.total > 0 && time.Now().After(p.next):
		p.next = time.Now().Add(10 * time.Second)
		_, _ = fmt.Fprintf(p.u.err, "famkit: %s %d%%%s\n", p.label, 100*done/p.total, p.of)
	}
}

// finish clears the display.
func (p *progress) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Finish()
	}
	p.line.clear()
}
