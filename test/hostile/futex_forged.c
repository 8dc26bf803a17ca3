// Waits for private futexes that never began, put into the slot by hand, with times that are none, and lies
// about how the host's call has ended.
//@ args: begun
//@ args: fresh
//@ ends: 0
//@ deadline: 20
#include "hostile.h"
#include <linux/futex.h>

enum { OPS_DONE = 6, PATCHED = 9, REP_RET = 1, REP_OPS = 3 };

static const uint64_t values[] = {0,          1,         4,         999999999, 1000000000, 0x7fffffff,
                                  0x80000000, 1ul << 40, 1ul << 53, 1ul << 62, 1ul << 63,  -1ul,
                                  -2ul,       -4ul,      -11ul,     -110ul,    -512ul,     -513ul,
                                  -514ul,     -516ul,    -4095ul,   -4096ul,   -125ul,     -0x7fffffff};
#define COUNT (sizeof values / sizeof *values)

static uint32_t word;

// The reply, or 0 if there was none.
static uint32_t request(uint64_t at, int op, uint64_t time, uint64_t bits, uint32_t flags, uint64_t seconds,
                        uint64_t ns) {
  *quad_at(RF_ORIG_RAX) = SYS_futex;
  *quad_at(RF_RDI) = at;
  *quad_at(RF_RSI) = op;
  *quad_at(RF_RDX) = 0;
  *quad_at(RF_R10) = time;
  *quad_at(RF_R8) = at;
  *quad_at(RF_R9) = bits;
  *word_at(RF_REQ_FLAGS) = flags;
  *quad_at(RF_DEADLINE) = seconds;
  *quad_at(RF_DEADLINE + 8) = ns;
  return reply_to(forge(PATCHED), 2000);
}

static uint32_t done(uint64_t result) {
  *word_at(RF_REQ_COUNT) = 1;
  *quad_at(RF_REQ_VALUE) = result;
  return reply_to(forge(OPS_DONE), 2000);
}

int main(int argc, char **argv) {
  int begun = argc > 1 && argv[1][0] == 'b';
  static const uint64_t places[] = {0, 1, RF_CHUNKS, RF_WINDOW_END, 1ul << 63, -4ul};
  long replies = 0, again = 0;
  for (size_t i = 0; i < COUNT; i++)
    for (size_t k = 0; k < COUNT; k++) {
      int op = i % 2 ? FUTEX_WAIT_PRIVATE : FUTEX_WAIT_BITSET_PRIVATE | (k % 2 ? FUTEX_CLOCK_REALTIME : 0);
      uint64_t at = i % 7 == 6 ? places[k % 6] : (uint64_t)&word;
      uint32_t code =
          request(at, op, 0, values[i] | 1, begun ? RF_REQ_BEGUN | RF_REQ_TIMED : 0, values[i], values[k]);
      if (code == 0) bad("no reply to a wait", i * COUNT + k);
      replies++;
      // The host's call is said to have ended so; where it is asked for again, at last like that.
      for (int turn = 0; code == REP_OPS && turn < 5; turn++) {
        code = done(turn < 4 ? values[k] : 0);
        again += code == REP_OPS;
      }
      if (code == REP_OPS) code = done(0);
      if (code != REP_RET) bad("no end of a wait", code);
      int64_t result = *quad_at(RF_REP_RESULT);
      if (result <= -512) bad("a result of the kernel's own", result);
    }
  say("%ld waits, some of them again: %s", replies, again ? "yes" : "no");
  return 0;
}
