// Guests that never come back by themselves: they are killed with whoever waits for them.
//@ args: loop
//@ args: loop-all-blocked
//@ args: futex
//@ args: sleep
//@ args: yield
//@ args: request-storm
//@ args: no-request
//@ args: unfinished-clone
//@ args: unfinished-mapping
//@ args: unfinished-copy
// Requests that come while the kernel waits for an answer of the stub, as it does to patch a call site, are deadly.
//@ ends: deadline 137
//@ deadline: 1
#include "hostile.h"

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "loop";
  find_gadget();
  unsigned long all = -1ul;
  static uint32_t word;
  struct timespec day = {86400, 0};
  if (strcmp(mode, "loop-all-blocked") == 0) HOST_4(SYS_rt_sigprocmask, SIG_SETMASK, &all, 0, 8);
  if (strcmp(mode, "futex") == 0) HOST_4(SYS_futex, &word, 0, 0, 0);
  if (strcmp(mode, "sleep") == 0) SYS_2(SYS_nanosleep, &day, 0);
  // A request that makes the kernel hand out an operation list or a copy round, which is never run.
  if (strcmp(mode, "unfinished-clone") == 0) {
    *quad_at(RF_ORIG_RAX) = SYS_clone;
    *quad_at(RF_RDI) = SIGCHLD;
    *quad_at(RF_RSI) = *quad_at(RF_RDX) = *quad_at(RF_R10) = *quad_at(RF_R8) = 0;
    forge(1);
  }
  if (strcmp(mode, "unfinished-mapping") == 0) {
    *quad_at(RF_ORIG_RAX) = SYS_mmap;
    *quad_at(RF_RDI) = *quad_at(RF_R9) = 0;
    *quad_at(RF_RSI) = PAGE;
    *quad_at(RF_RDX) = PROT_READ;
    *quad_at(RF_R10) = MAP_SHARED | MAP_ANONYMOUS;
    *quad_at(RF_R8) = -1ul;
    forge(1);
  }
  if (strcmp(mode, "unfinished-copy") == 0) {
    *quad_at(RF_ORIG_RAX) = SYS_getrandom;
    *quad_at(RF_RDI) = (uint64_t)pages(64);
    *quad_at(RF_RSI) = 64 * PAGE;
    *quad_at(RF_RDX) = 0;
    forge(1);
  }
  while (strcmp(mode, "yield") == 0)
    HOST_0(SYS_sched_yield);
  for (uint64_t i = 0; strcmp(mode, "request-storm") == 0; i++)
    __atomic_store_n(quad_at(RF_REQUESTS), (uint64_t)SYS_getppid << 32 | (uint32_t)(i << 6 | 1),
                     __ATOMIC_SEQ_CST);
  while (strcmp(mode, "no-request") == 0)
    __atomic_store_n(quad_at(RF_REQUESTS), 0, __ATOMIC_SEQ_CST);
  for (;;)
    __asm__ volatile("");
}
