// Waiting for an AF_NETLINK socket, which in a sandbox may be another kernel thread's: receives that signals, time-outs,
// other threads and ends interrupt, poll and epoll, sockets that are closed, shared and inherited meanwhile.
//@ needs: sockets fork threads poll events signals proc
//@ cflags: -pthread
#include "guest.h"
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>

static unsigned next_port = 0x70000;

// Two sockets of which `to` gets what `from` sends.
static void pair(int *from, int *to) {
  struct sockaddr_nl a = {.nl_family = AF_NETLINK, .nl_pid = ++next_port};
  *to = socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK);
  *from = socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK);
  if (bind(*to, (void *)&a, sizeof a) < 0 || connect(*from, (void *)&a, sizeof a) < 0) say("no pair");
}

static void pause_ms(long ms) {
  struct timespec t = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&t, NULL);
}

// Until a thread sleeps, as /proc has it.
static void until_asleep(pid_t pid, pid_t tid) {
  char path[64], text[256];
  sprintf(path, "/proc/%d/task/%d/stat", pid, tid);
  for (int i = 0, seen = 0; i < 5000 && seen < 3; i++) {
    int f = open(path, O_RDONLY);
    long n = f < 0 ? 0 : read(f, text, sizeof text - 1);
    close(f);
    text[n > 0 ? n : 0] = 0;
    const char *state = strrchr(text, ')');
    seen = state && state[2] == 'S' ? seen + 1 : 0;
    pause_ms(1);
  }
}

static long receive(int s, char *to, size_t size, int flags) {
  return SYS_6(SYS_recvfrom, s, to, size, flags, 0, 0);
}

// ---- Signals ----

static volatile int handled;

static void on_signal(int signo) {
  (void)signo;
  handled++;
}

static void on_sending(int signo) {
  (void)signo;
  handled++;
}

struct later {
  int fd;
  pthread_t who;
  int signo;
  const char *text;
};

static void *send_later(void *arg) {
  const struct later *l = arg;
  until_asleep(getpid(), getpid());
  if (l->signo) pthread_kill(l->who, l->signo);
  if (l->signo && l->text) {
    while (!handled)
      pause_ms(1);
    until_asleep(getpid(), getpid());
  }
  if (l->text) send(l->fd, l->text, strlen(l->text) + 1, 0);
  return NULL;
}

static void signals(void) {
  int from, to;
  char text[64];
  struct sigaction plain = {.sa_handler = on_signal},
                   restarts = {.sa_handler = on_sending, .sa_flags = SA_RESTART};
  sigaction(SIGUSR1, &plain, NULL);
  sigaction(SIGUSR2, &restarts, NULL);
  pair(&from, &to);
  static const struct {
    const char *what;
    int signo;
    const char *text;
  } cases[] = {{"nothing but data", 0, "one"},
               {"a signal", SIGUSR1, NULL},
               {"a signal that restarts, then data", SIGUSR2, "two"}};
  for (size_t round = 0; round < 3; round++)
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
      struct later l = {from, pthread_self(), cases[i].signo, cases[i].text};
      pthread_t t;
      handled = 0;
      text[0] = 0;
      pthread_create(&t, NULL, send_later, &l);
      long n = round == 0   ? receive(to, text, sizeof text, 0)
               : round == 1 ? SYS_3(SYS_read, to, text, sizeof text)
                            : SYS_3(SYS_readv, to, (&(struct iovec){text, sizeof text}), 1);
      pthread_join(t, NULL);
      value(cases[i].what, n);
      say(" \"%s\", %d handled", failed(n) ? "" : text, handled);
    }
  // With a time-out no call is restarted.
  struct timeval soon = {0, 40000}, late = {5, 0};
  setsockopt(to, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
  value("time-out", receive(to, text, sizeof text, 0));
  setsockopt(to, SOL_SOCKET, SO_RCVTIMEO, &late, sizeof late);
  struct later l = {from, pthread_self(), SIGUSR2, NULL};
  pthread_t t;
  pthread_create(&t, NULL, send_later, &l);
  value("a signal, with a time-out", receive(to, text, sizeof text, 0));
  pthread_join(t, NULL);
  // One that is pending already, and blocked.
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, NULL);
  raise(SIGUSR1);
  handled = 0;
  l = (struct later){from, pthread_self(), 0, "three"};
  pthread_create(&t, NULL, send_later, &l);
  value("a blocked signal", receive(to, text, sizeof text, 0));
  pthread_join(t, NULL);
  say("%d handled", handled);
  sigprocmask(SIG_UNBLOCK, &set, NULL);
  say("%d handled", handled);
  value("without waiting", receive(to, text, sizeof text, MSG_DONTWAIT));
  int on = 1;
  value("FIONBIO", SYS_3(SYS_ioctl, to, FIONBIO, &on));
  value("without waiting", SYS_3(SYS_read, to, text, sizeof text));
  value("flags", SYS_2(SYS_fcntl, to, F_GETFL) & O_NONBLOCK ? 1 : 0);
  value("waiting again", SYS_3(SYS_fcntl, to, F_SETFL, O_RDWR));
  close(from), close(to);
}

