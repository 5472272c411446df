package expand

import (
	"errors"
	"io"
	"testing"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	"famkit/internal/growth"
	"famkit/internal/tensor"
)

// TestFailingReads: whichever read of the parent fails, and however it is grown, reading the child says so.
func TestFailingReads(t *testing.T) {
	size := func(s string) Change { return change(t, s) }
	growths := map[string]Request{
		"depth":    {Depth: size("2x")},
		"width":    {Width: size("2x")},
		"scaled":   {Hidden: size("x1.5"), Methods: []string{"pad"}},
		"padded":   {Hidden: size("x2.5"), Methods: []string{"lemon"}},
		"shares":   {Hidden: size("2x"), FFN: size("x1.5"), Split: growth.SplitShares},
		"vocab":    {Vocab: size("+5")},
		"pairs":    {Depth: size("+1"), Pairs: true, FFN: size("2x")},
		"next":     {FFN: size("2x"), Methods: []string{"aki"}, AllowInexact: true},
		"redrawn":  {Experts: size("4"), TopK: size("2"), Methods: []string{"drop-upcycle"}},
		"experts":  {Experts: size("2x")},
		"unsilent": {Depth: size("2x"), Methods: []string{"stack"}},
	}
	grown := 0
	for name := range archtest.Configs {
		for what, r := range growths {
			ck := random(t, name, tensor.BF16)
			p, err := Compile(ck, r)
			if err != nil {
				continue
			}
			grown++
			failEach(t, name+", "+what, ck.Source, p.Plan)
		}
	}
	if grown < 100 {
		t.Fatalf("only %d growths: the test shows too little", grown)
	}
}

// failEach counts the reads that a child makes of its parent, then reads the child again with one of them failing.
func failEach(t *testing.T, what string, parent format.Source, p *growth.Plan) {
	t.Helper()
	read := func(f *archtest.Faults) error {
		src, err := archtest.Failing(parent, f)
		if err != nil {
			t.Fatal(err)
		}
		ck, err := arch.Bind(src)
		if err != nil {
			return err
		}
		g, err := Of(p, ck)
		if err != nil {
			return err
		}
		_, err = format.Digest(g.Apply())
		return err
	}
	count := &archtest.Faults{}
	if err := read(count); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	total := count.Reads.Load()
	for n := int64(1); n <= total; n += max(1, total/7) { // a sample: growths of all architectures read alike
		if err := read(&archtest.Faults{Nth: n}); !errors.Is(err, archtest.ErrDisk) {
			t.Fatalf("%s: read %d of %d failed, and reading the child said %v", what, n, total, err)
		}
		if err := read(&archtest.Faults{Nth: n, Short: true}); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("%s: read %d of %d was short, and reading the child said %v", what, n, total, err)
		}
	}
}
