// The kernels of engine cuda. The source needs no header: NVRTC compiles it for the device, gcc for the tests, which run it on the
// processor. It is compiled twice, with ACT_BF16 0 and 1: activations and the weights that products read are float32 or bfloat16, all
// else is float32, and sums that the host reads are float64.
//
// A kernel takes one structure of arguments, by value; params.go mirrors them. Sums run in an order that depends on sizes alone,
// and nothing is added atomically: a step gives the same bits every time.

#ifndef KERNEL
#define KERNEL(name, args) extern "C" __global__ void __launch_bounds__(256) NAME(name)(const args a)
#endif

#define PASTE2(x, y) x##y
#define PASTE(x, y) PASTE2(x, y)
#if ACT_BF16
#define NAME(name) PASTE(bf16_, name)
typedef unsigned short act;
#else
#define NAME(name) PASTE(f32_, name)
typedef float act;
#endif

typedef long long int64;

#define WARP 32
#define ALL_LANES 0xffffffffu

// Loops over elements, and over rows (grid's y) and their columns (grid's x).
#define EACH(i, n) for (int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x; i < (n); i += (int64)gridDim.x * blockDim.x)
#define EACH_ROW(r, n) for (int r = blockIdx.y; r < (n); r += gridDim.y)
#define EACH_COL(j, n) for (int j = blockIdx.x * blockDim.x + threadIdx.x; j < (n); j += gridDim.x * blockDim.x)
// A warp for each row; lanes share its columns.
#define EACH_WARP(r, n) for (int64 r = ((int64)blockIdx.x * blockDim.x + threadIdx.x) / WARP; r < (n); r += (int64)gridDim.x * blockDim.x / WARP)
#define EACH_LANE(j, n) for (int j = threadIdx.x % WARP; j < (n); j += WARP)

#define INF __int_as_float(0x7f800000)
#define QUIET_NAN __int_as_float(0x7fc00000)

// ---- numbers

static __device__ __forceinline__ float wide(unsigned short v) { return __uint_as_float((unsigned)v << 16); }

// narrow rounds to nearest even and keeps NaN.
static __device__ __forceinline__ unsigned short narrow(float x) {
  unsigned u = __float_as_uint(x);
  if ((u & 0x7fffffffu) > 0x7f800000u) return (unsigned short)(u >> 16 | 0x40);
  return (unsigned short)((u + 0x7fffu + (u >> 16 & 1u)) >> 16);
}

static __device__ __forceinline__ float get(const act *p, int64 i) {
#if ACT_BF16
  return wide(p[i]);
#else
  return p[i];
#endif
}

static __device__ __forceinline__ void put(act *p, int64 i, float x) {
#if ACT_BF16
  p[i] = narrow(x);
#else
  p[i] = x;
#endif
}

static __device__ __forceinline__ float warp_sum(float x) {
  for (int d = WARP / 2; d > 0; d /= 2) x += __shfl_xor_sync(ALL_LANES, x, d);
  return x;
}

static __device__ __forceinline__ float warp_max(float x) {
  for (int d = WARP / 2; d > 0; d /= 2) x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, d));
  return x;
}

// block_sum and block_max give every thread the result; each has memory of its own, so that they may follow each other.
static __device__ float block_sum(float x) {
  __shared__ float of_warp[WARP];
  x = warp_sum(x);
  __syncthreads();
  if (threadIdx.x % WARP == 0) of_warp[threadIdx.x / WARP] = x;
  __syncthreads();
  x = 0;
  for (int w = 0; w < (int)(blockDim.x / WARP); w++) x += of_warp[w];
  return x;
}

static __device__ float block_max(float x) {
  __shared__ float of_warp[WARP];
  x = warp_max(x);
  __syncthreads();
  if (threadIdx.x % WARP == 0) of_warp[threadIdx.x / WARP] = x;
  __syncthreads();
  x = of_warp[0];
  for (int w = 1; w < (int)(blockDim.x / WARP); w++) x = fmaxf(x, of_warp[w]);
  return x;
}

