package verify

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"famkit/expand"
	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	"famkit/internal/proof"
	pt "famkit/internal/proof/prooftest"
	"famkit/internal/rowsum"
	"famkit/internal/tensor"
)

const benchConfig = `{"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_size":768,"num_hidden_layers":6,"num_attention_heads":12,
 "num_key_value_heads":6,"head_dim":64,"intermediate_size":2048,"vocab_size":16000,"rms_norm_eps":0.001,"rope_theta":10000.0,
 "max_position_embeddings":64,"tie_word_embeddings":false,"hidden_act":"silu"}`

// BenchmarkProve proves growths of a model on disk (in the page cache) and compares with reading both files by as many
// goroutines: x-read is the share of that speed.
func BenchmarkProve(b *testing.B) {
	dir := b.TempDir()
	src, err := archtest.Random(1, benchConfig, tensor.BF16)
	if err != nil {
		b.Fatal(err)
	}
	parent := onDisk(b, filepath.Join(dir, "parent"), src)
	for _, c := range []struct {
		name string
		r    expand.Request
	}{
		{"depth", expand.Request{Depth: pt.Size(b, "2x")}},
		{"width", expand.Request{Width: pt.Size(b, "2x")}},
		{"hidden x1.5", expand.Request{Hidden: pt.Size(b, "x1.5")}},
	} {
		plan, grown := pt.Grow(b, parent, c.r)
		child := onDisk(b, filepath.Join(dir, c.name), grown.Source)
		b.Run(c.name, func(b *testing.B) {
			var proving, read time.Duration
			var bytes int64
			for b.Loop() {
				start := time.Now()
				p, err := proof.Prove(context.Background(), ClaimOf(plan), parent, child, proof.Options{})
				if err != nil || !p.Holds() {
					b.Fatal(err, p)
				}
				proving += time.Since(start)
				bytes = p.Bytes
				start = time.Now()
				readAll(b, parent, child)
				read += time.Since(start)
			}
			b.ReportMetric(float64(bytes)*float64(b.N)/1e9/proving.Seconds(), "GB/s")
			b.ReportMetric(read.Seconds()/proving.Seconds(), "x-read")
		})
	}
}

func onDisk(b *testing.B, path string, src format.Source) *arch.Checkpoint {
	b.Helper()
	if _, err := format.Write(context.Background(), path, src, format.WriteOptions{NoDigests: true}); err != nil {
		b.Fatal(err)
	}
	h, err := format.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = h.Close() })
	return pt.Bind(b, h)
}

// readAll reads every tensor and does nothing with it.
func readAll(b *testing.B, all ...*arch.Checkpoint) {
	b.Helper()
	var list []arch.Bound
	for _, ck := range all {
		list = append(list, ck.Tensors...)
	}
	var next, bad atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			buf := make([]byte, rowsum.BlockBytes)
			for {
				i := int(next.Add(1) - 1)
				if i >= len(list) {
					return
				}
				size := list[i].Info().Size()
				for off := int64(0); off < size; off += rowsum.BlockBytes {
					if err := tensor.ReadFull(list[i].Tensor, buf[:min(rowsum.BlockBytes, size-off)], off); err != nil {
						bad.Add(1)
					}
				}
			}
		})
	}
	wg.Wait()
	if n := bad.Load(); n > 0 {
		b.Fatal(fmt.Errorf("%d reads failed", n))
	}
}
