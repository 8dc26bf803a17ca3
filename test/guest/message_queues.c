// POSIX message queues: names, sizes, order, waits, notification, and their file system.
#include "guest.h"

#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>

#define NAME "ringfence_message_queues"

static long mqopen(const char *name, int flags, int mode, struct mq_attr *attr) {
  return SYS_4(SYS_mq_open, name, flags, mode, attr);
}

static long mqsend(long q, const char *text, unsigned priority, const struct timespec *until) {
  return SYS_5(SYS_mq_timedsend, q, text, strlen(text), priority, until);
}

static void receive(const char *what, long q, const struct timespec *until) {
  char text[9000] = "";
  unsigned priority = 77;
  long n = SYS_5(SYS_mq_timedreceive, q, text, sizeof text, &priority, until);
  if (failed(n))
    say("%s: %s, %u", what, error_name(n), priority);
  else
    say("%s: %ld '%.*s', %u", what, n, (int)n, text, priority);
}

static void attributes(const char *what, long q) {
  struct mq_attr a = {0};
  outcome(what, SYS_3(SYS_mq_getsetattr, q, 0, &a));
  say("  flags %#lx, %ld of %ld bytes, %ld there", a.mq_flags, a.mq_maxmsg, a.mq_msgsize, a.mq_curmsgs);
}

static struct timespec in(long ms) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  t.tv_nsec += ms * 1000000;
  t.tv_sec += t.tv_nsec / 1000000000;
  t.tv_nsec %= 1000000000;
  return t;
}

static void names(void) {
  outcome("of no name", mqopen("", O_RDWR | O_CREAT, 0600, 0));
  outcome("with a slash", mqopen("/" NAME, O_RDWR | O_CREAT, 0600, 0));
  outcome("dot", mqopen(".", O_RDWR | O_CREAT, 0600, 0));
  char large[300];
  memset(large, 'q', 256), large[256] = 0;
  outcome("of 256 characters", mqopen(large, O_RDWR | O_CREAT, 0600, 0));
  outcome("at a bad address", mqopen((char *)8, O_RDWR, 0, 0));
  outcome("attributes at a bad address", mqopen(NAME, O_RDWR, 0, (struct mq_attr *)8));
  outcome("what is not there", mqopen(NAME, O_RDWR, 0, 0));
  outcome("unlinked", SYS_1(SYS_mq_unlink, NAME));
  static const long sizes[][2] = {{0, 10}, {10, 0}, {-1, 10}, {10, -1}, {65537, 1}, {1, (16 << 20) + 1}};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    struct mq_attr a = {.mq_maxmsg = sizes[i][0], .mq_msgsize = sizes[i][1]};
    say("sizes %ld %ld", sizes[i][0], sizes[i][1]);
    outcome(" ", mqopen(NAME, O_RDWR | O_CREAT, 0600, &a));
  }
}