// block_sum64 gives thread 0 the sum, added in the order of threads.
static __device__ double block_sum64(double x) {
  __shared__ double of_thread[256];
  __syncthreads();
  of_thread[threadIdx.x] = x;
  for (int d = blockDim.x / 2; d > 0; d /= 2) {
    __syncthreads();
    if ((int)threadIdx.x < d) of_thread[threadIdx.x] += of_thread[threadIdx.x + d];
  }
  return of_thread[0];
}

// capped is c*tanh(x/c), or x where c is 0.
static __device__ __forceinline__ float capped(float x, float c) { return c > 0 ? c * tanhf(x / c) : x; }

// ---- vectors

typedef struct { float *dst; const act *src; int64 n; } widen_args;
KERNEL(widen, widen_args) { EACH(i, a.n) a.dst[i] = get(a.src, i); }

typedef struct { act *dst; const float *src; int64 n; } narrow_args;
KERNEL(narrow, narrow_args) { EACH(i, a.n) put(a.dst, i, a.src[i]); }

typedef struct { act *dst; const act *src; int64 n; } add_args;
KERNEL(add, add_args) { EACH(i, a.n) put(a.dst, i, get(a.dst, i) + get(a.src, i)); }

typedef struct { act *x; int64 n; float cap; } softcap_args;
KERNEL(softcap, softcap_args) { EACH(i, a.n) put(a.x, i, capped(get(a.x, i), a.cap)); }

// sum adds all of src to dst[0]. One block.
typedef struct { double *dst; const act *narrow; const float *wide; int64 n; } sum_args;
KERNEL(sum, sum_args) {
  double s = 0;
  EACH(i, a.n) s += a.wide ? a.wide[i] : get(a.narrow, i);
  s = block_sum64(s);
  if (threadIdx.x == 0) a.dst[0] += s;
}

// squares leaves the sum of the squares of each block's share in partial.
typedef struct { double *partial; const float *x; int64 n; } squares_args;
KERNEL(squares, squares_args) {
  double s = 0;
  EACH(i, a.n) s += (double)a.x[i] * a.x[i];
  s = block_sum64(s);
  if (threadIdx.x == 0) a.partial[blockIdx.x] = s;
}

// clip makes norm and factor of the partial sums. One block.
typedef struct { const double *partial, *guard; double *norm, *factor; double max; int partials, guards; } clip_args;
KERNEL(clip, clip_args) {
  double s = 0;
  EACH(i, a.partials) s += a.partial[i];
  s = block_sum64(s);
  if (threadIdx.x) return;
  double norm = sqrt(s), factor = 1, bad = norm - norm;
  if (a.max > 0 && a.max / (norm + 1e-6) < 1) factor = a.max / (norm + 1e-6);
  for (int i = 0; i < a.guards; i++) bad += a.guard[i] - a.guard[i];
  a.norm[0] = norm;
  a.factor[0] = factor + bad;
}

// adamw: step is the learning rate over the first bias correction, decay the part of a weight that goes, root 1 over the root of the second
// bias correction, rest 1 minus a beta.
typedef struct {
  float *w, *m, *v;
  const float *g;
  act *copy;
  const double *factor;
  int64 n;
  float step, decay, beta1, beta2, rest1, rest2, eps, root;
} adamw_args;
KERNEL(adamw, adamw_args) {
  float factor = 1;
  if (a.factor) {
    double f = a.factor[0];
    if (f != f) return;
    factor = (float)f;
  }
  EACH(i, a.n) {
    float g = factor * a.g[i];
    float m = a.beta1 * a.m[i] + a.rest1 * g;
    float v = a.beta2 * a.v[i] + a.rest2 * g * g;
    float w = a.w[i] - a.decay * a.w[i];
    w -= a.step * m / (sqrtf(v) * a.root + a.eps);
    a.m[i] = m;
    a.v[i] = v;
    a.w[i] = w;
    if (a.copy) put(a.copy, i, w);
  }
}

// ---- what products begin with, and sums over rows

