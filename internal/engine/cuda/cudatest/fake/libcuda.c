// A driver for tests: device memory is this process's, streams run at once, kernels are kernels.cu compiled by gcc.
//
// FAKE_CUDA_FAIL=NAME:N:CODE has the Nth call of a function fail, 0 every call; codes from 700 on lose the device: all later calls fail.
// FAKE_CUDA_DRIVER, _DEVICES, _CAPABILITY and _MEMORY change what the device says of itself.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { unsigned x, y, z; } dim3_t;
#ifndef NO_KERNELS
const char *run_kernel(void (*f)(const void *), const void *args, dim3_t grid, dim3_t block);
#endif

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int lost;
static __thread void *context;
static char the_context, the_stream;

// fails counts the calls of a function and says whether this one fails. The first to be asked after a change of the wish counts from 1.
static int fails(const char *name) {
  static char wish[128];
  static int seen;
  const char *now = getenv("FAKE_CUDA_FAIL");
  if (!now) now = "";
  pthread_mutex_lock(&lock);
  if (strcmp(now, wish)) {
    snprintf(wish, sizeof wish, "%s", now);
    seen = lost = 0;
  }
  int code = lost, nth = 0, wanted = 0;
  size_t n = strcspn(wish, ":");
  if (!code && n == strlen(name) && !strncmp(name, wish, n)) {
    sscanf(wish + n, ":%d:%d", &nth, &wanted);
    if (++seen == nth || nth == 0) code = wanted;
    if (code >= 700) lost = code;
  }
  pthread_mutex_unlock(&lock);
  return code;
}

#define CALL(name) do { int code_ = fails(name); if (code_) return code_; } while (0)
// What needs a context fails on a thread that has none.
#define CALL_IN(name) do { CALL(name); if (!context) return 201; } while (0)

static long long setting(const char *name, long long otherwise) {
  const char *v = getenv(name);
  return v ? atoll(v) : otherwise;
}

static int initialized;

int cuInit(unsigned flags) {
  CALL("cuInit");
  if (setting("FAKE_CUDA_DEVICES", 1) == 0) return 100;
  initialized = 1;
  return flags ? 1 : 0;
}

int cuDriverGetVersion(int *v) {
  CALL("cuDriverGetVersion");
  *v = (int)setting("FAKE_CUDA_DRIVER", 13000);
  return 0;
}

int cuDeviceGetCount(int *n) {
  CALL("cuDeviceGetCount");
  if (!initialized) return 3;
  *n = (int)setting("FAKE_CUDA_DEVICES", 1);
  return 0;
}

int cuDeviceGet(int *d, int i) {
  CALL("cuDeviceGet");
  if (!initialized) return 3;
  if (i < 0 || i >= setting("FAKE_CUDA_DEVICES", 1)) return 101;
  *d = i;
  return 0;
}

int cuDeviceGetName(char *name, int n, int d) {
  CALL("cuDeviceGetName");
  snprintf(name, n, "Fake GPU %d", d);
  return 0;
}

int cuDeviceTotalMem_v2(size_t *n, int d) {
  CALL("cuDeviceTotalMem_v2");
  *n = setting("FAKE_CUDA_MEMORY", 4LL << 30);
  return d < 0;
}

int cuDeviceGetAttribute(int *v, int attribute, int d) {
  CALL("cuDeviceGetAttribute");
  int capability = (int)setting("FAKE_CUDA_CAPABILITY", 90);
  switch (attribute) {
  case 16: *v = 4; break;
  case 75: *v = capability / 10; break;
  case 76: *v = capability % 10; break;
  default: *v = 0; return 1;
  }
  return d < 0;
}

static int users; // of the context
static void give_back(void);

int cuDevicePrimaryCtxRetain(void **c, int d) {
  CALL("cuDevicePrimaryCtxRetain");
  if (!initialized || d < 0) return 3;
  *c = &the_context;
  users++;
  return 0;
}

