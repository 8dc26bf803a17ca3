// Descriptors that are not open, or cannot do what is asked.
//@ needs: streams
#include "guest.h"
#include <fcntl.h>
#include <sys/uio.h>

int main(void) {
  char c;
  struct iovec v = {&c, 1};
  static const int bad[] = {3, 63, 64, 255, 1000, 1001, 1023, 1024, 4096, 65536, -1, 2147483647};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    say("descriptor %d", bad[i]);
    value(" read", SYS_3(SYS_read, bad[i], &c, 1));
    value(" write", SYS_3(SYS_write, bad[i], "x", 1));
    value(" readv", SYS_3(SYS_readv, bad[i], &v, 1));
    value(" pread", SYS_4(SYS_pread64, bad[i], &c, 1, 0));
    value(" close", SYS_1(SYS_close, bad[i]));
    value(" bad address too", SYS_3(SYS_write, bad[i], 0, 1));
    value(" nothing to write", SYS_3(SYS_write, bad[i], "x", 0));
  }
  value("pread on a pipe", SYS_4(SYS_pread64, 0, &c, 1, 0));
  value("pwrite on a pipe", SYS_4(SYS_pwrite64, 1, "x", 1, 0));
  value("pread at a negative offset", SYS_4(SYS_pread64, 0, &c, 1, -1L));
  value("read of what is open for writing", SYS_3(SYS_read, 1, &c, 1));
  value("write to what is open for reading", SYS_3(SYS_write, 0, "x", 1));
  value("lseek on a pipe", SYS_3(SYS_lseek, 1, 0, SEEK_CUR));
  return 0;
}
