//go:build linux && cgo

#define _GNU_SOURCE
#include "driver.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

void *open_library(const char *path, char **wrong) {
  void *h = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  const char *why = h ? NULL : dlerror();
  *wrong = why ? strdup(why) : NULL;
  return h;
}

void close_library(void *handle) { dlclose(handle); }

static char *missing(const char *name) { return strdup(name); }

#define TAKE(name, args)                                   \
  *(void **)&g->name = dlsym(handle, #name);               \
  if (!g->name) return missing(#name);

char *take_driver(gpu *g, void *handle) {
  DRIVER(TAKE)
  g->driver = handle;
  return NULL;
}

char *take_blas(gpu *g, void *handle) {
  BLAS(TAKE)
  g->blas = handle;
  return NULL;
}

// TRY leaves the enclosing function with the code of a call that failed.
#define TRY(name, ...)                          \
  do {                                          \
    int code_ = g->name(__VA_ARGS__);           \
    if (code_) {                                \
      g->what = #name;                          \
      return code_;                             \
    }                                           \
  } while (0)

// A context belongs to a thread, and Go moves between threads.
static __thread void *current;
#define ENTER()                                 \
  do {                                          \
    if (current != g->context) {                \
      TRY(cuCtxSetCurrent, g->context);         \
      current = g->context;                     \
    }                                           \
  } while (0)

int gpu_version(gpu *g, int *version) {
  TRY(cuDriverGetVersion, version);
  return 0;
}

int gpu_init(gpu *g) {
  TRY(cuInit, 0);
  return 0;
}

int gpu_count(gpu *g, int *n) {
  TRY(cuDeviceGetCount, n);
  return 0;
}

int gpu_describe(gpu *g, int device, char *name, int n, size_t *memory, int *major, int *minor) {
  int d;
  TRY(cuDeviceGet, &d, device);
  TRY(cuDeviceGetName, name, n, d);
  TRY(cuDeviceTotalMem_v2, memory, d);
  TRY(cuDeviceGetAttribute, major, 75, d);
  TRY(cuDeviceGetAttribute, minor, 76, d);
  return 0;
}

int gpu_retain(gpu *g, int device) {
  TRY(cuDeviceGet, &g->device, device);
  TRY(cuDevicePrimaryCtxRetain, &g->context, g->device);
  current = NULL; // the context of an engine before may have had the same address
  ENTER();
  return 0;
}

int gpu_release(gpu *g) {
  g->context = NULL;
  TRY(cuDevicePrimaryCtxRelease_v2, g->device);
  return 0;
}

int gpu_stream(gpu *g) {
  ENTER();
  TRY(cuStreamCreate, &g->stream, 1); // 1: waits for no other stream
  return 0;
}

int gpu_staging(gpu *g, size_t n) {
  ENTER();
  TRY(cuMemHostAlloc, &g->staging, n, 0);
  return 0;
}

int gpu_blas(gpu *g, device_ptr workspace, size_t n) {
  ENTER();
  TRY(cublasCreate_v2, &g->cublas);
  TRY(cublasSetStream_v2, g->cublas, g->stream); // before the workspace, which it resets
  TRY(cublasSetWorkspace_v2, g->cublas, (void *)(uintptr_t)workspace, n);
  TRY(cublasSetMathMode, g->cublas, 0); // no TF32
  return 0;
}

int gpu_blas_version(gpu *g, int *major, int *minor, int *patch) {
  TRY(cublasGetProperty, 0, major);
  TRY(cublasGetProperty, 1, minor);
  TRY(cublasGetProperty, 2, patch);
  return 0;
}

int gpu_module(gpu *g, const void *image, char *log, size_t n) {
  int options[] = {5, 6}; // the log of errors and its size, which is passed as a pointer
  void *values[] = {log, (void *)n};
  ENTER();
  TRY(cuModuleLoadDataEx, &g->module, image, 2, options, values);
  return 0;
}

int gpu_function(gpu *g, const char *name, void **f) {
  ENTER();
  TRY(cuModuleGetFunction, f, g->module, name);
  return 0;
}

// gpu_end gives back what there is, and the first failure.
int gpu_end(gpu *g) {
  int first = 0;
#define END(name, held)                         \
  if (held) {                                   \
    int code = g->name(held);                   \
    if (code && !first) {                       \
      g->what = #name;                          \
      first = code;                             \
    }                                           \
    held = NULL;                                \
  }
  ENTER();
  END(cublasDestroy_v2, g->cublas)
  END(cuModuleUnload, g->module)
  END(cuMemFreeHost, g->staging)
  END(cuStreamDestroy_v2, g->stream)
  current = NULL;
  return first;
}

int gpu_memory(gpu *g, size_t *available, size_t *total) {
  ENTER();
  TRY(cuMemGetInfo_v2, available, total);
  return 0;
}

int gpu_alloc(gpu *g, device_ptr *p, size_t n) {
  ENTER();
  TRY(cuMemAlloc_v2, p, n);
  return 0;
}

int gpu_free(gpu *g, device_ptr p) {
  ENTER();
  TRY(cuMemFree_v2, p);
  return 0;
}

int gpu_zero(gpu *g, device_ptr p, size_t n) {
  ENTER();
  TRY(cuMemsetD8Async, p, 0, n, g->stream);
  return 0;
}

int gpu_copy(gpu *g, device_ptr dst, device_ptr src, size_t n) {
  ENTER();
  TRY(cuMemcpyDtoDAsync_v2, dst, src, n, g->stream);
  return 0;
}

int gpu_upload(gpu *g, device_ptr dst, size_t at, const void *src, size_t n) {
  ENTER();
  memcpy((char *)g->staging + at, src, n);
  TRY(cuMemcpyHtoDAsync_v2, dst, (char *)g->staging + at, n, g->stream);
  return 0;
}

int gpu_download(gpu *g, device_ptr src, size_t n) {
  ENTER();
  TRY(cuMemcpyDtoHAsync_v2, g->staging, src, n, g->stream);
  TRY(cuStreamSynchronize, g->stream);
  return 0;
}

int gpu_sync(gpu *g) {
  ENTER();
  TRY(cuStreamSynchronize, g->stream);
  return 0;
}

int gpu_launch(gpu *g, void *f, unsigned gx, unsigned gy, unsigned threads, const void *args, size_t n) {
  void *extra[] = {(void *)1, (void *)args, (void *)2, &n, NULL}; // the arguments in one piece, and its size
  ENTER();
  TRY(cuLaunchKernel, f, gx, gy, 1, threads, 1, 1, 0, g->stream, NULL, extra);
  return 0;
}

// cuBLAS is column-major: a row-major matrix is its transpose there, so C^T = op(B)^T op(A)^T is asked for.
int gpu_product(gpu *g, const product *p) {
  enum { SUM_FLOAT32 = 68, ANY_ALGORITHM = -1 };
  const float one = 1;
  void *a = (void *)(uintptr_t)p->a, *b = (void *)(uintptr_t)p->b, *c = (void *)(uintptr_t)p->c;
  ENTER();
  if (p->batch == 1)
    TRY(cublasGemmEx, g->cublas, p->trans_b, p->trans_a, p->n, p->m, p->k, &one, b, p->in, p->ldb, a, p->in, p->lda, &p->beta, c, p->out,
        p->ldc, SUM_FLOAT32, ANY_ALGORITHM);
  else
    TRY(cublasGemmStridedBatchedEx, g->cublas, p->trans_b, p->trans_a, p->n, p->m, p->k, &one, b, p->in, p->ldb, p->stride_b, a, p->in,
        p->lda, p->stride_a, &p->beta, c, p->out, p->ldc, p->stride_c, p->batch, SUM_FLOAT32, ANY_ALGORITHM);
  return 0;
}

void gpu_error(gpu *g, int code, const char **name, const char **text) {
  *name = *text = NULL;
  if (strncmp(g->what, "cublas", 6) == 0) {
    static const struct { int code; const char *name; } all[] = {
        {1, "CUBLAS_STATUS_NOT_INITIALIZED"}, {3, "CUBLAS_STATUS_ALLOC_FAILED"},   {7, "CUBLAS_STATUS_INVALID_VALUE"},
        {8, "CUBLAS_STATUS_ARCH_MISMATCH"},   {11, "CUBLAS_STATUS_MAPPING_ERROR"}, {13, "CUBLAS_STATUS_EXECUTION_FAILED"},
        {14, "CUBLAS_STATUS_INTERNAL_ERROR"}, {15, "CUBLAS_STATUS_NOT_SUPPORTED"}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
      if (all[i].code == code) *name = all[i].name;
    return;
  }
  g->cuGetErrorName(code, name);
  g->cuGetErrorString(code, text);
}
