// What a program in the sandbox does with a file whose host is slow (slow_host.c), where a shell cannot: map FILE, wait for
// a line, look again.
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static sigjmp_buf before;

static void on_bus(int signo) {
  siglongjmp(before, signo);
}

int main(int argc, char **argv) {
  struct stat st;
  char line[8];
  if (argc < 2) return 2;
  int fd = open(argv[1], O_RDONLY);
  const volatile char *at = mmap(NULL, 65536, PROT_READ, MAP_SHARED, fd, 0);
  if (fd < 0 || at == MAP_FAILED) return 1;
  signal(SIGBUS, on_bus);
  printf("%c%c\n", at[0], at[40001]);
  fflush(stdout);
  if (read(0, line, sizeof line) < 0) return 1;
  // What was told a moment ago is believed for a while; the host learns of it when it asks its own server.
  usleep(200000);
  fstat(fd, &st);
  printf("size %lld\n", (long long)st.st_size);
  if (sigsetjmp(before, 1) != 0)
    printf("SIGBUS\n");
  else
    printf("%c\n", at[40001]);
  return 0;
}
