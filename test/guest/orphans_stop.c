// Signals of terminals stop nobody whose process group is orphaned (POSIX, 3.264); SIGSTOP does. A group is orphaned by its
// place in its session, and becomes it when the last parent outside of it ends.
//@ needs: fork signals pipes ptys
#include "pid_namespace.h"
#include <sys/prctl.h>

static const int signals[] = {SIGTSTP, SIGTTIN, SIGTTOU, SIGSTOP};

static void stops_by_each(void) {
  for (int i = 0; i < 4; i++) {
    raise(signals[i]);
    say(" behind %s", sigabbrev_np(signals[i]));
  }
}

// How often the child stops; it is let go on each time.
static void watched(const char *what, int pid) {
  int status;
  for (;;) {
    if (waitpid(pid, &status, WUNTRACED) != pid) _exit(9);
    told(what, status);
    if (!WIFSTOPPED(status)) return;
    kill(pid, SIGCONT);
  }
}

// The group is its parent's: nobody else of the session has a child in it.
static void orphaned(void) {
  setsid();
  int pid = fork();
  if (pid == 0) {
    stops_by_each();
    _exit(0);
  }
  watched("of an orphaned group", pid);
}

static void linked(void) {
  setsid();
  int pid = fork();
  if (pid == 0) {
    setpgid(0, 0);
    stops_by_each();
    _exit(0);
  }
  watched("of another group", pid);
}

// One member has a parent elsewhere: that holds for all.
static void linked_by_other(void) {
  setsid();
  int fds[2];
  if (pipe(fds)) _exit(9);
  int link = fork();
  if (link == 0) {
    setpgid(0, 0);
    int pid = fork();
    if (pid == 0) {
      stops_by_each();
      _exit(0);
    }
    watched("a grandchild of a group with a link", pid);
    _exit(0);
  }
  reaped("the link", link);
}

// A handler is called all the same, and one that blocks it takes it later.
static volatile int came;

static void comes(int signo) {
  came = signo;
}

static void caught(void) {
  setsid();
  int pid = fork();
  if (pid == 0) {
    signal(SIGTSTP, comes);
    raise(SIGTSTP);
    say(" caught %s", came ? sigabbrev_np(came) : "nothing");
    signal(SIGTSTP, SIG_DFL);
    sigset_t set, pending;
    sigemptyset(&set);
    sigaddset(&set, SIGTSTP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGTSTP);
    sigpending(&pending);
    yes_no(" pending", sigismember(&pending, SIGTSTP));
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    sigpending(&pending);
    yes_no(" pending then", sigismember(&pending, SIGTSTP));
    _exit(0);
  }
  watched("one that catches", pid);
}

// The last link ends while nobody is stopped: nobody is told, and from then on nobody stops.
static void becomes_orphaned(void) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  int go[2], pids[2];
  if (pipe(go) || pipe(pids)) _exit(9);
  int shell = fork();
  if (shell == 0) {
    setsid();
    int job = fork();
    if (job == 0) {
      setpgid(0, 0);
      wait_for(go);
      stops_by_each();
      _exit(0);
    }
    if (write(pids[1], &job, sizeof job) != sizeof job) _exit(9);
    _exit(0);
  }
  int job;
  if (read(pids[0], &job, sizeof job) != sizeof job) _exit(9);
  reaped("the shell", shell);
  let(go);
  watched("the job", job);
}

static void hung_up(int signo) {
  char byte = signo == SIGHUP ? 'H' : 'C';
  if (write(9, &byte, 1) != 1) _exit(9);
}

// Many are stopped when the last link ends: all are told.
enum { MANY = 60 };

static void many_become_orphaned(void) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  int told[2], group[2];
  if (pipe(told) || dup2(told[1], 9) < 0 || pipe(group)) _exit(9);
  int shell = fork();
  if (shell == 0) {
    setsid();
    signal(SIGHUP, hung_up);
    signal(SIGCONT, hung_up);
    int first = 0;
    for (int i = 0; i < MANY; i++) {
      int pid = fork();
      if (pid == 0) {
        setpgid(0, first);
        raise(SIGTSTP);
        for (;;)
          pause();
      }
      setpgid(pid, first);
      if (!first) first = pid;
      if (waitpid(pid, NULL, WUNTRACED) != pid) _exit(9);
    }
    if (write(group[1], &first, sizeof first) != sizeof first) _exit(9);
    _exit(0);
  }
  int first, counts[2] = {0};
  if (read(group[0], &first, sizeof first) != sizeof first) _exit(9);
  reaped("the shell", shell);
  for (int i = 0; i < 2 * MANY; i++) {
    char byte;
    if (read(told[0], &byte, 1) != 1) _exit(9);
    counts[byte == 'H']++;
  }
  say("SIGHUP %d, SIGCONT %d", counts[1], counts[0]);
  kill(-first, SIGKILL);
  while (wait(NULL) > 0)
    ;
}

int main(void) {
  in_child("orphaned", orphaned);
  in_child("linked", linked);
  in_child("linked by another", linked_by_other);
  in_child("caught", caught);
  in_child("becomes orphaned", becomes_orphaned);
  in_child("many", many_become_orphaned);
  return 0;
}
