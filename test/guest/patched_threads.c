// Threads run into call sites at the moment at which they have been executed often enough to be patched:
// eight hundred sites, each executed by four threads at once.
//@ args: sites
//@ args: writable
//@ needs: threads
//@ cflags: -pthread
//@ deadline: 60
#include "sites.h"
#include <pthread.h>
#include <stdatomic.h>

#define SITES 800
#define THREADS 4
#define ROUNDS 60

// Each in a place of 16 bytes: mov $110, %eax; syscall; ret
extern const char sites[];
__asm__(".text\n.balign 4096\n.globl sites\nsites:\n.rept 800\n.balign 16\n.cfi_startproc\n"
        "mov $110, %eax\nsyscall\nret\n.cfi_endproc\n.endr\n");

static pthread_barrier_t barrier;
static atomic_long wrong;
static long parent;

static void *run(void *unused) {
  (void)unused;
  for (int i = 0; i < SITES; i++) {
    long (*site)(void) = (void *)(sites + i * 16);
    if (i % 8 == 0) pthread_barrier_wait(&barrier);
    for (int k = 0; k < ROUNDS; k++)
      if (site() != parent) wrong++;
  }
  return NULL;
}

// ---- Pages that become writable ----

#define PAGES 120

// Each in a page of its own.
extern const char spread[];
__asm__(".text\n.balign 4096\n.globl spread\nspread:\n.rept 120\n.balign 4096\n.cfi_startproc\n"
        "mov $110, %eax\nsyscall\nret\n.cfi_endproc\n.endr\n.balign 4096\n");

static atomic_int at[2], finished;
static atomic_long calls[2];

static void *call(void *unused) {
  (void)unused;
  while (!finished)
    for (int side = 0; side < 2; side++) {
      long (*site)(void) = (void *)(spread + at[side] * PAGE);
      if (site() != parent) wrong++;
      calls[side]++;
    }
  return NULL;
}

static void wait_for_calls(int side, long count) {
  for (long until = calls[side] + count; calls[side] < until;)
    SYS_0(SYS_sched_yield);
}

static void *open_up(void *given) {
  int side = *(int *)given;
  for (int page = side; page < PAGES; page += 2) {
    at[side] = page;
    wait_for_calls(side, 200);
    if (mprotect((void *)(spread + page * PAGE), PAGE, PROT_READ | PROT_WRITE | PROT_EXEC)) wrong++;
    if (((unsigned char *)spread)[page * PAGE] != 0xb8) wrong++;
    wait_for_calls(side, 20);
  }
  return NULL;
}

static void open_pages(void) {
  static int sides[] = {0, 1};
  pthread_t openers[2], callers[2];
  at[1] = 1;
  for (int i = 0; i < 2; i++)
    pthread_create(&callers[i], NULL, call, NULL);
  for (int i = 0; i < 2; i++)
    pthread_create(&openers[i], NULL, open_up, &sides[i]);
  for (int i = 0; i < 2; i++)
    pthread_join(openers[i], NULL);
  finished = 1;
  for (int i = 0; i < 2; i++)
    pthread_join(callers[i], NULL);
}

int main(int argc, char **argv) {
  parent = getppid();
  if (argc > 1 && !strcmp(argv[1], "writable")) {
    open_pages();
  } else {
    pthread_t threads[THREADS];
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
      pthread_create(&threads[i], NULL, run, NULL);
    for (int i = 0; i < THREADS; i++)
      pthread_join(threads[i], NULL);
  }
  say("wrong: %ld", wrong);
  return 0;
}
