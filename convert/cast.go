package convert

import (
	"iter"
	"maps"
	"sync"
	"sync/atomic"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/fault"
	"famkit/internal/tensor"
)

// Cast gives every floating point tensor (F16, BF16, F32, F64) the type to, which is one of them, rounding to
// nearest even. Other tensors, and those that have the type already, are copied as bytes. Where there is a
// config.json its dtype follows, in both spellings; a config that says so already stays as it is, byte for byte.
// What records how the old bytes came to be (plan.json, proof.json) is left out when bytes change.
// Reading a number that is finite and would become infinite fails with kind Input.
func Cast(src format.Source, to tensor.DType) (format.Source, error) {
	return CastCounted(src, to, nil)
}

// CastCounted is Cast which adds to rounded, as numbers are read, how many of them change their value. What is read
// twice counts twice. A nil rounded counts nothing.
func CastCounted(src format.Source, to tensor.DType, rounded *atomic.Int64) (format.Source, error) {
	if !to.Real() {
		return nil, fault.Usagef("cannot cast to %s, wanted F32, BF16, F16 or F64", to)
	}
	changes := false
	for _, name := range src.Names() {
		t, err := src.Tensor(name)
		if err != nil {
			return nil, err
		}
		d := t.Info().DType
		changes = changes || d.Real() && d != to
	}
	files, err := castFiles(src, to, changes)
	if err != nil {
		return nil, err
	}
	return format.WithFiles(&castSource{src, to, rounded}, files), nil
}

func castFiles(src format.Source, to tensor.DType, changes bool) (map[string][]byte, error) {
	files := map[string][]byte{}
	if changes {
		files["plan.json"], files["proof.json"] = nil, nil
	}
	text, ok := format.ReadFile(src, "config.json")
	if !ok {
		return files, nil
	}
	c, err := arch.ParseConfig(text)
	if err != nil {
		return nil, err
	}
	if c.IsSet("quantization_config") && changes {
		return nil, fault.Inputf("config.json: quantization_config: wanted plain weights to cast, found quantised ones")
	}
	if says, err := saysDType(c, to); err != nil || says {
		return files, err
	}
	if err := setDType(c, to); err != nil {
		return nil, err
	}
	files["config.json"] = c.Bytes()
	return files, nil
}

// saysDType reports whether a config gives the type in one spelling and no other type in the other.
func saysDType(c *arch.Config, d tensor.DType) (bool, error) {
	now, err := c.StringOrNull("dtype")
	if err != nil {
		return false, err
	}
	old, err := c.StringOrNull("torch_dtype")
	if err != nil {
		return false, err
	}
	fits := func(s string) bool { return s == "" || s == d.Torch() }
	return now+old != "" && fits(now) && fits(old), nil
}

// setDType rewrites a config. That of a known architecture gets both spellings of everything; in any other just the
// dtype changes.
func setDType(c *arch.Config, d tensor.DType) error {
	kind, err := c.StringOrNull("model_type")
	if err != nil {
		return err
	}
	if spec, err := arch.Lookup(kind); err == nil {
		m, err := arch.Resolve(c)
		if err != nil {
			return err
		}
		m.DType = d
		return spec.Update(c, m)
	}
	c.Set("dtype", d.Torch())
	c.Set("torch_dtype", d.Torch())
	return nil
}

// castSource casts each tensor when it is asked for.
type castSource struct {
	format.Source
	to      tensor.DType
	rounded *atomic.Int64
}

func (s *castSource) Files() iter.Seq2[string, []byte] { return s.Source.Files() }
func (s *castSource) Meta() map[string]string          { return maps.Clone(s.Source.Meta()) }

func (s *castSource) Tensor(name string) (tensor.Tensor, error) {
	t, err := s.Source.Tensor(name)
	if err != nil {
		return nil, err
	}
	return castTo(t, s.to, s.rounded), nil
}

// castTo is t in another type; t itself where it has that type or none to cast.
func castTo(t tensor.Tensor, to tensor.DType, rounded *atomic.Int64) tensor.Tensor {
	info := t.Info()
	if !info.DType.Real() || info.DType == to {
		return t
	}
	from := info.DType
	info.DType = to
	return &castTensor{info, t, from, rounded}
}

// castTensor reads another tensor's bytes and rounds them.
type castTensor struct {
	info    tensor.Info
	of      tensor.Tensor
	from    tensor.DType
	rounded *atomic.Int64 // nil: nobody asks
}

// castChunk is the number of elements that are cast at once: 256 KiB of float32.
const castChunk = 1 << 16

// castBuffers hold the bytes of a chunk before the cast, of any type; those of 16-bit types fill less than half and
// leave the other half for float32.
var castBuffers = sync.Pool{New: func() any { return new([8 * castChunk]byte) }}

func (t *castTensor) Info() tensor.Info { return t.info }

// ReadAt implements io.ReaderAt.
func (t *castTensor) ReadAt(p []byte, off int64) (int, error) {
	size := t.info.Size()
	if off < 0 {
		return 0, fault.Failedf("tensor %q: read at offset %d", t.info.Name, off)
	}
	buf := castBuffers.Get().(*[8 * castChunk]byte)
	defer castBuffers.Put(buf)
	return tensor.ReadPieces(p, off, size, func(p []byte, off int64) (int, error) { return t.readChunk(p, off, buf[:]) })
}

// readChunk fills the beginning of p: whole elements, or the part of one that off or p cuts.
func (t *castTensor) readChunk(p []byte, off int64, buf []byte) (int, error) {
	in, out := int64(t.from.Bits()/8), int64(t.info.DType.Bits()/8)
	first, skip := off/out, off%out
	n := min(int64(len(p))/out, castChunk)
	partial := skip != 0 || n == 0
	if partial {
		n = 1
	}
	src := buf[:n*in]
	if err := tensor.Fill(t.of, src, first*in); err != nil {
		return 0, err // it names the tensor
	}
	dst := p
	var one [8]byte
	if partial {
		dst = one[:]
	}
	if i := cast(dst[:n*out], t.info.DType, src, t.from, buf[4*castChunk:]); i >= 0 {
		return 0, fault.Inputf("tensor %q: element %d, %v, is too large for %s", t.info.Name, first+int64(i),
			decodeOne(src[int64(i)*in:], t.from), t.info.DType)
	}
	if t.rounded != nil && skip == 0 {
		t.rounded.Add(changed(dst[:n*out], t.info.DType, src, t.from))
	}
	if partial {
		return copy(p, one[skip:out]), nil
	}
	return int(n * out), nil
}
