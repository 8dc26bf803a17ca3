// `ringfence debug`: Node serves it. But a sandbox of `do` has no socket by a name, since a start is to cost nothing for those who
// may want to ask: whoever names one by a process is given a connection of his own by way of its launcher's, a copy of whose
// end he takes (pidfd_getfd(2)), as far as he may look into the launcher at all.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "commands.h"
#include "installation.h"
#include "report.h"
#include "ringfence/rights.h"
#include "small_file.h"

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

#define GENERATIONS_MAX 64
#define ATTACH "{\"method\":\"attach\"}\n"

static bool is_ours(pid_t pid) {
  char path[64];
  struct stat its, own;
  snprintf(path, sizeof path, "/proc/%d/exe", pid);
  return stat(path, &its) == 0 && stat("/proc/self/exe", &own) == 0 && its.st_dev == own.st_dev &&
         its.st_ino == own.st_ino;
}

static pid_t parent_of(pid_t pid) {
  char path[64], text[512];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  FILE *file = fopen(path, "re");
  if (!file) return 0;
  size_t length = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[length] = '\0';
  const char *behind = strrchr(text, ')');
  int parent = 0;
  return behind && sscanf(behind, ") %*c %d", &parent) == 1 ? parent : 0;
}

// init is a child of the launcher's that executes nothing else. What it has of the connection is the other end.
static bool is_init(pid_t pid) {
  char path[64], name[32];
  snprintf(path, sizeof path, "/proc/%d/comm", pid);
  return small_file_read(path, name, sizeof name) && strcmp(name, "ringfence-init") == 0;
}

// The launcher of the sandbox that a process is in, or 0: the furthest of its ancestors, or itself, that runs this program.
static pid_t launcher_of(pid_t pid) {
  pid_t found = 0;
  for (int i = 0; pid > 1 && i < GENERATIONS_MAX; i++, pid = parent_of(pid))
    if (is_ours(pid) && !is_init(pid)) found = pid;
  return found;
}

// Whether that is one end of a pair of stream sockets, as a launcher's connection to its sandbox is.
static bool is_connection(int fd) {
  int domain = 0, type = 0, listens = 0;
  socklen_t size = sizeof domain;
  struct sockaddr_storage name;
  socklen_t length = sizeof name;
  return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX &&
         getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM &&
         getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && !listens &&
         getpeername(fd, (struct sockaddr *)&name, &length) == 0 && length == sizeof(sa_family_t) &&
         (length = sizeof name, getsockname(fd, (struct sockaddr *)&name, &length) == 0) &&
         length == sizeof(sa_family_t);
}

// A copy of the launcher's end, or -1. Its standard streams may be sockets of whoever has called it.
static int connection_of(pid_t launcher) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/fd", launcher);
  int process = (int)syscall(SYS_pidfd_open, launcher, 0), found = -1;
  DIR *directory = process < 0 ? NULL : opendir(path);
  for (struct dirent *entry; directory && found < 0 && (entry = readdir(directory));) {
    int number = atoi(entry->d_name);
    if (number <= STDERR_FILENO) continue;
    int fd = (int)syscall(SYS_pidfd_getfd, process, number, 0);
    if (fd < 0) continue;
    if (is_connection(fd))
      found = fd;
    else
      close(fd);
  }
  if (directory) closedir(directory);
  if (process >= 0) close(process);
  return found;
}

// Has the sandbox at the other end take one more connection: the caller's end of it, or -1 with errno.
static int attach(int control) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0) return -1;
  RIGHTS_CONTROL(rights, 1);
  struct iovec line = {ATTACH, sizeof ATTACH - 1};
  struct msghdr message = {.msg_iov = &line, .msg_iovlen = 1};
  rights_attach(&message, rights, &ends[1], 1);
  // Whole or not at all: the launcher speaks on the same connection.
  if (sendmsg(control, &message, MSG_NOSIGNAL | MSG_DONTWAIT) != sizeof ATTACH - 1) return -1;
  close(ends[1]);
  return ends[0];
}

// Adds the flag that names the connection, where there is one.
static char **with_connection(char **words, int fd) {
  size_t count = 0;
  while (words[count])
    count++;
  char **all = calloc(count + 2, sizeof *all);
  if (!all || asprintf(&all[count], "--connection=%d", fd) < 0) fail_errno(EXIT_RINGFENCE, "starting debug");
  memcpy(all, words, count * sizeof *all);
  return all;
}

int command_debug(const struct options *options) {
  const char *given = options->values[OPTION_PID];
  char **words = options->words;
  const pid_t launcher = given && !options->id ? launcher_of(atoi(given)) : 0;
  int control = launcher > 0 ? connection_of(launcher) : -1;
  int fd = control >= 0 ? attach(control) : -1;
  if (control >= 0) close(control);
  if (fd >= 0) words = with_connection(words, fd);
  char **command = installation_node_command("cli", words);
  execv(command[0], command);
  fail_errno(EXIT_RINGFENCE, "starting %s", command[0]);
}