// ---- poll, select, epoll ----

static void polls(void) {
  int from, to;
  char text[64];
  pair(&from, &to);
  struct pollfd p = {to, POLLIN | POLLOUT, 0};
  value("poll, nothing to read", SYS_3(SYS_poll, &p, 1, 0));
  say("%#x", p.revents);
  p.events = POLLIN;
  value("poll, nothing to read", SYS_3(SYS_poll, &p, 1, 10));
  for (int i = 0; i < 20; i++) {
    struct later l = {from, pthread_self(), 0, "polled"};
    pthread_t t;
    if (i % 2)
      pthread_create(&t, NULL, send_later, &l);
    else
      send(from, "polled", 7, 0);
    long n = SYS_3(SYS_poll, &p, 1, 10000);
    long bytes = receive(to, text, sizeof text, MSG_DONTWAIT);
    long again = SYS_3(SYS_poll, &p, 1, 0);
    if (i % 2) pthread_join(t, NULL);
    if (n != 1 || bytes != 7 || again != 0) say("round %d: %ld, %ld bytes, again %ld", i, n, bytes, again);
  }
  static const int modes[] = {0, EPOLLET, EPOLLONESHOT};
  for (size_t m = 0; m < 3; m++) {
    int e = epoll_create1(0);
    struct epoll_event ev = {.events = EPOLLIN | modes[m], .data.u32 = 7}, got = {0};
    value("epoll add", SYS_4(SYS_epoll_ctl, e, EPOLL_CTL_ADD, to, &ev));
    value("nothing", SYS_4(SYS_epoll_wait, e, &got, 1, 0));
    for (int i = 0; i < 10; i++) {
      struct later l = {from, pthread_self(), 0, "waited for"};
      pthread_t t;
      if (i % 2)
        pthread_create(&t, NULL, send_later, &l);
      else
        send(from, "waited for", 11, 0);
      long n = SYS_4(SYS_epoll_wait, e, &got, 1, i > 0 && modes[m] == EPOLLONESHOT ? 0 : 10000);
      if (i % 2) pthread_join(t, NULL);
      long more = SYS_4(SYS_epoll_wait, e, &got, 1, 0);
      long bytes = receive(to, text, sizeof text, MSG_DONTWAIT);
      long after = SYS_4(SYS_epoll_wait, e, &got, 1, 0);
      if (i < 2) say("%ld, again %ld, %ld bytes, then %ld", n, more, bytes, after);
    }
    close(e);
  }
  close(from), close(to);
}

// ---- Ends ----

static int shared_fd;
static long shared_result;

static volatile pid_t receiver;

static void *receives(void *arg) {
  receiver = gettid();
  shared_result = receive(shared_fd, arg, 64, 0);
  return NULL;
}

