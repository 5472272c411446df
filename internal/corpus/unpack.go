package corpus

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"io"
	"strings"

	"famkit/internal/fault"
	"famkit/internal/infile"
)

// expansion bounds what a packed file may unpack to, as a multiple of its size: text packs 3 to 10 times, a file made
// to fill the memory up to 1000 times.
const expansion = 30

var errExpands = errors.New("unpacks to more than 30 times its size")

// packed are the formats that are unpacked while they are read.
var packed = []struct {
	head   string
	suffix string
	open   func(io.Reader) (io.Reader, error)
}{
	{"\x1f\x8b", ".gz", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
	{"BZh", ".bz2", func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }},
}

// contents reads a file, unpacked where it is packed, and gives the name that says what is inside: notes.txt of
// notes.txt.gz. A file that cannot be unpacked is refused (kind Input).
func contents(f file) (b []byte, name string, err error) {
	if b, err = infile.ReadUpTo(f.path, f.size); err != nil { // a size that the memory holds
		return nil, "", err
	}
	for _, p := range packed {
		if !bytes.HasPrefix(b, []byte(p.head)) {
			continue
		}
		if b, err = unpack(b, p.open); err != nil {
			return nil, "", fault.Hint(fault.Inputf("%s: %w", f.path, err), "unpack it first")
		}
		return b, strings.TrimSuffix(f.path, p.suffix), nil
	}
	return b, f.path, nil
}

func unpack(b []byte, open func(io.Reader) (io.Reader, error)) ([]byte, error) {
	r, err := open(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	most := int64(len(b)) * expansion
	out, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(out)) > most {
		err = errExpands
	}
	return out, err
}
