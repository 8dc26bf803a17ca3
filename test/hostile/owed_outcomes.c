// F4: a thread locks a piece of memory, by a request of its own making, and never reports what it was to do there. Whoever of
// its process waits for that memory waits for what no signal ends: a process that keeps itself waiting so does not last, and
// SIGTERM ends it at once, as on Linux.
//@ args: waited-for
//@ args: terminated
//@ ends: 0
//@ deadline: 20
//@ cflags: -pthread -mfsgsbase
#include "hostile.h"
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

static char *area;
static volatile int *begun; // shared with the parent

static void *hold(void *unused) {
  static int never;
  static const uint64_t one = 1;
  uint64_t slot = __builtin_ia32_rdgsbase64(), chunk = slot & ~(uint64_t)(RF_CHUNK_SIZE - 1);
  uint64_t record = chunk + RF_REQUESTS + (slot - chunk) / RF_SLOT_SIZE * RF_REQUEST_SIZE;
  *(volatile uint64_t *)(slot + RF_RDI) = (uint64_t)area;
  *(volatile uint64_t *)(slot + RF_RSI) = PAGE;
  *(volatile uint64_t *)(slot + RF_RDX) = PROT_READ;
  *(volatile uint64_t *)(slot + RF_ORIG_RAX) = SYS_mprotect;
  uint32_t sequence = ((*(volatile uint32_t *)record >> 4) + RF_SEQUENCE_STEP) & RF_SEQUENCE_MASK;
  uint64_t request = (uint64_t)SYS_mprotect << 32 | sequence << 4 | 1;
  __atomic_exchange_n((volatile uint64_t *)record, request, __ATOMIC_SEQ_CST);
  HOST_3(SYS_write, RF_DOORBELL_FD, &one, 8);
  while ((*(volatile uint32_t *)(slot + RF_REPLY) >> 4) != sequence)
    HOST_0(SYS_sched_yield);
  *begun = 1;
  for (;;)
    if (HOST_6(SYS_futex, &never, 0x89, 0, 0, 0, -1) == 1) return unused;
}

static int wait_for_memory(void) {
  pthread_t thread;
  area = pages(1);
  pthread_create(&thread, NULL, hold, NULL);
  while (!*begun)
    usleep(1000);
  *begun = 2;
  return mprotect(area, PAGE, PROT_READ);
}

int main(int argc, char **argv) {
  int terminates = argc > 1 && strcmp(argv[1], "terminated") == 0, status;
  find_gadget();
  begun = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid_t child = fork();
  if (child == 0) _exit(wait_for_memory() == 0);
  while (*begun != 2)
    usleep(1000);
  if (terminates) {
    usleep(200000);
    kill(child, SIGTERM);
  }
  waitpid(child, &status, 0);
  int expected = terminates ? SIGTERM : SIGKILL;
  if (!WIFSIGNALED(status) || WTERMSIG(status) != expected) bad("it ended so", status);
  say("it has ended");
  return 0;
}
