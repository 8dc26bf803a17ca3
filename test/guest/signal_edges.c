// Signals at their edges: whose turn it is, what is dropped, and what is left when a handler cannot run.
//@ needs: fork signals threads timers rlimits files
//@ cflags: -pthread
#include "guest.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>

static volatile sig_atomic_t count, last_signo, last_code, last_pid_is_mine, mask_has_usr2;

static void note(int signo, siginfo_t *info, void *context) {
  count++;
  last_signo = signo;
  last_code = info->si_code;
  last_pid_is_mine = info->si_pid == getpid();
  mask_has_usr2 = sigismember(&((ucontext_t *)context)->uc_sigmask, SIGUSR2);
}

static void handle(int signo, int flags) {
  struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO | flags};
  sigaction(signo, &action, NULL);
}

static void wait_and_its_own_signal(void) {
  handle(SIGCHLD, 0);
  int pid = fork(), status = 0;
  if (pid == 0) {
    usleep(50000);
    _exit(3);
  }
  yes_no("wait with a handler for SIGCHLD", wait(&status) == pid);
  pid = fork();
  if (pid == 0) {
    usleep(50000);
    raise(SIGSTOP);
    _exit(4);
  }
  yes_no("a stop", waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
  int other = fork();
  if (other == 0) {
    usleep(50000);
    _exit(5);
  }
  value("another child's end", waitpid(pid, &status, 0) < 0 ? -errno : 1);
  kill(pid, SIGCONT);
  while (waitpid(pid, &status, 0) != pid) {
  }
  waitpid(other, &status, 0);
  handle(SIGCHLD, SA_NOCLDWAIT);
  pid = fork();
  if (pid == 0) {
    usleep(50000);
    _exit(6);
  }
  value("with SA_NOCLDWAIT", wait(&status) < 0 ? -errno : 1);
  signal(SIGCHLD, SIG_DFL);
}

static void unwritable_stack(void) {
  char *stack = pages(8);
  stack_t alternate = {.ss_sp = stack, .ss_size = 8 * PAGE};
  sigaltstack(&alternate, NULL);
  SYS_3(SYS_mprotect, stack, 8 * PAGE, PROT_READ);
  handle(SIGUSR1, SA_ONSTACK);
  handle(SIGSEGV, 0);
  sigset_t usr2, none;
  sigemptyset(&none);
  sigemptyset(&usr2);
  sigaddset(&usr2, SIGUSR2);
  sigprocmask(SIG_BLOCK, &usr2, NULL);
  count = 0;
  raise(SIGUSR1);
  say("handlers %d, signal %d, code %d, mask %d", count, last_signo, last_code, mask_has_usr2);
  sigset_t now;
  sigprocmask(SIG_BLOCK, NULL, &now);
  say("blocked after: USR1 %d, USR2 %d, SEGV %d", sigismember(&now, SIGUSR1), sigismember(&now, SIGUSR2),
      sigismember(&now, SIGSEGV));
  // The call that it ended, and its mask.
  int pid = fork(), status;
  if (pid == 0) {
    usleep(50000);
    kill(getppid(), SIGUSR1);
    _exit(0);
  }
  value("sigsuspend", sigsuspend(&none) < 0 ? -errno : 0);
  sigprocmask(SIG_BLOCK, NULL, &now);
  say("handlers %d, mask in it %d, after it %d", count, mask_has_usr2, sigismember(&now, SIGUSR2));
  while (waitpid(pid, &status, 0) != pid) {
  }
  pid = fork();
  if (pid == 0) {
    handle(SIGSEGV, SA_ONSTACK);
    raise(SIGUSR1);
    _exit(0);
  }
  waitpid(pid, &status, 0);
  say("SIGSEGV's own: signal %d", WTERMSIG(status));
  pid = fork();
  if (pid == 0) {
    signal(SIGSEGV, SIG_IGN);
    raise(SIGUSR1);
    _exit(0);
  }
  waitpid(pid, &status, 0);
  say("SIGSEGV ignored: signal %d", WTERMSIG(status));
  alternate.ss_flags = SS_DISABLE;
  sigaltstack(&alternate, NULL);
  sigprocmask(SIG_UNBLOCK, &usr2, NULL);
  signal(SIGSEGV, SIG_DFL);
}

static int wait_for(int signo, int blocks) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signo);
  sigprocmask(blocks ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
  int pid = fork();
  if (pid == 0) {
    usleep(50000);
    kill(getppid(), signo);
    _exit(0);
  }
  struct timespec time = {0, 300000000};
  int result = sigtimedwait(&set, NULL, &time) < 0 ? -errno : signo;
  waitpid(pid, NULL, 0);
  return result;
}

