#include "kern.h"

#define BODY "cast_body.h"
#include "isa.h"

void kern_bf16_to_f32(int isa, float *d, const unsigned short *s, long n) { PICK(isa, bf16_to_f32)(d, s, n); }
void kern_f32_to_bf16(int isa, unsigned short *d, const float *s, long n) { PICK(isa, f32_to_bf16)(d, s, n); }
void kern_f16_to_f32(int isa, float *d, const unsigned short *s, long n) { PICK(isa, f16_to_f32)(d, s, n); }
void kern_f32_to_f16(int isa, unsigned short *d, const float *s, long n) { PICK(isa, f32_to_f16)(d, s, n); }
