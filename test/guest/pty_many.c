// More pseudo-terminals than a byte counts: each has a node of its own, with its number in it, and carries text.
//@ needs: files ptys
#include "guest.h"
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define COUNT 300

int main(void) {
  struct rlimit files = {COUNT + 20, COUNT + 20};
  if (setrlimit(RLIMIT_NOFILE, &files)) return 1;
  int masters = 0, last = -1;
  for (; masters < COUNT; masters++) {
    int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    if (fd < 0) break;
    last = fd;
  }
  value("masters", masters);
  int unlock = 0, number = -1;
  value("unlock", ioctl(last, TIOCSPTLCK, &unlock));
  ioctl(last, TIOCGPTN, &number);
  char path[32];
  snprintf(path, sizeof path, "/dev/pts/%d", number);
  int slave = open(path, O_RDWR | O_NOCTTY);
  outcome("slave", slave < 0 ? -errno : 0);
  struct stat st = {0};
  fstat(slave, &st);
  yes_no("its device has its number",
         number >= 256 && major(st.st_rdev) == 136 && minor(st.st_rdev) == (unsigned)number);
  char text[8] = {0};
  value("write", write(slave, "text", 4));
  value("read", read(last, text, sizeof text));
  say("%.4s", text);
  return 0;
}
