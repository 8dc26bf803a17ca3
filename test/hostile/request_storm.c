// F3: new records for all kernel threads, and of slots that nobody has, in a loop that waits for nothing, then quiet.
//@ args: same-kind
//@ args: all-kinds
//@ args: old-sequences
//@ ends: any
//@ deadline: 10
#include "hostile.h"

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "same-kind";
  uint64_t one = 1;
  for (uint32_t i = 1; i < 300000; i++) {
    uint32_t kind = mode[0] == 'a' ? i % 16 : 1;
    uint32_t sequence = mode[0] == 'o' ? i % 3 : i;
    uint64_t request = (uint64_t)SYS_getppid << 32 | sequence << 4 | kind;
    for (unsigned k = 0; k < RF_KERNEL_THREADS_MAX; k++)
      for (unsigned slot = 0; slot < RF_CHUNK_SLOTS; slot++)
        __atomic_store_n(quad_at(RF_REQUESTS + k * RF_REQUESTS_STRIDE + slot * RF_REQUEST_SIZE), request,
                         __ATOMIC_SEQ_CST);
    if (i % 1000 == 0) HOST_3(SYS_write, RF_DOORBELL_FD, &one, 8);
  }
  say("survived");
  return 0;
}
