// Performs system calls with the arguments that vectors.ts has made up, and tells what each gave. It knows
// no call: a vector is a number and six words, each a number, a descriptor, an address, or bytes.
//
//   sweep VECTORS native|sandbox UID
//
// Natively it first goes into namespaces of its own, so that a vector that succeeds changes nothing of the
// machine. The vectors of a call run in a child, the *runner*; when one has changed something (the group
// says that its calls do) or has ended the runner, the next one begins in a new runner. A runner that gets no
// further for a while is in a call that waits: SIGALRM interrupts it.
//
// Results stand in shared memory, so that a runner owes its parent nothing when it dies. One line a vector:
// "r RESULT", "exit CODE", "signal NUMBER", "stop NUMBER", "hangs".
#include "../guest/guest.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>

#define ROOT "/tmp"
enum { AT_ONCE = 8, TICK_MS = 20, TICKS_UNTIL_ALARM = 12, ALARMS_UNTIL_KILL = 8, CHANGED = 77 };

// ---- What is shared between parent and runners ----

enum state { NOT_RUN, RUNNING, DONE, EXITED, SIGNALLED, STOPPED, HANGS };
struct outcome {
  long result;
  long state;
};
static struct outcome *outcomes;

struct call_group {
  long nr;
  int changes; // a call that succeeds leaves the runner changed
  int alone;   // not beside others: what it touches is the whole system's
  int apart;   // in a mount namespace of its own
  char **vectors;
  int first; // index of its first outcome
  int count;
  volatile int *next; // the vector that is being performed; shared
  pid_t runner;
  int seen, ticks, alarms, mounted;
};

// ---- Memory that vectors point at ----

// Each argument has an area of its own whose end borders on nothing.
#define AREA_AT 0x100000000l
#define AREA_STEP 0x100000l
#define AREA_SIZE (4 * PAGE)
#define RW_AT 0x110000000l
#define RW_SIZE 0x10000l
#define RO_AT 0x120000000l
#define UNMAPPED_AT 0x130000000l
#define NONE_AT 0x140000000l

