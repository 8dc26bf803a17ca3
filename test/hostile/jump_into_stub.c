// Jumps to anywhere in the stub's text, with registers full of edges.
//@ args: 1
//@ args: 2
//@ args: 3
//@ args: 4
//@ args: 5
//@ args: 6
//@ args: 7
//@ args: 8
//@ args: 9
//@ args: 10
//@ args: 11
//@ args: 12
//@ args: 13
//@ args: 14
//@ args: 15
//@ args: 16
//@ ends: any
//@ deadline: 3
#include "hostile.h"

int main(int argc, char **argv) {
  random_state = argc > 1 ? atoi(argv[1]) : 1;
  uint64_t target = RF_STUB_TEXT + next_random() % 0x3400, r[8];
  for (int i = 0; i < 8; i++)
    r[i] = next_random() % 2 ? SLOT + next_random() % 0x20000 : nasty();
  __asm__ volatile("mov 8(%0), %%rbx; mov 16(%0), %%rcx; mov 24(%0), %%rdx; mov 32(%0), %%rsi\n"
                   "mov 40(%0), %%r8; mov 48(%0), %%r9; mov 56(%0), %%r10; mov (%0), %%rdi\n"
                   "jmp *%1\n" ::"r"(r),
                   "a"(target)
                   : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "memory");
  return 0;
}