static void order(void) {
  struct mq_attr a = {.mq_maxmsg = 4, .mq_msgsize = 20};
  umask(022);
  long q = mqopen(NAME, O_RDWR | O_CREAT | O_EXCL, 0666, &a);
  say("made %d, closed on exec %d", q >= 0, fcntl(q, F_GETFD));
  outcome("again", mqopen(NAME, O_RDWR | O_CREAT | O_EXCL, 0666, &a));
  outcome("access mode 3", mqopen(NAME, 3, 0, 0));
  attributes("attributes", q);
  struct stat s;
  fstat(q, &s);
  say("mode %o, size %ld, links %ld", s.st_mode, (long)s.st_size, (long)s.st_nlink);
  struct statfs f;
  fstatfs(q, &f);
  say("file system %lx", (long)f.f_type);
  struct pollfd p = {.fd = q, .events = POLLIN | POLLOUT};
  poll(&p, 1, 0);
  say("polled %#x", p.revents);
  outcome("low", mqsend(q, "low", 1, 0));
  outcome("high", mqsend(q, "high", 32767, 0));
  outcome("too high", mqsend(q, "too high", 32768, 0));
  outcome("less than low", mqsend(q, "less than low", -1, 0));
  outcome("low again", mqsend(q, "low again", 1, 0));
  outcome("empty", mqsend(q, "", 5, 0));
  outcome("long", mqsend(q, "123456789012345678901", 1, 0));
  poll(&p, 1, 0);
  say("polled %#x", p.revents);
  char text[200];
  ssize_t n = read(q, text, sizeof text);
  say("read: %zd %.*s", n, (int)n, text);
  say("read on: %zd", read(q, text, sizeof text));
  say("written: %zd %s", write(q, "x", 1), strerrorname_np(errno));
  struct timespec late = in(30), wrong = {0, 1000000000};
  outcome("no room", mqsend(q, "x", 0, &late));
  outcome("a wrong time", mqsend(q, "x", 0, &wrong));
  outcome("a time at a bad address", mqsend(q, "x", 0, (void *)8));
  struct mq_attr none = {.mq_flags = O_NONBLOCK}, other = {.mq_flags = O_APPEND};
  outcome("not to wait", SYS_3(SYS_mq_getsetattr, q, &none, 0));
  outcome("another flag", SYS_3(SYS_mq_getsetattr, q, &other, 0));
  say("status flags %#x", fcntl(q, F_GETFL) & ~O_LARGEFILE);
  outcome("no room", mqsend(q, "x", 0, 0));
  outcome("into too little", SYS_5(SYS_mq_timedreceive, q, text, 19, 0, 0));
  for (int i = 0; i < 4; i++)
    receive("received", q, 0);
  receive("no more", q, 0);
  outcome("from a bad address", SYS_5(SYS_mq_timedsend, q, 8, 10, 0, 0));
  outcome("to send", mqsend(q, "lost", 3, 0));
  outcome("to a bad address", SYS_5(SYS_mq_timedreceive, q, 8, 20, 0, 0));
  receive("it is lost", q, 0);
  long reader = mqopen(NAME, O_RDONLY, 0, 0), writer = mqopen(NAME, O_WRONLY, 0, 0);
  outcome("by who reads", mqsend(reader, "x", 0, 0));
  receive("by who writes", writer, 0);
  outcome("by a pipe", mqsend(1, "x", 0, 0));
  receive("of nothing open", 99, 0);
  outcome("attributes of a file", SYS_3(SYS_mq_getsetattr, 1, 0, &a));
  outcome("unlinked", SYS_1(SYS_mq_unlink, NAME));
  outcome("still used", mqsend(writer, "on", 0, 0));
  receive("still used", reader, 0);
  fstat(q, &s);
  say("links %ld", (long)s.st_nlink);
  outcome("a second of that name", mqopen(NAME, O_RDWR, 0, 0));
  close(q), close(reader), close(writer);
}

static volatile int handled;
static void handler(int signo, siginfo_t *info, void *context) {
  (void)context;
  handled = signo;
  say("signal: code %d, value %d, from us %d", info->si_code, info->si_value.sival_int,
      info->si_pid == getppid());
}

static void waits(void) {
  struct mq_attr a = {.mq_maxmsg = 1, .mq_msgsize = 20};
  long q = mqopen(NAME, O_RDWR | O_CREAT, 0600, &a);
  pid_t child = fork();
  if (child == 0) {
    receive("child waits", q, 0);
    usleep(50000);
    receive("child takes what fills it", q, 0);
    receive("child takes what waited", q, 0);
    _exit(0);
  }
  usleep(30000);
  // The child speaks meanwhile.
  long first = mqsend(q, "first", 7, 0), second = mqsend(q, "second", 1, 0), third = mqsend(q, "third", 9, 0);
  waitpid(child, 0, 0);
  outcome("for who waits", first);
  outcome("fills it", second);
  outcome("waits for room", third);
  attributes("afterwards", q);
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
  sigaction(SIGUSR1, &action, 0);
  child = fork();
  if (child == 0) {
    receive("interrupted", q, 0);
    struct timespec past = {1, 0}, soon = in(20);
    receive("in the past", q, &past);
    receive("soon", q, &soon);
    _exit(0);
  }
  usleep(100000);
  sigqueue(child, SIGUSR1, (union sigval){.sival_int = 5});
  waitpid(child, 0, 0);
  SYS_1(SYS_mq_unlink, NAME);
  close(q);
}

