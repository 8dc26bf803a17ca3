// Exit codes: the low eight bits arrive.
//@ args: 0
//@ args: 1
//@ args: 42
//@ args: 127
//@ args: 128
//@ args: 255
//@ args: 256
//@ args: 511
//@ args: -1
//@ args: 0 thread
//@ args: 9 thread
#include "guest.h"

int main(int argc, char **argv) {
  long code = atol(argv[1]);
  say("leaving");
  SYS_1(argc > 2 ? SYS_exit : SYS_exit_group, code | 0x7700000000000000);
  return 99;
}
