// A program maps memory of its own wherever there is none, again and again, while other threads are at call
// sites that were executed often: whatever a sandbox keeps there goes, and no thread notices.
//@ needs: threads memory
//@ cflags: -pthread
//@ deadline: 60
#include "sites.h"
#include <pthread.h>
#include <stdatomic.h>

#define SITES 100
#define THREADS 3

// Each in a page of its own: mov $110, %eax; syscall; ret
extern const char sites[], __executable_start[];
__asm__(".text\n.balign 4096\n.globl sites\nsites:\n.rept 100\n.balign 4096\n.cfi_startproc\n"
        "mov $110, %eax\nsyscall\nret\n.cfi_endproc\n.endr\n.balign 4096\n");

static atomic_int current, done;
static atomic_long wrong, calls;
static long parent;

static void *run(void *unused) {
  (void)unused;
  while (!done) {
    long (*site)(void) = (void *)(sites + current * PAGE);
    if (site() != parent) wrong++;
    calls++;
  }
  return NULL;
}

int main(void) {
  parent = getppid();
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++)
    pthread_create(&threads[i], NULL, run, NULL);
  long low = 0x10000, size = (long)__executable_start - low;
  int mapped = 0, zeros = 0;
  for (int i = 0; i < SITES; i++) {
    current = i;
    for (long until = calls + 600; calls < until;)
      SYS_0(SYS_sched_yield);
    long at = map_at((void *)low, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED);
    mapped += at == low;
    int zero = 1;
    for (long k = 0; k < size; k += 64)
      zero &= ((char *)low)[k] == 0;
    zeros += zero;
    memset((void *)low, 0xcc, size);
    if (SYS_2(SYS_munmap, low, size)) wrong++;
  }
  done = 1;
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  say("mapped %d, zeros %d, wrong %ld", mapped, zeros, (long)wrong);
  return 0;
}