static void notification(void) {
  long q = mqopen(NAME, O_RDWR | O_CREAT | O_NONBLOCK, 0600, 0);
  attributes("as they are made", q);
  struct sigevent wrong = {.sigev_notify = 9}, number = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 65};
  struct sigevent event = {
      .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2, .sigev_value = {.sival_int = 42}};
  outcome("a wrong way", SYS_2(SYS_mq_notify, q, &wrong));
  outcome("a wrong signal", SYS_2(SYS_mq_notify, q, &number));
  outcome("of no queue", SYS_2(SYS_mq_notify, 1, &event));
  outcome("at a bad address", SYS_2(SYS_mq_notify, q, 8));
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
  sigaction(SIGUSR2, &action, 0);
  outcome("to be told", SYS_2(SYS_mq_notify, q, &event));
  outcome("twice", SYS_2(SYS_mq_notify, q, &event));
  pid_t child = fork();
  if (child == 0) {
    outcome("child", SYS_2(SYS_mq_notify, q, &event));
    outcome("child takes it back", SYS_2(SYS_mq_notify, q, 0));
    close(q);
    _exit(0);
  }
  waitpid(child, 0, 0);
  char text[100];
  lseek(q, 0, SEEK_SET);
  ssize_t n = read(q, text, sizeof text);
  say("%.*s", (int)(strstr(text, "NOTIFY_PID") - text), n > 0 ? text : "");
  outcome("a message", mqsend(q, "one", 0, 0));
  say("handled %d", handled == SIGUSR2);
  handled = 0;
  outcome("to be told again", SYS_2(SYS_mq_notify, q, &event));
  outcome("not into an empty one", mqsend(q, "two", 0, 0));
  say("handled %d", handled);
  int other = dup(q);
  close(other);
  event.sigev_notify = SIGEV_NONE;
  outcome("a descriptor was closed", SYS_2(SYS_mq_notify, q, &event));
  outcome("taken back", SYS_2(SYS_mq_notify, q, 0));
  outcome("taken back once more", SYS_2(SYS_mq_notify, q, 0));
  SYS_1(SYS_mq_unlink, NAME);
  close(q);
}

static void room(void) {
  char name[60];
  int made = 0;
  long q = 0;
  for (; made < 20; made++) {
    snprintf(name, sizeof name, NAME "%d", made);
    q = mqopen(name, O_RDWR | O_CREAT, 0600, 0);
    if (failed(q)) break;
    close(q);
  }
  say("made %d, then %s", made, error_name(q));
  for (int i = 0; i < made; i++) {
    snprintf(name, sizeof name, NAME "%d", i);
    SYS_1(SYS_mq_unlink, name);
  }
}

static void limits(void) {
  struct rlimit few = {200000, 200000};
  setrlimit(RLIMIT_MSGQUEUE, &few);
  room();
  long q = mqopen(NAME, O_RDWR | O_CREAT, 0600, 0);
  say("room again %d", !failed(q));
  SYS_1(SYS_mq_unlink, NAME);
  close(q);
}

static void put(const char *path, const char *text) {
  int file = open(path, O_WRONLY);
  if (write(file, text, strlen(text)) < 0) say("%s: %s", path, strerrorname_np(errno));
  close(file);
}

// One that is mounted elsewhere lives on without a name, is opened as often as one likes, and is given back once.
static void bound(const char *path) {
  const char *place = "/tmp/message_queues_place";
  close(open(place, O_RDWR | O_CREAT, 0600));
  say("bound %d", mount(path, place, 0, MS_BIND, 0));
  say("unlink %d", unlink(path));
  for (int i = 0; i < 3; i++) {
    int q = open(place, O_RDWR);
    outcome("sent", mqsend(q, "hello", 1, 0));
    attributes("without a name", q);
    close(q);
  }
  room();
  umount(place);
  unlink(place);
  room();
}

