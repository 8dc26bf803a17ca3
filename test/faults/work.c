// What a guest does while calls to the host fail: each work calls in loops, takes any error for an answer, and looks
// whether what was promised holds: data that was written is what is read, who ends is waited for, counts are right.
//
//     work NAME SEED DIRECTORY
//
// It ends with 0 or by a signal, and a line that begins with BAD says what must not be.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
static uint32_t state;
static const char *directory, *self;

static uint32_t next(uint32_t bound) {
  state = state * 1664525 + 1013904223;
  return (state >> 8) % bound;
}

// By one write: a line of several processes stays a line.
static void bad(const char *form, ...) {
  char text[256];
  va_list list;
  va_start(list, form);
  int n = vsnprintf(text, sizeof text, form, list);
  va_end(list);
  char line[300];
  n = snprintf(line, sizeof line, "BAD %s\n", text);
  (void)!write(1, line, (size_t)n);
}

static void *patient(size_t size) {
  void *at = malloc(size);
  if (!at) _exit(0);
  return at;
}

static bool is_error(long result) {
  return result == -1 && errno > 0 && errno < 4096;
}

static uint8_t pattern(int file, size_t at) {
  return (uint8_t)(file * 31 + at * 7 + (at >> 9));
}

// ---- Files ----

static void path_of(char *path, int file) {
  snprintf(path, 256, "%s/f%d-%d", directory, getpid(), file);
}

// Writes a pattern, and reads back what is said to be written.
static void one_file(int file) {
  char path[256];
  path_of(path, file);
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
  if (fd < 0) return;
  size_t size = next(4) == 0 ? 300000 : 1 + next(20000), done = 0;
  uint8_t *bytes = patient(size), *again = patient(size);
  for (size_t i = 0; i < size; i++)
    bytes[i] = pattern(file, i);
  for (int tries = 0; done < size && tries < 20; tries++) {
    ssize_t n = write(fd, bytes + done, size - done);
    if (n > (ssize_t)(size - done)) bad("write of %zu gave %zd", size - done, n);
    if (n < 0) {
      // What a failed write has written is not known: where the file goes on is.
      off_t at = lseek(fd, 0, SEEK_CUR);
      if (at >= 0 && (size_t)at != done)
        bad("a failed write moved the position from %zu to %lld", done, (long long)at);
      continue;
    }
    done += (size_t)n;
  }
  struct stat st;
  if (fstat(fd, &st) == 0 && (size_t)st.st_size < done)
    bad("a file of %zu bytes has %lld", done, (long long)st.st_size);
  for (size_t at = 0, tries = 0; at < done && tries < 20; tries++) {
    ssize_t n = pread(fd, again + at, done - at, (off_t)at);
    if (n > (ssize_t)(done - at)) bad("pread of %zu gave %zd", done - at, n);
    if (n == 0) {
      bad("a file of %zu bytes ends at %zu", done, at);
      break;
    }
    if (n < 0) continue;
    if (memcmp(bytes + at, again + at, (size_t)n) != 0) bad("file %d has other bytes behind %zu", file, at);
    at += (size_t)n;
  }
  if (done > 0 && next(3) == 0) {
    uint8_t *mapped = mmap(NULL, done, PROT_READ | PROT_WRITE, next(2) ? MAP_SHARED : MAP_PRIVATE, fd, 0);
    if (mapped != MAP_FAILED) {
      if (memcmp(mapped, bytes, done) != 0) bad("file %d is mapped with other bytes", file);
      mapped[done / 2] ^= 0xff;
      munmap(mapped, done);
    }
  }
  if (next(4) == 0) {
    off_t size_now = (off_t)next(30000);
    if (ftruncate(fd, size_now) == 0 && fstat(fd, &st) == 0 && st.st_size != size_now)
      bad("truncated to %lld, it has %lld", (long long)size_now, (long long)st.st_size);
  }
  if (next(4) == 0) fsync(fd);
  if (next(4) == 0) fallocate(fd, 0, 0, 40000);
  if (next(4) == 0) fchmod(fd, 0600 + next(64));
  if (next(4) == 0) fsetxattr(fd, "user.test", "value", 5, 0);
  if (next(4) == 0) {
    char value[64];
    ssize_t n = fgetxattr(fd, "user.test", value, sizeof value);
    if (n >= 0 && (n != 5 || memcmp(value, "value", 5) != 0)) bad("an attribute has another value");
  }
  free(bytes);
  free(again);
  close(fd);
}

