// F13: a doorbell that is filled to its limit hurts nobody, and cannot be read or closed.
//@ ends: 0
#include "hostile.h"

int main(void) {
  uint64_t most = 0xfffffffffffffffe, one = 1, all = -1ul;
  int full = 0, other = 0;
  for (int i = 0; i < 20000; i++) {
    long r = HOST_3(SYS_write, RF_DOORBELL_FD, i % 2 ? &most : &one, 8);
    if (r == -EAGAIN)
      full++;
    else if (r != 8)
      other++;
    if (i % 100 == 0 && SYS_0(SYS_getppid) < 0) bad("getppid", i);
  }
  if (other) bad("write to the doorbell", other);
  if (HOST_3(SYS_write, RF_DOORBELL_FD, &all, 8) != -EINVAL) bad("write of -1", 0);
  if (HOST_3(SYS_write, RF_DOORBELL_FD, 8, 8) != -EFAULT) bad("write from nowhere", 0);
  if (HOST_3(SYS_read, RF_DOORBELL_FD, &one, 8) != -EPERM) bad("read of a doorbell", 0);
  say("done");
  return 0;
}
