// getrlimit, setrlimit, prlimit64: the caller's limits, changes, errors.
//@ needs: rlimits
#include "guest.h"
#include <sys/resource.h>

int main(void) {
  for (int resource = 0; resource < 16; resource++) {
    struct rlimit limit = {1, 2}, again = {3, 4};
    long r = SYS_2(SYS_getrlimit, resource, &limit);
    say("limit %d: %ld, %lu %lu", resource, r, limit.rlim_cur, limit.rlim_max);
    SYS_4(SYS_prlimit64, 0, resource, 0, &again);
    yes_no(" prlimit64 says the same", limit.rlim_cur == again.rlim_cur && limit.rlim_max == again.rlim_max);
  }
  struct rlimit limit = {100, 200}, old = {0, 0};
  value("resource 16", SYS_2(SYS_getrlimit, 16, &limit));
  value("resource -1", SYS_2(SYS_getrlimit, -1, &limit));
  value("bad address", SYS_2(SYS_getrlimit, 0, 8));
  value("set NOFILE 100 200", SYS_4(SYS_prlimit64, 0, RLIMIT_NOFILE, &limit, &old));
  value("get it", SYS_2(SYS_getrlimit, RLIMIT_NOFILE, &limit));
  say(" %lu %lu", limit.rlim_cur, limit.rlim_max);
  limit = (struct rlimit){201, 200};
  value("soft above hard", SYS_2(SYS_setrlimit, RLIMIT_NOFILE, &limit));
  limit = (struct rlimit){10, 150};
  value("lower both", SYS_2(SYS_setrlimit, RLIMIT_NOFILE, &limit));
  value("of another process", SYS_4(SYS_prlimit64, 0x3fffff, RLIMIT_NOFILE, 0, &limit));
  value("set and get nothing", SYS_4(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, 0));
  value("bad new address", SYS_4(SYS_prlimit64, 0, RLIMIT_NOFILE, 8, 0));
  value("own pid", SYS_4(SYS_prlimit64, SYS_0(SYS_getpid), RLIMIT_NOFILE, 0, &limit));
  say(" %lu %lu", limit.rlim_cur, limit.rlim_max);
  return 0;
}