static void map_fixed(long at, long length, int prot) {
  if (mmap((void *)at, length, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) _exit(96);
}

static void make_memory(void) {
  for (int i = 0; i < 6; i++)
    map_fixed(AREA_AT + i * AREA_STEP, AREA_SIZE, PROT_READ | PROT_WRITE);
  map_fixed(RW_AT, RW_SIZE, PROT_READ | PROT_WRITE);
  map_fixed(RO_AT, PAGE, PROT_READ);
  map_fixed(NONE_AT, PAGE, PROT_NONE);
}

static const struct {
  const char *name;
  long value;
} addresses[] = {
    {"rw", RW_AT},
    {"odd", RW_AT + 1},
    {"edge", RW_AT + RW_SIZE - 1},
    {"ro", RO_AT},
    {"none", NONE_AT},
    {"unmapped", UNMAPPED_AT},
    {"kernel", (long)0xffff888000000000},
    {"top", 0x7ffffffff000l},
    {"noncanonical", (long)0x8000000000000000},
};

// ---- Descriptors that vectors name: made when first named, each at a number of its own ----

enum { FD_FIRST = 20, FD_CLOSED = 190 };
static const char *const fd_names[] = {
    "rw",      "ro",       "wo",     "append",  "dir",   "path",    "pathdir",     "pathlink",  "pipe_r",
    "pipe_w",  "fifo",     "stream", "peer",    "dgram", "listen",  "unconnected", "seqpacket", "eventfd",
    "timerfd", "signalfd", "epoll",  "inotify", "memfd", "sealed",  "pidfd",       "ptm",       "pts",
    "null",    "zero",     "full",   "random",  "proc",  "procdir", "sys",
};
enum { FDS = sizeof fd_names / sizeof *fd_names, FD_LAST = FD_FIRST + FDS - 1 };
static char fd_made[FDS];

static int number_of(const char *name) {
  for (int i = 0; i < FDS; i++)
    if (!strcmp(fd_names[i], name)) return i;
  _exit(95);
}

static void put(const char *name, int fd) {
  int i = number_of(name);
  if (fd < 0) _exit(94);
  if (dup2(fd, FD_FIRST + i) < 0) _exit(93);
  close(fd);
  fd_made[i] = 1;
}

static pid_t sleeper;
static pid_t sleeping_child(void) {
  pid_t parent = getpid();
  if (sleeper == 0 && (sleeper = fork()) == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(0); // it was gone already
    for (;;)
      pause();
  }
  return sleeper;
}

static pid_t dead;
static pid_t dead_child(void) {
  if (dead == 0) {
    if ((dead = fork()) == 0) _exit(3);
    siginfo_t info;
    waitid(P_PID, dead, &info, WEXITED | WNOWAIT);
  }
  return dead;
}

static void make_fd(const char *name) {
  int nb = O_NONBLOCK;
  int pair[2];
  sigset_t set;
  if (!strcmp(name, "rw"))
    put(name, open("file", O_RDWR));
  else if (!strcmp(name, "ro"))
    put(name, open("file", O_RDONLY));
  else if (!strcmp(name, "wo"))
    put(name, open("file", O_WRONLY));
  else if (!strcmp(name, "append"))
    put(name, open("file", O_RDWR | O_APPEND));
  else if (!strcmp(name, "dir"))
    put(name, open("dir", O_RDONLY | O_DIRECTORY));
  else if (!strcmp(name, "path"))
    put(name, open("file", O_PATH));
  else if (!strcmp(name, "pathdir"))
    put(name, open("dir", O_PATH));
  else if (!strcmp(name, "pathlink"))
    put(name, open("link", O_PATH | O_NOFOLLOW));
  else if (!strncmp(name, "pipe_", 5)) {
    if (pipe2(pair, nb)) _exit(92);
    put("pipe_r", pair[0]);
    put("pipe_w", pair[1]);
  } else if (!strcmp(name, "fifo"))
    put(name, open("fifo", O_RDWR | nb));
  else if (!strcmp(name, "stream") || !strcmp(name, "peer")) {
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair)) _exit(92);
    put("stream", pair[0]);
    put("peer", pair[1]);
  } else if (!strcmp(name, "dgram")) {
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair)) _exit(92);
    put(name, pair[0]);
    dup2(pair[1], FD_LAST + 1);
    close(pair[1]);
  } else if (!strcmp(name, "seqpacket")) {
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair)) _exit(92);
    put(name, pair[0]);
    dup2(pair[1], FD_LAST + 2);
    close(pair[1]);
  } else if (!strcmp(name, "listen")) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_un address = {AF_UNIX, "listening"};
    if (bind(fd, (void *)&address, sizeof address) || listen(fd, 4)) _exit(92);
    put(name, fd);
  } else if (!strcmp(name, "unconnected"))
    put(name, socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
  else if (!strcmp(name, "eventfd"))
    put(name, eventfd(1, EFD_NONBLOCK));
  else if (!strcmp(name, "timerfd"))
    put(name, timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
  else if (!strcmp(name, "signalfd")) {
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    put(name, signalfd(-1, &set, SFD_NONBLOCK));
  } else if (!strcmp(name, "epoll"))
    put(name, epoll_create1(0));
  else if (!strcmp(name, "inotify"))
    put(name, inotify_init1(IN_NONBLOCK));
  else if (!strcmp(name, "memfd") || !strcmp(name, "sealed")) {
    int fd = memfd_create("sweep", MFD_ALLOW_SEALING);
    if (ftruncate(fd, 5000)) _exit(92);
    if (*name == 's') fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
    put(name, fd);
  } else if (!strcmp(name, "pidfd"))
    put(name, SYS_2(SYS_pidfd_open, sleeping_child(), nb));
  else if (!strcmp(name, "ptm") || !strcmp(name, "pts")) {
    int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | nb);
    int zero = 0;
    if (ioctl(master, TIOCSPTLCK, &zero)) _exit(92);
    put("pts", ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | nb));
    put("ptm", master);
  } else if (!strcmp(name, "null"))
    put(name, open("/dev/null", O_RDWR));
  else if (!strcmp(name, "zero"))
    put(name, open("/dev/zero", O_RDWR));
  else if (!strcmp(name, "full"))
    put(name, open("/dev/full", O_RDWR));
  else if (!strcmp(name, "random"))
    put(name, open("/dev/urandom", O_RDWR));
  else if (!strcmp(name, "proc"))
    put(name, open("/proc/self/status", O_RDONLY));
  else if (!strcmp(name, "procdir"))
    put(name, open("/proc/self", O_RDONLY));
  else if (!strcmp(name, "sys"))
    put(name, open("/sys", O_RDONLY));
  else
    _exit(91);
}

