// The network namespace that config.json names, as it was when it was looked at first: what else comes to have that name (of
// a process whose number is taken again, say) is not what was decided about. Fails, as the launcher does, where it says no
// other thing.
#ifndef RINGFENCE_NAMED_NETWORK_H
#define RINGFENCE_NAMED_NETWORK_H

#include <stdbool.h>
#include <sys/stat.h>

struct named_network {
  const char *path; // NULL: none is named
  int fd;
  struct stat file;
  bool is_own; // it is the launcher's
};

// `path` may be NULL.
struct named_network named_network_open(const char *path);

// The calling process enters it for good (setns(2)).
void named_network_join(const struct named_network *network);

// keeper_lock in it, which the launcher does not enter: a descriptor, or -1 with errno.
int named_network_lock(const struct named_network *network);

// Whether somebody is in it already: his traffic is not to be cut off. Processes of other PID namespaces than the launcher's
// own and its children's are not seen; whoever gives the path answers for those.
bool named_network_in_use(const struct named_network *network);

#endif
