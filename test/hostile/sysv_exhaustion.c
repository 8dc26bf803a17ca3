// As much of System V IPC as there can be: segments, sets, queues, messages, things to undo, namespaces; long lists of
// operations with many who wait for them; segments where no memory can be. All of it ends in an error, or goes with
// the process and its namespace.
//@ args-once:
//@ ends: 0
//@ deadline: 120
#include "hostile.h"
#include <fcntl.h>
#include <sched.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/wait.h>

static struct {
  long type;
  char text[8192];
} message = {.type = 1};

static void segments(void) {
  char *last = NULL;
  int n = 0;
  for (; n < 5000; n++) {
    int id = shmget(IPC_PRIVATE, PAGE, 0600);
    if (id < 0) break;
    if (n % 50) continue;
    last = shmat(id, NULL, 0);
    if (last == (void *)-1) break;
    *last = 1;
    if (n % 100 == 0) shmctl(id, IPC_RMID, NULL);
  }
  if (n >= 5000) say("BAD: %d segments", n);
  if (shmget(IPC_PRIVATE, 1l << 62, 0600) >= 0) say("BAD: a segment of half the world");
  int large = shmget(IPC_PRIVATE, 1l << 30, 0600);
  if (large >= 0) {
    char *at = shmat(large, NULL, 0);
    if (at != (void *)-1) {
      for (long i = 0; i < 64l << 20; i += PAGE)
        at[i] = 1;
      shmdt(at);
    }
    shmctl(large, IPC_RMID, NULL);
  }
}

static void addresses(void) {
  int id = shmget(IPC_PRIVATE, 16 * PAGE, 0600);
  static const unsigned long places[] = {
      RF_WINDOW_BASE, RF_WINDOW_BASE - PAGE, RF_WINDOW_BASE - 8 * PAGE, RF_WINDOW_END - PAGE, RF_STUB_TEXT,
      RF_CHUNKS,      RF_KERNEL_PAGE,        RF_TASK_SIZE - PAGE,       RF_TASK_SIZE,         0x800000000000,
      PAGE,           ~0ul - PAGE + 1,
  };
  for (unsigned i = 0; i < sizeof places / sizeof *places; i++)
    for (int flags = 0; flags <= (SHM_REMAP | SHM_RND | SHM_RDONLY); flags += SHM_RDONLY) {
      long at = SYS_3(SYS_shmat, id, places[i], flags);
      if (!failed(at) && at != PAGE) say("BAD: attached at %lx", at);
      SYS_1(SYS_shmdt, places[i]);
    }
  for (long pointer = RF_WINDOW_BASE; pointer; pointer = pointer == RF_WINDOW_BASE ? RF_CHUNKS : 0) {
    SYS_3(SYS_shmctl, id, IPC_STAT, pointer);
    SYS_3(SYS_shmctl, id, IPC_SET, pointer);
    SYS_3(SYS_shmctl, 0, SHM_INFO, pointer);
    SYS_3(SYS_semop, 0, pointer, 500);
    SYS_4(SYS_msgsnd, 0, pointer, 8192, IPC_NOWAIT);
    SYS_5(SYS_msgrcv, 0, pointer, 8192, 0, IPC_NOWAIT);
  }
  // A segment whose pages are torn up while it is removed.
  char *at = shmat(id, NULL, 0);
  shmctl(id, IPC_RMID, NULL);
  for (int i = 0; i < 16; i += 2)
    munmap(at + i * PAGE, PAGE);
  for (int i = 1; i < 16; i += 2)
    if (mprotect(at + i * PAGE, PAGE, PROT_READ)) say("BAD: a page is lost");
  if (shmdt(at)) say("BAD: not detached");
}

// What is attached to be read stays so, whatever the stub is made to do.
static void read_only(void) {
  int id = shmget(IPC_PRIVATE, PAGE, 0600);
  char *at = shmat(id, NULL, SHM_RDONLY);
  if (at == (void *)-1) say("BAD: not attached");
  long result = HOST_3(SYS_mprotect, at, PAGE, PROT_READ | PROT_WRITE);
  if (!failed(result)) bad("a read-only segment can be written to", result);
  result = HOST_5(SYS_mremap, at, PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at + (1l << 30));
  if (!failed(result) && !failed(HOST_3(SYS_mprotect, at + (1l << 30), PAGE, PROT_READ | PROT_WRITE)))
    bad("a read-only segment can be written to when it has moved", 0);
}

