// The init of a PID namespace (pid_namespaces(7)): which signals it gets and from whom, whose orphans are its children,
// and what its end is for the others.
//@ needs: fork signals pipes threads pidfd
#include "pid_namespace.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>

static volatile int came, from, code;

static void handler(int signo, siginfo_t *info, void *context) {
  (void)context;
  came = signo, from = info->si_pid, code = info->si_code;
}

static void catches(int signo) {
  struct sigaction a = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
  sigaction(signo, &a, NULL);
}

static void tell(const char *what) {
  say("%s: %s from %d, code %d", what, came ? sigabbrev_np(came) : "nothing", from, code);
  came = 0;
}

// ---- From within ----

static void children_send(void) {
  int signals[] = {SIGTERM, SIGKILL, SIGSTOP, SIGHUP, SIGUSR1, SIGTSTP};
  for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
    value(sigabbrev_np(signals[i]), kill(1, signals[i]));
  value("tgkill", SYS_3(SYS_tgkill, 1, 1, SIGKILL));
  siginfo_t info = {.si_code = SI_QUEUE, .si_pid = 77};
  value("queued", SYS_3(SYS_rt_sigqueueinfo, 1, SIGTERM, &info));
}

static void sends_usr2(void) {
  kill(1, SIGUSR2);
}

static void signals_within(void) {
  in_child("sends", children_send);
  value("to itself", kill(1, SIGKILL));
  value("by tkill", SYS_2(SYS_tkill, 1, SIGTERM));
  catches(SIGUSR2);
  in_child("sends what is caught", sends_usr2);
  tell("caught");
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGTERM);
  sigprocmask(SIG_BLOCK, &set, NULL);
  kill(1, SIGTERM);
  kill(1, SIGUSR1);
  sigset_t pending;
  sigpending(&pending);
  yes_no("blocked ones are pending", sigismember(&pending, SIGTERM) && sigismember(&pending, SIGUSR1));
  siginfo_t info;
  value("waited for", sigwaitinfo(&set, &info));
  value("si_pid", info.si_pid);
  sigprocmask(SIG_UNBLOCK, &set, NULL);
  say("it goes on");
}

static void faults(void) {
  *(volatile char *)8 = 1;
}

static void broken(void) {
  __builtin_trap();
}

// ---- From outside ----

static int ready[2], go[2];

static void outside(void) {
  if (pipe(ready) || pipe(go)) return;
  int pid = fork_into(CLONE_NEWPID);
  if (pid == 0) {
    let(ready);
    wait_for(go);
    say("it has not noticed");
    catches(SIGTERM);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    let(ready);
    while (!came)
      milliseconds(1);
    wait_for(go);
    tell("caught");
    wait_for(go);
    siginfo_t info;
    value("waited for", sigwaitinfo(&set, &info) == SIGUSR1);
    say("from %d, code %d", info.si_pid, info.si_code);
    value("a queued one", sigwaitinfo(&set, &info) == SIGRTMIN);
    say("from %d, code %d, value %d", info.si_pid, info.si_code, info.si_value.sival_int);
    let(ready);
    wait_for(go);
    int fd = signalfd(-1, &set, 0);
    struct signalfd_siginfo read_info;
    value("by a descriptor", read(fd, &read_info, sizeof read_info) == sizeof read_info);
    say("from %u, code %d", read_info.ssi_pid, read_info.ssi_code);
    let(ready);
    for (;;)
      pause();
  }
  wait_for(ready);
  value("TERM", kill(pid, SIGTERM));
  value("INT", kill(pid, SIGINT));
  let(go);
  wait_for(ready);
  milliseconds(60);
  value("TERM", kill(pid, SIGTERM));
  let(go);
  milliseconds(60);
  kill(pid, SIGUSR1);
  union sigval v = {.sival_int = 5};
  sigqueue(pid, SIGRTMIN, v);
  let(go);
  wait_for(ready);
  kill(pid, SIGUSR2);
  let(go);
  wait_for(ready);
  value("STOP", kill(pid, SIGSTOP));
  int status;
  waitpid(pid, &status, WUNTRACED);
  told("then", status);
  kill(pid, SIGCONT);
  waitpid(pid, &status, WCONTINUED);
  told("then", status);
  int pidfd = SYS_2(SYS_pidfd_open, pid, 0);
  value("by a descriptor", SYS_4(SYS_pidfd_send_signal, pidfd, SIGKILL, 0, 0));
  reaped("the init", pid);
}

// From a namespace below, to a process group that reaches out of it, and by a descriptor.
static void upwards(void) {
  setpgid(0, 0);
  catches(SIGUSR1);
  int own = SYS_2(SYS_pidfd_open, getpid(), 0);
  int pid = fork_into(CLONE_NEWPID);
  if (pid == 0) {
    signal(SIGUSR1, SIG_IGN);
    value("by a descriptor", SYS_4(SYS_pidfd_send_signal, own, SIGUSR1, 0, 0));
    value("to the process group", kill(0, SIGUSR1));
    _exit(0);
  }
  reaped("it", pid);
  tell("caught");
}

// ---- Orphans ----

