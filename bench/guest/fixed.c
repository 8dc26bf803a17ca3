// A fixed amount of work, for many sandboxes at once: `fixed stat COUNT PATH` or `fixed unix COUNT`, the
// second of them round trips between two processes.
#include <sys/stat.h>

#include "round_trips.h"

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  long count = atol(argv[2]);
  if (strcmp(argv[1], "unix") == 0) {
    begin_unix();
    loop_processes(count);
    end_processes();
    return 0;
  }
  struct stat status;
  if (argc < 4) return 2;
  while (count--)
    CHECK(stat(argv[3], &status) == 0);
  return 0;
}
