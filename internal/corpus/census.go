package corpus

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"famkit/internal/fault"
	"famkit/internal/infile"
)

// Census counts the files of some data and identifies what stands in them, without reading them as text or as ids.
type Census struct {
	Files  int    `json:"files"`
	Bytes  int64  `json:"bytes"`
	Most   int64  `json:"most"`   // bytes that they may unpack to
	Digest string `json:"digest"` // of the files' sizes and bytes in their order, whatever their names
}

// Count lists the files of paths as Load does and adds up their sizes, without a digest.
func Count(paths []string, r Reading) (Census, error) {
	files, err := findFiles(paths, parseSuffixes(r.Ext))
	c := Census{Files: len(files), Bytes: totalSize(files)}
	for _, f := range files {
		if err != nil {
			break
		}
		var factor int64
		factor, err = unpacksTo(f.path)
		c.Most += f.size * factor
	}
	return c, err
}

// unpacksTo is by how much a file may grow when it is read.
func unpacksTo(path string) (int64, error) {
	f, err := infile.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, 4)
	n, err := io.ReadFull(f, head)
	if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		return 0, fault.OS(err)
	}
	for _, p := range packed {
		if bytes.HasPrefix(head[:n], []byte(p.head)) {
			return expansion, nil
		}
	}
	return 1, nil
}

// Survey is Count with the digest. It reads every byte.
func Survey(ctx context.Context, paths []string, r Reading) (Census, error) {
	files, err := findFiles(paths, parseSuffixes(r.Ext))
	if err != nil {
		return Census{}, err
	}
	c, all := Census{Files: len(files)}, sha256.New()
	for _, f := range files {
		if ctx.Err() != nil {
			return c, context.Cause(ctx)
		}
		sum, n, err := fileDigest(f.path)
		if err != nil {
			return c, err
		}
		c.Bytes += n
		_, _ = fmt.Fprintf(all, "%d %x\n", n, sum)
	}
	c.Digest = hex.EncodeToString(all.Sum(nil))
	return c, nil
}

func fileDigest(path string) (sum []byte, n int64, err error) {
	f, err := infile.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if n, err = io.Copy(h, f); err != nil {
		return nil, 0, fault.OS(err)
	}
	return h.Sum(nil), n, nil
}
