// A host thread that leaves by the stub's instruction, with and without a request on its way.
//@ args: exit
//@ args: exit_group
//@ args: exit posted
//@ args: exit_group posted
//@ ends: any
//@ deadline: 4
#include "hostile.h"

int main(int argc, char **argv) {
  find_gadget();
  if (argc > 2) {
    *quad_at(RF_ORIG_RAX) = SYS_nanosleep;
    forge(1);
  }
  HOST_1(argc > 1 && strcmp(argv[1], "exit") == 0 ? SYS_exit : SYS_exit_group, 3);
  bad("still here", 0);
  return 0;
}
