// Leaves so many pages of a file in the page cache, from its beginning, as the third argument says; or reads
// it in one call and tells how much came.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char bytes[1 << 20];

int main(int count, char **arguments) {
  int fd = open(arguments[2], O_RDONLY);
  if (strcmp(arguments[1], "read") == 0)
    printf("%ld\n", (long)read(fd, bytes, sizeof bytes));
  else if (count > 3) {
    fsync(fd);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
    for (int page = 0; page < atoi(arguments[3]); page++)
      if (pread(fd, bytes, 1, 4096l * page) != 1) return 1;
  }
  return 0;
}
