// Who a thread is, by calls that a sandbox may answer without its kernel, is what everybody else sees of it:
// /proc, the receivers of its messages, its children. Through fork, vfork, clone, exec and changes of
// credentials.
//@ needs: identity credentials threads fork exec proc sockets
//@ cflags: -pthread
//@ deadline: 60
#include "sites.h"
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>

SITE(getpid_site, 39);
SITE(gettid_site, 186);
SITE(getuid_site, 102);
SITE(geteuid_site, 107);
SITE(getgid_site, 104);
SITE(getegid_site, 108);

static void warm(void) {
  for (int i = 0; i < 5 * WARM; i++) {
    getpid_site(), gettid_site(), getuid_site();
    geteuid_site(), getgid_site(), getegid_site();
  }
}

static long number(const char *text, const char *name, int index) {
  const char *line = strstr(text, name);
  if (!line) return -1;
  line += strlen(name);
  long found = -1;
  for (int i = 0; i <= index; i++)
    found = strtol(line, (char **)&line, 10);
  return found;
}

// Whether the calls say what /proc does. Makes no call of libc's that keeps what it was told.
static int agrees(void) {
  char text[4096];
  int fd = SYS_3(SYS_openat, AT_FDCWD, "/proc/thread-self/status", O_RDONLY);
  long n = SYS_3(SYS_read, fd, text, sizeof text - 1);
  SYS_1(SYS_close, fd);
  if (n <= 0) return 0;
  text[n] = 0;
  return getpid_site() == number(text, "\nTgid:", 0) && gettid_site() == number(text, "\nPid:", 0) &&
         getuid_site() == number(text, "\nUid:", 0) && geteuid_site() == number(text, "\nUid:", 1) &&
         getgid_site() == number(text, "\nGid:", 0) && getegid_site() == number(text, "\nGid:", 1);
}

// Whether the calls say what the receiver of a message is told by the kernel.
static int is_who_sends(void) {
  int ends[2], on = 1;
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends)) return 0;
  setsockopt(ends[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  char byte = 'x', control[CMSG_SPACE(sizeof(struct ucred))];
  struct iovec piece = {&byte, 1};
  struct msghdr message = {
      .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  if (SYS_3(SYS_write, ends[0], &byte, 1) != 1 || recvmsg(ends[1], &message, 0) != 1) return 0;
  struct ucred who;
  memcpy(&who, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof who);
  close(ends[0]);
  close(ends[1]);
  return who.pid == getpid_site() && who.uid == getuid_site() && who.gid == getgid_site();
}

static int ends_with(pid_t pid) {
  int status = -1;
  waitpid(pid, &status, __WALL);
  return status >> 8;
}

// What a child sees: 1 if all is well.
static int child(void *parent) {
  return agrees() && is_who_sends() && SYS_0(SYS_getppid) == (long)parent && getpid_site() != (long)parent &&
         gettid_site() == getpid_site();
}

static int exits(void *parent) {
  SYS_1(SYS_exit, child(parent));
  return 0;
}

static void *forks(void *unused) {
  (void)unused;
  long me = getpid_site();
  int own = agrees() && is_who_sends() && gettid_site() != me;
  pid_t pid = fork();
  if (pid == 0) _exit(child((void *)me));
  own = own && ends_with(pid) == 1;
  return (void *)(long)(own && agrees());
}

static pthread_barrier_t meet;

static void *changes(void *unused) {
  (void)unused;
  int right = agrees();
  pthread_barrier_wait(&meet);
  // This thread's alone: the call of the kernel's, not libc's.
  right &= SYS_3(SYS_setresgid, 7, 8, 9) == 0 && getgid_site() == 7 && getegid_site() == 8 && agrees();
  right &= SYS_3(SYS_setresuid, 1234, 0, 65534) == 0 && agrees();
  right &= getuid_site() == 1234 && geteuid_site() == 0;
  right &= SYS_2(SYS_setreuid, -1, 1234) == 0 && geteuid_site() == 1234 && agrees();
  right &= SYS_1(SYS_setfsuid, 1234) == 1234 && agrees();
  right &= SYS_1(SYS_setuid, 99) == -EPERM && agrees() && is_who_sends();
  pid_t pid = fork();
  if (pid == 0) _exit(agrees() && getuid_site() == 1234 && geteuid_site() == 1234 && getgid_site() == 7);
  right &= ends_with(pid) == 1;
  pthread_barrier_wait(&meet);
  return (void *)(long)right;
}

static char *path;

static void *executes(void *parent) {
  char number[32];
  snprintf(number, sizeof number, "%ld", (long)parent);
  char *args[] = {path, number, NULL};
  SYS_3(SYS_setresuid, 0, 77, 0);
  execve("/proc/self/exe", args, environ);
  _exit(98);
}

int main(int argc, char **argv) {
  path = argv[0];
  if (argc > 1) {
    // Executed by a thread that was not the first.
    int right = agrees() && is_who_sends() && gettid_site() == getpid_site();
    right = right && getpid_site() == atol(argv[1]) && geteuid_site() == 77 && getuid_site() == 0;
    warm();
    say("after exec by a thread: %s", right && agrees() ? "right" : "wrong");
    return 0;
  }
  yes_no("at the start", agrees() && is_who_sends());
  warm();
  yes_no("after many calls", agrees() && is_who_sends());
  long me = getpid_site();

  pid_t pid = fork();
  if (pid == 0) _exit(child((void *)me));
  say("a child: %d", ends_with(pid));
  static char stack[65536] __attribute__((aligned(16)));
  pid = clone(exits, stack + sizeof stack, CLONE_VM | SIGCHLD, (void *)me);
  say("one that shares memory: %d", ends_with(pid));
  pid = clone(exits, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, (void *)me);
  say("one that is waited for: %d", ends_with(pid));
  yes_no("and its parent", agrees() && getpid_site() == me);

  pthread_t threads[12];
  long right = 0;
  for (int i = 0; i < 12; i++)
    pthread_create(&threads[i], NULL, forks, NULL);
  for (int i = 0; i < 12; i++) {
    void *result;
    pthread_join(threads[i], &result);
    right += (long)result;
  }
  say("threads and their children: %ld", right);

  pthread_barrier_init(&meet, NULL, 2);
  pthread_create(&threads[0], NULL, changes, NULL);
  pthread_barrier_wait(&meet);
  pthread_barrier_wait(&meet);
  yes_no("another's change is not this thread's", agrees() && getuid_site() == 0 && getgid_site() == 0);
  void *result;
  pthread_join(threads[0], &result);
  say("the other: %ld", (long)result);

  pthread_create(&threads[0], NULL, executes, (void *)me);
  for (;;)
    if (getpid_site() != me || gettid_site() != me) say("wrong while another executes");
}
