package format

import (
	"slices"

	"github.com/nlpodyssey/safetensors"

	"famkit/internal/disk"
	"famkit/internal/fault"
	"famkit/internal/output"
	"famkit/internal/tensor"
)

// SecondOpinion reads a safetensors file with the independent reader of nlpodyssey/safetensors and compares names,
// dtypes, shapes and places with what famkit reads. The error names the first difference. checked is false, with the
// reason, where that reader does not know the file's element types.
func SecondOpinion(path string) (checked bool, reason string, err error) {
	ours, err := openShard(path)
	if err != nil {
		return false, "", err
	}
	defer func() { _ = ours.f.Close() }()
	for i := range ours.hdr.entries {
		if e := &ours.hdr.entries[i]; !knownToSecond(e.dtype) {
			return false, "the second reader does not know " + e.dtype.String(), nil
		}
	}
	data, unmap, err := ours.f.Map()
	if err != nil {
		return false, "", output.Failed(path, "mapping", err)
	}
	defer unmap()
	theirs, err := safetensors.Deserialize(data)
	if err != nil {
		return true, "", fault.Inputf("%s: a second reader refuses it: %w", path, err)
	}
	return true, "", compare(path, ours.hdr, theirs, int64(len(data)))
}

// knownToSecond reports whether nlpodyssey/safetensors has the element type; it lacks the 4, 6 and 8 bit floats and
// C64.
func knownToSecond(d tensor.DType) bool {
	_, err := safetensors.ParseDType(d.String())
	return err == nil
}

func compare(path string, ours *header, theirs safetensors.SafeTensors, size int64) error {
	if theirs.Len() != len(ours.entries) {
		return fault.Inputf("%s: famkit reads %d tensors, a second reader %d", path, len(ours.entries), theirs.Len())
	}
	for i := range ours.entries {
		e := &ours.entries[i]
		v, ok := theirs.Tensor(e.name)
		if !ok {
			return fault.Inputf("%s: tensor %q: a second reader does not find it", path, e.name)
		}
		// A view is cut from the data without a limit, so its capacity reaches to the end of the file.
		begin := size - ours.start - int64(cap(v.Data()))
		end := begin + int64(len(v.Data()))
		if v.DType().String() != e.dtype.String() || !slices.Equal(v.Shape(), e.shape) || begin != int64(e.begin) ||
			end != int64(e.end) {
			return fault.Inputf("%s: tensor %q: famkit reads %s %v at [%d,%d], a second reader %s %v at [%d,%d]",
				path, e.name, e.dtype, e.shape, e.begin, e.end, v.DType(), v.Shape(), begin, end)
		}
	}
	return nil
}

func statSize(path string) (int64, error) {
	st, err := disk.StatOf(path)
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}
