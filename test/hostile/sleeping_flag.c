// The stub's sleeping flag set to anything: at worst a wake-up for nobody.
//@ ends: 0
#include "hostile.h"

int main(void) {
  long parent = SYS_0(SYS_getppid);
  for (int i = 0; i < 5000; i++) {
    *word_at(RF_SLEEPING) = i % 3 ? 0xffffffff : (uint32_t)i;
    if (SYS_0(SYS_getppid) != parent) bad("getppid", i);
  }
  say("done");
  return 0;
}
