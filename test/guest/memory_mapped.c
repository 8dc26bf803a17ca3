// Mappings of files that the program makes: coherent with reads and writes, between processes, SIGBUS
// behind the end, kept after unlink; programs run from such files.
//@ needs: files tasks shared-memory faults
#include "guest.h"
#include <fcntl.h>
#include <setjmp.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define E(call) ((call) < 0 ? -errno : 0)

static sigjmp_buf jump;

static void on_bus(int signo, siginfo_t *info, void *context) {
  (void)signo, (void)context;
  siglongjmp(jump, info->si_code);
}

static void touch(const char *what, volatile char *at) {
  int code = sigsetjmp(jump, 1);
  if (code == 0) {
    (void)*at;
    say("%s: no fault", what);
  } else
    say("%s: SIGBUS code %d", what, code);
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "again") == 0) {
    say("run from a copy");
    return 7;
  }
  struct sigaction action = {.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO};
  sigaction(SIGBUS, &action, NULL);
  char path[] = "/tmp/memory-mapped-XXXXXX";
  int fd = mkstemp(path);
  value("write", write(fd, "hello", 5));
  char *shared = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  char *private = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  say("%s %s", shared, private);
  value("pwrite", pwrite(fd, "J", 1, 0));
  say("%s %s", shared, private);
  private[1] = 'P';
  shared[2] = 'S';
  char buffer[100] = {0};
  value("pread", pread(fd, buffer, 5, 0));
  say("%s, private %s", buffer, private);
  touch("first page", shared + PAGE - 1);
  touch("behind the end", shared + PAGE);
  value("grow", E(ftruncate(fd, 2 * PAGE)));
  touch("behind the old end", shared + PAGE);
  memset(shared + PAGE, 'x', PAGE);
  value("shrink", E(ftruncate(fd, 3)));
  touch("behind the new end", shared + PAGE);
  say("%s", shared);
  value("grow", E(ftruncate(fd, 2 * PAGE)));
  say("zero again: %d", shared[PAGE] == 0 && shared[3] == 0);
  if (fork() == 0) {
    strcpy(shared, "from the child");
    _exit(0);
  }
  wait(NULL);
  say("%s", shared);
  value("read", pread(fd, buffer, 14, 0));
  say("%s", buffer);

  int again = open(path, O_RDONLY);
  char *readonly = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, again, 0);
  say("by another description: %s", readonly);
  value("writable", E(mprotect(readonly, PAGE, PROT_READ | PROT_WRITE)));
  value("shared and writable of a read-only one",
        mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0) == MAP_FAILED ? -errno : 0);
  value("of a write-only one",
        mmap(NULL, PAGE, PROT_READ, MAP_SHARED, open(path, O_WRONLY), 0) == MAP_FAILED ? -errno : 0);
  value("of a directory",
        mmap(NULL, PAGE, PROT_READ, MAP_SHARED, open("/tmp", O_RDONLY), 0) == MAP_FAILED ? -errno : 0);
  unlink(path);
  close(fd);
  close(again);
  say("without a name: %s", shared);
  say("at an offset: %d", memcmp(shared + PAGE, buffer + 50, 10) == 0);

  // A copy of this program.
  int self = open("/proc/self/exe", O_RDONLY);
  if (self < 0) self = open(argv[0], O_RDONLY);
  char copy[] = "/tmp/memory-mapped-XXXXXX";
  int out = mkstemp(copy);
  static char bytes[65536];
  for (long n; (n = read(self, bytes, sizeof bytes)) > 0;)
    if (write(out, bytes, n) != n) return 1;
  fchmod(out, 0700);
  close(out);
  int status;
  if (fork() == 0) {
    execl(copy, copy, "again", NULL);
    _exit(1);
  }
  wait(&status);
  say("status %d", WEXITSTATUS(status));
  value("without x", (chmod(copy, 0600), E(execl(copy, copy, "again", NULL))));
  unlink(copy);

  // A script that is made.
  int script = open(copy, O_CREAT | O_WRONLY, 0700);
  value("script", write(script, "#!/bin/sh\necho script $1; exit 3\n", 33));
  close(script);
  if (fork() == 0) {
    execl(copy, copy, "argument", NULL);
    _exit(1);
  }
  wait(&status);
  say("status %d", WEXITSTATUS(status));
  unlink(copy);

  // /dev/shm is a file system of its own.
  int shm = open("/dev/shm/memory-mapped", O_RDWR | O_CREAT | O_EXCL, 0600);
  value("shm", E(ftruncate(shm, PAGE)));
  char *a = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, shm, 0);
  char *b = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, open("/dev/shm/memory-mapped", O_RDWR), 0);
  strcpy(a, "two mappings");
  say("%s", b);
  value("link to another file system", E(link("/dev/shm/memory-mapped", "/tmp/memory-mapped")));
  value("rename to another file system", E(rename("/dev/shm/memory-mapped", "/tmp/memory-mapped")));
  unlink("/dev/shm/memory-mapped");
  return 0;
}
