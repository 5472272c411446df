// The driver, cuBLAS and what holds them, as Go calls them. No CUDA header is needed: the prototypes are those of the CUDA 11 to 13
// interfaces, whose types are integers and opaque pointers.
#include <stddef.h>
#include <stdint.h>

typedef unsigned long long device_ptr;

// A name with _v2 is the exported one; headers of CUDA map the plain name to it.
#define DRIVER(X)                                                                                                            \
  X(cuInit, (unsigned))                                                                                                      \
  X(cuDriverGetVersion, (int *))                                                                                             \
  X(cuDeviceGetCount, (int *))                                                                                               \
  X(cuDeviceGet, (int *, int))                                                                                               \
  X(cuDeviceGetName, (char *, int, int))                                                                                     \
  X(cuDeviceTotalMem_v2, (size_t *, int))                                                                                    \
  X(cuDeviceGetAttribute, (int *, int, int))                                                                                 \
  X(cuDevicePrimaryCtxRetain, (void **, int))                                                                                \
  X(cuDevicePrimaryCtxRelease_v2, (int))                                                                                     \
  X(cuCtxSetCurrent, (void *))                                                                                               \
  X(cuMemGetInfo_v2, (size_t *, size_t *))                                                                                   \
  X(cuMemAlloc_v2, (device_ptr *, size_t))                                                                                   \
  X(cuMemFree_v2, (device_ptr))                                                                                              \
  X(cuMemHostAlloc, (void **, size_t, unsigned))                                                                             \
  X(cuMemFreeHost, (void *))                                                                                                 \
  X(cuMemcpyHtoDAsync_v2, (device_ptr, const void *, size_t, void *))                                                        \
  X(cuMemcpyDtoHAsync_v2, (void *, device_ptr, size_t, void *))                                                              \
  X(cuMemcpyDtoDAsync_v2, (device_ptr, device_ptr, size_t, void *))                                                          \
  X(cuMemsetD8Async, (device_ptr, unsigned char, size_t, void *))                                                            \
  X(cuModuleLoadDataEx, (void **, const void *, unsigned, int *, void **))                                                   \
  X(cuModuleUnload, (void *))                                                                                                \
  X(cuModuleGetFunction, (void **, void *, const char *))                                                                    \
  X(cuLaunchKernel, (void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void *, void **, void **)) \
  X(cuStreamCreate, (void **, unsigned))                                                                                     \
  X(cuStreamDestroy_v2, (void *))                                                                                            \
  X(cuStreamSynchronize, (void *))                                                                                           \
  X(cuGetErrorName, (int, const char **))                                                                                    \
  X(cuGetErrorString, (int, const char **))

#define BLAS(X)                                                                                                              \
  X(cublasCreate_v2, (void **))                                                                                              \
  X(cublasDestroy_v2, (void *))                                                                                              \
  X(cublasSetStream_v2, (void *, void *))                                                                                    \
  X(cublasSetWorkspace_v2, (void *, void *, size_t))                                                                         \
  X(cublasSetMathMode, (void *, int))                                                                                        \
  X(cublasGetProperty, (int, int *))                                                                                         \
  X(cublasGemmEx, (void *, int, int, int, int, int, const void *, const void *, int, int, const void *, int, int, const void *, \
                   void *, int, int, int, int))                                                                              \
  X(cublasGemmStridedBatchedEx, (void *, int, int, int, int, int, const void *, const void *, int, int, long long, const void *, \
                                 int, int, long long, const void *, void *, int, int, long long, int, int, int))

typedef struct {
#define FIELD(name, args) int (*name) args;
  DRIVER(FIELD)
  BLAS(FIELD)
#undef FIELD
  void *driver, *blas; // handles of dlopen
  void *context, *stream, *cublas, *module;
  int device;
  void *staging; // of the host, pinned
  const char *what; // the function that failed last
} gpu;

// These give NULL, or what is wrong as text that the caller frees.
void *open_library(const char *path, char **wrong);
void close_library(void *handle);
char *take_driver(gpu *g, void *handle);
char *take_blas(gpu *g, void *handle);

// All others give 0 or the code of the function that g->what then names.
int gpu_version(gpu *g, int *version);
int gpu_init(gpu *g);
int gpu_count(gpu *g, int *n);
int gpu_describe(gpu *g, int device, char *name, int n, size_t *memory, int *major, int *minor);
int gpu_retain(gpu *g, int device);
int gpu_release(gpu *g);
int gpu_stream(gpu *g);
int gpu_staging(gpu *g, size_t n);
int gpu_blas(gpu *g, device_ptr workspace, size_t n);
int gpu_blas_version(gpu *g, int *major, int *minor, int *patch);
int gpu_module(gpu *g, const void *image, char *log, size_t n);
int gpu_function(gpu *g, const char *name, void **f);
int gpu_end(gpu *g);

int gpu_memory(gpu *g, size_t *available, size_t *total);
int gpu_alloc(gpu *g, device_ptr *p, size_t n);
int gpu_free(gpu *g, device_ptr p);
int gpu_zero(gpu *g, device_ptr p, size_t n);
int gpu_copy(gpu *g, device_ptr dst, device_ptr src, size_t n);
int gpu_upload(gpu *g, device_ptr dst, size_t at, const void *src, size_t n);
int gpu_download(gpu *g, device_ptr src, size_t n); // to staging
int gpu_sync(gpu *g);

// gpu_launch runs a kernel on gx by gy blocks with one structure of arguments.
int gpu_launch(gpu *g, void *f, unsigned gx, unsigned gy, unsigned threads, const void *args, size_t n);

// product is C = op(A) op(B) + beta C, row-major; types are those of cuBLAS. Strides are elements between the members of a batch.
typedef struct {
  device_ptr a, b, c;
  int64_t stride_a, stride_b, stride_c;
  int32_t m, n, k, lda, ldb, ldc, trans_a, trans_b, in, out, batch;
  float beta;
} product;
int gpu_product(gpu *g, const product *p);

void gpu_error(gpu *g, int code, const char **name, const char **text);