static void names(void) {
  char path[256], other[300];
  path_of(path, (int)next(6));
  snprintf(other, sizeof other, "%s-other", path);
  switch (next(8)) {
  case 0:
    rename(path, other);
    break;
  case 1:
    link(path, other);
    break;
  case 2:
    symlink("target", other);
    break;
  case 3: {
    char text[64];
    ssize_t n = readlink(other, text, sizeof text);
    if (n >= 0 && (n != 6 || memcmp(text, "target", 6) != 0)) bad("a link leads elsewhere");
    break;
  }
  case 4:
    mkdir(other, 0755);
    break;
  case 5:
    rmdir(other);
    break;
  case 6:
    unlink(other);
    break;
  case 7:
    unlink(path);
    break;
  }
}

static void listing(const char *path) {
  DIR *open = opendir(path);
  if (!open) return;
  int count = 0;
  while (readdir(open) && count < 5000)
    count++;
  closedir(open);
}

static void files(void) {
  for (int i = 0; i < 60; i++) {
    one_file((int)next(6));
    for (int j = 0; j < 4; j++)
      names();
    listing(directory);
    struct statfs fs;
    statfs(directory, &fs);
  }
}

// Files that nobody writes: the sandbox's view of the host's.
static void lookups(void) {
  static const char *const trees[] = {"/usr/bin",      "/etc", "/usr/lib", "/proc",
                                      "/proc/self/fd", "/sys", "/dev"};
  for (int i = 0; i < 60; i++) {
    const char *tree = trees[next(7)];
    DIR *listed = opendir(tree);
    if (!listed) continue;
    struct dirent *entry;
    for (int count = 0; (entry = readdir(listed)) && count < 60; count++) {
      char path[600], bytes[5000];
      snprintf(path, sizeof path, "%s/%s", tree, entry->d_name);
      struct stat st, again;
      if (lstat(path, &st) < 0) continue;
      if (S_ISLNK(st.st_mode)) (void)!readlink(path, bytes, sizeof bytes);
      if (!S_ISREG(st.st_mode) || next(3) > 0) continue;
      int fd = open(path, O_RDONLY | O_NONBLOCK);
      if (fd < 0) continue;
      if (fstat(fd, &again) == 0 && again.st_ino != st.st_ino && st.st_dev == again.st_dev)
        bad("%s is another file when it is open", path);
      (void)!read(fd, bytes, sizeof bytes);
      (void)!pread(fd, bytes, sizeof bytes, 100);
      close(fd);
    }
    closedir(listed);
  }
}

// ---- Memory ----

static void memory(void) {
  for (int i = 0; i < 80; i++) {
    size_t pages = 1 + next(300), size = pages * PAGE;
    bool shared = next(3) == 0;
    uint8_t *at =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | (shared ? MAP_SHARED : MAP_PRIVATE), -1, 0);
    if (at == MAP_FAILED) continue;
    for (size_t p = 0; p < pages; p++) {
      if (at[p * PAGE] != 0) bad("new memory is not empty");
      at[p * PAGE] = (uint8_t)(p + 1);
    }
    if (next(2) && mprotect(at + (pages / 2) * PAGE, PAGE, PROT_READ) == 0 &&
        mprotect(at + (pages / 2) * PAGE, PAGE, PROT_READ | PROT_WRITE) < 0)
      munmap(at + (pages / 2) * PAGE, PAGE), mmap(at + (pages / 2) * PAGE, PAGE, PROT_READ | PROT_WRITE,
                                                  MAP_ANONYMOUS | MAP_PRIVATE | MAP_FIXED, -1, 0);
    else
      for (size_t p = 0; p < pages; p++)
        if (at[p * PAGE] != (uint8_t)(p + 1)) bad("memory has another byte in page %zu", p);
    if (!shared && next(2)) {
      uint8_t *moved = mremap(at, size, size * 2, MREMAP_MAYMOVE);
      if (moved != MAP_FAILED) {
        at = moved;
        size *= 2;
        if (pages > 1 && at[0] != 1) bad("moved memory has another byte");
        at[size - 1] = 1;
      }
    }
    if (shared && next(2)) {
      pid_t child = fork();
      if (child == 0) {
        at[0] = 77;
        _exit(0);
      }
      int status;
      if (child > 0 && waitpid(child, &status, 0) == child && status == 0 && at[0] != 77)
        bad("shared memory is not shared");
    }
    if (next(4) == 0) madvise(at, size, MADV_DONTNEED);
    munmap(at, size);
    int segment = next(4) ? -1 : shmget(IPC_PRIVATE, size, 0600);
    if (segment >= 0) {
      uint8_t *attached = shmat(segment, NULL, 0);
      if (attached != (void *)-1) {
        attached[0] = 1;
        attached[size - 1] = 2;
        shmdt(attached);
      }
      while (shmctl(segment, IPC_RMID, NULL) < 0 && errno != EINVAL && errno != EIDRM)
        ;
    }
    int file = next(3) ? -1 : memfd_create("work", 0);
    if (file >= 0) {
      ftruncate(file, (off_t)size);
      uint8_t *mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
      struct stat st;
      if (mapped != MAP_FAILED) {
        if (fstat(file, &st) == 0 && (size_t)st.st_size == size) mapped[size - 1] = 9;
        munmap(mapped, size);
      }
      close(file);
    }
  }
}