// A context that nobody uses any more loses its memory, and that of a lost device goes as well.
int cuDevicePrimaryCtxRelease_v2(int d) {
  int code = fails("cuDevicePrimaryCtxRelease_v2");
  if (--users == 0) give_back();
  return code ? code : d < 0;
}

int cuCtxSetCurrent(void *c) {
  CALL("cuCtxSetCurrent");
  context = c;
  return 0;
}

// ---- memory

typedef struct block { struct block *next; char *at; size_t n; } block;
static block *blocks;
static size_t taken;

static int known(unsigned long long p, size_t n) {
  int ok = n == 0;
  pthread_mutex_lock(&lock);
  for (block *b = blocks; b && !ok; b = b->next) ok = (char *)p >= b->at && (char *)p + n <= b->at + b->n;
  pthread_mutex_unlock(&lock);
  return ok;
}

int cuMemGetInfo_v2(size_t *free_bytes, size_t *total) {
  CALL_IN("cuMemGetInfo_v2");
  *total = setting("FAKE_CUDA_MEMORY", 4LL << 30);
  *free_bytes = *total > taken ? *total - taken : 0;
  return 0;
}

int cuMemAlloc_v2(unsigned long long *p, size_t n) {
  CALL_IN("cuMemAlloc_v2");
  if (n == 0) return 1;
  if (n > (size_t)setting("FAKE_CUDA_MEMORY", 4LL << 30) - taken) return 2;
  block *b = malloc(sizeof *b);
  if (!b || posix_memalign((void **)&b->at, 512, n)) return 2;
  memset(b->at, 0xcd, n); // a device does not clear it either
  b->n = n;
  pthread_mutex_lock(&lock);
  b->next = blocks;
  blocks = b;
  taken += n;
  pthread_mutex_unlock(&lock);
  *p = (unsigned long long)b->at;
  return 0;
}

int cuMemFree_v2(unsigned long long p) {
  CALL_IN("cuMemFree_v2");
  pthread_mutex_lock(&lock);
  int code = 1;
  for (block **b = &blocks; *b; b = &(*b)->next)
    if ((*b)->at == (char *)p) {
      block *gone = *b;
      *b = gone->next;
      taken -= gone->n;
      free(gone->at);
      free(gone);
      code = 0;
      break;
    }
  pthread_mutex_unlock(&lock);
  return code;
}

static void give_back(void) {
  pthread_mutex_lock(&lock);
  while (blocks) {
    block *gone = blocks;
    blocks = gone->next;
    free(gone->at);
    free(gone);
  }
  taken = 0;
  pthread_mutex_unlock(&lock);
}

int cuMemHostAlloc(void **p, size_t n, unsigned flags) {
  CALL_IN("cuMemHostAlloc");
  return (*p = malloc(n)) && flags == 0 ? 0 : 2;
}

int cuMemFreeHost(void *p) {
  CALL_IN("cuMemFreeHost");
  free(p);
  return 0;
}

int cuMemcpyHtoDAsync_v2(unsigned long long dst, const void *src, size_t n, void *s) {
  CALL_IN("cuMemcpyHtoDAsync_v2");
  if (!known(dst, n) || s != &the_stream) return 1;
  memcpy((void *)dst, src, n);
  return 0;
}

int cuMemcpyDtoHAsync_v2(void *dst, unsigned long long src, size_t n, void *s) {
  CALL_IN("cuMemcpyDtoHAsync_v2");
  if (!known(src, n) || s != &the_stream) return 1;
  memcpy(dst, (void *)src, n);
  return 0;
}

int cuMemcpyDtoDAsync_v2(unsigned long long dst, unsigned long long src, size_t n, void *s) {
  CALL_IN("cuMemcpyDtoDAsync_v2");
  if (!known(dst, n) || !known(src, n) || s != &the_stream) return 1;
  memmove((void *)dst, (void *)src, n);
  return 0;
}

