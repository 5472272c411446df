package format

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"famkit/internal/fault"
	"famkit/internal/tensor"
)

// placed is a tensor with its place in the data of a file.
type placed struct {
	tensor.Tensor
	info       tensor.Info
	begin, end int64
}

// layout orders tensors as the Rust crate does, by dtype (its enum, descending) and then by name, and gives them
// their offsets.
func layout(list []placed) {
	slices.SortFunc(list, func(a, b placed) int {
		if c := cmp.Compare(b.info.DType, a.info.DType); c != 0 {
			return c
		}
		return strings.Compare(a.info.Name, b.info.Name)
	})
	var at int64
	for i := range list {
		list[i].begin = at
		at += list[i].info.Size()
		list[i].end = at
	}
}

// appendHeader appends the length prefix and the header of tensors that are laid out: compact JSON, __metadata__
// first, then the tensors in the order of their data, padded with spaces to a multiple of 8. A nil meta is left out.
func appendHeader(dst []byte, list []placed, meta map[string]string) ([]byte, error) {
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0, '{')
	if meta != nil {
		dst = append(dst, `"`+metadataKey+`":`...)
		dst = appendStringMap(dst, meta)
	}
	for i := range list {
		p := &list[i]
		if i > 0 || meta != nil {
			dst = append(dst, ',')
		}
		dst = appendEntry(dst, p)
	}
	dst = append(dst, '}')
	for (len(dst)-start)%8 != 0 {
		dst = append(dst, ' ')
	}
	n := len(dst) - start - 8
	if n > headerCap {
		return nil, fault.Inputf("header too large: %d tensors need %d bytes of header, readers accept %d", len(list), n,
			headerCap)
	}
	binary.LittleEndian.PutUint64(dst[start:], uint64(n))
	return dst, nil
}

func appendEntry(dst []byte, p *placed) []byte {
	dst = appendString(dst, p.info.Name)
	dst = append(dst, `:{"dtype":"`...)
	dst = append(dst, p.info.DType.String()...)
	dst = append(dst, `","shape":[`...)
	for i, d := range p.info.Shape {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(dst, int64(d), 10)
	}
	dst = append(dst, `],"data_offsets":[`...)
	dst = strconv.AppendInt(dst, p.begin, 10)
	dst = append(dst, ',')
	dst = strconv.AppendInt(dst, p.end, 10)
	return append(dst, "]}"...)
}

// appendStringMap writes keys sorted; the Rust crate's own order is that of a hash map.
func appendStringMap(dst []byte, m map[string]string) []byte {
	dst = append(dst, '{')
	for i, k := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, k)
		dst = append(dst, ':')
		dst = appendString(dst, m[k])
	}
	return append(dst, '}')
}

// appendString writes a JSON string with the escapes of serde_json: what must be escaped and nothing else.
// encoding/json escapes <, >, & and U+2028 too.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c >= 0x20:
			dst = append(dst, c)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		case c == '\b':
			dst = append(dst, `\b`...)
		case c == '\f':
			dst = append(dst, `\f`...)
		default:
			dst = fmt.Appendf(dst, `\u%04x`, c)
		}
	}
	return append(dst, '"')
}

// checkTensors gives the tensors of src in its order with what can be refused before any byte is written refused: a
// name twice or one that no header can hold, a shape that overflows or does not fill whole bytes.
func checkTensors(src Source) ([]placed, error) {
	names := src.Names()
	list := make([]placed, 0, len(names))
	seen := make(map[string]struct{}, len(names))
	for _, name := range names {
		if _, dup := seen[name]; dup {
			return nil, fault.Inputf("duplicate tensor name %q", name)
		}
		seen[name] = struct{}{}
		if name == metadataKey || !utf8.ValidString(name) {
			return nil, fault.Inputf("tensor name %q cannot be written: it is reserved or not UTF-8", name)
		}
		t, err := src.Tensor(name)
		if err != nil {
			return nil, err
		}
		info := t.Info()
		if info.Name != name {
			return nil, fault.Inputf("tensor %q calls itself %q", name, info.Name)
		}
		if _, err := info.Bytes(); err != nil || info.DType == tensor.Invalid {
			return nil, fault.Inputf("tensor %q: cannot be written as %s %v: %w", name, info.DType, info.Shape,
				cmp.Or(err, errNoDType))
		}
		list = append(list, placed{Tensor: t, info: info})
	}
	return list, nil
}

var errNoDType = fmt.Errorf("no dtype")
