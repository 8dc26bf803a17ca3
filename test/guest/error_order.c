// Which of several faults of a call is told, and what is written where nothing was moved.
#include "guest.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/uio.h>

static void mappings(void) {
  outcome("mmap of nothing by no descriptor", SYS_6(SYS_mmap, 0, 0, PROT_READ, MAP_SHARED, 99, 0));
  outcome("mmap of nothing", SYS_6(SYS_mmap, 0, 0, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  outcome("mmap at an odd offset by no descriptor", SYS_6(SYS_mmap, 0, 4096, PROT_READ, MAP_SHARED, 99, 1));
  char *only_written = mmap(0, 4 * PAGE, PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  unsigned char resident[4] = {0};
  outcome("mlock of what is shared and only written", SYS_2(SYS_mlock, only_written, 2 * PAGE));
  outcome("mincore", SYS_3(SYS_mincore, only_written, 4 * PAGE, resident));
  say("resident %d%d%d%d", resident[0] & 1, resident[1] & 1, resident[2] & 1, resident[3] & 1);
}

static void vectors(void) {
  int ends[2];
  if (pipe(ends) != 0) _exit(1);
  struct iovec one = {"x", 1};
  outcome("pwritev2 to the end that is read", SYS_6(SYS_pwritev2, ends[0], &one, 1, 0, 0, 0));
  outcome("preadv of the end that is written", SYS_5(SYS_preadv, ends[1], &one, 1, 0, 0));
  outcome("pwritev2 there without a position", SYS_6(SYS_pwritev2, ends[0], &one, 1, -1, -1, 0));
  outcome("pwritev of nothing open", SYS_5(SYS_pwritev, 99, &one, 1, 0, 0));
}

static void files(void) {
  int null = open("/dev/null", O_RDWR);
  outcome("sync_file_range of /dev/null", SYS_4(SYS_sync_file_range, null, 0, 1, SYNC_FILE_RANGE_WRITE));
  outcome("its flags first", SYS_4(SYS_sync_file_range, null, 0, 1, 8));
  int directory = open("/", O_RDONLY | O_DIRECTORY);
  outcome("sync_file_range of a directory", SYS_4(SYS_sync_file_range, directory, 0, 1, 0));
  outcome("mknod of no type", SYS_3(SYS_mknod, "/tmp/error_order", S_IFMT, 0));
  outcome("mknod of a link", SYS_3(SYS_mknod, "/tmp/error_order", S_IFLNK | 0644, 0));
  outcome("mknod of a directory", SYS_3(SYS_mknod, "/tmp/error_order", S_IFDIR | 0755, 0));
  struct timespec times[2] = {{1, 0}, {2, 0}};
  outcome("utimensat without a path", SYS_4(SYS_utimensat, AT_FDCWD, 0, times, 0));
  outcome("futimesat without a path", SYS_3(SYS_futimesat, AT_FDCWD, 0, 0));
  outcome("utimensat of nothing open", SYS_4(SYS_utimensat, 99, 0, times, 0));

  int empty = open("/tmp/error_order", O_RDWR | O_CREAT | O_TRUNC, 0600);
  off_t *offset = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  *offset = 5;
  outcome("sendfile of nothing", SYS_4(SYS_sendfile, null, empty, offset, 10));
  say("offset %ld", (long)*offset);
  mprotect(offset, PAGE, PROT_READ);
  outcome("sendfile of nothing, offset read only", SYS_4(SYS_sendfile, null, empty, offset, 10));
  if (write(empty, "0123456789", 10) != 10) _exit(1);
  outcome("sendfile, offset read only", SYS_4(SYS_sendfile, null, empty, offset, 2));
  unlink("/tmp/error_order");
}

static void pairs(void) {
  int both[2];
  static const struct {
    int domain, type, protocol;
  } asked[] = {
      {0, SOCK_STREAM, 0},        {AF_INET, 75, 0},           {AF_INET, SOCK_DGRAM, 17},
      {AF_INET, SOCK_DGRAM, 6},   {AF_INET, SOCK_STREAM, 6},  {AF_INET, SOCK_STREAM, 1},
      {AF_INET6, SOCK_DGRAM, 6},  {AF_INET6, SOCK_STREAM, 0}, {AF_INET, SOCK_STREAM, -1},
      {AF_UNIX, SOCK_STREAM, 99},
  };
  for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
    say("socketpair %d %d %d", asked[i].domain, asked[i].type, asked[i].protocol);
    outcome("", SYS_4(SYS_socketpair, asked[i].domain, asked[i].type, asked[i].protocol, both));
  }
}

static void clocks(void) {
  struct timex t = {.modes = 0};
  long state = SYS_1(SYS_adjtimex, &t);
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  long apart = now.tv_sec - t.time.tv_sec;
  say("adjtimex: a state %d, a tick %d, a precision %d, the time %d", state >= 0 && state <= 5, t.tick > 0,
      t.precision > 0, apart >= 0 && apart < 60);
  t.modes = ADJ_OFFSET_SS_READ;
  state = SYS_1(SYS_adjtimex, &t);
  say("what is left to adjust: %d, modes %#x", state >= 0 && state <= 5, t.modes);
  t.modes = 0x8000;
  outcome("adjtime without an offset", SYS_1(SYS_adjtimex, &t));
  outcome("adjtimex at a bad address", SYS_1(SYS_adjtimex, 8));
  t.modes = 0;
  outcome("clock_adjtime of a monotonic clock", SYS_2(SYS_clock_adjtime, CLOCK_MONOTONIC, &t));
  outcome("clock_adjtime of no clock", SYS_2(SYS_clock_adjtime, 99, &t));
}

int main(void) {
  mappings();
  vectors();
  files();
  pairs();
  clocks();
  return 0;
}
