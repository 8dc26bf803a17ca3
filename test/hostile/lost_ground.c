// A guest that takes away what its own stub stands on: each way ends this process, or nothing.
//@ args: alternate-stack-off
//@ args: alternate-stack-in-guest
//@ args: alternate-stack-nowhere
//@ args: block-all-signals
//@ args: block-sigsys
//@ args: self-word
//@ args: stub-stack
//@ args: chunk-no-access
//@ args: unmap-everything
//@ ends: any
//@ deadline: 2
#include "hostile.h"

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "";
  say("%s", mode);
  char *area = pages(64);
  stack_t off = {.ss_flags = SS_DISABLE}, guest = {.ss_sp = area, .ss_size = 64 * PAGE},
          nowhere = {.ss_sp = (void *)0x10000000, .ss_size = 64 * PAGE};
  unsigned long all = -1ul, sigsys = 1ul << 30;
  if (strcmp(mode, "alternate-stack-off") == 0) HOST_2(SYS_sigaltstack, &off, 0);
  if (strcmp(mode, "alternate-stack-in-guest") == 0) HOST_2(SYS_sigaltstack, &guest, 0);
  if (strcmp(mode, "alternate-stack-nowhere") == 0) HOST_2(SYS_sigaltstack, &nowhere, 0);
  if (strcmp(mode, "block-all-signals") == 0) HOST_4(SYS_rt_sigprocmask, SIG_SETMASK, &all, 0, 8);
  if (strcmp(mode, "block-sigsys") == 0) HOST_4(SYS_rt_sigprocmask, SIG_BLOCK, &sigsys, 0, 8);
  if (strcmp(mode, "self-word") == 0) *quad_at(RF_SELF) = 0x4141414141414141;
  if (strcmp(mode, "stub-stack") == 0) memset((void *)(SLOT + RF_STUB_STACK), 0x41, RF_STUB_STACK_SIZE);
  if (strcmp(mode, "chunk-no-access") == 0) {
    if (HOST_3(SYS_mprotect, RF_CHUNKS, RF_CHUNK_SIZE, 0) != -EPERM) bad("mprotect of the chunk", 0);
  }
  if (strcmp(mode, "unmap-everything") == 0) {
    HOST_2(SYS_munmap, 0x10000, RF_WINDOW_BASE - 0x200000000);
    __asm__ volatile("nop");
  }
  SYS_0(SYS_getppid);
  say("survived");
  return 0;
}
