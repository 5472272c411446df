package train

import (
	"strings"
	"testing"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/decoder"
	"famkit/internal/engine"
	"famkit/internal/fault"
	"famkit/internal/trainstate"
)

func oracleModel(t *testing.T, name string) *arch.Model {
	t.Helper()
	h, err := format.Open(oracle + name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	ck, err := arch.Bind(h)
	if err != nil {
		t.Fatal(err)
	}
	return ck.Model
}

// What is announced is what the engine hands out.
func TestMemoryNeedIsWhatIsTaken(t *testing.T) {
	m := oracleModel(t, "qwen3")
	e, err := engine.New("ref", engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	d, err := decoder.New(e, m, decoder.Options{Batch: 3, SeqLen: 20, Train: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newAdamW(d, &trainstate.Settings{}); err != nil {
		t.Fatal(err)
	}
	if need := memoryNeed(m, e.Spec(), decoder.Options{Batch: 3, SeqLen: 20, Train: true}); need.Total != e.Allocated() {
		t.Errorf("announced %d bytes, taken %d", need.Total, e.Allocated())
	}
}

func TestTooLittleMemoryNamesABatchThatFits(t *testing.T) {
	m := oracleModel(t, "llama-tied")
	choice, err := engine.Choose("cpu", engine.Float32)
	if err != nil {
		t.Fatal(err)
	}
	spec := choice.Spec
	total := func(batch int) int64 {
		return memoryNeed(m, spec, decoder.Options{Batch: batch, SeqLen: 64, Train: true}).Total
	}
	check := func(available int64) error {
		o := decoder.Options{Batch: 16, SeqLen: 64, Train: true}
		n := memoryNeed(m, spec, o)
		n.Available = available
		return n.check(m, spec, o)
	}
	for _, ok := range []int64{0, total(16), total(17)} {
		if err := check(ok); err != nil {
			t.Errorf("%d bytes: %v", ok, err)
		}
	}
	for available, hint := range map[int64]string{total(16) - 1: "--batch 15 would fit", total(5): "--batch 5 would fit",
		total(1) - 1: "not even --batch 1"} {
		err := check(available)
		if fault.KindOf(err) != fault.Failed || err == nil || !strings.Contains(fault.HintText(err, asFlag), hint) {
			t.Errorf("%d bytes: %v (hint %q), want a hint %q", available, err, fault.HintText(err, asFlag), hint)
		}
	}
}