static int descriptor(const char *name) {
  if (!strcmp(name, "closed")) return FD_CLOSED;
  int i = number_of(name);
  if (!fd_made[i]) make_fd(name);
  return FD_FIRST + i;
}

// ---- Words ----

static long word(const char *text, int argument);

static int hex_digit(char c) {
  return c <= '9' ? c - '0' : c - 'a' + 10;
}

// Bytes in hexadecimal; [WORD] stands for the eight bytes of a word, [4:WORD] for its lower four.
static long bytes(const char *text, int argument) {
  static char buffer[AREA_SIZE];
  long n = 0;
  while (*text) {
    if (*text == '[') {
      const char *end = strchr(text, ']');
      char inner[64];
      int width = 8;
      text++;
      if (text[1] == ':') {
        width = *text - '0';
        text += 2;
      }
      snprintf(inner, sizeof inner, "%.*s", (int)(end - text), text);
      long value = word(inner, argument);
      memcpy(buffer + n, &value, width);
      n += width;
      text = end + 1;
    } else {
      buffer[n++] = (char)(hex_digit(text[0]) * 16 + hex_digit(text[1]));
      text += 2;
    }
  }
  long at = AREA_AT + argument * AREA_STEP + AREA_SIZE - n;
  memcpy((void *)at, buffer, n);
  return at;
}

static long word(const char *text, int argument) {
  switch (*text) {
  case '@':
    return descriptor(text + 1);
  case '^':
    if (!strcmp(text, "^self")) return getpid();
    if (!strcmp(text, "^tid")) return gettid();
    if (!strcmp(text, "^child")) return sleeping_child();
    if (!strcmp(text, "^dead")) return dead_child();
    if (!strcmp(text, "^shm")) return shmget(IPC_PRIVATE, 5000, 0600);
    if (!strcmp(text, "^sem")) return semget(IPC_PRIVATE, 3, 0600);
    if (!strcmp(text, "^msg")) return msgget(IPC_PRIVATE, 0600);
    if (!strcmp(text, "^timer")) {
      int timer;
      struct sigevent none = {.sigev_notify = SIGEV_NONE};
      SYS_3(SYS_timer_create, CLOCK_MONOTONIC, &none, &timer);
      return timer;
    }
    if (!strcmp(text, "^watch")) return inotify_add_watch(descriptor("inotify"), "dir", IN_CREATE);
    _exit(90);
  case '&':
    for (unsigned i = 0; i < sizeof addresses / sizeof *addresses; i++)
      if (!strcmp(addresses[i].name, text + 1)) return addresses[i].value;
    _exit(89);
  case '%': {
    long n = atol(text + 1);
    long at = AREA_AT + argument * AREA_STEP + AREA_SIZE - n;
    memset((void *)at, 0, n);
    return at;
  }
  case '$':
    return bytes(text + 1, argument);
  default:
    return *text == '-' ? strtol(text, NULL, 0) : (long)strtoul(text, NULL, 0);
  }
}