// begin has C hold Beta*C + Bias + Add before a product is added to it.
typedef struct { act *c; float *cw; const float *bias; const act *add; int64 ldc, ldadd; int m, n, keep; } begin_args;
KERNEL(begin, begin_args) {
  EACH_ROW(r, a.m) EACH_COL(j, a.n) {
    int64 at = r * a.ldc + j;
    float x = 0;
    if (a.keep) x = a.cw ? a.cw[at] : get(a.c, at);
    if (a.bias) x += a.bias[j];
    if (a.add) x += get(a.add, r * a.ldadd + j);
    if (a.cw) a.cw[at] = x;
    else put(a.c, at, x);
  }
}

// columns sums columns of chunks of rows: partial[chunk][n]. The grid's y are the chunks.
typedef struct { float *partial; const act *y; int64 stride; int rows, n, chunk; } columns_args;
KERNEL(columns, columns_args) {
  EACH_COL(j, a.n) {
    float s = 0;
    int end = min((int)(blockIdx.y + 1) * a.chunk, a.rows);
    for (int r = blockIdx.y * a.chunk; r < end; r++) s += get(a.y, r * a.stride + j);
    a.partial[(int64)blockIdx.y * a.n + j] = s;
  }
}

// gather adds the partial sums of all chunks to dst.
typedef struct { float *dst; const float *partial; int n, chunks; } gather_args;
KERNEL(gather, gather_args) {
  EACH_COL(j, a.n) {
    float s = 0;
    for (int c = 0; c < a.chunks; c++) s += a.partial[(int64)c * a.n + j];
    a.dst[j] += s;
  }
}

// ---- norms: vector v is group v%groups of row v/groups; layer says that the mean is taken away

typedef struct {
  const act *x;
  act *y;
  const float *gain, *bias;
  float *stat, *mean;
  act *dx;
  const act *dy;
  float *dgain, *dbias; // partial sums [chunks][dim]
  int64 stride_x, stride_y;
  int rows, groups, dim, layer, accumulate, chunk;
  float eps, plus_one;
} norm_args;

static __device__ __forceinline__ int64 vector_x(const norm_args *a, int64 v) { return v / a->groups * a->stride_x + v % a->groups * a->dim; }
static __device__ __forceinline__ int64 vector_y(const norm_args *a, int64 v) { return v / a->groups * a->stride_y + v % a->groups * a->dim; }

KERNEL(norm, norm_args) {
  EACH_WARP(v, (int64)a.rows * a.groups) {
    const act *x = a.x + vector_x(&a, v);
    act *y = a.y + vector_y(&a, v);
    float mean = 0, s = 0;
    if (a.layer) {
      EACH_LANE(j, a.dim) s += get(x, j);
      mean = warp_sum(s) / a.dim;
      s = 0;
    }
    EACH_LANE(j, a.dim) {
      float d = get(x, j) - mean;
      s += d * d;
    }
    float inv = 1 / sqrtf(warp_sum(s) / a.dim + a.eps);
    if (threadIdx.x % WARP == 0 && a.stat) {
      a.stat[v] = inv;
      if (a.layer) a.mean[v] = mean;
    }
    EACH_LANE(j, a.dim) {
      float n = (get(x, j) - mean) * inv * (a.gain[j] + a.plus_one);
      put(y, j, a.layer ? n + a.bias[j] : n);
    }
  }
}

// norm_grad: with w = dy*(gain+plus_one) and h the normed x without gain, dx = inv * (w - mean(w) - h * mean(w*h)), without mean(w) for
// an RMSNorm.
KERNEL(norm_grad, norm_args) {
  EACH_WARP(v, (int64)a.rows * a.groups) {
    const act *x = a.x + vector_x(&a, v), *dy = a.dy + vector_y(&a, v);
    act *dx = a.dx + vector_x(&a, v);
    float inv = a.stat[v], mean = a.layer ? a.mean[v] : 0, sum = 0, dot = 0;
    EACH_LANE(j, a.dim) {
      float w = get(dy, j) * (a.gain[j] + a.plus_one);
      sum += w;
      dot += w * (get(x, j) - mean) * inv;
    }
    dot = warp_sum(dot) / a.dim;
    sum = a.layer ? warp_sum(sum) / a.dim : 0;
    EACH_LANE(j, a.dim) {
      float d = inv * (get(dy, j) * (a.gain[j] + a.plus_one) - sum - (get(x, j) - mean) * inv * dot);
      put(dx, j, a.accumulate ? get(dx, j) + d : d);
    }
  }
}

