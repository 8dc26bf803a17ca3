// Requests of every kind that nobody asked for, with absurd counts and values.
//@ args: 0
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
//@ ends: any
//@ deadline: 3
#include "hostile.h"

int main(int argc, char **argv) {
  uint32_t kind = argc > 1 ? atoi(argv[1]) : 6;
  static const uint64_t values[] = {0,          1,          32,        33,   0x7fffffff,
                                    0x80000000, 0xffffffff, 1ul << 63, -1ul, -4095ul};
  say("kind %u", kind);
  for (size_t i = 0; i < sizeof values / sizeof *values; i++)
    for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
      *word_at(RF_REQ_COUNT) = values[i];
      *quad_at(RF_REQ_VALUE) = values[k];
      *word_at(RF_REQ_IN_LENGTH) = values[k];
      *word_at(RF_REQ_IN_LENGTH + 4) = values[i];
      *word_at(RF_REQ_CPU) = values[k];
      *word_at(RF_REQ_FLAGS) = values[i];
      *word_at(RF_FAULT_SIGNO) = values[k];
      *quad_at(RF_ORIG_RAX) = SYS_getppid;
      uint32_t sequence = forge(kind);
      reply_to(sequence, 5);
    }
  say("survived");
  return 0;
}
