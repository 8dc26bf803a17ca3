// Random bytes over every part of the slot and the process page, between and during requests.
//@ args: 1 header
//@ args: 2 frame
//@ args: 3 operations
//@ args: 4 pieces
//@ args: 5 process-page
//@ args: 6 window
//@ args: 7 all
//@ args: 8 all
//@ args: 9 all
//@ ends: any
//@ deadline: 3
#include "hostile.h"

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    unsigned from, to;
  } parts[] = {{"header", 0x40, 0x100},  {"frame", 0x100, 0x200},          {"operations", 0x200, 0xa00},
               {"pieces", 0xa00, 0xe00}, {"process-page", 0x6000, 0x8000}, {"window", 0x8000, 0x10000},
               {"all", 0x40, 0x10000}};
  random_state = argc > 1 ? atoi(argv[1]) : 1;
  unsigned from = 0x40, to = 0x10000;
  for (size_t i = 0; argc > 2 && i < sizeof parts / sizeof *parts; i++)
    if (strcmp(argv[2], parts[i].name) == 0) from = parts[i].from, to = parts[i].to;
  for (int round = 0; round < 3000; round++) {
    int writes = 1 + next_random() % 64;
    for (int i = 0; i < writes; i++) {
      unsigned at = from + next_random() % ((to - from) / 8) * 8;
      // The request and reply lines keep their words now and then, or nothing would be served.
      if (at >= RF_REQUESTS && at < RF_REQUESTS + RF_REQUESTS_STRIDE && next_random() % 8) continue;
      *quad_at(at) = nasty();
    }
    SYS_0(SYS_getppid);
    char c;
    SYS_3(SYS_read, 0, &c, 1);
    map_at(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS);
    if (round % 16 == 0) forge(next_random() % 16);
  }
  say("survived");
  return 0;
}
