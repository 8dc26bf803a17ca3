// nanosleep(2) and clock_nanosleep(2) by the two clocks that programs sleep by: the thread waits at the host, on a word
// of its slot that nobody changes. A kick makes a request of the call, with the time at which a duration is over
// (RF_DEADLINE); the kernel goes on from there, and knows what is left for the guest.
#include "stub.h"

#define TIMER_ABSTIME_ 1

/* Whether the sleep is over, with the call's result. Errors are the kernel's to find. */
int nanosleep_here(slot_t slot, u32 clock, u32 flags, u64 request, s64 *result) {
  int is_duration = !(flags & TIMER_ABSTIME_);
  if (clock > CLOCK_MONOTONIC_ || read_deadline(slot, request, is_duration)) return 0;
  u32 clock_flag = !is_duration && clock == CLOCK_REALTIME_ ? FUTEX_CLOCK_REALTIME : 0;
  do {
    *result = sleep_on(slot, slot + RF_ASLEEP, 1, clock_flag, FUTEX_BITSET_MATCH_ANY, 1);
  } while (*result == 0); // woken, by a hostile thread of the guest: nobody else does
  if (*result == -ETIMEDOUT_) {
    *result = 0;
    return 1;
  }
  if (is_duration) put32(slot + RF_REQ_FLAGS, RF_REQ_BEGUN | RF_REQ_TIMED);
  return 0;
}
