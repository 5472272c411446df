package train

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"famkit/internal/fault"
	"famkit/internal/infile"
	"famkit/internal/trainstate"
)

// logFile writes one JSON object a line. A nil logFile writes nothing.
type logFile struct {
	w    io.Writer
	f    *os.File // nil where the writer is the caller's
	path string   // "" for what cannot be gone on with: devices, pipes, the caller's writer
}

// logTarget is where the rows of a run go, settled before anything is read.
type logTarget struct {
	path   string
	device bool // written through, never replaced
	goesOn bool // rows are there already, and those up to the base step stay
}

// settleLog finds where the rows go and refuses a file that would be lost.
func (r *run) settleLog() error {
	o, t := &r.o, &r.logTo
	t.path = o.Log
	if t.path == "" && r.inPlace && o.LogTo == nil {
		t.path = logPath(o.Out, r.state.Log)
	}
	if t.path == "" {
		return nil
	}
	st, err := os.Stat(t.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return r.newLog()
	case err != nil:
		return fault.OS(err)
	case st.IsDir():
		return fault.Inputf("%s: is a folder, wanted a file for the log", t.path)
	case !st.Mode().IsRegular() && o.Log == "":
		return fault.Hint(fault.Inputf("%s: names the log %s, which is no regular file", filepath.Join(o.Out, trainstate.StateFile),
			t.path), "%v goes on in another file", fault.Arg("log", "FILE"))
	case !st.Mode().IsRegular():
		t.device = true
		return nil
	}
	if t.path, err = filepath.EvalSymlinks(t.path); err != nil {
		return fault.OS(err)
	}
	t.goesOn = r.kind == Resume
	if t.goesOn || st.Size() == 0 || o.Force || r.erased != nil && sameFile(t.path, r.erased.log) {
		return nil
	}
	return fault.Hint(fault.Inputf("%s: exists already", o.Log), "choose another name, or replace it with %v",
		fault.Arg("force"))
}

// newLog refuses a log whose folder is not there.
func (r *run) newLog() error {
	dir := filepath.Dir(r.logTo.path)
	if isFolder(dir) {
		return nil
	}
	err := fault.Inputf("%s: the log's folder is not there", r.logTo.path)
	if r.o.Log == "" {
		return fault.Hint(err, "the training wrote its log there; %v goes on in another file", fault.Arg("log", "FILE"))
	}
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
	switch {
	case r.o.LogTo != nil:
		r.log = &logFile{w: r.o.LogTo}
		return nil
	case t.path == "":
		return nil
	case t.device:
		r.log, err = openRows(t.path, os.O_WRONLY|os.O_APPEND)
		if err == nil {
			r.log.path = ""
		}
		return err
	case !t.goesOn:
		r.log, err = openRows(t.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND)
		return err
	}
	cut, err := cutLog(t.path, r.base.Step)
	if err != nil {
		return err
	}
	if cut > 0 {
		r.on(Event{LogCut: &LogCut{t.path, cut, r.base.Step}})
	}
	r.log, err = openRows(t.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND)
	return err
}

func openRows(path string, flags int) (*logFile, error) {
	f, err := os.OpenFile(path, flags, 0o644)
	if err != nil {
		return nil, fault.Failedf("log: %w", err)
	}
	return &logFile{f, f, path}, nil
}

// maxLog bounds a log that is cut: a row is some 200 bytes.
const maxLog = 1 << 30

// cutLog takes the rows past step k out of a log, and the end of an earlier run. It reports how many steps and
// evaluations went. The log is written anew beside and renamed: a crash leaves the old log or the shortened one.
func cutLog(path string, k int) (cut int, err error) {
	st, err := os.Stat(path)
	if err != nil {
		return 0, fault.OS(err)
	}
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
	tmp, err := os.CreateTemp(filepath.Dir(path), ".famkit-log-*")
	if err != nil {
		return 0, fault.Failedf("log: %w", err)
	}
	_, err = tmp.Write(kept)
	for _, f := range []func() error{func() error { return tmp.Chmod(st.Mode().Perm()) }, tmp.Sync} {
		if err == nil {
			err = f()
		}
	}
	err = errors.Join(err, tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
		return 0, fault.Failedf("log: %w", err)
	}
	return cut, nil
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
	if err != nil {
		return fault.Failedf("log: %w", err)
	}
	return nil
}

func (l *logFile) close() error {
	if l == nil || l.f == nil {
		return nil
	}
	return l.f.Close()
}

// seenFrom is the log's path relative to a checkpoint, so that the two can move together; "" where it cannot be gone on
// with.
func (l *logFile) seenFrom(dir string) string {
	if l == nil || l.path == "" {
		return ""
	}
	d, errD := filepath.Abs(dir)
	p, errP := filepath.Abs(l.path)
	if errD != nil || errP != nil {
		return ""
	}
	rel, err := filepath.Rel(d, p)
	if err != nil {
		return p
	}
	return filepath.ToSlash(rel)
}
