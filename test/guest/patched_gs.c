// A program whose gs base is that of a block of its own, which begins with its address as those of thread libraries
// do: a call site that was executed often goes on to work, and nothing is written to the block.
//@ needs: memory
#include "sites.h"

SITE(getppid_site, 110);

#define BLOCK_AT 64

int main(void) {
  long parent = getppid(), wrong = 0, spoilt = 0;
  for (int i = 0; i < WARM; i++)
    wrong += getppid_site() != parent;
  static char memory[8 * PAGE] __attribute__((aligned(PAGE)));
  char *block = memory + BLOCK_AT;
  memset(memory, 0x5a, sizeof memory);
  memcpy(block, &block, sizeof block);
  __asm__ volatile("wrgsbase %0" ::"r"(block));
  for (int i = 0; i < WARM; i++)
    wrong += getppid_site() != parent;
  for (size_t i = BLOCK_AT + sizeof block; i < sizeof memory; i++)
    spoilt += memory[i] != 0x5a;
  say("wrong %ld, spoilt %ld", wrong, spoilt);
  return 0;
}
