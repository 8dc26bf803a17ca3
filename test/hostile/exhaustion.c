// A guest that wants the Sentry to run out of memory: mappings without end, lengths without measure.
//@ args: mappings
//@ args: protections
//@ args: random-bytes
//@ args: vectors
//@ args: break
//@ ends: any
//@ deadline: 60
#include "hostile.h"
#include <sys/uio.h>

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "mappings";
  if (strcmp(mode, "mappings") == 0) {
    int count = 0;
    // Every other one has another protection: they do not merge.
    while (count < 80000 &&
           !failed(map_at(NULL, PAGE, count % 2 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS)))
      count++;
    yes_no("there is a limit", count < 80000);
    yes_no("and it is not low", count > 10000);
  }
  if (strcmp(mode, "protections") == 0) {
    long at = map_at(NULL, 1ul << 32, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
    int count = 0;
    while (count < 80000 && !failed(SYS_3(SYS_mprotect, at + count * 2 * PAGE, PAGE, PROT_READ)))
      count++;
    yes_no("there is a limit", count < 80000);
  }
  if (strcmp(mode, "random-bytes") == 0) {
    long at = map_at(NULL, 1ul << 31, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
    struct timespec t = {0, 0};
    SYS_3(SYS_getrandom, at, 1 << 26, 0);
    SYS_2(SYS_nanosleep, &t, 0);
  }
  if (strcmp(mode, "vectors") == 0) {
    static struct iovec v[1024];
    long at = map_at(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
    for (int i = 0; i < 1024; i++)
      v[i] = (struct iovec){(void *)at, 1 << 20};
    for (int i = 0; i < 100; i++)
      SYS_3(SYS_readv, 0, v, 1024);
    for (int i = 0; i < 100; i++)
      SYS_3(SYS_writev, 77, v, 1024);
  }
  if (strcmp(mode, "break") == 0) {
    long start = SYS_1(SYS_brk, 0), reached = start;
    for (int i = 0; i < 64; i++)
      reached = SYS_1(SYS_brk, reached + (1L << 36));
    yes_no("the break moved or stayed", reached >= start);
  }
  say("done");
  return 0;
}
