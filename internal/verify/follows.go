package verify

import (
	"bytes"
	"context"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"famkit/expand"
	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/growth"
	"famkit/internal/rowsum"
	"famkit/internal/tensor"
)

// chunkBytes is how much of a tensor is compared at once.
const chunkBytes = 1 << 20

// Follows checks that the child is what the plan makes of the parent: the config says the planned sizes, there is no
// tensor more or less, and every byte is equal. It returns the bytes compared.
func Follows(ctx context.Context, p *growth.Plan, parent, child *arch.Checkpoint,
	tell func(stage string) func(done, total int64)) ([]Finding, int64, error) {
	if p.Parent.Digest != "" {
		digest, err := digestOf(ctx, parent.Source, tell("reading the parent"))
		if err != nil {
			return nil, 0, err
		}
		if digest != p.Parent.Digest {
			return []Finding{faultf("parent", "digest is %s, the plan was made from %s", digest, p.Parent.Digest)}, 0, nil
		}
	}
	grown, err := expand.Of(p, parent)
	if err != nil {
		return []Finding{faultf(growth.PlanFile, "%v", err)}, 0, nil
	}
	want := grown.Apply()
	found := configFollows(p, parent, child)
	names, missing := planned(want, child.Source)
	found = append(found, missing...)
	more, n, err := compareAll(ctx, names, want, child.Source, tell("comparing with the plan"))
	return append(found, more...), n, err
}

// digestOf is format.Digest that can be interrupted, and tells how far it is.
func digestOf(ctx context.Context, src format.Source, progress func(done, total int64)) (string, error) {
	total, err := format.Bytes(src)
	if err != nil {
		return "", err
	}
	var done atomic.Int64
	progress(0, total)
	sums, err := format.Digests(ctx, counted{src, func(n int) { progress(min(total, done.Add(int64(n))), total) }})
	if err != nil {
		return "", err
	}
	return format.DigestOf(src, sums)
}

// configFollows compares what the child's config means with what the plan says.
func configFollows(p *growth.Plan, parent, child *arch.Checkpoint) []Finding {
	if parent.Config == nil || child.Config == nil {
		return nil
	}
	want, err := p.ChildOf(parent)
	if err != nil {
		return []Finding{faultf(growth.PlanFile, "%v", err)}
	}
	var out []Finding
	for _, d := range modelDifferences(want, child.Model) {
		field, _, _ := strings.Cut(d, ":")
		if slices.Contains(ofNoFunction, field) {
			out = append(out, notef(configFile, "%s", d))
		} else {
			out = append(out, faultf(configFile, "%s", d))
		}
	}
	return out
}

// ofNoFunction are fields of a model that say nothing of its function: what training starts from, and which ids begin
// and end a text.
var ofNoFunction = []string{"InitRange", "BOS", "EOS"}

// planned gives the names that both have, and what one of them lacks.
func planned(want, got format.Source) (both []string, out []Finding) {
	has := map[string]bool{}
	for _, n := range got.Names() {
		has[n] = true
	}
	for _, n := range want.Names() {
		if has[n] {
			both = append(both, n)
			delete(has, n)
			continue
		}
		out = append(out, faultf(n, "planned, but not in the child"))
	}
	for _, n := range got.Names() {
		if has[n] {
			out = append(out, notef(n, "not in the plan and not used by the model"))
		}
	}
	return both, out
}

// compareAll compares tensors side by side. Findings come in the order of names.
func compareAll(ctx context.Context, names []string, want, got format.Source,
	progress func(done, total int64)) ([]Finding, int64, error) {
	whole, err := format.Bytes(got)
	if err != nil {
		return nil, 0, err
	}
	results := make([][]Finding, len(names))
	errs := make([]error, len(names))
	var next, total atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), max(1, len(names))) {
		wg.Go(func() {
			a, b := make([]byte, chunkBytes), make([]byte, chunkBytes)
			for {
				i := int(next.Add(1) - 1)
				if i >= len(names) || ctx.Err() != nil {
					return
				}
				results[i], errs[i] = compare(ctx, names[i], want, got, a, b, func(n int) { progress(total.Add(int64(n)), whole) })
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	var out []Finding
	for i := range names {
		if errs[i] != nil {
			return nil, 0, errs[i]
		}
		out = append(out, results[i]...)
	}
	return out, total.Load(), nil
}

// compare reads both tensors through a and b; it reports the first element that differs and how many do, and tells of
// bytes as they are compared.
func compare(ctx context.Context, name string, want, got format.Source, a, b []byte, compared func(n int)) ([]Finding,
	error) {
	w, err := want.Tensor(name)
	if err != nil {
		return nil, err
	}
	g, err := got.Tensor(name)
	if err != nil {
		return nil, err
	}
	wi, gi := w.Info(), g.Info()
	if wi.DType != gi.DType || !slices.Equal(wi.Shape, gi.Shape) {
		return []Finding{faultf(name, "is %s %v, the plan says %s %v", gi.DType, gi.Shape, wi.DType, wi.Shape)}, nil
	}
	d := &diff{dtype: wi.DType, first: -1}
	size := wi.Size()
	for off := int64(0); off < size && ctx.Err() == nil; off += chunkBytes {
		n := int(min(chunkBytes, size-off))
		if err := tensor.ReadFull(w, a[:n], off); err != nil {
			return nil, err
		}
		if err := tensor.ReadFull(g, b[:n], off); err != nil {
			return nil, err
		}
		d.chunk(a[:n], b[:n], off)
		compared(n)
	}
	return d.findings(name), nil
}

// diff gathers the differences of one tensor.
type diff struct {
	dtype      tensor.DType
	first      int64 // element index
	want, got  string
	differ     int64
	nonFinites int64
}

func (d *diff) chunk(want, got []byte, off int64) {
	d.nonFinites += int64(tensor.NonFinite(got, d.dtype))
	if bytes.Equal(want, got) {
		return
	}
	size := max(1, d.dtype.Bits()/8)
	for i := 0; i*size < len(want); i++ {
		if bytes.Equal(want[i*size:(i+1)*size], got[i*size:(i+1)*size]) {
			continue
		}
		if d.differ == 0 {
			d.first = off/int64(size) + int64(i)
			d.want, d.got = rowsum.Element(want, i, d.dtype), rowsum.Element(got, i, d.dtype)
		}
		d.differ++
	}
}

func (d *diff) findings(name string) []Finding {
	var out []Finding
	if d.differ > 0 {
		out = append(out, faultf(name, "%d elements are not what the plan makes of the parent; first element %d: wanted "+
			"%s, found %s",
			d.differ, d.first, d.want, d.got))
	}
	if d.nonFinites > 0 {
		out = append(out, faultf(name, "%d elements are NaN or infinite", d.nonFinites))
	}
	return out
}
