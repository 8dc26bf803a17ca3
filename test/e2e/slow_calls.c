// Calls on a FILE whose host is slow (slow_host.c), where a shell makes none: what they give, once they are over.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

// A child splices half of a pipe into the file. Who reads the pipe meanwhile gets the other half.
static int splices(int fd) {
  char line[8], rest[8] = "";
  int pipes[2], status = 0;
  if (pipe(pipes) || write(pipes[1], "0123456789", 10) != 10) return 1;
  if (fork() == 0) _exit((int)splice(pipes[0], NULL, fd, NULL, 5, 0));
  if (read(0, line, sizeof line) < 0) return 1;
  printf("reading\n");
  fflush(stdout);
  ssize_t n = read(pipes[0], rest, 5);
  wait(&status);
  printf("spliced %d, read %zd: %s\n", WEXITSTATUS(status), n, rest);
  return 0;
}

static int allocates(int fd) {
  struct stat st;
  int result = fallocate(fd, 0, 0, 40 << 20);
  fstat(fd, &st);
  printf("allocated %d: %lld\n", result, (long long)st.st_size);
  return 0;
}

static int crashes(int fd) {
  (void)fd;
  *(volatile int *)8 = 0;
  return 0;
}

static const struct {
  const char *name;
  int (*call)(int fd);
} calls[] = {{"splice", splices}, {"allocate", allocates}, {"crash", crashes}};

int main(int argc, char **argv) {
  int fd = argc < 3 ? -1 : open(argv[2], O_RDWR | O_CREAT, 0644);
  if (fd < 0) return 2;
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
    if (strcmp(calls[i].name, argv[1]) == 0) return calls[i].call(fd);
  return 2;
}
