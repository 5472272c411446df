// Matrix products for tests, column-major as cuBLAS has them: bfloat16 or float32 in, sums in float32. MAJOR is its version.
// FAKE_CUBLAS_FAIL=NAME:N:CODE has the Nth call of a function fail.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { void *stream, *workspace; } handle;

static int fails(const char *name) {
  static char wish[128];
  static int seen;
  const char *now = getenv("FAKE_CUBLAS_FAIL");
  if (!now) now = "";
  if (strcmp(now, wish)) {
    snprintf(wish, sizeof wish, "%s", now);
    seen = 0;
  }
  size_t n = strcspn(wish, ":");
  int nth = 0, code = 0;
  if (n != strlen(name) || strncmp(name, wish, n)) return 0;
  sscanf(wish + n, ":%d:%d", &nth, &code);
  return ++seen == nth || nth == 0 ? code : 0;
}

#define CALL(name) do { int code_ = fails(name); if (code_) return code_; } while (0)

int cublasCreate_v2(handle **h) {
  CALL("cublasCreate_v2");
  return (*h = calloc(1, sizeof **h)) ? 0 : 3;
}

int cublasDestroy_v2(handle *h) {
  CALL("cublasDestroy_v2");
  free(h);
  return 0;
}

int cublasSetStream_v2(handle *h, void *s) {
  CALL("cublasSetStream_v2");
  h->stream = s;
  h->workspace = 0; // as the real one does
  return 0;
}

int cublasSetWorkspace_v2(handle *h, void *p, size_t n) {
  CALL("cublasSetWorkspace_v2");
  h->workspace = p;
  return n == 0;
}

int cublasSetMathMode(handle *h, int mode) {
  CALL("cublasSetMathMode");
  return h && mode == 0 ? 0 : 7;
}

int cublasGetProperty(int what, int *v) {
  CALL("cublasGetProperty");
  *v = what == 0 ? MAJOR : what == 1 ? 1 : 2;
  return 0;
}

static float number(const void *p, int type, long long i) {
  if (type == 0) return ((const float *)p)[i];
  unsigned u = (unsigned)((const unsigned short *)p)[i] << 16;
  float f;
  memcpy(&f, &u, 4);
  return f;
}

static void store(void *p, int type, long long i, float x) {
  if (type == 0) {
    ((float *)p)[i] = x;
    return;
  }
  unsigned u;
  memcpy(&u, &x, 4);
  if ((u & 0x7fffffff) > 0x7f800000) u |= 0x400000;
  else u += 0x7fff + (u >> 16 & 1);
  ((unsigned short *)p)[i] = u >> 16;
}

// packed has row r of op(X) [rows][k] in one piece.
static float *packed(const void *x, int type, int ld, int rows, int k, int by_column) {
  float *out = malloc(sizeof(float) * ((size_t)rows * k + 1));
  for (int r = 0; out && r < rows; r++)
    for (int i = 0; i < k; i++) out[(size_t)r * k + i] = number(x, type, by_column ? r + (long long)i * ld : i + (long long)r * ld);
  return out;
}

static float dot(const float *a, const float *b, int n) {
  float s[8] = {0};
  int i = 0;
  for (; i + 8 <= n; i += 8)
    for (int j = 0; j < 8; j++) s[j] += a[i + j] * b[i + j];
  for (; i < n; i++) s[0] += a[i] * b[i];
  return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
}

static int product(handle *h, int ta, int tb, int m, int n, int k, float alpha, const void *a, int at, int lda, const void *b, int bt,
                   int ldb, float beta, void *c, int ct, int ldc) {
  if (!h->stream || !h->workspace || m < 1 || n < 1 || k < 0) return 7;
  if (lda < (ta ? k : m) || ldb < (tb ? n : k) || ldc < m || lda < 1 || ldb < 1) return 7;
  if ((at != 0 && at != 14) || at != bt || (ct != 0 && ct != at)) return 15;
  float *pa = packed(a, at, lda, m, k, !ta), *pb = packed(b, bt, ldb, n, k, tb);
  if (!pa || !pb) return 3;
  for (int j = 0; j < n; j++)
    for (int i = 0; i < m; i++) {
      long long to = i + (long long)j * ldc;
      float s = alpha * dot(pa + (size_t)i * k, pb + (size_t)j * k, k);
      if (beta != 0) s += beta * number(c, ct, to);
      store(c, ct, to, s);
    }
  free(pa);
  free(pb);
  return 0;
}

int cublasGemmEx(handle *h, int ta, int tb, int m, int n, int k, const float *alpha, const void *a, int at, int lda, const void *b, int bt,
                 int ldb, const float *beta, void *c, int ct, int ldc, int compute, int algo) {
  CALL("cublasGemmEx");
  if (compute != 68 || algo != -1) return 7;
  return product(h, ta, tb, m, n, k, *alpha, a, at, lda, b, bt, ldb, *beta, c, ct, ldc);
}

int cublasGemmStridedBatchedEx(handle *h, int ta, int tb, int m, int n, int k, const float *alpha, const void *a, int at, int lda,
                               long long sa, const void *b, int bt, int ldb, long long sb, const float *beta, void *c, int ct, int ldc,
                               long long sc, int batch, int compute, int algo) {
  CALL("cublasGemmStridedBatchedEx");
  if (compute != 68 || algo != -1) return 7;
  int code = 0;
  for (int i = 0; i < batch && !code; i++)
    code = product(h, ta, tb, m, n, k, *alpha, (const char *)a + i * sa * (at ? 2 : 4), at, lda, (const char *)b + i * sb * (bt ? 2 : 4), bt,
                   ldb, *beta, (char *)c + i * sc * (ct ? 2 : 4), ct, ldc);
  return code;
}
