package report

import (
	"bufio"
	"encoding/json"
	"fmt"

	"famkit/internal/infile"
)

// Row is one line of a training log.
type Row struct {
	Type    string  `json:"type"`
	Step    int     `json:"step"`
	Loss    float64 `json:"loss"`
	Tokens  int64   `json:"tokens"`
	Seconds float64 `json:"seconds"`
}

// ReadLog reads a JSONL log of famkit train; rows of unknown types are kept.
func ReadLog(path string) ([]Row, error) {
	f, err := infile.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	var rows []Row
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		var r Row
		if err := json.Unmarshal(s.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", path, len(rows)+1, err)
		}
		rows = append(rows, r)
	}
	return rows, s.Err()
}

// Losses are the points of one type of row, by step. A step row holds the loss before its update, so it belongs to
// step-1.
func Losses(rows []Row, kind string) []Point {
	var out []Point
	for _, r := range rows {
		if r.Type != kind {
			continue
		}
		x := float64(r.Step)
		if kind == "step" {
			x--
		}
		out = append(out, Point{x, r.Loss})
	}
	return out
}