static void sets(void) {
  int many = 0;
  while (semget(IPC_PRIVATE, 32000, 0600) >= 0)
    many++;
  if (many > 1 << 20) say("BAD: %d sets", many);
  struct sembuf undo[500];
  for (int i = 0; i < 500; i++)
    undo[i] = (struct sembuf){i, 1, SEM_UNDO};
  int refused = 0;
  for (int id = 0; id < 2000 && !refused; id++)
    for (int i = 0; i < 32000 / 500 && !refused; i++) {
      for (int j = 0; j < 500; j++)
        undo[j].sem_num = i * 500 + j;
      refused = semop(id, undo, 500) < 0;
    }
  if (!refused) say("BAD: everything can be undone");
}

// Long lists that go through up to their last operation each time that somebody touches the set.
static void waiters(void) {
  int id = semget(IPC_PRIVATE, 32000, 0600);
  if (id < 0) return;
  struct sembuf ops[500];
  for (int i = 0; i < 500; i++)
    ops[i] = (struct sembuf){i, 1, 0};
  ops[0].sem_op = -1;
  ops[499].sem_op = -1;
  for (int i = 0; i < 300; i++)
    if (fork() == 0) {
      semop(id, ops, 500);
      _exit(0);
    }
  static unsigned short values[32000];
  for (int i = 0; i < 200; i++) {
    struct sembuf up = {0, 300, 0}, down = {0, -300, IPC_NOWAIT};
    semop(id, &up, 1);
    semop(id, &down, 1);
    semctl(id, 0, SETALL, values);
  }
  semctl(id, 0, IPC_RMID);
  while (wait(NULL) > 0)
    ;
}

static int set_limit(const char *name, const char *value) {
  char path[64];
  snprintf(path, sizeof path, "/proc/sys/kernel/%s", name);
  int file = open(path, O_WRONLY);
  int done = file >= 0 && write(file, value, strlen(value)) > 0;
  close(file);
  return done;
}

// With limits as root may set them: as many operations at once, and messages that wait for room, as there can
// be.
static void limits(void) {
  if (!set_limit("sem", "32000 1024000000 2147483647 32000"))
    set_limit("sem", "32000 1024000000 65535 32000");
  set_limit("msgmax", "2147483647");
  size_t length = 1ul << 30;
  char *zeros = mmap(NULL, length, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  char *text = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  int set = semget(IPC_PRIVATE, 1, 0600);
  for (unsigned long n = 1000; n < length / sizeof(struct sembuf); n *= 4)
    semop(set, (void *)zeros, n);
  int queue = msgget(IPC_PRIVATE, 0600);
  *(long *)text = 1;
  int waiting = 0;
  for (int i = 0; i < 200; i++)
    if (fork() == 0) _exit(msgsnd(queue, text, 16 << 20, 0) != 0 && errno == ENOMEM ? 2 : 0);
  for (int i = 0; i < 50; i++) {
    usleep(20000);
    struct msqid_ds now;
    msgctl(queue, IPC_STAT, &now);
  }
  msgctl(queue, IPC_RMID, NULL);
  int status;
  while (wait(&status) > 0)
    waiting += status == 0;
  if (waiting == 200) say("BAD: messages of 3 GiB wait to be sent");
}

static void queues(void) {
  int n = 0, sent = 0;
  for (; n < 32001; n++)
    if (msgget(IPC_PRIVATE, 0600) < 0) break;
  for (int id = 0; id < n; id++)
    for (;; sent++) {
      message.type = sent % 7919 + 1;
      if (msgsnd(id, &message, id % 2 ? 0 : 8192, IPC_NOWAIT)) break;
      if (sent > 400000) break;
    }
  if (sent > 400000) say("BAD: %d messages", sent);
  for (int i = 0; i < 1000; i++)
    msgrcv(1, &message, 8192, -(long)(i + 1), IPC_NOWAIT | MSG_NOERROR);
  static char line[4096];
  FILE *text = fopen("/proc/sysvipc/msg", "r");
  while (fgets(line, sizeof line, text))
    ;
  fclose(text);
}

static void namespaces(void) {
  for (int i = 0; i < 300; i++) {
    if (unshare(CLONE_NEWIPC)) break;
    int id = shmget(IPC_PRIVATE, 8l << 20, 0600);
    char *at = shmat(id, NULL, 0);
    if (at == (void *)-1) say("BAD: segments of namespaces that are gone are in the way");
    at[0] = 1;
    semget(IPC_PRIVATE, 1000, 0600);
    msgget(IPC_PRIVATE, 0600);
    shmdt(at);
  }
}

int main(void) {
  void (*const attacks[])(void) = {segments, addresses, read_only, sets, waiters, limits, queues, namespaces};
  for (int round = 0; round < 2; round++)
    for (unsigned i = 0; i < sizeof attacks / sizeof *attacks; i++) {
      if (fork() == 0) {
        if (unshare(CLONE_NEWIPC)) _exit(1);
        attacks[i]();
        _exit(0);
      }
      int status;
      wait(&status);
      if (status != 0) say("BAD: attack %u ended with %x", i, status);
    }
  return 0;
}
