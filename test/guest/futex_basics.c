// futex by one thread: values that differ, time-outs, wakes of nobody, errors.
//@ needs: futex
#include "guest.h"
#include <linux/futex.h>

int main(void) {
  static int word = 5;
  struct timespec t = {0, 5000000}, wrong = {0, -1};
  value("WAIT, value differs", SYS_4(SYS_futex, &word, FUTEX_WAIT, 4, 0));
  value("WAIT, time-out", SYS_4(SYS_futex, &word, FUTEX_WAIT, 5, &t));
  value("WAIT private, time-out", SYS_4(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 5, &t));
  value("WAIT, bad time", SYS_4(SYS_futex, &word, FUTEX_WAIT, 5, &wrong));
  value("WAIT, bad time address", SYS_4(SYS_futex, &word, FUTEX_WAIT, 5, 8));
  value("WAIT, bad address", SYS_4(SYS_futex, 8, FUTEX_WAIT, 5, &t));
  value("WAIT, unaligned", SYS_4(SYS_futex, (char *)&word + 1, FUTEX_WAIT, 5, &t));
  value("WAIT, kernel address", SYS_4(SYS_futex, -4096L, FUTEX_WAIT, 5, &t));
  value("WAKE nobody", SYS_3(SYS_futex, &word, FUTEX_WAKE, 1));
  value("WAKE unaligned", SYS_3(SYS_futex, (char *)&word + 2, FUTEX_WAKE, 1));
  value("WAKE where nothing is mapped", SYS_3(SYS_futex, 0x10000000, FUTEX_WAKE, 1));
  value("WAKE private where nothing is mapped", SYS_3(SYS_futex, 0x10000000, FUTEX_WAKE_PRIVATE, 1));
  value("WAIT_BITSET in the past", SYS_6(SYS_futex, &word, FUTEX_WAIT_BITSET, 5, &t, 0, 1));
  value("WAIT_BITSET no bits", SYS_6(SYS_futex, &word, FUTEX_WAIT_BITSET, 5, &t, 0, 0));
  value("WAKE_BITSET no bits", SYS_6(SYS_futex, &word, FUTEX_WAKE_BITSET, 1, 0, 0, 0));
  value("REQUEUE nobody", SYS_5(SYS_futex, &word, FUTEX_REQUEUE, 1, 1, &word));
  value("CMP_REQUEUE, value differs", SYS_6(SYS_futex, &word, FUTEX_CMP_REQUEUE, 1, 1, &word, 4));
  static int second = 10;
  value("WAKE_OP add 3",
        SYS_6(SYS_futex, &word, FUTEX_WAKE_OP, 1, 1, &second, FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_GT, 9)));
  value(" second", second);
  value("unknown command", SYS_3(SYS_futex, &word, 99, 1));
  value("UNLOCK_PI of what it does not hold", SYS_2(SYS_futex, &word, FUTEX_UNLOCK_PI));
  return 0;
}