// ---- Processes ----

static void reaped(pid_t child) {
  int status;
  pid_t who;
  do
    who = waitpid(child, &status, 0);
  while (who < 0 && errno == EINTR);
  if (who != child) bad("waiting for a child gave %d, errno %d", who, errno);
}

static void forks(void) {
  for (int i = 0; i < 60; i++) {
    int ends[2];
    bool piped = pipe(ends) == 0;
    pid_t child = fork();
    if (child == 0) {
      if (piped) {
        (void)!write(ends[1], "x", 1);
        if (next(4) == 0) kill(getpid(), SIGKILL);
      }
      _exit(7);
    }
    if (child < 0 && !is_error(child)) bad("fork gave %d", child);
    if (piped) {
      close(ends[1]);
      char byte;
      ssize_t n = read(ends[0], &byte, 1);
      if (child < 0 && n != 0 && !is_error(n)) bad("a pipe that nobody writes gave %zd", n);
      close(ends[0]);
    }
    if (child > 0) reaped(child);
  }
  if (waitpid(-1, NULL, 0) != -1 || errno != ECHILD) bad("there is a child too many");
}

static void execs(void) {
  for (int i = 0; i < 25; i++) {
    int ends[2];
    if (pipe(ends) < 0) continue;
    bool brief = next(2);
    pid_t child = brief ? vfork() : fork();
    if (child == 0) {
      dup2(ends[1], 1);
      if (next(3) == 0)
        execl("/bin/echo", "echo", "done", NULL);
      else
        execl(self, self, "done", "0", directory, NULL);
      _exit(9);
    }
    close(ends[1]);
    char text[16] = "";
    size_t done = 0;
    for (int tries = 0; tries < 30 && done < sizeof text; tries++) {
      ssize_t n = read(ends[0], text + done, sizeof text - done);
      if (n == 0) break;
      if (n > 0) done += (size_t)n;
    }
    close(ends[0]);
    int status = 0;
    if (child > 0 && waitpid(child, &status, 0) != child) bad("an executed child is not waited for");
    bool said = done == 5 && memcmp(text, "done\n", 5) == 0;
    if (child > 0 && done > 0 && !said && WIFEXITED(status) && WEXITSTATUS(status) == 0)
      bad("a program said %zu other bytes", done);
  }
}

// ---- Pipes and sockets ----

static void stream(int from, int to, size_t total) {
  pid_t child = fork();
  if (child == 0) {
    close(from);
    uint8_t bytes[9000];
    for (size_t done = 0; done < total;) {
      size_t part = total - done < sizeof bytes ? total - done : 1 + next(sizeof bytes);
      if (part > total - done) part = total - done;
      for (size_t i = 0; i < part; i++)
        bytes[i] = pattern(1, done + i);
      ssize_t n = write(to, bytes, part);
      if (n < 0 && errno != EPIPE) continue;
      if (n <= 0) _exit(1);
      done += (size_t)n;
    }
    _exit(0);
  }
  close(to);
  size_t done = 0;
  uint8_t bytes[9000];
  for (int errors = 0; errors < 1000;) {
    ssize_t n = read(from, bytes, 1 + next(sizeof bytes));
    if (n == 0) break;
    if (n < 0) {
      errors++;
      continue;
    }
    for (ssize_t i = 0; i < n; i++)
      if (bytes[i] != pattern(1, done + (size_t)i)) {
        bad("byte %zu of a stream is another", done + (size_t)i);
        i = n;
      }
    done += (size_t)n;
  }
  close(from);
  int status = 0;
  if (child > 0 && waitpid(child, &status, 0) != child) bad("a writer is not waited for");
  if (child > 0 && status == 0 && done != total) bad("of %zu bytes %zu came", total, done);
}

static void streams(void) {
  for (int i = 0; i < 12; i++) {
    int ends[2];
    if (pipe(ends) == 0) stream(ends[0], ends[1], 1 + next(400000));
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0) stream(ends[0], ends[1], 1 + next(200000));
  }
}

static int connected(struct sockaddr_un *address) {
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd >= 0 && connect(fd, (struct sockaddr *)address, sizeof *address) == 0) return fd;
  if (fd >= 0) close(fd);
  return -1;
}

