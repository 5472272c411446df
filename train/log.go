package train

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"famkit/internal/fault"
)

// logFile writes one JSON object a line. A nil logFile writes nothing.
type logFile struct{ f *os.File }

// openLog creates the log, or on resuming after step k > 0 keeps the rows up to that step and appends.
func openLog(path string, resume bool, step int) (*logFile, error) {
	if path == "" {
		return nil, nil
	}
	var kept []byte
	if resume {
		b, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fault.Failedf("%w", err)
		}
		kept = rowsUpTo(b, step)
	}
	// Written anew beside and renamed: a crash leaves the old log or the shortened one.
	tmp, err := os.CreateTemp(filepath.Dir(path), ".famkit-log-*")
	if err != nil {
		return nil, fault.Failedf("log: %w", err)
	}
	_, err = tmp.Write(kept)
	if err == nil {
		err = tmp.Chmod(0o644)
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		_ = tmp.Close()
		_ = os.Remove(tmp.Name())
		return nil, fault.Failedf("log: %w", err)
	}
	return &logFile{tmp}, nil
}

// rowsUpTo keeps the rows that belong to steps up to k: a row without a step number, such as the first, stays; the
// end of an earlier run and half a line at the end do not.
func rowsUpTo(b []byte, k int) []byte {
	var out []byte
	sc := bufio.NewScanner(bytes.NewReader(b))
	sc.Buffer(nil, 1<<24)
	for sc.Scan() {
		var r struct {
			Type string `json:"type"`
			Step int    `json:"step"`
		}
		if json.Unmarshal(sc.Bytes(), &r) != nil || r.Step > k || r.Type == "end" || r.Type == "stop" {
			continue
		}
		out = append(append(out, sc.Bytes()...), '\n')
	}
	return out
}

// write appends a row; the operating system has it when write returns.
func (l *logFile) write(row any) error {
	if l == nil {
		return nil
	}
	b, err := json.Marshal(row)
	if err == nil {
		_, err = l.f.Write(append(b, '\n'))
	}
	if err != nil {
		return fault.Failedf("log: %w", err)
	}
	return nil
}

func (l *logFile) close() error {
	if l == nil {
		return nil
	}
	return l.f.Close()
}
