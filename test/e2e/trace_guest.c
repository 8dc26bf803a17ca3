// What a test of traces has a guest do: every point, some more than once. traces.test.ts knows what is to be told.
//
//     trace_guest           all of it; it ends by executing itself
//     trace_guest end ...   exits with code 3
//     trace_guest open N    opens a file N times, and prints how often it could
//     trace_guest wait      until its standard input ends
//     trace_guest interrupted   has calls ended by a signal's handler, and made again behind one
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORT 45123
#define TIMES 200

static void files(void) {
  mkdir("/tmp/traced", 0755);
  symlink("/dev/null", "/tmp/traced/link");
  close(open("/tmp/traced/link", O_RDONLY));
  open("/tmp/traced/missing", O_RDWR);
  close(open("/tmp/traced/\xff\xfe\n\"\x1b", O_CREAT | O_WRONLY, 0640));
  chdir("/tmp/traced");
  open("below/missing", O_RDONLY);
  struct open_how how = {.flags = O_RDONLY};
  close((int)syscall(SYS_openat2, AT_FDCWD, "link", &how, sizeof how));
}

static void *thread(void *none) {
  syscall(SYS_exit, 9);
  return none;
}

static void processes(void) {
  if (fork() == 0) _exit(7);
  wait(NULL);
  pid_t pid = fork();
  if (pid == 0) {
    pause();
    _exit(0);
  }
  kill(pid, SIGTERM);
  wait(NULL);
  pthread_t other;
  pthread_create(&other, NULL, thread, NULL);
  pthread_join(other, NULL);
  execl("/tmp/traced/missing", "missing", NULL);
}

static struct sockaddr_in loopback(int port) {
  return (struct sockaddr_in){
      .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void sockets(void) {
  struct sockaddr_in here = loopback(PORT), nobody = loopback(1);
  int listening = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  bind(listening, (struct sockaddr *)&here, sizeof here);
  listen(listening, 8);
  int second = socket(AF_INET, SOCK_STREAM, 0);
  bind(second, (struct sockaddr *)&here, sizeof here);
  connect(second, (struct sockaddr *)&nobody, sizeof nobody);
  int client = socket(AF_INET, SOCK_STREAM, 0);
  connect(client, (struct sockaddr *)&here, sizeof here);
  int server = accept(listening, NULL, NULL);
  char byte = 'x';
  // So often that sites are patched, and calls take the shortest way that there is.
  int datagrams = socket(AF_INET, SOCK_DGRAM, 0);
  for (int i = 0; i < TIMES; i++) {
    connect(datagrams, (struct sockaddr *)&here, sizeof here);
    send(client, &byte, 1, 0);
    recv(server, &byte, 1, 0);
  }
  int name = socket(AF_UNIX, SOCK_STREAM, 0);
  struct sockaddr_un abstract = {.sun_family = AF_UNIX, .sun_path = "\0traced\xff"};
  bind(name, (struct sockaddr *)&abstract, (socklen_t)(sizeof(sa_family_t) + 8));
}

static void privileges(void) {
  if (fork() == 0) {
    setresgid(1, 1, 1);
    setresuid(1, 2, 3);
    setresuid(0, 0, 0);
    _exit(0);
  }
  wait(NULL);
  ptrace(PTRACE_ATTACH, 1, NULL, NULL);
}

static void mounts(void) {
  mkdir("/tmp/traced/m", 0755);
  mount("some", "/tmp/traced/m", "tmpfs", MS_NOSUID, "");
  umount2("/tmp/traced/m", MNT_DETACH);
  chroot("/tmp/traced/missing");
}

static void refused(void) {
  syscall(SYS_init_module, 0x1234, 16, "");
  syscall(SYS_bpf, 5, 0, 0);
  syscall(SYS_perf_event_open, 0, 0, -1, -1, 0);
  syscall(SYS_kexec_load, 0, 0, 0, 0);
}

static void handled(int signo) {
  (void)signo;
}

static void after_a_while(int flags) {
  struct sigaction action = {.sa_handler = handled, .sa_flags = flags};
  sigaction(SIGALRM, &action, NULL);
  setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {.tv_usec = 100000}}, NULL);
}

static void interrupted(void) {
  mkfifo("/tmp/fifo", 0600);
  after_a_while(0);
  open("/tmp/fifo", O_RDONLY);
  struct sockaddr_un full = {.sun_family = AF_UNIX, .sun_path = "/tmp/full"};
  int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  bind(listener, (void *)&full, sizeof full);
  listen(listener, 0);
  connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&full, sizeof full);
  after_a_while(0);
  connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&full, sizeof full);
  after_a_while(SA_RESTART);
  if (fork() == 0) {
    usleep(300000);
    int other = open("/tmp/fifo", O_WRONLY);
    _exit(other < 0);
  }
  open("/tmp/fifo", O_RDONLY);
  wait(NULL);
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  if (strcmp(what, "end") == 0) return 3;
  if (strcmp(what, "wait") == 0) {
    printf("waiting\n");
    fflush(stdout);
    while (read(0, &(char){0}, 1) > 0)
      continue;
    return 0;
  }
  if (strcmp(what, "open") == 0) {
    int opened = 0;
    for (int left = atoi(argv[2]); left > 0; left--) {
      int fd = open("/dev/null", O_RDONLY);
      opened += fd >= 0;
      close(fd);
    }
    printf("opened %d\n", opened);
    return 0;
  }
  if (strcmp(what, "interrupted") == 0) {
    interrupted();
    return 0;
  }
  files();
  processes();
  sockets();
  privileges();
  mounts();
  refused();
  char *const arguments[] = {"again", "end", "\xff\xfe", "\xc3\xa9\n\x01", NULL};
  execv(argv[0], arguments);
  return 1;
}
