package corpus

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"famkit/internal/fault"
)

// unfit says why a file is not trained on as it is. Of a folder such a file is passed over with a word; a file that the
// user named is refused.
type unfit struct {
	what string // such as "a parquet file"
	hint string // a format, with its arguments
	args []any
}

// refuse is the error for a file that the user named.
func (u *unfit) refuse(path string) error {
	err := fault.Inputf("%s: is %s", path, u.what)
	if u.what == empty {
		err = fault.Inputf("%s: %s", path, empty)
	}
	if u.hint == "" {
		return err
	}
	return fault.Hint(err, u.hint, u.args...)
}

const empty = "empty"

// binaries are files that are recognised by their first bytes.
var binaries = []struct{ head, what, hint string }{
	{"PAR1", "a parquet file", "write its text column out as JSON lines"},
	{"ARROW1", "an Arrow file", "write its text column out as JSON lines"},
	{"\x28\xb5\x2f\xfd", "packed by zstd", "unpack it first: zstd -d"},
	{"\xfd7zXZ\x00", "packed by xz", "unpack it first: xz -d"},
	{"\x1f\x8b", "packed twice", "unpack it first: gunzip"},
	{"PK\x03\x04", "a zip archive", "unpack it first"},
	{"\x93NUMPY", "a NumPy array", "array.tofile writes the raw ids that token files hold"},
	{"GGUF", "a GGUF model", ""},
	{"%PDF-", "a PDF document", ""},
	{"SQLite format 3\x00", "an SQLite database", ""},
	{"\xff\xfe", "UTF-16 text", "iconv -f UTF-16 -t UTF-8 makes it readable"},
	{"\xfe\xff", "UTF-16 text", "iconv -f UTF-16 -t UTF-8 makes it readable"},
}

// tarMark stands at byte 257 of a tar archive.
const tarMark = "ustar"

// sniff tells what is no text at all.
func sniff(b []byte) *unfit {
	if len(b) == 0 {
		return &unfit{what: empty}
	}
	for _, k := range binaries {
		if bytes.HasPrefix(b, []byte(k.head)) {
			return &unfit{what: k.what, hint: k.hint}
		}
	}
	switch {
	case len(b) > 262 && string(b[257:262]) == tarMark:
		return &unfit{what: "a tar archive", hint: "unpack it first"}
	case !utf8.Valid(b), bytes.IndexByte(b, 0) >= 0:
		return &unfit{what: "not UTF-8 text"}
	}
	return nil
}

// shape is how a text is laid out.
type shape int

const (
	prose     shape = iota // one document as it stands
	jsonLines              // an object a line
	jsonWhole              // one JSON value
	table                  // fields with separators
)

// shapeOf tells how the text of a file is laid out, from its name and its bytes.
func shapeOf(name string, b []byte) shape {
	ext := strings.ToLower(filepath.Ext(name))
	switch {
	case ext == ".jsonl" || ext == ".ndjson":
		return jsonLines
	case ext == ".json" || ext == ".ipynb" || ext == ".geojson":
		if firstLineIsObject(b) {
			return jsonLines
		}
		return jsonWhole
	case ext == ".csv" || ext == ".tsv":
		return table
	}
	b = bytes.TrimLeft(b, " \t\r\n\ufeff")
	switch {
	case len(b) == 0 || b[0] != '{' && b[0] != '[':
		return prose
	case firstLineIsObject(b):
		return jsonLines
	case json.Valid(b):
		return jsonWhole
	}
	return prose
}

// firstLineIsObject reports whether b has several lines and the first of them is a JSON object by itself.
func firstLineIsObject(b []byte) bool {
	first, rest, several := bytes.Cut(bytes.TrimSpace(b), []byte("\n"))
	first = bytes.TrimSpace(first)
	return several && len(rest) > 0 && len(first) > 0 && first[0] == '{' && json.Valid(first)
}

// notProse says what a JSON value is that is not read as rows.
func notProse(b []byte) *unfit {
	var file map[string]json.RawMessage
	if json.Unmarshal(b, &file) == nil && file["model"] != nil && file["added_tokens"] != nil {
		return &unfit{what: "a tokenizer, not text"}
	}
	return &unfit{what: "JSON, not prose", hint: "%v trains on a field of its rows, %v on the file as it stands",
		args: []any{fault.Arg("text-field", "NAME"), fault.Arg("as-text")}}
}
