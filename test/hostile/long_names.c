// Mounts, sockets, System V objects, terminals and /proc at their limits: none may hold the kernel thread.
//@ args: mounts
//@ args: sockets
//@ args: garbage
//@ args: semaphores
//@ args: messages
//@ args: terminals
//@ cflags: -Wno-unused-result
//@ ends: 0
//@ deadline: 60
#include "hostile.h"
#include <fcntl.h>
#include <pty.h>
#include <sys/ipc.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

static void read_through(const char *path) {
  static char text[1 << 20];
  int fd = open(path, O_RDONLY);
  while (read(fd, text, sizeof text) > 0)
    continue;
  close(fd);
}

static void mounts(void) {
  if (unshare(CLONE_NEWNS)) _exit(1);
  if (mount("x", "/mnt", "tmpfs", 0, NULL)) _exit(2);
  if (chdir("/mnt")) _exit(3);
  // Each below the one before.
  for (int i = 0; i < 1500; i++) {
    mkdir("d", 0755);
    if (mount("x", "d", "tmpfs", 0, NULL)) break;
    if (chdir("d")) break;
  }
  read_through("/proc/self/mounts");
  read_through("/proc/self/mountinfo");
  if (fork() == 0) {
    unshare(CLONE_NEWNS);
    umount2("/mnt", MNT_DETACH);
    _exit(0);
  }
  wait(NULL);
  if (chdir("/")) _exit(4);
  mkdir("/mnt/b", 0755);
  for (int i = 0; i < 6; i++)
    if (mount("/mnt", "/mnt/b", NULL, MS_BIND | MS_REC, NULL)) break;
  struct stat status;
  for (int i = 0; i < 10; i++)
    stat("/mnt/b", &status);
  umount2("/mnt", MNT_DETACH);
}

static void send_file(int socket, const int *files, int count) {
  char control[CMSG_SPACE(253 * sizeof(int))] = {0};
  struct iovec byte = {"x", 1};
  struct msghdr message = {.msg_iov = &byte,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = CMSG_SPACE(count * sizeof(int))};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(count * sizeof(int));
  memcpy(CMSG_DATA(header), files, count * sizeof(int));
  sendmsg(socket, &message, MSG_DONTWAIT);
}

// Pairs that hold each other, and nobody else does.
static void garbage(void) {
  struct rlimit limit = {100000, 100000};
  setrlimit(RLIMIT_NOFILE, &limit);
  for (int round = 0; round < 2; round++) {
    if (fork() == 0) {
      int before[2] = {-1, -1};
      for (int i = 0; i < 12000; i++) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) break;
        send_file(pair[0], pair, 2);
        if (before[0] >= 0) send_file(pair[1], before, 2);
        memcpy(before, pair, sizeof before);
        if (round == 1) close(pair[0]), close(pair[1]);
      }
      _exit(0);
    }
    wait(NULL);
  }
  int pair[2], copies[253];
  socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
  for (int i = 0; i < 253; i++)
    copies[i] = dup(0);
  for (int i = 0; i < 100; i++)
    send_file(pair[0], copies, 253);
}

static void sockets(void) {
  struct rlimit limit = {100000, 100000};
  setrlimit(RLIMIT_NOFILE, &limit);
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "\0long"};
  int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  bind(listener, (struct sockaddr *)&address, 7);
  listen(listener, 4096);
  for (int i = 0; i < 8000; i++) {
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (connect(client, (struct sockaddr *)&address, 7)) break;
  }
  close(listener);
  enum { MANY = 20000 };
  for (int i = 0; i < MANY; i++) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    int length = sprintf(name.sun_path + 1, "long-%d", i);
    bind(fd, (struct sockaddr *)&name, sizeof(sa_family_t) + 1 + length);
  }
  read_through("/proc/net/unix");
}

static void semaphores(void) {
  leave_no_objects();
  static unsigned short values[32000];
  int set = semget(IPC_PRIVATE, 32000, 0600);
  for (int i = 0; i < 32000; i++)
    values[i] = 1;
  for (int i = 0; i < 10; i++) {
    semctl(set, 0, SETALL, values);
    semctl(set, 0, GETALL, values);
  }
  struct sembuf operations[500];
  for (int i = 0; i < 500; i++)
    operations[i] = (struct sembuf){i * 60, -1, SEM_UNDO | IPC_NOWAIT};
  semop(set, operations, 500);
  for (int i = 0; i < 800; i++)
    if (fork() == 0) {
      struct sembuf some[500];
      for (int j = 0; j < 500; j++)
        some[j] = (struct sembuf){j * 60, -1, SEM_UNDO};
      semop(set, some, 500);
      _exit(0);
    }
  usleep(300000);
  semctl(set, 0, SETALL, values);
  usleep(100000);
  semctl(set, 0, IPC_RMID);
  while (wait(NULL) > 0)
    continue;
}

static void messages(void) {
  leave_no_objects();
  struct {
    long type;
    char text[8];
  } message = {0};
  int queue = msgget(IPC_PRIVATE, 0600);
  struct msqid_ds state;
  msgctl(queue, IPC_STAT, &state);
  state.msg_qbytes = 1 << 24;
  msgctl(queue, IPC_SET, &state);
  for (int i = 0; i < 100000; i++) {
    message.type = i + 1;
    if (msgsnd(queue, &message, 1, IPC_NOWAIT)) break;
  }
  for (int i = 0; i < 200; i++)
    msgrcv(queue, &message, 8, 90000 - i, IPC_NOWAIT);
  for (int i = 0; i < 20; i++)
    msgrcv(queue, &message, 8, 300000, IPC_NOWAIT);
  for (int i = 0; i < 20; i++)
    msgrcv(queue, &message, 8, -300000, IPC_NOWAIT);
  for (int i = 0; i < 20; i++)
    msgrcv(queue, &message, 8, 1, IPC_NOWAIT | MSG_EXCEPT);
  msgctl(queue, IPC_RMID, NULL);
}

static void terminals(void) {
  int main_side, other;
  if (openpty(&main_side, &other, NULL, NULL, NULL)) _exit(1);
  fcntl(main_side, F_SETFL, O_NONBLOCK);
  fcntl(other, F_SETFL, O_NONBLOCK);
  long length = 2 << 20;
  char *text = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  for (int i = 0; i < 6; i++) {
    memset(text, i % 2 ? 'x' : '\t', 1 << 20);
    if (write(main_side, text, length) < 0) continue;
    if (write(other, text, length) < 0) continue;
    if (read(main_side, text, length) < 0) continue;
    if (read(other, text, length) < 0) continue;
  }
}

static const struct {
  const char *name;
  void (*run)(void);
} cases[] = {{"mounts", mounts},         {"sockets", sockets},   {"garbage", garbage},
             {"semaphores", semaphores}, {"messages", messages}, {"terminals", terminals}};

int main(int argc, char **argv) {
  for (unsigned long i = 0; argc > 1 && i < sizeof cases / sizeof *cases; i++)
    if (strcmp(cases[i].name, argv[1]) == 0) cases[i].run();
  return 0;
}
