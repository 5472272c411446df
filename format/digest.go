package format

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strings"

	"famkit/internal/tensor"
)

// Digest identifies what a checkpoint computes with: SHA-256 over the names, dtypes, shapes and bytes of its tensors,
// whatever the files, shards or order they lie in. Every byte is read. Metadata and side files do not count.
func Digest(src Source) (string, error) {
	sums, err := Digests(context.Background(), src)
	if err != nil {
		return "", err
	}
	return DigestOf(src, sums)
}

// Digests reads all tensors and gives each one's SHA-256 in hex, the same as Written.Digests.
func Digests(ctx context.Context, src Source) (map[string]string, error) {
	list, err := checkTensors(src)
	if err != nil {
		return nil, err
	}
	jobs := make([]*job, len(list))
	for i, p := range list {
		jobs[i] = digestJob(p)
	}
	p := pump{}
	workers, _ := p.pool()
	// one tensor's digest is one worker's work
	if err := p.run(ctx, slices.Collect(slices.Chunk(jobs, workers))); err != nil {
		return nil, err
	}
	return sums(jobs), nil
}

// digestJob only hashes a tensor.
func digestJob(p placed) *job {
	p.begin, p.end = 0, p.info.Size()
	return &job{placed: p, digest: true}
}

func sums(jobs []*job) map[string]string {
	m := make(map[string]string, len(jobs))
	for _, j := range jobs {
		m[j.info.Name] = j.sum
	}
	return m
}

// DigestOf is Digest where the tensors' own digests are known already, as after Write.
func DigestOf(src Source, sums map[string]string) (string, error) {
	h := sha256.New()
	for _, name := range slices.Sorted(slices.Values(src.Names())) {
		t, err := src.Tensor(name)
		if err != nil {
			return "", err
		}
		sum, ok := sums[name]
		if !ok {
			return "", fmt.Errorf("no digest of tensor %q", name)
		}
		addTensor(h, t.Info(), sum)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// addTensor writes one line per tensor; NUL cannot be in a dtype or a shape, and the name's length is given.
func addTensor(h hash.Hash, info tensor.Info, sum string) {
	shape := strings.Trim(strings.ReplaceAll(fmt.Sprint(info.Shape), " ", ","), "[]")
	_, _ = fmt.Fprintf(h, "%d:%s\x00%s\x00[%s]\x00%s\n", len(info.Name), info.Name, info.DType, shape, sum)
}
