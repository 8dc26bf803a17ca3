// F3: new request words and all pending bits in a loop that waits for nothing, then quiet.
//@ args: same-kind
//@ args: all-kinds
//@ args: old-sequences
//@ ends: any
//@ deadline: 10
#include "hostile.h"

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "same-kind";
  uint64_t one = 1;
  *quad_at(RF_ORIG_RAX) = SYS_getppid;
  for (uint32_t i = 1; i < 300000; i++) {
    uint32_t kind = mode[0] == 'a' ? i % 16 : 1;
    uint32_t sequence = mode[0] == 'o' ? i % 3 : i;
    __atomic_store_n(word_at(RF_REQUEST), sequence << 4 | kind, __ATOMIC_SEQ_CST);
    for (unsigned k = 0; k < RF_KERNEL_THREADS_MAX; k++)
      __atomic_store_n(word_at(RF_PENDING + k * RF_PENDING_STRIDE), 0xffffffff, __ATOMIC_SEQ_CST);
    if (i % 1000 == 0) HOST_3(SYS_write, RF_DOORBELL_FD, &one, 8);
  }
  say("survived");
  return 0;
}