// norm_gains sums the gradients of gain and bias over chunks of vectors. The grid's y are the chunks.
KERNEL(norm_gains, norm_args) {
  EACH_COL(j, a.dim) {
    float gain = 0, bias = 0;
    int64 end = min((int64)(blockIdx.y + 1) * a.chunk, (int64)a.rows * a.groups);
    for (int64 v = (int64)blockIdx.y * a.chunk; v < end; v++) {
      float d = get(a.dy, vector_y(&a, v) + j), x = get(a.x, vector_x(&a, v) + j);
      gain += d * (a.layer ? x - a.mean[v] : x) * a.stat[v];
      bias += d;
    }
    a.dgain[(int64)blockIdx.y * a.dim + j] = gain;
    if (a.layer) a.dbias[(int64)blockIdx.y * a.dim + j] = bias;
  }
}

// ---- rotary embedding

typedef struct { act *x; const float *cos, *sin; int64 stride; int rows, t, heads, head_dim, half, inverse; } rope_args;
KERNEL(rope, rope_args) {
  EACH_ROW(r, a.rows) EACH_COL(j, a.heads * a.half) {
    int i = j % a.half;
    act *x = a.x + r * a.stride + (int64)(j / a.half) * a.head_dim + i;
    int64 at = (int64)(r % a.t) * a.half + i;
    float c = a.cos[at], s = a.inverse ? -a.sin[at] : a.sin[at], u = get(x, 0), v = get(x, a.half);
    put(x, 0, u * c - v * s);
    put(x, a.half, v * c + u * s);
  }
}

// ---- attention between its products: heads of one sequence, scores [heads][t][t] of float32

typedef struct {
  float *s, *ds;      // scores, and the gradient of their softmax; overwritten by act, rows at the same places
  float *lse, *delta; // [heads][t]
  const act *o, *dout;
  int64 stride_o;
  int heads, t, head_dim, window;
  float scale, cap;
} attention_args;

static __device__ __forceinline__ int oldest(int t, int window) { return window > 0 && t >= window ? t - window + 1 : 0; }

KERNEL(softmax, attention_args) {
  EACH_WARP(r, (int64)a.heads * a.t) {
    float *s = a.s + r * a.t;
    act *p = (act *)s;
    int t = (int)(r % a.t), from = oldest(t, a.window);
    float top = -INF, sum = 0;
    EACH_LANE(u, t + 1) if (u >= from) top = fmaxf(top, capped(a.scale * s[u], a.cap));
    top = warp_max(top);
    EACH_LANE(u, t + 1) if (u >= from) sum += expf(capped(a.scale * s[u], a.cap) - top);
    sum = warp_sum(sum);
    if (threadIdx.x % WARP == 0 && a.lse) a.lse[r] = top + logf(sum);
    for (int first = 0; first < a.t; first += WARP) { // what is written lies below what is read later
      int u = first + threadIdx.x % WARP;
      float w = u >= from && u <= t ? expf(capped(a.scale * s[u], a.cap) - top) / sum : 0;
      __syncwarp();
      if (u < a.t) put(p, u, w);
    }
  }
}

// delta is the product of each row of O with its gradient.
KERNEL(delta, attention_args) {
  EACH_WARP(r, (int64)a.heads * a.t) {
    int64 at = r % a.t * a.stride_o + r / a.t * a.head_dim;
    float s = 0;
    EACH_LANE(j, a.head_dim) s += get(a.o, at + j) * get(a.dout, at + j);
    s = warp_sum(s);
    if (threadIdx.x % WARP == 0) a.delta[r] = s;
  }
}

