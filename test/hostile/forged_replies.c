// A guest that answers its own requests: the stub believes it, and the kernel must not care.
//@ args: ret
//@ args: ops
//@ args: copy
//@ args: signal
//@ args: exit
//@ ends: any
//@ deadline: 2
#include "hostile.h"

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "ret";
  uint32_t code = mode[0] == 'r' ? 1 : mode[0] == 'o' ? 3 : mode[0] == 'c' ? 5 : mode[0] == 's' ? 6 : 9;
  struct timespec t = {0, 3000000};
  for (int i = 0; i < 200; i++) {
    uint32_t next = next_sequence();
    *word_at(RF_REP_COUNT) = 0x7fffffff;
    *quad_at(RF_REP_RESULT) = 4711;
    for (int k = 0; k < RF_OPS_MAX; k++) {
      *word_at(RF_OPS + k * RF_OP_SIZE) = k % 10;
      for (int a = 0; a < 6; a++)
        *quad_at(RF_OPS + k * RF_OP_SIZE + RF_OP_ARGS + a * 8) = nasty();
    }
    for (int k = 0; k < RF_PIECES_MAX; k++)
      *quad_at(RF_PIECES + k * RF_PIECE_SIZE) = (uint64_t)&t;
    __atomic_store_n(word_at(RF_REPLY), next << 4 | code, __ATOMIC_SEQ_CST);
    SYS_2(SYS_nanosleep, &t, 0);
  }
  say("survived");
  return 0;
}
