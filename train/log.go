package train

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"path/filepath"

	"famkit/internal/disk"
	"famkit/internal/fault"
	"famkit/internal/infile"
	"famkit/internal/output"
	"famkit/internal/trainstate"
)

// logFile writes one JSON object a line. A nil logFile writes nothing.
type logFile struct {
	w    io.Writer
	f    *output.Rows // nil where the writer is the caller's
	path string       // "" for what cannot be gone on with: devices, pipes, the caller's writer
}

// logTarget is where the rows of a run go, settled before anything is read.
type logTarget struct {
	output.Target
	goesOn bool // rows are there already, and those up to the base step stay
}

// settleLog finds where the rows go and refuses a file that would be lost.
func (r *run) settleLog() error {
	o, t := &r.o, &r.logTo
	path := o.Log
	if path == "" && r.inPlace && o.LogTo == nil {
		path = logPath(o.Out, r.state.Log)
	}
	if path == "" {
		return nil
	}
	found, err := output.Find(path, output.Append)
	switch {
	case err == nil && found.Through && o.Log == "":
		return fault.Hint(fault.Inputf("%s: names the log %s, which is no regular file",
			filepath.Join(o.Out, trainstate.StateFile),
			path), "%v goes on in another file", fault.Arg("log", "FILE"))
	case err != nil && o.Log == "":
		return fault.Hint(err, "the training wrote its log there; %v goes on in another file", fault.Arg("log", "FILE"))
	case err != nil:
		return err
	}
	t.Target, t.goesOn = found, found.Exists && r.kind == Resume
	if !t.Exists || t.goesOn || t.Size == 0 || o.Force || r.erased != nil && sameFile(path, r.erased.log) {
		return nil
	}
	_, err = output.Find(path, output.Keep)
	return err
}

// logPath is the path of the log that a checkpoint's state names, which is relative to the checkpoint.
func logPath(dir, log string) string {
	if log == "" || filepath.IsAbs(log) {
		return log
	}
	return filepath.Join(dir, filepath.FromSlash(log))
}

// openLog opens what settleLog found. A log that goes on loses the rows past the base step.
func (r *run) openLog() (err error) {
	t := r.logTo
	if r.o.LogTo != nil {
		r.log = &logFile{w: r.o.LogTo}
		return nil
	}
	if t.Path == "" {
		return nil
	}
	meaning := output.Replace
	if t.goesOn {
		meaning = output.Append
		cut, err := cutLog(t.File(), r.base.Step)
		if err != nil {
			return err
		}
		if cut > 0 {
			r.on(Event{LogCut: &LogCut{t.Path, cut, r.base.Step}})
		}
	}
	rows, err := t.Open(meaning)
	if err != nil {
		return err
	}
	r.log = &logFile{w: rows, f: rows}
	if !t.Through {
		r.log.path = t.File()
	}
	return nil
}

// maxLog bounds a log that is cut: a row is some 200 bytes.
const maxLog = 1 << 30

// cutLog takes the rows past step k out of a log, and the end of an earlier run. It reports how many steps and
// evaluations went. The log is written anew beside and renamed: a crash leaves the old log or the shortened one.
func cutLog(path string, k int) (cut int, err error) {
	old, err := infile.ReadUpTo(path, maxLog)
	if err != nil {
		return 0, err
	}
	kept, cut, err := rowsUpTo(old, k)
	if err != nil {
		return 0, fault.Hint(fault.Inputf("%s: %w", path, err), "%v goes on in another file", fault.Arg("log", "FILE"))
	}
	if len(kept) == len(old) {
		return cut, nil
	}
	return cut, output.Write(path, kept, output.Replace)
}

// rowsUpTo keeps the rows that belong to steps up to k. The end of an earlier run and half a line at the end go. What
// is no log of a training is refused.
func rowsUpTo(b []byte, k int) (kept []byte, cut int, err error) {
	sc := bufio.NewScanner(bytes.NewReader(b))
	sc.Buffer(nil, 1<<24)
	whole := bytes.Count(b, []byte("\n")) // lines with an end
	for line := 1; sc.Scan(); line++ {
		var row struct {
			Type string `json:"type"`
			Step int    `json:"step"`
		}
		known := json.Unmarshal(sc.Bytes(), &row) == nil
		switch {
		case line > whole:
			continue // half a line
		case !known || row.Type == "" || line == 1 && row.Type != "start" && row.Type != "resume":
			return nil, 0, fault.Inputf("line %d is no row of a training's log", line)
		case row.Step > k:
			cut++
			continue
		case row.Type == "end" || row.Type == "stop":
			continue
		}
		kept = append(append(kept, sc.Bytes()...), '\n')
	}
	return kept, cut, sc.Err()
}

// write appends a row; the operating system has it when write returns.
func (l *logFile) write(row any) error {
	if l == nil {
		return nil
	}
	b, err := json.Marshal(row)
	if err == nil {
		_, err = l.w.Write(append(b, '\n'))
	}
	if err != nil && l.f == nil {
		return fault.Failedf("writing the log: %w", fault.Cause(err))
	}
	return err
}

func (l *logFile) close() error {
	if l == nil || l.f == nil {
		return nil
	}
	return l.f.Close()
}

// seenFrom is the log's path relative to a checkpoint, so that the two can move together; "" where it cannot be gone on
// with.
func (l *logFile) seenFrom(dir string) (string, error) {
	if l == nil || l.path == "" {
		return "", nil
	}
	d, p, err := bothAbs(dir, l.path)
	if err != nil {
		return "", err
	}
	rel, err := filepath.Rel(d, p)
	if err != nil {
		return p, nil // there is no way between them
	}
	return filepath.ToSlash(rel), nil
}

// bothAbs gives the absolute paths of two.
func bothAbs(a, b string) (absA, absB string, err error) {
	if absA, err = disk.Abs(a); err == nil {
		absB, err = disk.Abs(b)
	}
	if err != nil {
		return "", "", fault.OS(err)
	}
	return absA, absB, nil
}
