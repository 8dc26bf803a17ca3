// PID namespaces nested as deep as they may be, with processes at every level; forks and clones into namespaces whose init
// dies meanwhile; inits that are killed while they make children; tasks that enter namespaces in a storm; namespaces by
// the thousand that nobody is in; fork bombs within one; sockets, locks and objects that remember who is gone. No turn is
// long, whoever is in a namespace that ends is dead by then, and nothing stays.
//@ args: deep
//@ args: dying
//@ args: killed
//@ args: storm
//@ args: many
//@ args: bomb
//@ args: remembered
//@ ends: 0
//@ deadline: 60
//@ needs: fork pidfd sockets
#include "hostile.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/wait.h>

static int fork_into(unsigned long flags) {
  return SYS_5(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
}

static void sleep_forever(void) {
  for (;;)
    pause();
}

static void milliseconds(long count) {
  struct timespec t = {count / 1000, count % 1000 * 1000000};
  nanosleep(&t, NULL);
}

// A pipe whose writing end only those have who are to be dead by then.
static int living[2];

static void begin(void) {
  if (pipe2(living, O_CLOEXEC | O_NONBLOCK)) _exit(98);
}

static void all_are_gone(const char *what) {
  close(living[1]);
  char c;
  long n = read(living[0], &c, 1);
  if (n != 0) bad(what, n < 0 ? -errno : n);
  close(living[0]);
}

// Each level has some processes, threads of which fork on; then the outermost init dies.
static void deep(void) {
  for (int round = 0; round < 6; round++) {
    begin();
    int ready[2];
    if (pipe(ready)) _exit(98);
    int init = fork_into(CLONE_NEWPID);
    if (init == 0) {
      close(ready[0]);
      for (int depth = 1;; depth++) {
        for (int i = 0; i < 3; i++)
          if (fork() == 0) {
            while (i == 0) {
              if (fork() == 0) _exit(0);
              wait(NULL);
            }
            sleep_forever();
          }
        int next = fork_into(CLONE_NEWPID);
        if (next == 0) continue;
        if (next < 0) {
          if (next != -ENOSPC) bad("the deepest", next);
          if (depth != 32) bad("so deep", depth);
          (void)!write(ready[1], "", 1);
        }
        close(ready[1]);
        sleep_forever();
      }
    }
    close(ready[1]);
    char c;
    if (read(ready[0], &c, 1) != 1) bad("nobody came so deep", 0);
    close(ready[0]);
    kill(init, SIGKILL);
    if (waitpid(init, NULL, 0) != init) bad("the init", -errno);
    all_are_gone("somebody is left of a deep one");
  }
}

// Children are put into a namespace whose init dies at any moment.
static void dying(void) {
  double end = seconds() + FLOOD_S;
  int made = 0, refused = 0;
  for (int round = 0; seconds() < end; round++) {
    int worker = fork();
    if (worker == 0) {
      if (unshare(CLONE_NEWPID)) bad("unshare", -errno);
      int init = fork();
      if (init == 0) {
        for (int i = 0; i < round % 5; i++)
          if (fork() == 0) sleep_forever();
        if (round % 3 == 0) kill(getpid(), SIGKILL); // nothing
        _exit(0);
      }
      int some[200], count = 0, failed_with = 0;
      for (int i = 0; i < 200; i++) {
        int pid = SYS_0(SYS_fork);
        if (pid == 0) sleep_forever();
        if (pid < 0) {
          failed_with = pid;
          break;
        }
        some[count++] = pid;
      }
      if (failed_with != -ENOMEM && failed_with != 0) bad("fork", failed_with);
      // Init waits until they are waited for.
      for (int i = 0; i < count; i++)
        waitpid(some[i], NULL, 0);
      if (waitpid(init, NULL, 0) != init) bad("the init", -errno);
      _exit(failed_with ? 1 : 0);
    }
    int status;
    waitpid(worker, &status, 0);
    if (WEXITSTATUS(status)) refused++;
    made++;
  }
  if (made == 0 || refused == 0) say("rounds %d, refused %d", made, refused);
}

static void *forks(void *unused) {
  for (;;) {
    int pid = fork_into(rand() % 4 ? 0 : CLONE_NEWPID);
    if (pid == 0) {
      if (rand() % 2) sleep_forever();
      _exit(0);
    }
    if (pid < 0) milliseconds(1);
  }
  return unused;
}

// Inits with threads that fork, killed in the midst.
static void killed(void) {
  double end = seconds() + FLOOD_S;
  for (int round = 0; seconds() < end; round++) {
    begin();
    int init = fork_into(CLONE_NEWPID);
    if (init == 0) {
      struct rlimit some = {300, 300};
      setrlimit(RLIMIT_NPROC, &some);
      srand(round);
      pthread_t t;
      for (int i = 0; i < 3; i++)
        pthread_create(&t, NULL, forks, NULL);
      forks(NULL);
    }
    milliseconds(round % 40);
    kill(init, SIGKILL);
    if (waitpid(init, NULL, 0) != init) bad("the init", -errno);
    all_are_gone("somebody is left of a killed one");
  }
}

// Threads that enter each other's namespaces, and leave children in them.
static int held[8];

static void *enters(void *seed) {
  unsigned state = (unsigned long)seed;
  double end = seconds() + FLOOD_S;
  while (seconds() < end) {
    setns(held[rand_r(&state) % 8], CLONE_NEWPID);
    if (rand_r(&state) % 8 == 0) unshare(CLONE_NEWPID);
    if (rand_r(&state) % 4) continue;
    int pid = SYS_0(SYS_fork);
    if (pid == 0) {
      if (rand_r(&state) % 2 && getppid() == 0) kill(-1, SIGKILL);
      _exit(0);
    }
    if (pid > 0) waitpid(pid, NULL, __WALL);
  }
  return NULL;
}

static void storm(void) {
  int own = open("/proc/self/ns/pid", O_RDONLY), inits[8];
  for (int i = 0; i < 8; i++) {
    inits[i] = fork_into(CLONE_NEWPID | CLONE_FILES);
    if (inits[i] == 0) {
      int fd = open("/proc/self/ns/pid", O_RDONLY);
      dup2(fd, 100 + i);
      close(fd);
      sleep_forever();
    }
    held[i] = 100 + i;
    while (fcntl(held[i], F_GETFD) < 0)
      milliseconds(1);
  }
  held[7] = own;
  pthread_t t[4];
  for (long i = 0; i < 4; i++)
    pthread_create(&t[i], NULL, enters, (void *)(i + 1));
  for (int i = 0; i < 4; i++) {
    milliseconds(300);
    kill(inits[i], SIGKILL);
  }
  for (int i = 0; i < 4; i++)
    pthread_join(t[i], NULL);
  for (int i = 0; i < 8; i++)
    kill(inits[i], SIGKILL);
  while (wait(NULL) > 0)
    ;
}

// Held by descriptors: as many as there are to be had, then all let go.
static void many(void) {
  struct rlimit most = {40000, 40000};
  setrlimit(RLIMIT_NOFILE, &most);
  int count = 0, refused = 0;
  while (count < 20000) {
    int pid = fork_into(CLONE_NEWPID | CLONE_FILES);
    if (pid == 0) _exit(open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC) < 0);
    if (pid < 0) {
      if (pid != -ENOSPC) bad("clone", pid);
      refused = 1;
      break;
    }
    waitpid(pid, NULL, 0);
    count++;
    if (seconds() > 1e15) break;
  }
  if (!refused) bad("as many as it likes", count);
  // What makes none goes on.
  int pid = fork();
  if (pid == 0) _exit(0);
  waitpid(pid, NULL, 0);
  if (unshare(CLONE_NEWPID) == 0) bad("one more", 0);
}