static void ends(void) {
  int from, to, status;
  char text[64] = "";
  pthread_t t;
  pair(&from, &to);
  shared_fd = to;
  pthread_create(&t, NULL, receives, text);
  while (!receiver)
    pause_ms(1);
  until_asleep(getpid(), receiver);
  value("closed while it is waited for", SYS_1(SYS_close, to));
  value("sent all the same", SYS_6(SYS_sendto, from, "late", 5, 0, 0, 0));
  pthread_join(t, NULL);
  value("received", shared_result);
  say("\"%s\"", text);
  value("nobody is there any more", SYS_6(SYS_sendto, from, "late", 5, 0, 0, 0));
  close(from);

  pair(&from, &to);
  int copy = dup(to);
  close(to);
  send(from, "for the copy", 13, 0);
  value("by a copy", receive(copy, text, sizeof text, 0));
  pid_t child = fork();
  if (child == 0) {
    long n = receive(copy, text, sizeof text, 0);
    say("the child: %ld \"%s\"", n, text);
    _exit(n == 14 ? 3 : 4);
  }
  until_asleep(child, child);
  send(from, "for the child", 14, 0);
  waitpid(child, &status, 0);
  say("status %d", WEXITSTATUS(status));

  // Killed, and ended by a thread beside, while they wait.
  for (int how = 0; how < 2; how++) {
    child = fork();
    if (child == 0) {
      if (how == 1) {
        shared_fd = copy;
        receiver = 0;
        pthread_create(&t, NULL, receives, text);
        while (!receiver)
          pause_ms(1);
        until_asleep(getpid(), receiver);
        SYS_1(SYS_exit_group, 9);
      }
      receive(copy, text, sizeof text, 0);
      _exit(1);
    }
    if (how == 0) until_asleep(child, child);
    if (how == 0) kill(child, SIGKILL);
    waitpid(child, &status, 0);
    say("signal %d status %d", WTERMSIG(status), WEXITSTATUS(status));
  }
  send(from, "still there", 12, 0);
  value("the parent's", receive(copy, text, sizeof text, 0));
  say("\"%s\"", text);

  // Stopped, and gone on.
  child = fork();
  if (child == 0) {
    long n = receive(copy, text, sizeof text, 0);
    _exit(n == 6 ? 0 : 1);
  }
  until_asleep(child, child);
  kill(child, SIGSTOP);
  waitpid(child, &status, WUNTRACED);
  yes_no("stopped", WIFSTOPPED(status));
  send(from, "go on", 6, 0);
  pause_ms(20);
  yes_no("has not ended", waitpid(child, &status, WNOHANG) == 0);
  kill(child, SIGCONT);
  waitpid(child, &status, 0);
  say("status %d", WEXITSTATUS(status));
  close(copy), close(from);
}

// ---- Memory that is not there ----

static void faults(void) {
  int from, to;
  pair(&from, &to);
  char *page = pages(1);
  memcpy(page, "whole", 6);
  value("send from nowhere", SYS_6(SYS_sendto, from, 8, 6, 0, 0, 0));
  value("send across the end", SYS_6(SYS_sendto, from, page + PAGE - 3, 6, 0, 0, 0));
  value("write", SYS_3(SYS_write, from, page, 6));
  struct iovec v[] = {{page, 3}, {page + 3, 3}};
  value("writev", SYS_3(SYS_writev, from, v, 2));
  value("receive to nowhere", receive(to, (char *)8, 6, 0));
  value("receive across the end", receive(to, page + PAGE - 3, 6, 0));
  value("what is left", receive(to, page, 6, MSG_DONTWAIT));
  value("write", SYS_3(SYS_write, from, page, 6));
  struct iovec parts[] = {{page + 100, 2}, {page + 200, 2}, {page + 300, 10}};
  value("readv", SYS_3(SYS_readv, to, parts, 3));
  say("%.2s %.2s %s", page + 100, page + 200, page + 300);
  value("read nothing", SYS_3(SYS_read, to, page, 0));
  value("pread", SYS_4(SYS_pread64, to, page, 4, 0));
  value("lseek", SYS_3(SYS_lseek, to, 0, SEEK_SET));
  struct stat_ {
    char bytes[256];
  } s;
  value("fstat", SYS_2(SYS_fstat, to, &s));
  close(from), close(to);
}

int main(void) {
  signals();
  polls();
  ends();
  faults();
  return 0;
}
