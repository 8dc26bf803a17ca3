// Guests that never come back by themselves: they are killed with whoever waits for them.
//@ args: loop
//@ args: loop-all-blocked
//@ args: futex
//@ args: sleep
//@ args: yield
//@ args: pending-storm
//@ ends: deadline
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
  while (strcmp(mode, "yield") == 0)
    HOST_0(SYS_sched_yield);
  while (strcmp(mode, "pending-storm") == 0)
    __atomic_store_n(word_at(RF_PENDING), 0xffffffff, __ATOMIC_SEQ_CST);
  for (;;)
    __asm__ volatile("");
}