// A queue that is seen by a mount outlives its namespace, and is told in numbers of who is told.
static void namespaces(void) {
  mkdir("/tmp/message_queues", 0755);
  pid_t child = fork();
  if (child == 0) {
    if (unshare(CLONE_NEWIPC) != 0) _exit(1);
    say("mounted by the child %d", mount("mqueue", "/tmp/message_queues", "mqueue", 0, 0));
    close(mqopen(NAME, O_RDWR | O_CREAT, 0644, 0));
    _exit(0);
  }
  waitpid(child, 0, 0);
  say("still there %d", access("/tmp/message_queues/" NAME, F_OK));
  int made = open("/tmp/message_queues/second", O_RDWR | O_CREAT, 0600);
  say("made %d %s", made, made < 0 ? strerrorname_np(errno) : "");
  say("unmounted %d", umount("/tmp/message_queues"));
  rmdir("/tmp/message_queues");

  long q = mqopen(NAME, O_RDWR | O_CREAT, 0600, 0);
  say("a queue %d", !failed(q));
  sigset_t signals;
  sigemptyset(&signals), sigaddset(&signals, SIGUSR1);
  sigprocmask(SIG_BLOCK, &signals, 0);
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
  SYS_2(SYS_mq_notify, q, &event);
  if (unshare(CLONE_NEWPID) != 0) say("no PID namespace");
  child = fork();
  if (child == 0) {
    mqsend(q, "from within", 0, 0);
    _exit(0);
  }
  siginfo_t info = {0};
  struct timespec most = {5, 0};
  sigtimedwait(&signals, &info, &most);
  say("by the child %d", info.si_pid == child);
  waitpid(child, 0, 0);
  SYS_1(SYS_mq_unlink, NAME);
}

static void file_system(void) {
  char map[40];
  int gid = getgid(); // behind unshare it is nobody's
  snprintf(map, sizeof map, "0 %d 1", getuid());
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWIPC) != 0) return say("no namespaces");
  put("/proc/self/uid_map", map);
  put("/proc/self/setgroups", "deny");
  snprintf(map, sizeof map, "0 %d 1", gid);
  put("/proc/self/gid_map", map);
  mkdir("/tmp/message_queues", 0755);
  say("mounted %d", mount("mqueue", "/tmp/message_queues", "mqueue", 0, 0));
  struct stat s;
  stat("/tmp/message_queues", &s);
  say("mode %o, size %ld", s.st_mode, (long)s.st_size);
  long q = mqopen(NAME, O_RDWR | O_CREAT, 0600, 0);
  say("a queue %d", !failed(q));
  say("a file %d", access("/tmp/message_queues/" NAME, F_OK));
  int file = open("/tmp/message_queues/" NAME, O_RDWR);
  outcome("sent by the file", mqsend(file, "hello", 2, 0));
  receive("received", q, 0);
  int made = open("/tmp/message_queues/second", O_RDWR | O_CREAT, 0600);
  attributes("made by open", made);
  outcome("mkdir", SYS_2(SYS_mkdir, "/tmp/message_queues/d", 0700));
  outcome("rename", SYS_2(SYS_rename, "/tmp/message_queues/second", "/tmp/message_queues/third"));
  say("unlink %d", unlink("/tmp/message_queues/" NAME));
  outcome("gone", mqopen(NAME, O_RDWR, 0, 0));
  stat("/tmp/message_queues", &s);
  say("size %ld", (long)s.st_size);
  close(made), close(q), close(file);
  bound("/tmp/message_queues/second");
  umount("/tmp/message_queues");
  rmdir("/tmp/message_queues");
}

int main(void) {
  names();
  order();
  waits();
  notification();
  limits();
  file_system();
  namespaces();
  return 0;
}
