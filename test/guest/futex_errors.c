// What is wrong with a futex call is found in Linux's order, whichever kind of futex it is.
//@ needs: futex
#include "guest.h"
#include <linux/futex.h>

static int word = 5, other;

static void waits(const char *name, int op) {
  struct timespec past = {0, 1}, wrong = {0, 1000000000}, negative = {-1, 0}, huge = {INT64_MAX, 999999999};
  say("%s", name);
  value(" value differs", SYS_6(SYS_futex, &word, op, 4, 0, 0, 1));
  value(" value differs, for long", SYS_6(SYS_futex, &word, op, 4, &huge, 0, 1));
  value(" value differs, in the past", SYS_6(SYS_futex, &word, op, 4, &past, 0, 1));
  value(" in the past", SYS_6(SYS_futex, &word, op, 5, &past, 0, 1));
  value(" wrong time", SYS_6(SYS_futex, &word, op, 5, &wrong, 0, 1));
  value(" negative time", SYS_6(SYS_futex, &word, op, 5, &negative, 0, 1));
  value(" wrong time, unaligned", SYS_6(SYS_futex, (char *)&word + 1, op, 5, &wrong, 0, 1));
  value(" time nowhere, unaligned", SYS_6(SYS_futex, (char *)&word + 1, op, 5, 8, 0, 1));
  value(" time nowhere, no bits", SYS_6(SYS_futex, &word, op, 5, 8, 0, 0));
  value(" no bits, value differs", SYS_6(SYS_futex, &word, op, 4, &past, 0, 0));
  value(" no bits, nowhere", SYS_6(SYS_futex, 8, op, 4, &past, 0, 0));
  value(" nowhere", SYS_6(SYS_futex, 8, op, 4, &past, 0, 1));
  value(" nowhere, unaligned", SYS_6(SYS_futex, 9, op, 4, &past, 0, 1));
  value(" the kernel's", SYS_6(SYS_futex, -4096L, op, 4, &past, 0, 1));
  value(" above", SYS_6(SYS_futex, 0x800000000000, op, 4, &past, 0, 1));
  value(" the upper half of the operation", SYS_6(SYS_futex, &word, op | 1ul << 40, 4, &past, 0, 1));
  value(" the upper half of the value", SYS_6(SYS_futex, &word, op, 1ul << 32 | 5, &past, 0, 1));
}

static void wakes(const char *name, int op) {
  say("%s", name);
  value(" nobody", SYS_6(SYS_futex, &word, op, 1, 1, &other, 1));
  value(" unaligned", SYS_6(SYS_futex, (char *)&word + 2, op, 1, 1, &other, 1));
  value(" no bits, unaligned", SYS_6(SYS_futex, (char *)&word + 2, op, 1, 1, &other, 0));
  value(" the kernel's", SYS_6(SYS_futex, -4096L, op, 1, 1, &other, 1));
  value(" second unaligned", SYS_6(SYS_futex, &word, op, 1, 1, (char *)&other + 2, 1));
  value(" second the kernel's", SYS_6(SYS_futex, &word, op, 1, 1, -4096L, 1));
  value(" negative", SYS_6(SYS_futex, &word, op, -1, 1, &other, 1));
  value(" negative, unaligned", SYS_6(SYS_futex, (char *)&word + 2, op, -1, 1, &other, 1));
}

int main(void) {
  for (int private = 0; private <= FUTEX_PRIVATE_FLAG; private += FUTEX_PRIVATE_FLAG) {
    say("%s", private ? "private" : "shared");
    waits("WAIT", FUTEX_WAIT | private);
    waits("WAIT, real time", FUTEX_WAIT | private | FUTEX_CLOCK_REALTIME);
    waits("WAIT_BITSET", FUTEX_WAIT_BITSET | private);
    waits("WAIT_BITSET, real time", FUTEX_WAIT_BITSET | private | FUTEX_CLOCK_REALTIME);
    wakes("WAKE", FUTEX_WAKE | private);
    wakes("WAKE, real time", FUTEX_WAKE | private | FUTEX_CLOCK_REALTIME);
    wakes("WAKE_BITSET", FUTEX_WAKE_BITSET | private);
    wakes("REQUEUE", FUTEX_REQUEUE | private);
    wakes("CMP_REQUEUE", FUTEX_CMP_REQUEUE | private);
    wakes("WAKE_OP", FUTEX_WAKE_OP | private);
    wakes("FD", FUTEX_FD | private);
    wakes("no such operation", 15 | private);
  }
  return 0;
}
