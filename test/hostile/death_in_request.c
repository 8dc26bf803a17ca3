// Death in the middle of a request of every kind: posted, and the host process gone at once.
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
  find_gadget();
  int kind = argc > 1 ? atoi(argv[1]) : 1;
  *quad_at(RF_ORIG_RAX) = kind % 2 ? SYS_mmap : SYS_read;
  *quad_at(RF_RDI) = 0;
  *quad_at(RF_RSI) = 1 << 20;
  *quad_at(RF_RDX) = 3;
  *quad_at(RF_R10) = MAP_PRIVATE | MAP_ANONYMOUS;
  *quad_at(RF_R8) = -1ul;
  *quad_at(RF_R9) = 0;
  forge(kind);
  HOST_1(SYS_exit_group, 0);
  return 0;
}
