// F4, F26: hundreds of threads that hold locks on pieces of their memory, since they never run the lists that they were
// given, and as many that wait for the last of them; then all of them are killed at once.
//@ args: 1200
//@ ends: 0
//@ deadline: 60
//@ cflags: -pthread -mfsgsbase
#include "hostile.h"
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>

static char *area;
static int holders;
static volatile int *begun; // shared with who kills them
static volatile int may_hold, may_wait;

static void post_from_own_slot(long nr, long a, long b, long c) {
  static const uint64_t one = 1;
  uint64_t slot = __builtin_ia32_rdgsbase64(), chunk = slot & ~(uint64_t)(RF_CHUNK_SIZE - 1);
  uint64_t record = chunk + RF_REQUESTS + (slot - chunk) / RF_SLOT_SIZE * RF_REQUEST_SIZE;
  *(volatile uint64_t *)(slot + RF_RDI) = a;
  *(volatile uint64_t *)(slot + RF_RSI) = b;
  *(volatile uint64_t *)(slot + RF_RDX) = c;
  *(volatile uint64_t *)(slot + RF_ORIG_RAX) = nr;
  uint32_t sequence = ((*(volatile uint32_t *)record >> 4) + RF_SEQUENCE_STEP) & RF_SEQUENCE_MASK;
  uint64_t request = (uint64_t)nr << 32 | sequence << 4 | 1;
  __atomic_exchange_n((volatile uint64_t *)record, request, __ATOMIC_SEQ_CST);
  HOST_3(SYS_write, RF_DOORBELL_FD, &one, 8);
}

static void *hold(void *index) {
  static int never;
  while (!may_hold)
    usleep(20000);
  post_from_own_slot(SYS_mprotect, (long)(area + (long)index * 2 * PAGE), PAGE, PROT_READ);
  __atomic_fetch_add(begun, 1, __ATOMIC_SEQ_CST);
  for (;;)
    if (HOST_6(SYS_futex, &never, 0x89, 0, 0, 0, -1) == 1) return NULL;
}

static void *wait_for_last(void *unused) {
  (void)unused;
  while (!may_wait)
    usleep(20000);
  __atomic_fetch_add(begun, 1, __ATOMIC_SEQ_CST);
  SYS_3(SYS_mprotect, area + (holders - 1) * 2 * PAGE, PAGE, PROT_READ);
  return NULL;
}

static void wait_until(int count) {
  for (int i = 0; i < 5000 && *begun < count; i++)
    usleep(1000);
  if (*begun < count) say("of %d threads %d have begun", count, *begun);
}

int main(int argc, char **argv) {
  int threads = argc > 1 ? atoi(argv[1]) : 1200, status;
  holders = threads / 2;
  find_gadget();
  begun = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid_t child = fork();
  if (child == 0) {
    area = pages(2 * holders);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 65536);
    for (long i = 0; i < threads; i++) {
      pthread_t thread;
      if (pthread_create(&thread, &attributes, i < holders ? hold : wait_for_last, (void *)i))
        bad("no thread", i);
    }
    may_hold = 1;
    wait_until(holders);
    may_wait = 1;
    pause();
  }
  wait_until(threads);
  usleep(100000);
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  say("killed");
  return 0;
}
