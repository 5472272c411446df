package job

import (
	"encoding/binary"

	"famkit/format"
	"famkit/internal/fault"
	"famkit/internal/tensor"
)

// readIDs reads tensor input_ids [batch, seq] of a safetensors file, of type I32 or I64.
func readIDs(path string) (ids []int32, batch, seq int, err error) {
	h, err := format.Open(path)
	if err != nil {
		return nil, 0, 0, err
	}
	defer func() { _ = h.Close() }()
	t, err := h.Tensor("input_ids")
	if err != nil {
		return nil, 0, 0, fault.Inputf("%s: %w", path, err)
	}
	info := t.Info()
	if info.DType != tensor.I32 && info.DType != tensor.I64 {
		return nil, 0, 0, fault.Inputf("%s: tensor input_ids: wanted type I32 or I64, found %s", path, info.DType)
	}
	if len(info.Shape) != 2 || info.Shape[0] < 1 || info.Shape[1] < 1 {
		return nil, 0, 0, fault.Inputf("%s: tensor input_ids: wanted shape [B, T], found %v", path, info.Shape)
	}
	raw := make([]byte, info.Size())
	if err := tensor.Fill(t, raw, 0); err != nil {
		return nil, 0, 0, fault.Unread(err, "%s: tensor input_ids", path)
	}
	ids = make([]int32, info.Shape[0]*info.Shape[1])
	for i := range ids {
		if info.DType == tensor.I32 {
			ids[i] = int32(binary.LittleEndian.Uint32(raw[4*i:]))
			continue
		}
		v := int64(binary.LittleEndian.Uint64(raw[8*i:]))
		if v != int64(int32(v)) {
			return nil, 0, 0, fault.Inputf("%s: tensor input_ids: id %d does not fit into 32 bits", path, v)
		}
		ids[i] = int32(v)
	}
	return ids, info.Shape[0], info.Shape[1], nil
}