static void passed(int over, int fd) {
  char byte = 'b', control[CMSG_SPACE(sizeof fd)] = {0};
  struct iovec iov = {&byte, 1};
  struct msghdr m = {
      .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr *c = CMSG_FIRSTHDR(&m);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = CMSG_LEN(sizeof fd);
  memcpy(CMSG_DATA(c), &fd, sizeof fd);
  sendmsg(over, &m, MSG_DONTWAIT);
}

static void sockets(void) {
  for (int i = 0; i < 40; i++) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/s%d-%d", directory, getpid(), i);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (listener < 0) continue;
    if (bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 4) == 0) {
      int one = connected(&address);
      int other = one < 0 ? -1 : accept(listener, NULL, NULL);
      if (one >= 0 && other >= 0) {
        passed(one, listener);
        char byte = 0;
        ssize_t n = recv(other, &byte, 1, MSG_DONTWAIT);
        if (n > 0 && byte != 'b') bad("a socket gave another byte");
      }
      if (one >= 0) close(one);
      if (other >= 0) close(other);
    }
    unlink(address.sun_path);
    close(listener);
    int set = epoll_create1(0), event = eventfd(0, EFD_NONBLOCK);
    if (set >= 0 && event >= 0) {
      struct epoll_event wanted = {.events = EPOLLIN, .data.u32 = 5}, got = {0};
      uint64_t two = 2;
      if (epoll_ctl(set, EPOLL_CTL_ADD, event, &wanted) == 0 && write(event, &two, 8) == 8 &&
          epoll_wait(set, &got, 1, 1000) == 0)
        bad("an eventfd that was written is not ready");
    }
    if (set >= 0) close(set);
    if (event >= 0) close(event);
  }
}

// ---- Threads ----

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static long total;
static int turn;

static void *adds(void *argument) {
  (void)argument;
  for (int i = 0; i < 2000; i++) {
    pthread_mutex_lock(&mutex);
    total++;
    pthread_mutex_unlock(&mutex);
  }
  pthread_mutex_lock(&mutex);
  turn++;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&mutex);
  return NULL;
}

static void threads(void) {
  for (int i = 0; i < 20; i++) {
    pthread_t made[12];
    int count = 0;
    total = 0;
    turn = 0;
    for (int t = 0; t < 12; t++)
      if (pthread_create(&made[count], NULL, adds, NULL) == 0) count++;
    pthread_mutex_lock(&mutex);
    while (turn < count)
      pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
    for (int t = 0; t < count; t++)
      pthread_join(made[t], NULL);
    if (total != 2000L * count) bad("%d threads counted to %ld", count, total);
    // Shared futexes have their queues in the kernel.
    pthread_mutex_t *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) continue;
    pthread_mutexattr_t kind;
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST);
    if (next(2)) pthread_mutexattr_setprotocol(&kind, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(shared, &kind);
    volatile long *sum = (long *)((char *)shared + 1024);
    pid_t child = fork();
    for (int n = 0; n < 300; n++) {
      if (pthread_mutex_lock(shared) == EOWNERDEAD) pthread_mutex_consistent(shared);
      ++*sum;
      pthread_mutex_unlock(shared);
    }
    if (child == 0) _exit(0);
    int status = 0;
    if (child > 0) waitpid(child, &status, 0);
    if (child > 0 && status == 0 && *sum != 600) bad("two processes counted to %ld", *sum);
    munmap(shared, PAGE);
  }
}

// ---- Signals ----

static volatile int caught;
static void count_signal(int signo) {
  (void)signo;
  caught++;
}

static void signals(void) {
  struct sigaction action = {.sa_handler = count_signal};
  sigaction(SIGUSR1, &action, NULL);
  for (int i = 0; i < 30; i++) {
    caught = 0;
    kill(getpid(), SIGUSR1);
    if (caught != 1) bad("a signal to itself came %d times", caught);
    pid_t child = fork();
    if (child == 0)
      for (;;)
        pause();
    if (child > 0) {
      struct timespec moment = {.tv_nsec = (long)next(2000000)};
      nanosleep(&moment, NULL);
      kill(child, SIGTERM);
      reaped(child);
    }
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) == 0) {
      struct itimerspec when = {.it_value.tv_nsec = 1000000};
      timer_settime(timer, 0, &when, NULL);
      struct timespec moment = {.tv_nsec = 20000000};
      nanosleep(&moment, NULL);
      timer_delete(timer);
    }
  }
}

static void done(void) {
  (void)!write(1, "done\n", 5);
}

static const struct {
  const char *name;
  void (*run)(void);
} works[] = {{"files", files},     {"lookups", lookups}, {"memory", memory},   {"forks", forks},
             {"execs", execs},     {"streams", streams}, {"sockets", sockets}, {"threads", threads},
             {"signals", signals}, {"done", done}};

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  self = argv[0];
  state = (uint32_t)atoi(argv[2]);
  directory = argv[3];
  signal(SIGPIPE, SIG_IGN);
  for (size_t i = 0; i < sizeof works / sizeof *works; i++)
    if (strcmp(works[i].name, argv[1]) == 0) {
      works[i].run();
      return 0;
    }
  return 2;
}
