// A list behind which the stub would go back by itself (OPS_RETURN), not run, and whatever else posted in its
// place: outcomes with absurd counts, the next call, requests of every kind; from the thread itself and,
// while it runs its list, from a sibling.
//@ args: 1
//@ args: 2
//@ args: 3
//@ args: 4
//@ args: 5
//@ args: 6
//@ args: 7
//@ args: 8
//@ args: 9
//@ args: 15
//@ args: sibling
//@ ends: any
//@ deadline: 3
//@ cflags: -pthread
#include "hostile.h"
#include <pthread.h>

static uint32_t forge_call(long nr, long a, long b, long c, long d) {
  *quad_at(RF_RDI) = a;
  *quad_at(RF_RSI) = b;
  *quad_at(RF_RDX) = c;
  *quad_at(RF_R10) = d;
  *quad_at(RF_R8) = -1;
  *quad_at(RF_R9) = 0;
  *quad_at(RF_ORIG_RAX) = nr;
  return forge(1);
}

static void *rewrites(void *unused) {
  (void)unused;
  for (int i = 0; i < 20000; i++) {
    uint32_t kind = (uint32_t)i % 12;
    uint32_t sequence = next_sequence();
    *word_at(RF_REQ_COUNT) = (uint32_t)i % 3;
    __atomic_exchange_n(word_at(RF_REQUESTS), sequence << 4 | kind, __ATOMIC_SEQ_CST);
    if (i % 16 == 0) HOST_0(SYS_sched_yield);
  }
  return NULL;
}

int main(int argc, char **argv) {
  static const uint32_t counts[] = {1, 0, 2, 32, 33, 0x7fffffff, 0x80000000, 0xffffffff};
  char *area = pages(16);
  if (argc > 1 && argv[1][0] == 's') {
    pthread_t thread;
    pthread_create(&thread, NULL, rewrites, NULL);
    for (int i = 0; i < 20000; i++)
      SYS_3(SYS_mprotect, area + i % 16 * PAGE, PAGE, i & 1 ? PROT_READ : PROT_READ | PROT_WRITE);
    pthread_join(thread, NULL);
    return 0;
  }
  uint32_t kind = argc > 1 ? (uint32_t)atoi(argv[1]) : 6;
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    uint32_t code = reply_to(forge_call(SYS_mprotect, (long)(area + i * PAGE), PAGE, PROT_READ, 0), 50);
    say("the reply has code %u", code);
    *word_at(RF_REQ_COUNT) = counts[i];
    *quad_at(RF_REQ_VALUE) = counts[i];
    *quad_at(RF_ORIG_RAX) = SYS_getppid;
    say("then %u", reply_to(forge(kind), 20));
    // Again, over a list that is out, and behind one that was never run.
    reply_to(forge_call(SYS_munmap, (long)(area + i * PAGE), PAGE, 0, 0), 50);
    reply_to(forge_call(SYS_mmap, 0, 1l << 40, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE), 50);
    reply_to(forge_call(SYS_getppid, 0, 0, 0, 0), 50);
  }
  say("survived");
  return 0;
}