// ---- A runner ----

static void make_file(const char *name, mode_t mode, const char *text) {
  int fd = open(name, O_CREAT | O_RDWR | O_EXCL, 0600);
  static char page[5000]; // written whole: a file with holes would cost a host descriptor
  memset(page, 0, sizeof page);
  memcpy(page, text, strlen(text));
  if (fd < 0 || write(fd, page, sizeof page) != sizeof page || fchmod(fd, mode)) _exit(88);
  close(fd);
}

// What paths name. "foreign" and "locked" are root's alone.
static void make_files(uid_t uid) {
  make_file("file", 0644, "hello\n");
  make_file("foreign", 0600, "secret\n");
  int failures = mkdir("dir", 0755) + mkdir("empty", 0755) + mkdir("locked", 0700) + symlink("file", "link") +
                 symlink("loop", "loop") + symlink("nowhere", "dangling") + mkfifo("fifo", 0644);
  if (failures) _exit(87);
  make_file("dir/inner", 0644, "inner\n");
  make_file("locked/inner", 0644, "inner\n");
  static const char *const owned[] = {"file", "dir", "empty", "fifo", "dir/inner", "."};
  for (unsigned i = 0; i < sizeof owned / sizeof *owned; i++)
    if (chown(owned[i], uid, uid)) _exit(86);
}

static void on_alarm(int signo) {
  (void)signo;
}

static void limit(int resource, long value) {
  struct rlimit l = {value, value};
  if (setrlimit(resource, &l)) _exit(85);
}

