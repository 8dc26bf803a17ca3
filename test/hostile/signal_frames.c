// rt_sigreturn through the stub's instruction, with frames of the guest's making.
//@ args: 1
//@ args: 2
//@ args: 3
//@ args: 4
//@ args: 5
//@ args: 6
//@ args: 7
//@ args: 8
//@ ends: any
//@ deadline: 4
#include "hostile.h"

int main(int argc, char **argv) {
  random_state = argc > 1 ? atoi(argv[1]) : 1;
  find_gadget();
  static uint64_t frame[512] __attribute__((aligned(64)));
  for (size_t i = 0; i < sizeof frame / sizeof *frame; i++)
    frame[i] = next_random() % 3 ? nasty() : 0;
  // Sometimes a frame that is accepted: code and stack segments as they are, no FP state.
  if (next_random() % 2) {
    frame[21] = next_random() % 2 ? (uint64_t)main : RF_STUB_TEXT + next_random() % 2048; // rip
    frame[23] = 0x002b000000000033;                                                       // cs, gs, fs, ss
    frame[28] = 0;                                                                        // fpstate
    frame[20] = (uint64_t)(frame + 400);                                                  // rsp
  }
  __asm__ volatile("mov %0, %%rsp; mov $15, %%eax; jmp *%1" ::"r"(frame), "r"(gadget) : "rax");
  return 0;
}
