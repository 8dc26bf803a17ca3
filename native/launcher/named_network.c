// The network namespace that config.json names: see named_network.h.
#include "named_network.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../include/ringfence/rights.h"
#include "../keeper/keeper.h"
#include "namespaces.h"
#include "report.h"

static bool is_file(const char *path, const struct stat *file) {
  struct stat found;
  return stat(path, &found) == 0 && found.st_dev == file->st_dev && found.st_ino == file->st_ino;
}

struct named_network named_network_open(const char *path) {
  struct named_network network = {.path = path, .fd = -1};
  if (!path) return network;
  network.fd = open(path, O_RDONLY | O_CLOEXEC);
  if (network.fd < 0 || fstat(network.fd, &network.file) < 0)
    fail_errno(EXIT_RINGFENCE, "the network namespace %s", path);
  network.is_own = is_file("/proc/self/ns/net", &network.file);
  return network;
}

void named_network_join(const struct named_network *network) {
  if (setns(network->fd, CLONE_NEWNET) < 0)
    fail_errno(EXIT_RINGFENCE, "joining the network namespace %s", network->path);
}

// Tells errno, or 0 and the descriptor of the lock.
static _Noreturn void lock_there(const struct named_network *network, int channel) {
  named_network_join(network);
  int lock = keeper_lock(), error = lock < 0 ? errno : 0;
  struct iovec part = {&error, sizeof error};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  RIGHTS_CONTROL(control, 1);
  rights_attach(&message, control, &lock, lock >= 0);
  _exit(sendmsg(channel, &message, MSG_NOSIGNAL) < 0 ? EXIT_RINGFENCE : 0);
}

int named_network_lock(const struct named_network *network) {
  int channel[2], lock = -1, error = EIO;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) < 0) return -1;
  pid_t child = fork();
  if (child < 0) fail_errno(EXIT_RINGFENCE, "entering the network namespace %s", network->path);
  if (child == 0) lock_there(network, channel[1]);
  close(channel[1]);
  namespace_child_end(child); // what it has said waits in the channel
  if (rights_receive(channel[0], &error, sizeof error, 0, &lock) != sizeof error) error = EIO;
  close(channel[0]);
  errno = error;
  return lock;
}

bool named_network_in_use(const struct named_network *network) {
  DIR *proc = opendir("/proc");
  if (!proc) return true;
  bool used = false;
  for (struct dirent *entry; !used && (entry = readdir(proc));) {
    char path[300];
    if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
    snprintf(path, sizeof path, "/proc/%s/ns/net", entry->d_name);
    used = is_file(path, &network->file);
  }
  closedir(proc);
  return used;
}