int cuMemsetD8Async(unsigned long long dst, unsigned char v, size_t n, void *s) {
  CALL_IN("cuMemsetD8Async");
  if (!known(dst, n) || s != &the_stream) return 1;
  memset((void *)dst, v, n);
  return 0;
}

// ---- modules and kernels

typedef struct { void (*run)(const void *); unsigned bytes; } function;

int cuModuleLoadDataEx(void **m, const void *image, unsigned n, int *options, void **values) {
  int code = fails("cuModuleLoadDataEx");
  if (!code && !context) code = 201;
  if (!code && !strstr(image, ".version") && strncmp(image, "FAKE CUBIN", 10)) code = 218;
  for (unsigned i = 0; i < n; i++)
    if (code && options[i] == 5) snprintf(values[i], 64, "ptxas: the fake refuses this image");
  *m = &the_context;
  return code;
}

int cuModuleUnload(void *m) {
  CALL_IN("cuModuleUnload");
  return m != &the_context;
}

int cuModuleGetFunction(void **f, void *m, const char *name) {
  CALL_IN("cuModuleGetFunction");
  Dl_info here;
  char bytes[128];
  if (m != &the_context || !dladdr((void *)cuInit, &here)) return 1;
  void *self = dlopen(here.dli_fname, RTLD_NOW | RTLD_NOLOAD);
  snprintf(bytes, sizeof bytes, "%s_bytes", name);
  void *run = self ? dlsym(self, name) : 0;
  unsigned *size = self ? dlsym(self, bytes) : 0;
  if (self) dlclose(self);
  if (!run || !size) return 500;
  function *made = malloc(sizeof *made); // a few for each module, never given back
  made->run = (void (*)(const void *))run;
  made->bytes = *size;
  *f = made;
  return 0;
}

int cuLaunchKernel(void *f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, void *s,
                   void **params, void **extra) {
  CALL_IN("cuLaunchKernel");
  if (!gx || !gy || !gz || gy > 65535 || gz > 65535 || bx * by * bz > 1024 || !bx || shared || s != &the_stream || params) return 1;
  if (extra[0] != (void *)1 || extra[2] != (void *)2 || extra[4]) return 1;
  function *k = f;
  if (*(size_t *)extra[3] != k->bytes) {
    fprintf(stderr, "fake cuda: a kernel got %zu bytes of arguments, it takes %u\n", *(size_t *)extra[3], k->bytes);
    return 1;
  }
#ifndef NO_KERNELS
  static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&one);
  const char *wrong = run_kernel(k->run, extra[1], (dim3_t){gx, gy, gz}, (dim3_t){bx, by, bz});
  pthread_mutex_unlock(&one);
  if (wrong) {
    fprintf(stderr, "fake cuda: %s\n", wrong);
    return 719;
  }
#endif
  return 0;
}

// ---- streams and errors

int cuStreamCreate(void **s, unsigned flags) {
  CALL_IN("cuStreamCreate");
  *s = &the_stream;
  return flags > 1;
}

int cuStreamDestroy_v2(void *s) {
  CALL_IN("cuStreamDestroy_v2");
  return s != &the_stream;
}

#ifndef NO_STREAM_SYNCHRONIZE
int cuStreamSynchronize(void *s) {
  CALL_IN("cuStreamSynchronize");
  return s != &the_stream;
}
#endif

static const struct { int code; const char *name, *text; } errors[] = {
    {1, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {2, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {3, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {100, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {201, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {218, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
    {222, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "the provided PTX was compiled with an unsupported toolchain."},
    {500, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {700, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {719, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
};

int cuGetErrorName(int code, const char **text) {
  for (unsigned i = 0; i < sizeof errors / sizeof *errors; i++)
    if (errors[i].code == code) return *text = errors[i].name, 0;
  return *text = 0, 1;
}

int cuGetErrorString(int code, const char **text) {
  for (unsigned i = 0; i < sizeof errors / sizeof *errors; i++)
    if (errors[i].code == code) return *text = errors[i].text, 0;
  return *text = 0, 1;
}