// The call itself. A child that it makes ends at once, before it touches a stack that may not be its own.
__attribute__((noinline)) static long perform(long nr, const long *a) {
  register long r10 __asm__("r10") = a[3];
  register long r8 __asm__("r8") = a[4];
  register long r9 __asm__("r9") = a[5];
  long result;
  int makes_tasks = nr == SYS_clone || nr == SYS_clone3 || nr == SYS_fork || nr == SYS_vfork;
  if (!makes_tasks) return sys6(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
  __asm__ volatile("syscall\n"
                   "test %%rax, %%rax\n"
                   "jnz 1f\n"
                   "mov $60, %%eax\n"
                   "xor %%edi, %%edi\n"
                   "syscall\n"
                   "1:"
                   : "=a"(result)
                   : "a"(nr), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

static void run_vector(struct call_group *g, int index) {
  static char line[40000];
  long args[6] = {0};
  snprintf(line, sizeof line, "%s", g->vectors[index]);
  char *rest = NULL;
  int n = 0;
  for (char *text = strtok_r(line, " ", &rest); text && n < 6; text = strtok_r(NULL, " ", &rest), n++)
    args[n] = word(text, n);
  struct outcome *o = &outcomes[g->first + index];
  o->state = RUNNING;
  long result = perform(g->nr, args);
  o->result = result;
  o->state = DONE;
  *g->next = index + 1;
  if (result >= 0 || result < -4095) {
    if (g->changes) _exit(CHANGED);
    close_range(3, FD_FIRST - 1, 0);
    close_range(FD_CLOSED, ~0u, 0);
  }
}

static void runner(struct call_group *g, uid_t uid) {
  char name[64];
  int number = *g->next;
  close(900);
  setsid();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  struct sigaction action = {.sa_handler = on_alarm};
  sigaction(SIGALRM, &action, NULL);
  signal(SIGXFSZ, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
  umask(022);
  snprintf(name, sizeof name, ROOT "/%ld/%d", g->nr, number);
  if (g->apart && unshare(CLONE_NEWNS)) _exit(82);
  if (mkdir(name, 0755) || chdir(name)) _exit(84);
  make_files(uid);
  limit(RLIMIT_FSIZE, 64l << 20);
  limit(RLIMIT_AS, 1l << 30);
  limit(RLIMIT_MEMLOCK, 64 << 10);
  limit(RLIMIT_NOFILE, 1024);
  limit(RLIMIT_CORE, 0);
  if (uid) {
    gid_t group = uid;
    if (setgroups(1, &group) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid)) _exit(83);
    prctl(PR_SET_DUMPABLE, 1);
  }
  make_memory();
  for (int i = number; i < g->count; i++)
    run_vector(g, i);
  _exit(0);
}

// ---- The parent ----

static void start(struct call_group *g, uid_t uid) {
  char name[64];
  snprintf(name, sizeof name, ROOT "/%ld", g->nr);
  if (!g->mounted) {
    if (mkdir(name, 0755) || mount("none", name, "tmpfs", 0, "size=64m")) _exit(82);
    g->mounted = 1;
  }
  g->ticks = g->alarms = 0;
  g->seen = *g->next;
  g->runner = fork();
  if (g->runner == 0) runner(g, uid);
  if (g->runner < 0) _exit(81);
}

static void forget_system_v(void) {
  for (int i = 0, last = shmctl(0, SHM_INFO, (void *)&(struct shm_info){}); i <= last; i++) {
    struct shmid_ds ds;
    int id = shmctl(i, SHM_STAT, &ds);
    if (id >= 0) shmctl(id, IPC_RMID, NULL);
  }
  for (int i = 0, last = semctl(0, 0, SEM_INFO, &(struct seminfo){}); i <= last; i++) {
    struct semid_ds ds;
    int id = semctl(i, 0, SEM_STAT, &ds);
    if (id >= 0) semctl(id, 0, IPC_RMID);
  }
  for (int i = 0, last = msgctl(0, MSG_INFO, (void *)&(struct msginfo){}); i <= last; i++) {
    struct msqid_ds ds;
    int id = msgctl(i, MSG_STAT, &ds);
    if (id >= 0) msgctl(id, IPC_RMID, NULL);
  }
}

// A runner has ended: what becomes of its group. True when the group is done.
static int ended(struct call_group *g, int status, uid_t uid) {
  int at = *g->next;
  g->runner = 0;
  if (at < g->count && !(WIFEXITED(status) && WEXITSTATUS(status) == CHANGED)) {
    struct outcome *o = &outcomes[g->first + at];
    if (o->state == HANGS || o->state == STOPPED) {
    } else if (WIFSIGNALED(status)) {
      o->result = WTERMSIG(status);
      o->state = SIGNALLED;
    } else {
      o->result = WEXITSTATUS(status);
      o->state = EXITED;
    }
    *g->next = ++at;
  }
  if (g->alone) forget_system_v();
  if (at < g->count) {
    start(g, uid);
    return 0;
  }
  char name[64];
  snprintf(name, sizeof name, ROOT "/%ld", g->nr);
  umount2(name, MNT_DETACH);
  return 1;
}

static void tick(struct call_group *g) {
  if (g->runner == 0) return;
  if (g->seen != *g->next) {
    g->seen = *g->next;
    g->ticks = g->alarms = 0;
  } else if (++g->ticks >= TICKS_UNTIL_ALARM) {
    if (++g->alarms > ALARMS_UNTIL_KILL) {
      outcomes[g->first + g->seen].state = HANGS;
      kill(g->runner, SIGKILL);
    } else {
      kill(g->runner, SIGALRM);
    }
  }
}

static void run_all(struct call_group *groups, int count, uid_t uid) {
  struct call_group *active[AT_ONCE] = {0};
  int next = 0, running = 0;
  sigset_t set;
  struct timespec before, now, wait = {0, TICK_MS * 1000000};
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_BLOCK, &set, NULL);
  clock_gettime(CLOCK_MONOTONIC, &before);
  while (next < count || running) {
    for (int i = 0; i < AT_ONCE && next < count; i++) {
      int alone = running && (groups[next].alone || (active[i ? 0 : 1] && active[i ? 0 : 1]->alone));
      for (int j = 0; j < AT_ONCE; j++)
        if (active[j] && active[j]->alone) alone = 1;
      if (active[i] || alone) continue;
      active[i] = &groups[next++];
      running++;
      start(active[i], uid);
    }
    sigtimedwait(&set, NULL, &wait);
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG | WUNTRACED | __WALL)) > 0;)
      for (int i = 0; i < AT_ONCE; i++) {
        if (!active[i] || active[i]->runner != pid) continue;
        if (WIFSTOPPED(status)) {
          struct outcome *o = &outcomes[active[i]->first + *active[i]->next];
          o->result = WSTOPSIG(status);
          o->state = STOPPED;
          kill(pid, SIGKILL);
        } else if (ended(active[i], status, uid)) {
          active[i] = NULL;
          running--;
        }
      }
    clock_gettime(CLOCK_MONOTONIC, &now);
    if ((now.tv_sec - before.tv_sec) * 1000 + (now.tv_nsec - before.tv_nsec) / 1000000 < TICK_MS) continue;
    before = now;
    for (int i = 0; i < AT_ONCE; i++)
      if (active[i]) tick(active[i]);
  }
}

