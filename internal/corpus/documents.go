package corpus

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"famkit/internal/fault"
	"famkit/internal/strictjson"
)

// Reading says how files become documents.
type Reading struct {
	Ext       string // names that are taken in folders, such as ".go,!_test.go"
	TextField string // of JSON rows; "": "text", of JSON lines only
	AsText    bool   // every text is one document as it stands, JSON and tables too
}

// documents are the texts that a file holds. Where it holds none that can be trained on, unfit says why.
func (r Reading) documents(f file) (texts []string, why *unfit, err error) {
	b, name, err := contents(f)
	if err != nil {
		return nil, nil, err
	}
	if why := sniff(b); why != nil {
		return nil, why, nil
	}
	b = bytes.TrimPrefix(b, []byte("\ufeff")) // a mark of the encoding, no part of the text
	layout := prose
	if !r.AsText {
		layout = shapeOf(name, b)
	}
	switch layout {
	case jsonLines:
		return r.jsonRows(f, bytes.Split(b, []byte("\n")), "line")
	case jsonWhole:
		return r.jsonValue(f, b)
	case table:
		return nil, &unfit{what: "a table, not prose",
			hint: "write its text column out as JSON lines; %v trains on the file as it stands",
			args: []any{fault.Arg("as-text")}}, nil
	}
	return []string{string(b)}, nil, nil
}

// jsonValue reads a file that is one JSON value: a list of rows, or a single row. It is asked for by naming the field.
func (r Reading) jsonValue(f file, b []byte) ([]string, *unfit, error) {
	if r.TextField == "" {
		return nil, notProse(b), nil
	}
	var list []json.RawMessage
	if err := strictjson.Check(b); err != nil {
		return nil, nil, fault.Inputf("%s: %w", f.path, err)
	}
	if json.Unmarshal(b, &list) != nil {
		list = []json.RawMessage{b}
	}
	rows := make([][]byte, len(list))
	for i, row := range list {
		rows[i] = row
	}
	return r.jsonRows(f, rows, "row")
}

// jsonRows takes the text field of each row, an object. Blank rows and empty texts are passed over. kind is the word
// for a row.
func (r Reading) jsonRows(f file, rows [][]byte, kind string) (texts []string, why *unfit, err error) {
	name := r.TextField
	if name == "" {
		name = "text"
	}
	first := true
	for i, row := range rows {
		if len(bytes.TrimSpace(row)) == 0 {
			continue
		}
		var fields map[string]json.RawMessage
		if err := strictjson.Unmarshal(row, &fields); err != nil {
			return nil, nil, fault.Inputf("%s: %s %d: %w", f.path, kind, i+1, err)
		}
		var text string
		if v := fields[name]; v == nil || v[0] != '"' || json.Unmarshal(v, &text) != nil {
			if why := withoutField(name, fields); first {
				return nil, why, nil
			}
			return nil, nil, fault.Inputf("%s: %s %d: wanted a text in the field %q, found %s", f.path, kind, i+1, name,
				found(v))
		}
		first = false
		if text != "" {
			texts = append(texts, text)
		}
	}
	if len(texts) == 0 {
		why = &unfit{what: "without text"}
	}
	return texts, why, nil
}

// withoutField says that JSON rows do not have the text field, and which text fields they have.
func withoutField(name string, row map[string]json.RawMessage) *unfit {
	var have []string
	for _, field := range slices.Sorted(maps.Keys(row)) {
		if v := row[field]; len(v) > 0 && v[0] == '"' {
			have = append(have, fmt.Sprintf("%.40q", field))
		}
	}
	const most = 8
	fields := "no field of it holds text"
	if len(have) > 0 {
		fields = "its text fields are " + strings.Join(have[:min(len(have), most)], ", ")
	}
	return &unfit{what: fmt.Sprintf("JSON rows without a text field %q", name),
		hint: "%v names another; %s; %v trains on the file as it stands",
		args: []any{fault.Arg("text-field", "NAME"), fields, fault.Arg("as-text")}}
}

// found shows the head of a value for a message.
func found(v json.RawMessage) string {
	if v == nil {
		return "none"
	}
	return fmt.Sprintf("%.40q", v)
}
