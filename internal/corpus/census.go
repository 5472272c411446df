package corpus

import (
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
	Digest string `json:"digest"` // of the files' sizes and bytes in their order, whatever their names
}

// Count lists the files of paths as Load does and adds up their sizes, without a digest.
func Count(paths []string, r Reading) (Census, error) {
	files, err := findFiles(paths, parseSuffixes(r.Ext))
	return Census{Files: len(files), Bytes: totalSize(files)}, err
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