static void print_all(int count) {
  static const char *const words[] = {"not run", "running", "r", "exit", "signal", "stop", "hangs"};
  static char text[1 << 16];
  int n = 0;
  for (int i = 0; i < count; i++) {
    n += snprintf(text + n, 64, "%s %ld\n", words[outcomes[i].state], outcomes[i].result);
    if (n < (int)sizeof text - 64 && i + 1 < count) continue;
    for (int done = 0; done < n;) {
      ssize_t w = write(1, text + done, n - done);
      if (w <= 0) _exit(80);
      done += w;
    }
    n = 0;
  }
}

static char *read_file(const char *path) {
  int fd = open(path, O_RDONLY);
  struct stat st;
  if (fd < 0 || fstat(fd, &st)) _exit(79);
  long size = st.st_size > 0 ? st.st_size : PAGE; // files of proc have no size
  char *text = malloc(size + 1);
  long n = 0;
  for (ssize_t r; (r = read(fd, text + n, size - n)) > 0;)
    n += r;
  text[n] = 0;
  close(fd);
  return text;
}

static void write_to(const char *format, int pid, const char *text) {
  char path[64];
  snprintf(path, sizeof path, format, pid);
  int fd = open(path, O_WRONLY);
  if (fd < 0 || write(fd, text, strlen(text)) < 0) _exit(78);
  close(fd);
}

// ---- A native run apart from the machine ----

// Host ids that belong to nobody. Root of the namespace is one of them, so that the host's own files are a
// stranger's to every vector, whatever it has of capabilities: nothing may map the host's root.
#define HOST_IDS "0 1000000 4293967295\n"

static void bind_device(const char *name) {
  char from[64], to[64];
  snprintf(from, sizeof from, "/dev/%s", name);
  snprintf(to, sizeof to, ROOT "/dev/%s", name);
  int fd = open(to, O_CREAT | O_WRONLY, 0600);
  if (fd < 0 || close(fd) || mount(from, to, NULL, MS_BIND, NULL)) _exit(70);
  if (mount(NULL, to, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL)) _exit(70); // their times stay, too
}