static void orphaned(int subreaper) {
  int fds[2], at = 0;
  if (pipe(fds)) return;
  int pid = fork();
  if (pid == 0) {
    if (subreaper) prctl(PR_SET_CHILD_SUBREAPER, 1);
    int middle = fork();
    if (middle == 0) {
      int child = fork();
      if (child == 0) {
        int before = getppid();
        while (getppid() == before)
          milliseconds(1);
        at = getppid();
        _exit(write(fds[1], &at, sizeof at) != sizeof at);
      }
      milliseconds(60);
      _exit(0);
    }
    reaped("its parent", middle);
    if (subreaper) reaped("a child of the subreaper", -1);
    _exit(0);
  }
  reaped("the one between", pid);
  (void)!read(fds[0], &at, sizeof at);
  say("the orphan's parent is %s", at == 1 ? "the init" : at == pid ? "the subreaper" : "somebody else");
}

static void orphans(void) {
  orphaned(0);
  reaped("the orphan", -1);
  orphaned(1);
  value("nobody is left", wait(NULL) < 0 ? -errno : 0);
}

static void subreaper_above(void) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  inside("a subreaper outside", orphans);
  value("it has got none", wait(NULL) < 0 ? -errno : 0);
}

// ---- All others ----

static void all_others(void) {
  int pids[3];
  for (int i = 0; i < 3; i++) {
    pids[i] = i < 2 ? fork() : fork_into(CLONE_NEWPID);
    if (pids[i] == 0) {
      int other = fork();
      if (other == 0)
        for (;;)
          pause();
      if (i == 1) value("to all others", kill(-1, SIGKILL));
      if (i == 1) _exit(4);
      for (;;)
        pause();
    }
    if (i == 0) milliseconds(60);
    if (i == 1) {
      reaped("who has sent it", pids[1]);
      reaped("another", pids[0]);
    }
  }
  milliseconds(60);
  value("by the init", kill(-1, SIGKILL));
  reaped("the init of one below", pids[2]);
  int left = 0;
  while (wait(NULL) > 0)
    left++;
  value("orphans", left);
  value("nobody is left", kill(-1, 0) < 0 ? -errno : 0);
}

// ---- Its end ----

static void *sleeps(void *unused) {
  for (;;)
    pause();
  return unused;
}

// Somebody holds the end of a pipe for each that lives.
static void end_with(const char *what, void (*act)(void)) {
  say("-- the end: %s", what);
  int fds[2];
  if (pipe2(fds, O_CLOEXEC | O_NONBLOCK)) return;
  int pid = fork_into(CLONE_NEWPID);
  if (pid == 0) {
    for (int i = 0; i < 10; i++) {
      int child = i % 3 == 2 ? fork_into(CLONE_NEWPID) : fork();
      if (child != 0) continue;
      signal(SIGTERM, SIG_IGN);
      if (fork() == 0 && i == 4) setsid();
      for (;;)
        pause();
    }
    milliseconds(60);
    act();
    _exit(3);
  }
  close(fds[1]);
  reaped("the init", pid);
  char c;
  long n = read(fds[0], &c, 1);
  value("all others are gone by then", n < 0 ? -errno : n);
  close(fds[0]);
}

static void nothing(void) {}

static void with_threads(void) {
  pthread_t t;
  for (int i = 0; i < 3; i++)
    pthread_create(&t, NULL, sleeps, NULL);
}

static void leader_first_then(void) {
  pthread_t t;
  pthread_create(&t, NULL, (void *(*)(void *))faults, NULL);
  pthread_exit(NULL);
}

static void execs(void) {
  execl("/proc/self/exe", "pid_namespace_init", "exits", NULL);
}

// One that has its parent outside is waited for by that parent before the init is.
static void parents_outside(void) {
  int fds[2];
  if (pipe(fds)) return;
  if (SYS_1(SYS_unshare, CLONE_NEWPID)) return;
  int init = fork();
  if (init == 0) {
    char c;
    close(fds[1]);
    (void)!read(fds[0], &c, 1);
    _exit(5);
  }
  int other = fork();
  if (other == 0) {
    prctl(PR_SET_PDEATHSIG, SIGUSR1);
    close(fds[1]);
    for (;;)
      pause();
  }
  milliseconds(60);
  close(fds[1]);
  milliseconds(150);
  int status;
  value("the init, before the other", waitpid(init, &status, WNOHANG));
  siginfo_t info = {0};
  value("waitid", waitid(P_ALL, 0, &info, WEXITED | WNOWAIT));
  yes_no("it is the other", info.si_pid == other);
  reaped("the other", other);
  reaped("the init", init);
}

int main(int argc, char **argv) {
  if (argc > 1) {
    say("%s as %d", argv[1], getpid());
    return 6;
  }
  inside("signals from within", signals_within);
  inside("a fault", faults);
  inside("a trap", broken);
  say("-- from outside");
  outside();
  say("-- from below");
  in_child("the one above", upwards);
  inside("orphans", orphans);
  in_child("the subreaper", subreaper_above);
  inside("all others", all_others);
  end_with("it exits", nothing);
  end_with("it faults", faults);
  end_with("it has threads", with_threads);
  end_with("its leader exits first", leader_first_then);
  end_with("it executes another program", execs);
  in_child("a parent outside", parents_outside);
  return 0;
}
