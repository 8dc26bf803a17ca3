// Jumps to code that is not the guest's to enter, with registers of the attacker's choice, in a child that ends as it
// likes within a moment.
#ifndef RINGFENCE_JUMPS_H
#define RINGFENCE_JUMPS_H

#include "hostile.h"
#include <signal.h>
#include <stdint.h>
#include <sys/wait.h>

// Places in r, in this order, what is loaded by jump_to.
enum { IN_RDI, IN_RCX, IN_RDX, IN_RSI, IN_RBX, IN_R8, IN_R9, IN_R10, IN_R12, JUMP_REGISTERS };

// The target is in rax as well. Does not come back where the target does not.
static inline void jump_to(uint64_t target, const uint64_t *r, uint64_t in_r11) {
  register uint64_t r11 __asm__("r11") = in_r11;
  __asm__ volatile("mov 8(%0), %%rcx; mov 16(%0), %%rdx; mov 24(%0), %%rsi; mov 32(%0), %%rbx\n"
                   "mov 40(%0), %%r8; mov 48(%0), %%r9; mov 56(%0), %%r10; mov 64(%0), %%r12\n"
                   "mov (%0), %%rdi\njmp *%1\n" ::"r"(r),
                   "a"(target), "r"(r11)
                   : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r12", "memory");
}

// A child for one jump: 0 in it. An alarm ends it where the jump does not, and leave_behind() where that is blocked.
static inline pid_t fork_to_jump(void) {
  pid_t child = fork();
  if (child == 0) ualarm(50000, 0);
  return child;
}

static inline void leave_behind(pid_t child) {
  int status;
  for (int i = 0; i < 40; i++) {
    if (waitpid(child, &status, WNOHANG) == child) return;
    usleep(5000);
  }
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
}

#endif
