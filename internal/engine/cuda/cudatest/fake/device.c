// Runs a kernel's blocks and threads on the processor: see device.h.
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "device.h"

dim3_t threadIdx, blockIdx, blockDim, gridDim;

enum { MOST = 1024, STACK = 64 << 10, WARP_SIZE = 32 };

enum state { READY, WAITS, ENDED };

typedef struct {
  void *sp; // of a fibre that waits
#ifndef __x86_64__
  ucontext_t context;
#endif
} fibre;

static fibre fibres[MOST + 1]; // the last is the scheduler
static int fibre_of[MOST];     // of a thread that waits
static int spare[MOST], spares; // fibres without a thread
static enum state states[MOST];
static int current, next_thread, threads, running;
static int alive, waiting;                  // of the block
static int warp_alive[MOST / WARP_SIZE], warp_waiting[MOST / WARP_SIZE];
static char at_block[MOST];                 // a waiting thread waits for the block, else for its warp
static unsigned slots[2][MOST], turn[MOST]; // what lanes hand to each other, for two calls in turn
static const char *wrong;
static void (*kernel)(const void *);
static const void *arguments;
static char *stacks;

// switch_to saves where it was called and goes on where another fibre left.
#ifdef __x86_64__
void switch_stack(void **from, void *to);
__asm__(".globl switch_stack\n.hidden switch_stack\nswitch_stack:\n"
        "push %rbp\npush %rbx\npush %r12\npush %r13\npush %r14\npush %r15\n"
        "mov %rsp,(%rdi)\nmov %rsi,%rsp\n"
        "pop %r15\npop %r14\npop %r13\npop %r12\npop %rbx\npop %rbp\nret\n");
static void switch_to(int from, int to) {
  running = to;
  switch_stack(&fibres[from].sp, fibres[to].sp);
}
#else
static void switch_to(int from, int to) {
  running = to;
  swapcontext(&fibres[from].context, &fibres[to].context);
}
#endif

static void set_thread(int t) { current = threadIdx.x = t; }

static void release(int first, int end, int block) {
  for (int t = first; t < end; t++)
    if (states[t] == WAITS && at_block[t] == block) states[t] = READY;
}

static void arrive(void) {
  if (waiting == alive && alive) {
    waiting = 0;
    release(0, threads, 1);
  }
}

static void arrive_warp(int w) {
  if (warp_waiting[w] == warp_alive[w] && warp_alive[w]) {
    warp_waiting[w] = 0;
    release(w * WARP_SIZE, min((w + 1) * WARP_SIZE, threads), 0);
  }
}

// work runs threads that have not begun, until none is left or one waits for ever.
static void work(void) {
  for (;;) {
    while (next_thread < threads) {
      int t = next_thread++;
      set_thread(t);
      kernel(arguments);
      t = current; // whichever thread the fibre ran last is the one that ends
      states[t] = ENDED;
      alive--;
      warp_alive[t / WARP_SIZE]--;
      arrive();
      arrive_warp(t / WARP_SIZE);
    }
    spare[spares++] = running;
    switch_to(running, MOST);
  }
}

static void make_fibre(int f) {
#ifdef __x86_64__
  void **top = (void **)(stacks + (size_t)(f + 1) * STACK);
  *--top = 0; // where work would return to; keeps the stack aligned as after a call
  *--top = (void *)work;
  for (int i = 0; i < 6; i++) *--top = 0;
  fibres[f].sp = top;
#else
  getcontext(&fibres[f].context);
  fibres[f].context.uc_stack.ss_sp = stacks + (size_t)f * STACK;
  fibres[f].context.uc_stack.ss_size = STACK;
  makecontext(&fibres[f].context, work, 0);
#endif
}

// next_fibre is where to go on when a thread waits: a lane of its warp that has not begun or may go on, else the scheduler.
static int next_fibre(int t) {
  int first = t / WARP_SIZE * WARP_SIZE, end = min(first + WARP_SIZE, threads);
  if (next_thread >= first && next_thread < end) {
    int f = spare[--spares];
    make_fibre(f);
    return f;
  }
  for (int u = t + 1; u < end; u++)
    if (states[u] == READY && u < next_thread) return fibre_of[u];
  for (int u = first; u < t; u++)
    if (states[u] == READY) return fibre_of[u];
  return MOST;
}

// pause_thread leaves the thread at its barrier and comes back when that is passed.
static void pause_thread(void) {
  int t = current;
  if (states[t] == READY) return; // it was the last to arrive
  fibre_of[t] = running;
  switch_to(running, next_fibre(t));
  set_thread(t);
}

void __syncthreads(void) {
  states[current] = WAITS;
  at_block[current] = 1;
  waiting++;
  arrive();
  pause_thread();
}

void __syncwarp(void) {
  int w = current / WARP_SIZE;
  states[current] = WAITS;
  at_block[current] = 0;
  warp_waiting[w]++;
  arrive_warp(w);
  pause_thread();
}

// exchange hands a value to the other lanes; all lanes of the warp must take part.
static unsigned *exchange(unsigned mask, unsigned value) {
  int w = current / WARP_SIZE, t = current;
  if (mask != 0xffffffffu || warp_alive[w] != WARP_SIZE) wrong = "lanes are missing from a shuffle";
  unsigned *slot = slots[turn[t]++ % 2];
  slot[t] = value;
  __syncwarp();
  return slot + w * WARP_SIZE;
}

unsigned shuffle(unsigned mask, unsigned value, int lane_mask) {
  int lane = current % WARP_SIZE;
  return exchange(mask, value)[lane ^ lane_mask];
}

unsigned __ballot_sync(unsigned mask, int set) {
  unsigned *of = exchange(mask, set != 0), all = 0;
  for (int i = 0; i < WARP_SIZE; i++) all |= of[i] << i;
  return all;
}

static void run_block(void) {
  alive = threads;
  waiting = next_thread = 0;
  memset(states, 0, sizeof states);
  memset(warp_waiting, 0, sizeof warp_waiting);
  memset(turn, 0, sizeof turn);
  for (int w = 0; w * WARP_SIZE < threads; w++) warp_alive[w] = min(WARP_SIZE, threads - w * WARP_SIZE);
  while (alive && !wrong) {
    if (next_thread < threads) { // a fibre for those that have not begun
      int f = spare[--spares];
      make_fibre(f);
      switch_to(MOST, f);
      continue;
    }
    int before = alive, moved = 0;
    for (int t = 0; t < threads && !wrong; t++)
      if (states[t] == READY) {
        moved = 1;
        switch_to(MOST, fibre_of[t]);
      }
    if (!moved && before == alive) wrong = "threads wait for each other for ever";
  }
}

// run_kernel runs a kernel and gives what went wrong, NULL for nothing.
const char *run_kernel(void (*f)(const void *), const void *args, dim3_t grid, dim3_t block) {
  if (!stacks) stacks = mmap(0, (size_t)MOST * STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (stacks == MAP_FAILED) return "no memory for stacks";
  kernel = f;
  arguments = args;
  gridDim = grid;
  blockDim = block;
  threads = block.x * block.y * block.z;
  if (threads > MOST || block.y * block.z != 1) return "too many threads";
  wrong = 0;
  for (unsigned z = 0; z < grid.z && !wrong; z++)
    for (unsigned y = 0; y < grid.y && !wrong; y++)
      for (unsigned x = 0; x < grid.x && !wrong; x++) {
        blockIdx = (dim3_t){x, y, z};
        for (spares = 0; spares < threads; spares++) spare[spares] = spares;
        run_block();
      }
  return wrong;
}