KERNEL(softmax_grad, attention_args) {
  EACH_WARP(r, (int64)a.heads * a.t) {
    float *s = a.s + r * a.t, *ds = a.ds + r * a.t, lse = a.lse[r], delta = a.delta[r];
    act *p = (act *)s, *d = (act *)ds;
    int t = (int)(r % a.t), from = oldest(t, a.window);
    for (int first = 0; first < a.t; first += WARP) {
      int u = first + threadIdx.x % WARP;
      float w = 0, g = 0;
      if (u >= from && u <= t) {
        float z = capped(a.scale * s[u], a.cap);
        w = expf(z - lse);
        g = w * (ds[u] - delta) * a.scale;
        if (a.cap > 0) g *= 1 - z / a.cap * (z / a.cap);
      }
      __syncwarp();
      if (u < a.t) {
        put(p, u, w);
        put(d, u, g);
      }
    }
  }
}

// unpack rounds sums [heads][t][dim] into heads step apart in rows stride apart.
typedef struct { act *dst; const float *src; int64 stride, step; int heads, t, dim; } unpack_args;
KERNEL(unpack, unpack_args) {
  EACH_ROW(r, a.t) EACH_COL(j, a.heads * a.dim) {
    int h = j / a.dim, i = j % a.dim;
    put(a.dst, r * a.stride + h * a.step + i, a.src[((int64)h * a.t + r) * a.dim + i]);
  }
}

// ---- MLP

#define SILU 0
#define GELU_TANH 1
#define GELU 2

// activate gives act(x), and its slope in *slope.
static __device__ __forceinline__ float activate(int kind, float x, float *slope) {
  if (kind == SILU) {
    float s = 1 / (1 + expf(-x));
    *slope = s * (1 + x * (1 - s));
    return x * s;
  }
  if (kind == GELU_TANH) {
    const float c = 0.7978845608028654f, k = 0.044715f;
    float th = tanhf(c * (x + k * x * x * x));
    *slope = 0.5f * (1 + th) + 0.5f * x * (1 - th * th) * c * (1 + 3 * k * x * x);
    return 0.5f * x * (1 + th);
  }
  float cdf = 0.5f * erfcf(-x * 0.70710678118654752f); // 1+erf would cancel for negative x
  *slope = cdf + x * expf(-0.5f * x * x) * 0.3989422804014327f;
  return x * cdf;
}

typedef struct { const act *g, *u; act *h, *dg, *du; const act *dh; int64 stride_g, stride_h; int rows, dim, kind; } gate_args;
KERNEL(gate, gate_args) {
  EACH_ROW(r, a.rows) EACH_COL(j, a.dim) {
    float slope, y = activate(a.kind, get(a.g, r * a.stride_g + j), &slope);
    if (a.u) y *= get(a.u, r * a.stride_g + j);
    put(a.h, r * a.stride_h + j, y);
  }
}

KERNEL(gate_grad, gate_args) {
  EACH_ROW(r, a.rows) EACH_COL(j, a.dim) {
    int64 at = r * a.stride_g + j;
    float slope, y = activate(a.kind, get(a.g, at), &slope), d = get(a.dh, r * a.stride_h + j);
    if (a.u) {
      float u = get(a.u, at);
      put(a.du, at, d * y);
      d *= u;
    }
    put(a.dg, at, d * slope);
  }
}

// ---- embedding

typedef struct {
  const act *table, *pos;
  const int *ids, *order;
  act *y;
  const act *dy;
  float *dtable, *dpos;
  int rows, dim, t;
  float scale;
} embed_args;
KERNEL(embed, embed_args) {
  EACH_ROW(r, a.rows) EACH_COL(j, a.dim) {
    float x = a.scale * get(a.table, (int64)a.ids[r] * a.dim + j);
    if (a.pos) x += get(a.pos, (int64)(r % a.t) * a.dim + j);
    put(a.y, (int64)r * a.dim + j, x);
  }
}

