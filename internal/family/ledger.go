package family

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"famkit/internal/fault"
	"famkit/internal/infile"
	"famkit/internal/output"
	"famkit/internal/strictjson"
)

// LedgerFile is the file of a family's folder that says what was done, one JSON object a line, in order.
const LedgerFile = "ledger.jsonl"

// What a row of the ledger tells.
const (
	rowFamily = "family" // the first row: whose ledger it is
	rowRecipe = "recipe" // a run began, with the stages as its recipe has them
	rowData   = "data"   // what the data hold, once counted
	rowStart  = "start"  // a stage began or went on
	rowDone   = "done"   // a stage is finished
	rowStop   = "stop"   // a stage did not finish
)

// Row is one line of the ledger.
type Row struct {
	Format int       `json:"format"`
	Time   time.Time `json:"time"`
	Type   string    `json:"type"`
	Family string    `json:"family,omitempty"`
	Recipe string    `json:"recipe,omitempty"` // file below recipes/
	Stage  string    `json:"stage,omitempty"`
	Key    string    `json:"key,omitempty"`
	Inputs inputs    `json:"inputs,omitempty"`
	// Stages are the keys of all stages of a recipe by their names, All what they depend on.
	Stages map[string]string `json:"stages,omitempty"`
	All    map[string]inputs `json:"all,omitempty"`
	Reason string            `json:"reason,omitempty"` // of a stop
	Data   *DataRow          `json:"data,omitempty"`
	Result *Result           `json:"result,omitempty"`
	By     string            `json:"by,omitempty"` // version of the program
}

// DataRow is what the training data hold.
type DataRow struct {
	Key    string `json:"key"` // of data and tokenizer
	Tokens int64  `json:"tokens"`
	Rows   int64  `json:"rows"`
	Held   int64  `json:"held_rows"` // held out
}

// Result is what a stage gave.
type Result struct {
	Output  string   `json:"output"` // below the family's folder
	Digest  string   `json:"digest,omitempty"`
	Params  int64    `json:"parameters,omitempty"`
	Steps   int      `json:"steps,omitempty"`
	Tokens  int64    `json:"tokens,omitempty"`
	FLOPs   float64  `json:"flops,omitempty"`
	Ops     float64  `json:"operations,omitempty"`
	Seconds float64  `json:"seconds,omitempty"`
	Loss    float64  `json:"loss,omitempty"`
	Eval    *float64 `json:"eval_loss,omitempty"`
	Log     string   `json:"log,omitempty"`
	// Verdict of the proof of a growth.
	Verdict string `json:"verdict,omitempty"`
}

// ledgerFormat is the version of the rows.
const ledgerFormat = 1

// Ledger is the record of a family's folder. While it is open for writing nobody else can open it so.
type Ledger struct {
	Rows   []Row
	path   string
	record *output.Record // nil: read only
}

// ReadLedger reads the ledger of a family's folder; one that is not there is empty. Half a line at the end, which a
// killed run leaves, is passed over.
func ReadLedger(dir string) (*Ledger, error) {
	l := &Ledger{path: filepath.Join(dir, LedgerFile)}
	b, err := infile.Read(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return nil, err
	}
	_, err = l.parse(b)
	return l, err
}

// parse reads whole lines and gives their length.
func (l *Ledger) parse(b []byte) (whole int, err error) {
	l.Rows = nil
	for line := 1; ; line++ {
		end := bytes.IndexByte(b[whole:], '\n')
		if end < 0 {
			return whole, nil
		}
		var row Row
		if err := strictjson.UnmarshalKnown(b[whole:whole+end], &row); err != nil {
			return 0, fault.Inputf("%s: line %d: %w", l.path, line, err)
		}
		if row.Format != ledgerFormat {
			return 0, fault.Inputf("%s: line %d: format %d, wanted %d", l.path, line, row.Format, ledgerFormat)
		}
		if line == 1 && row.Type != rowFamily {
			return 0, fault.Inputf("%s: line 1: wanted the family's row, found %q", l.path, row.Type)
		}
		l.Rows = append(l.Rows, row)
		whole += end + 1
	}
}

// OpenLedger opens the ledger of a family for appending and locks it. A ledger of another family is refused.
func OpenLedger(dir, family string) (*Ledger, error) {
	if err := makeFolders(dir); err != nil {
		return nil, err
	}
	l := &Ledger{path: filepath.Join(dir, LedgerFile)}
	var err error
	if l.record, err = output.OpenRecord(l.path); err != nil {
		return nil, err
	}
	if err := l.begin(family); err != nil {
		_ = l.record.Close()
		return nil, err
	}
	return l, nil
}

func (l *Ledger) begin(family string) error {
	b, err := infile.Read(l.path)
	if err != nil {
		return err
	}
	whole, err := l.parse(b)
	if err != nil {
		return err
	}
	if whole < len(b) { // half a line
		if err := l.record.Cut(int64(whole)); err != nil {
			return err
		}
	}
	if len(l.Rows) == 0 {
		return l.append(Row{Type: rowFamily, Family: family})
	}
	return l.belongs(family)
}

// belongs refuses a ledger of another family.
func (l *Ledger) belongs(family string) error {
	if len(l.Rows) == 0 || l.Rows[0].Family == family {
		return nil
	}
	return fault.Hint(fault.Inputf("%s: is the ledger of family %q, wanted %q", l.path, l.Rows[0].Family, family),
		"another folder, or the recipe's name")
}

// append adds a row; it is on the disk when append returns.
func (l *Ledger) append(row Row) error {
	row.Format, row.Time = ledgerFormat, time.Now().UTC().Truncate(time.Millisecond)
	b, err := json.Marshal(row)
	if err != nil {
		return err
	}
	if err := l.record.Add(append(b, '\n')); err != nil {
		return err
	}
	l.Rows = append(l.Rows, row)
	return nil
}

// Close gives the ledger free.
func (l *Ledger) Close() error {
	if l.record == nil {
		return nil
	}
	return l.record.Close()
}

// done is the last row that says that a stage with a key is finished; nil where none does, or where its output was
// asked for again since.
func (l *Ledger) done(key string) *Row {
	for i := len(l.Rows) - 1; i >= 0; i-- {
		if l.Rows[i].Key == key && l.Rows[i].Type == rowDone {
			return &l.Rows[i]
		}
	}
	return nil
}

// recipe is the row of the last run that began; nil where there is none.
func (l *Ledger) recipe() *Row {
	for i := len(l.Rows) - 1; i >= 0; i-- {
		if l.Rows[i].Type == rowRecipe {
			return &l.Rows[i]
		}
	}
	return nil
}

// data is what is known of data and tokenizer with a key.
func (l *Ledger) data(key string) *DataRow {
	for _, row := range l.Rows {
		if row.Type == rowData && row.Data != nil && row.Data.Key == key {
			return row.Data
		}
	}
	return nil
}