static void ignored_and_waited_for(void) {
  signal(SIGUSR2, SIG_IGN);
  value("ignored, not blocked", wait_for(SIGUSR2, 0));
  value("ignored by default, not blocked", wait_for(SIGWINCH, 0));
  value("ignored, blocked", wait_for(SIGUSR2, 1));
  value("ignored by default, blocked", wait_for(SIGWINCH, 1));
  handle(SIGUSR2, 0);
  count = 0;
  value("with a handler, not blocked", wait_for(SIGUSR2, 0));
  value("handlers", count);
}

static void once(void) {
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGINT);
  struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO | SA_RESETHAND | SA_NODEFER};
  action.sa_mask = mask;
  sigaction(SIGUSR1, &action, NULL);
  raise(SIGUSR1);
  sigaction(SIGUSR1, NULL, &action);
  say("default %d, RESETHAND %d, SIGINFO %d, NODEFER %d, mask %d", action.sa_handler == SIG_DFL,
      (action.sa_flags & (int)SA_RESETHAND) != 0, (action.sa_flags & SA_SIGINFO) != 0,
      (action.sa_flags & SA_NODEFER) != 0, sigismember(&action.sa_mask, SIGINT));
}

static void size_limit(void) {
  char name[] = "/tmp/signal-edges-XXXXXX";
  int fd = mkstemp(name);
  unlink(name);
  value("size", ftruncate(fd, 8192));
  struct rlimit limit = {4096, RLIM_INFINITY};
  setrlimit(RLIMIT_FSIZE, &limit);
  handle(SIGXFSZ, 0);
  count = 0;
  value("fallocate within the size", fallocate(fd, 0, 0, 8192) ? -errno : 0);
  value("signals", count);
  value("fallocate beyond", fallocate(fd, 0, 0, 9000) ? -errno : 0);
  say("signals %d, code %d, from here %d", count, last_code, last_pid_is_mine);
  value("keeping the size", fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 9000) ? -errno : 0);
  value("write", pwrite(fd, "x", 1, 5000) < 0 ? -errno : 0);
  say("signals %d, code %d, from here %d", count, last_code, last_pid_is_mine);
  value("truncate", ftruncate(fd, 20000) ? -errno : 0);
  say("signals %d, code %d, from here %d", count, last_code, last_pid_is_mine);
  limit.rlim_cur = RLIM_INFINITY;
  setrlimit(RLIMIT_FSIZE, &limit);
  close(fd);
}

static volatile pid_t worker;
static volatile int stop, in_worker, elsewhere;

static void *work(void *unused) {
  worker = gettid();
  while (!stop) {
  }
  return unused;
}

static void where(int signo) {
  (void)signo;
  if (gettid() == worker)
    in_worker++;
  else
    elsewhere++;
}

static void threads(void) {
  pthread_t thread;
  handle(SIGUSR1, 0);
  pthread_create(&thread, NULL, work, NULL);
  while (!worker)
    usleep(1000);
  count = 0;
  value("kill by the number of a thread", kill(worker, 0) ? -errno : 0);
  value("kill", kill(worker, SIGUSR1) ? -errno : 0);
  while (count < 1)
    usleep(1000);
  siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_QUEUE};
  value("rt_sigqueueinfo", SYS_3(SYS_rt_sigqueueinfo, worker, SIGUSR1, &info));
  while (count < 2)
    usleep(1000);
  value("a negative one", kill(-worker, 0) ? -errno : 0);
  // Time is used up by the thread that runs.
  signal(SIGPROF, where);
  signal(SIGVTALRM, where);
  struct itimerval often = {{0, 20000}, {0, 20000}}, never = {0};
  for (int which = ITIMER_VIRTUAL; which <= ITIMER_PROF; which++) {
    in_worker = elsewhere = 0;
    setitimer(which, &often, NULL);
    while (in_worker + elsewhere < 16) {
      struct timespec time = {0, 5000000};
      nanosleep(&time, NULL);
    }
    setitimer(which, &never, NULL);
    yes_no("most signals find the thread that runs", in_worker > 8);
  }
  stop = 1;
  pthread_join(thread, NULL);
}

int main(void) {
  struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  wait_and_its_own_signal();
  unwritable_stack();
  ignored_and_waited_for();
  once();
  size_limit();
  threads();
  return 0;
}