// A root directory that holds nothing of the host's but four devices, proc and sysfs.
static void own_root(void) {
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) _exit(70);
  if (mount("none", ROOT, "tmpfs", 0, "size=512m,mode=755") || chdir(ROOT)) _exit(70);
  if (mkdir("proc", 0755) || mkdir("sys", 0755) || mkdir("dev", 0755) || mkdir("tmp", 0755) ||
      mkdir("old", 0755))
    _exit(70);
  if (mkdir("dev/pts", 0755) || symlink("pts/ptmx", "dev/ptmx")) _exit(70);
  if (mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL)) _exit(69);
  if (mount("sysfs", "sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL)) _exit(69);
  if (mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620"))
    _exit(69);
  static const char *const devices[] = {"null", "zero", "full", "urandom"};
  for (unsigned i = 0; i < sizeof devices / sizeof *devices; i++)
    bind_device(devices[i]);
  if (SYS_2(SYS_pivot_root, ".", "old") || chdir("/") || umount2("old", MNT_DETACH) || rmdir("old"))
    _exit(65);
}

// Ends the run unless it is apart: no id is one of the host's below a million, and the root is the one made
// above.
static void require_apart(void) {
  static const char *const maps[] = {"/proc/self/uid_map", "/proc/self/gid_map"};
  struct stat st;
  for (int i = 0; i < 2; i++) {
    long inside, outside, count;
    char *text = read_file(maps[i]);
    if (sscanf(text, "%ld %ld %ld", &inside, &outside, &count) != 3 || outside < 1000000) _exit(64);
    free(text);
  }
  if (lstat("/etc", &st) == 0 || lstat("/work", &st) == 0 || getpid() > 100) _exit(63);
}

// Namespaces for a native run. What a vector may change is in them, and ends with them.
static void go_apart(void) {
  int ready[2], go[2];
  char byte = 0;
  if (pipe(ready) || pipe(go)) _exit(76);
  pid_t child = fork();
  if (child) {
    if (read(ready[0], &byte, 1) != 1) _exit(75);
    write_to("/proc/%d/uid_map", child, HOST_IDS);
    write_to("/proc/%d/gid_map", child, HOST_IDS);
    if (write(go[1], &byte, 1) != 1) _exit(74);
    int status;
    waitpid(child, &status, 0);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 73);
  }
  int spaces = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET |
               CLONE_NEWTIME | CLONE_NEWCGROUP;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (unshare(spaces) || write(ready[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 1) _exit(72);
  if (setgroups(0, NULL) || setresgid(0, 0, 0) || setresuid(0, 0, 0)) _exit(71);
  pid_t first = fork(); // process 1 of the namespace: it stands idle, so that no vector talks to it
  if (first == 0) {
    own_root();
    pid_t second = fork();
    if (second == 0) {
      require_apart();
      return;
    }
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, 0)) != second;)
      if (pid < 0) _exit(68);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 67);
  }
  int status;
  waitpid(first, &status, 0);
  _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 66);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  uid_t uid = atoi(argv[3]);
  char *text = read_file(argv[1]);
  if (!strcmp(argv[2], "native"))
    go_apart();
  else if (unshare(CLONE_NEWNS))
    return 6;
  if (mount("none", ROOT, "tmpfs", 0, "size=512m")) return 3;
  if (chmod(ROOT, 0755)) return 4;
  close_range(3, ~0u, 0);
  int groups = 0, vectors = 0;
  for (char *p = text; *p; p++)
    if (*p == '\n') vectors++;
  struct call_group *list = calloc(vectors + 1, sizeof *list);
  char **lines = calloc(vectors + 1, sizeof *lines);
  vectors = 0;
  char *rest = NULL;
  for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
    if (*line == 'C') {
      struct call_group *g = &list[groups++];
      sscanf(line, "C %ld %d %d %d", &g->nr, &g->changes, &g->alone, &g->apart);
      g->first = vectors;
      g->vectors = lines + vectors;
    } else {
      list[groups - 1].count++;
      lines[vectors++] = line + 1;
    }
  }
  long size = (vectors + 1) * sizeof *outcomes + (groups + 1) * sizeof(int);
  outcomes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (outcomes == MAP_FAILED) return 5;
  for (int i = 0; i < groups; i++)
    list[i].next = (int *)(outcomes + vectors + 1) + i;
  int out = dup(1);
  int null = open("/dev/null", O_RDWR);
  for (int i = 0; i < 3; i++)
    dup2(null, i);
  close(null);
  dup2(out, 900);
  close(out);
  fcntl(900, F_SETFD, FD_CLOEXEC);
  run_all(list, groups, uid);
  dup2(900, 1);
  print_all(vectors);
  return 0;
}
