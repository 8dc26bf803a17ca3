// execve: arguments and environment, what is kept and what is reset. The program runs itself again.
//@ needs: fork exec files signals
#include "guest.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

extern char **environ;

static int second(int argc, char **argv) {
  value("arguments", argc);
  say(" %s", argv[1]);
  yes_no(" the pid is the same", atoi(argv[2]) == getpid());
  say(" %s", argv[3]);
  for (char **e = environ; *e; e++)
    say(" environment %s", *e);
  struct sigaction a;
  sigaction(SIGUSR1, NULL, &a);
  yes_no("a handler is reset", a.sa_handler == SIG_DFL);
  sigaction(SIGUSR2, NULL, &a);
  yes_no("ignored stays ignored", a.sa_handler == SIG_IGN);
  sigset_t set;
  sigprocmask(SIG_BLOCK, NULL, &set);
  value("the mask is kept", sigismember(&set, SIGHUP));
  sigpending(&set);
  value("what is pending is kept", sigismember(&set, SIGHUP));
  value("descriptor 10", fcntl(10, F_GETFD) < 0 ? -errno : 0);
  value("descriptor 11, close-on-exec", fcntl(11, F_GETFD) < 0 ? -errno : 0);
  stack_t stack;
  sigaltstack(NULL, &stack);
  value("flags of the alternate stack", stack.ss_flags);
  say("umask %03o", umask(0));
  return 33;
}

static void ignore_it(int signo) {
  (void)signo;
}

static void prepare_and_run(char *program) {
  signal(SIGUSR1, ignore_it);
  signal(SIGUSR2, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGHUP);
  sigprocmask(SIG_BLOCK, &set, NULL);
  kill(getpid(), SIGHUP);
  dup2(1, 10);
  dup3(1, 11, O_CLOEXEC);
  umask(031);
  stack_t stack = {.ss_sp = pages(16), .ss_size = 16 * PAGE};
  sigaltstack(&stack, NULL);
  char number[16];
  snprintf(number, sizeof number, "%d", getpid());
  char *arguments[] = {program, "one", number, "three and more", NULL};
  char *environment[] = {"A=1", "B=", NULL};
  execve(program, arguments, environment);
  _exit(98);
}

int main(int argc, char **argv) {
  if (argc > 1) return second(argc, argv);
  int status, pid = fork();
  if (pid == 0) prepare_and_run(argv[0]);
  waitpid(pid, &status, 0);
  value("status", WEXITSTATUS(status));
  static char *const none[] = {NULL};
  value("no such file", SYS_3(SYS_execve, "/no/such/file", none, none));
  value("a directory", SYS_3(SYS_execve, "/", none, none));
  value("not executable", SYS_3(SYS_execve, "/etc/passwd", none, none));
  value("below a file", SYS_3(SYS_execve, "/etc/passwd/x", none, none));
  value("empty path", SYS_3(SYS_execve, "", none, none));
  value("bad path", SYS_3(SYS_execve, 8, none, none));
  value("bad arguments", SYS_3(SYS_execve, argv[0], 8, none));
  char *bad_string[] = {(char *)8, NULL};
  value("bad argument string", SYS_3(SYS_execve, argv[0], bad_string, none));
  return 0;
}
