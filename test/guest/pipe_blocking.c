// Two processes and a pipe: waiting readers and writers, signals, the end of either side.
//@ needs: pipes tasks
#include "guest.h"
#include <fcntl.h>
#include <sys/wait.h>

static char bytes[1 << 20];

static void pause_ms(int ms) {
  struct timespec t = {0, ms * 1000000l};
  nanosleep(&t, 0);
}

static void on_alarm(int signo) {
  (void)signo;
}

static int child_end(void) {
  int status = 0;
  while (wait(&status) < 0 && errno == EINTR)
    continue;
  return status;
}

int main(void) {
  int p[2], q[2], n;
  struct sigaction a = {.sa_handler = on_alarm};
  sigaction(SIGUSR1, &a, 0);
  signal(SIGPIPE, SIG_IGN);

  // A reader that waits.
  pipe(p);
  if (fork() == 0) {
    pause_ms(30);
    write(p[1], "hello", 5);
    _exit(0);
  }
  value("read, waiting", SYS_3(SYS_read, p[0], bytes, 100));
  child_end();

  // A large write arrives whole, in order.
  pipe(q);
  if (fork() == 0) {
    close(q[0]);
    for (size_t i = 0; i < sizeof bytes; i++)
      bytes[i] = i * 7 + i / 4096;
    value("large write", SYS_3(SYS_write, q[1], bytes, sizeof bytes));
    _exit(0);
  }
  close(q[1]);
  long total = 0, wrong = 0;
  static char part[100000];
  while ((n = read(q[0], part, 1 + (total * 13) % sizeof part)) > 0) {
    for (int i = 0; i < n; i++)
      wrong += part[i] != (char)((total + i) * 7 + (total + i) / 4096);
    total += n;
  }
  say("read %ld, wrong %ld", total, wrong);
  say("child: %d", child_end());

  // The reader goes away while a writer waits.
  pipe(q);
  if (fork() == 0) {
    close(q[0]);
    value("write, then no reader", SYS_3(SYS_write, q[1], bytes, 100000));
    value("write again", SYS_3(SYS_write, q[1], bytes, 1));
    _exit(0);
  }
  close(q[1]);
  pause_ms(30);
  close(q[0]);
  say("child: %d", child_end());

  // SIGPIPE kills.
  pipe(q);
  if (fork() == 0) {
    close(q[0]);
    pause_ms(30); // the parent closes its end
    signal(SIGPIPE, SIG_DFL);
    write(q[1], bytes, 1);
    _exit(0);
  }
  close(q[0]), close(q[1]);
  n = child_end();
  say("killed: %d by %d", WIFSIGNALED(n), WTERMSIG(n));

  // The writer goes away while a reader waits.
  pipe(q);
  if (fork() == 0) {
    close(q[0]);
    pause_ms(30);
    _exit(3);
  }
  close(q[1]);
  value("read, then no writer", SYS_3(SYS_read, q[0], bytes, 10));
  say("child: %d", WEXITSTATUS(child_end()));

  // Signals: EINTR without SA_RESTART, a restart with it, part of a write.
  pid_t self = getpid();
  for (int restart = 0; restart < 2; restart++) {
    a.sa_flags = restart ? SA_RESTART : 0;
    sigaction(SIGUSR1, &a, 0);
    pipe(q);
    if (fork() == 0) {
      pause_ms(30);
      kill(self, SIGUSR1);
      pause_ms(30);
      write(q[1], "x", 1);
      _exit(0);
    }
    value(restart ? "read, SA_RESTART" : "read, interrupted", SYS_3(SYS_read, q[0], bytes, 10));
    child_end();
    close(q[0]), close(q[1]);
    pipe(q);
    if (fork() == 0) {
      close(q[1]);
      pause_ms(30);
      kill(self, SIGUSR1);
      pause_ms(30);
      _exit(0);
    }
    close(q[0]);
    value(restart ? "write, SA_RESTART" : "write, interrupted", SYS_3(SYS_write, q[1], bytes, 100000));
    child_end();
    close(q[1]);
  }

  // Small writes of two writers do not mix.
  pipe(q);
  for (int who = 0; who < 2; who++) {
    if (fork() == 0) {
      static char line[3000];
      memset(line, 'a' + who, sizeof line);
      for (int i = 0; i < 50; i++)
        if (write(q[1], line, sizeof line) != sizeof line) _exit(1);
      _exit(0);
    }
  }
  close(q[1]);
  long mixed = 0;
  total = 0;
  for (int got = 0;; got = 0) {
    while (got < 3000 && (n = read(q[0], part + got, 3000 - got)) > 0)
      got += n;
    if (got == 0) break;
    total += got;
    for (int i = 1; i < got; i++)
      mixed += part[i] != part[0];
  }
  say("from two writers: %ld, mixed: %ld", total, mixed);
  child_end();
  child_end();
  return 0;
}
