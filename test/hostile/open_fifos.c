// FIFOs opened in ways that are refused: they take nothing of what all pipes share.
//@ ends: 0
#include "hostile.h"
#include <fcntl.h>
#include <sys/stat.h>

int main(void) {
  char directory[] = "/tmp/open-fifos-XXXXXX", name[64];
  if (!mkdtemp(directory)) return 1;
  for (int i = 0; i < 4000; i++) {
    snprintf(name, sizeof name, "%s/%d", directory, i);
    mkfifo(name, 0600);
    if (open(name, O_WRONLY | O_NONBLOCK) >= 0 || errno != ENXIO) bad("without a reader", -errno);
    if (open(name, O_ACCMODE) >= 0 || errno != EINVAL) bad("both access modes", -errno);
    unlink(name);
  }
  rmdir(directory);
  int ends[2];
  if (pipe(ends) < 0) bad("pipe", -errno);
  if (fcntl(ends[0], F_GETPIPE_SZ) != 65536) bad("a pipe is small", fcntl(ends[0], F_GETPIPE_SZ));
  say("done");
  return 0;
}
