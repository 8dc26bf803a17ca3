// Drives the launcher's waiter (native/launcher/waiter.c) for waiter.test.ts: makes namespaces with an
// idle process 1, starts a waiter, does one thing, and prints what was seen, one word a line.
//   waiter_driver status N   the sandbox tells wait status N
//   waiter_driver signal N   somebody signals the waiter; then the sandbox dies
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "waiter.h"

// What the waiter holds when it takes its first step in the sandbox's PID namespace.
struct first_step {
  int descriptors, dumpable;
  unsigned capabilities;
};
static struct first_step *first_step;

pid_t __real_setsid(void);
pid_t __wrap_setsid(void);

pid_t __wrap_setsid(void) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2] = {0};
  for (int fd = 0; fd < 1024; fd++)
    if (fcntl(fd, F_GETFD) >= 0) first_step->descriptors++;
  first_step->dumpable = prctl(PR_GET_DUMPABLE);
  syscall(SYS_capget, &header, data);
  first_step->capabilities = data[0].permitted | data[1].permitted;
  return __real_setsid();
}

static void write_map(pid_t pid, const char *name) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  FILE *file = fopen(path, "w");
  fprintf(file, "0 0 1\n");
  fclose(file);
}

static void print_status_field(pid_t pid, const char *name) {
  char path[64], line[256];
  snprintf(path, sizeof path, "/proc/%d/status", pid);
  FILE *file = fopen(path, "r");
  while (fgets(line, sizeof line, file))
    if (strncmp(line, name, strlen(name)) == 0) printf("%s", line);
  fclose(file);
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  int value = atoi(argv[2]), ends[2];
  setvbuf(stdout, NULL, _IOLBF, 0);
  first_step = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int foreign = open("/", O_RDONLY | O_DIRECTORY);
  socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
  unsigned long flags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC |
                        CLONE_NEWUTS | CLONE_NEWCGROUP;
  pid_t init = (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
  if (init == 0) {
    close(ends[0]);
    close(ends[1]);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;)
      pause();
  }
  write_map(init, "uid_map");
  write_map(init, "gid_map");
  pid_t waiter = waiter_start(init, true, false, ends[1], -1, NULL);
  close(ends[1]);
  usleep(100000);
  close(foreign);
  printf("first step: %d descriptors, dumpable %d, capabilities %x\n", first_step->descriptors,
         first_step->dumpable, first_step->capabilities);
  print_status_field(waiter, "NSpid");
  print_status_field(waiter, "CapEff");
  int status, seen;
  if (strcmp(argv[1], "status") == 0) {
    send(ends[0], &value, sizeof value, 0);
  } else {
    kill(waiter, value);
    recv(ends[0], &seen, sizeof seen, 0);
    printf("seen %d\n", seen);
    close(ends[0]);
  }
  if (waitpid(waiter, &status, 0) != waiter) return 2;
  printf("status %d\n", status);
  kill(init, SIGKILL);
  waitpid(init, NULL, 0);
  return 0;
}