// embed_grad: the first row of those with one id adds all of them to the table.
KERNEL(embed_grad, embed_args) {
  EACH_ROW(i, a.rows) {
    int id = a.ids[a.order[i]];
    if (i > 0 && a.ids[a.order[i - 1]] == id) continue;
    EACH_COL(j, a.dim) {
      float s = 0;
      for (int k = i; k < a.rows && a.ids[a.order[k]] == id; k++) s += get(a.dy, (int64)a.order[k] * a.dim + j);
      a.dtable[(int64)id * a.dim + j] += a.scale * s;
    }
  }
}

KERNEL(positions_grad, embed_args) {
  EACH_ROW(t, a.t) EACH_COL(j, a.dim) {
    float s = 0;
    for (int r = t; r < a.rows; r += a.t) s += get(a.dy, (int64)r * a.dim + j);
    a.dpos[(int64)t * a.dim + j] += s;
  }
}

// ---- mixtures of experts

typedef struct {
  const float *logits;
  float *p, *weight;
  int *chosen, *place, *source, *starts;
  const float *dweight;
  act *dlogits;
  int rows, experts, topk, normalise;
} route_args;

// before tells whether expert i with logit x comes before j with y: larger first, NaN last, of equals the first.
static __device__ __forceinline__ int before(float x, int i, float y, int j) {
  int nx = x != x, ny = y != y;
  if (nx != ny) return ny;
  if (nx || x == y) return i < j;
  return x > y;
}

KERNEL(route, route_args) {
  EACH_WARP(r, a.rows) {
    const float *z = a.logits + r * a.experts;
    float *p = a.p + r * a.experts, *weight = a.weight + r * a.topk;
    float top = -INF, sum = 0, chosen_sum = 0, last = INF;
    int last_at = -1;
    EACH_LANE(x, a.experts) top = fmaxf(top, z[x]);
    top = warp_max(top);
    EACH_LANE(x, a.experts) sum += expf(z[x] - top);
    sum = warp_sum(sum);
    EACH_LANE(x, a.experts) p[x] = expf(z[x] - top) / sum;
    for (int k = 0; k < a.topk; k++) { // the first of those after the last one
      float best = QUIET_NAN;
      int at = 0x7fffffff;
      EACH_LANE(x, a.experts)
        if ((last_at < 0 || before(last, last_at, z[x], x)) && before(z[x], x, best, at)) {
          best = z[x];
          at = x;
        }
      for (int d = WARP / 2; d > 0; d /= 2) {
        float y = __shfl_xor_sync(ALL_LANES, best, d);
        int j = __shfl_xor_sync(ALL_LANES, at, d);
        if (before(y, j, best, at)) {
          best = y;
          at = j;
        }
      }
      last = best;
      last_at = at;
      float w = expf(best - top) / sum;
      chosen_sum += w;
      if (threadIdx.x % WARP == 0) {
        a.chosen[r * a.topk + k] = at;
        weight[k] = w;
      }
    }
    __syncwarp();
    if (a.normalise) EACH_LANE(k, a.topk) weight[k] /= chosen_sum;
  }
}

// route_count counts the rows of each expert, a block for each, into starts[1+expert].
KERNEL(route_count, route_args) {
  int n = a.rows * a.topk;
  float s = 0; // exact below 2^24 for each thread
  for (int i = threadIdx.x; i < n; i += blockDim.x) s += a.chosen[i] == (int)blockIdx.x;
  double all = block_sum64(s);
  if (threadIdx.x == 0) a.starts[1 + blockIdx.x] = (int)all;
}

// route_starts adds the counts up. One thread.
KERNEL(route_starts, route_args) {
  if (threadIdx.x) return;
  int at = 0;
  a.starts[0] = 0;
  for (int x = 1; x <= a.experts; x++) a.starts[x] = at += a.starts[x];
}

