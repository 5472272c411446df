package format

import (
	"fmt"

	"famkit/internal/tensor"
)

// GGMLType is the element type of a GGUF tensor: a plain one, or blocks of quantised elements.
type GGMLType uint32

// ggmlFact says how a type is stored and what it is read as. Block is the number of elements, Size the bytes of one
// block. Read is the type of the bytes that ReadAt gives; dequant is nil for plain types and for unreadable ones.
type ggmlFact struct {
	name        string
	block, size int64
	read        tensor.DType
	dequant     func(dst, src []byte)
}

// ggmlFacts holds every type that llama.cpp writes today. Types without read are listed, and refused when read.
var ggmlFacts = map[GGMLType]ggmlFact{
	0:  {"F32", 1, 4, tensor.F32, nil},
	1:  {"F16", 1, 2, tensor.F16, nil},
	2:  {"Q4_0", 32, 18, tensor.F32, dequantQ4x0},
	3:  {"Q4_1", 32, 20, tensor.F32, dequantQ4x1},
	6:  {"Q5_0", 32, 22, 0, nil},
	7:  {"Q5_1", 32, 24, 0, nil},
	8:  {"Q8_0", 32, 34, tensor.F32, dequantQ8x0},
	9:  {"Q8_1", 32, 40, 0, nil},
	10: {"Q2_K", 256, 84, 0, nil},
	11: {"Q3_K", 256, 110, 0, nil},
	12: {"Q4_K", 256, 144, 0, nil},
	13: {"Q5_K", 256, 176, 0, nil},
	14: {"Q6_K", 256, 210, 0, nil},
	15: {"Q8_K", 256, 292, 0, nil},
	16: {"IQ2_XXS", 256, 66, 0, nil},
	17: {"IQ2_XS", 256, 74, 0, nil},
	18: {"IQ3_XXS", 256, 98, 0, nil},
	19: {"IQ1_S", 256, 50, 0, nil},
	20: {"IQ4_NL", 32, 18, 0, nil},
	21: {"IQ3_S", 256, 110, 0, nil},
	22: {"IQ2_S", 256, 82, 0, nil},
	23: {"IQ4_XS", 256, 136, 0, nil},
	24: {"I8", 1, 1, tensor.I8, nil},
	25: {"I16", 1, 2, tensor.I16, nil},
	26: {"I32", 1, 4, tensor.I32, nil},
	27: {"I64", 1, 8, tensor.I64, nil},
	28: {"F64", 1, 8, tensor.F64, nil},
	29: {"IQ1_M", 256, 56, 0, nil},
	30: {"BF16", 1, 2, tensor.BF16, nil},
	34: {"TQ1_0", 256, 54, 0, nil},
	35: {"TQ2_0", 256, 66, 0, nil},
	39: {"MXFP4", 32, 17, 0, nil},
	40: {"NVFP4", 64, 36, 0, nil},
	41: {"Q1_0", 128, 18, 0, nil},
}

// String gives the name that llama.cpp uses ("Q4_1").
func (t GGMLType) String() string {
	if f, ok := ggmlFacts[t]; ok {
		return f.name
	}
	return fmt.Sprintf("type %d", uint32(t))
}

// Readable reports whether tensors of the type can be read, as they are or dequantised.
func (t GGMLType) Readable() bool { return ggmlFacts[t].read != tensor.Invalid }

// Quantised reports whether the type stores blocks that share a scale.
func (t GGMLType) Quantised() bool { return ggmlFacts[t].block > 1 }