static void bomb(void) {
  begin();
  int init = fork_into(CLONE_NEWPID);
  if (init == 0) {
    for (;;) {
      int pid = fork_into(rand() % 8 ? 0 : CLONE_NEWPID);
      if (pid < 0) milliseconds(1);
    }
  }
  milliseconds(1500);
  kill(init, SIGKILL);
  if (waitpid(init, NULL, 0) != init) bad("the init", -errno);
  all_are_gone("somebody is left of a bomb");
}

// Who is gone is remembered by what outlives him.
static void remembered(void) {
  leave_no_objects();
  struct rlimit most = {20000, 20000};
  setrlimit(RLIMIT_NOFILE, &most);
  int sem = semget(IPC_PRIVATE, 2000, 0600), file = memfd_create("locks", 0);
  for (int i = 0; i < 1500; i++) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair)) break;
    int on = 1;
    setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
    int pid = fork_into(CLONE_NEWPID | CLONE_FILES);
    if (pid == 0) {
      struct sembuf s = {i, 1, 0};
      semop(sem, &s, 1);
      struct flock l = {.l_type = F_WRLCK, .l_start = i * 2, .l_len = 1};
      fcntl(file, F_SETLK, &l);
      fcntl(pair[0], F_SETOWN, 1);
      send(pair[1], "x", 1, 0);
      int more[2];
      if (socketpair(AF_UNIX, SOCK_STREAM, 0, more)) _exit(1);
      if (fork() == 0) fcntl(more[0], F_SETOWN, -2);
      _exit(0);
    }
    waitpid(pid, NULL, 0);
    if (semctl(sem, i, GETPID) <= 0) bad("who has it", i);
  }
}

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    void (*act)(void);
  } acts[] = {{"deep", deep}, {"dying", dying}, {"killed", killed},        {"storm", storm},
              {"many", many}, {"bomb", bomb},   {"remembered", remembered}};
  for (unsigned i = 0; i < sizeof acts / sizeof *acts; i++)
    if (argc > 1 && strcmp(argv[1], acts[i].name) == 0) acts[i].act();
  return 0;
}