// route_place gives the choices of each expert their places in order, a block for each expert.
KERNEL(route_place, route_args) {
  __shared__ int of_warp[WARP];
  int n = a.rows * a.topk, at = a.starts[blockIdx.x], warps = blockDim.x / WARP, warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
  for (int first = 0; first < n; first += blockDim.x) {
    int i = first + threadIdx.x, mine = i < n && a.chosen[i] == (int)blockIdx.x;
    unsigned lanes = __ballot_sync(ALL_LANES, mine);
    __syncthreads();
    if (lane == 0) of_warp[warp] = __popc(lanes);
    __syncthreads();
    int here = at;
    for (int w = 0; w < warps; w++) {
      if (w < warp) here += of_warp[w];
      at += of_warp[w];
    }
    if (mine) {
      here += __popc(lanes & ((1u << lane) - 1));
      a.place[i] = here;
      a.source[here] = i / a.topk;
    }
  }
}

// route_grad does what the reference engine's RouteGrad explains.
KERNEL(route_grad, route_args) {
  EACH_WARP(r, a.rows) {
    const float *w = a.weight + r * a.topk, *dw = a.dweight + r * a.topk;
    float mean = 0;
    for (int k = 0; k < a.topk; k++) mean += w[k] * dw[k];
    EACH_LANE(x, a.experts) {
      float d = a.normalise ? 0 : -mean * a.p[r * a.experts + x];
      for (int k = 0; k < a.topk; k++)
        if (a.chosen[r * a.topk + k] == x) d += w[k] * (a.normalise ? dw[k] - mean : dw[k]);
      put(a.dlogits, r * a.experts + x, d);
    }
  }
}

typedef struct {
  const act *x;
  const float *weight;
  const int *place;
  act *y;
  const act *add;
  act *dx;
  const act *dy;
  float *dweight;
  int rows, topk, dim;
} combine_args;
KERNEL(combine, combine_args) {
  EACH_ROW(r, a.rows) EACH_COL(j, a.dim) {
    float s = a.add ? get(a.add, (int64)r * a.dim + j) : 0;
    for (int i = r * a.topk; i < (r + 1) * a.topk; i++) {
      float x = get(a.x, (int64)a.place[i] * a.dim + j);
      s += a.weight ? a.weight[i] * x : x;
    }
    put(a.y, (int64)r * a.dim + j, s);
  }
}

KERNEL(combine_grad, combine_args) {
  EACH_WARP(i, (int64)a.rows * a.topk) {
    const act *dy = a.dy + i / a.topk * a.dim, *x = a.x + (int64)a.place[i] * a.dim;
    act *dx = a.dx + (int64)a.place[i] * a.dim;
    float s = 0;
    EACH_LANE(j, a.dim) {
      float d = get(dy, j);
      s += d * get(x, j);
      put(dx, j, a.weight[i] * d);
    }
    s = warp_sum(s);
    if (threadIdx.x % WARP == 0) a.dweight[i] = s;
  }
}

// ---- loss: a block for each row

typedef struct { act *logits; const int *targets; float *loss; int rows, vocab, grad; float scale, cap; } loss_args;
KERNEL(cross_entropy, loss_args) {
  for (int r = blockIdx.x; r < a.rows; r += gridDim.x) {
    act *z = a.logits + (int64)r * a.vocab;
    int target = a.targets[r];
    if (target < 0) {
      if (a.grad)
        for (int j = threadIdx.x; j < a.vocab; j += blockDim.x) put(z, j, 0);
      if (threadIdx.x == 0) a.loss[r] = 0;
      continue;
    }
    float hit = capped(get(z, target), a.cap), top = -INF, sum = 0; // read before it is overwritten
    for (int j = threadIdx.x; j < a.vocab; j += blockDim.x) top = fmaxf(top, capped(get(z, j), a.cap));
    top = block_max(top);
    for (int j = threadIdx.x; j < a.vocab; j += blockDim.x) sum += expf(capped(get(z, j), a.cap) - top);
    sum = block_sum(sum);
    if (threadIdx.x == 0) a.loss[r] = logf(sum) + (top - hit);
    if (!a.grad) continue;
    for (int j = threadIdx.x; j < a.vocab; j += blockDim.x) {
      float s = capped(get(z, j), a.cap), d = expf(s - top) / sum;
      if (j == target) d -= 1;
      if (a.cap > 0) d *= 1 - s / a.cap * (s / a.cap);
      put(z, j, a.scale * d);
    }
  }
}
