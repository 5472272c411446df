// CUDA C on the processor: what kernels.cu needs to be compiled by gcc. A block runs one thread after the other; a thread that
// waits at a barrier hands over to the next on a stack of its own.
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct { unsigned x, y, z; } dim3_t;
extern dim3_t threadIdx, blockIdx, blockDim, gridDim;

#define EXPORTED __attribute__((visibility("default")))
#define __device__
#define __global__
#define __forceinline__ inline
#define __shared__ static
#define __launch_bounds__(n)

#define KERNEL(name, args)                                                     \
  static void PASTE(NAME(name), _body)(args a);                                \
  EXPORTED const unsigned PASTE(NAME(name), _bytes) = sizeof(args);            \
  EXPORTED void NAME(name)(const void *p) { PASTE(NAME(name), _body)(*(const args *)p); } \
  static void PASTE(NAME(name), _body)(args a)

static inline float __uint_as_float(unsigned u) { float f; memcpy(&f, &u, 4); return f; }
static inline float __int_as_float(int u) { float f; memcpy(&f, &u, 4); return f; }
static inline unsigned __float_as_uint(float f) { unsigned u; memcpy(&u, &f, 4); return u; }
#define min(x, y) ((x) < (y) ? (x) : (y))
#define __popc __builtin_popcount

void __syncthreads(void);
void __syncwarp(void);
unsigned shuffle(unsigned mask, unsigned value, int lane_mask);
unsigned __ballot_sync(unsigned mask, int set);

static inline float shuffle_float(unsigned mask, float v, int d) { return __uint_as_float(shuffle(mask, __float_as_uint(v), d)); }
static inline int shuffle_int(unsigned mask, int v, int d) { return (int)shuffle(mask, (unsigned)v, d); }
#define __shfl_xor_sync(mask, v, d) _Generic((v), float: shuffle_float, int: shuffle_int)(mask, v, d)
