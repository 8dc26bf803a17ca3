// The connector of a trace session: a process outside of the sandbox, with the caller's rights to reach its readers' sockets and
// nothing else. The sandbox, which may not name files, asks it for a new connection where a reader has gone
// (src/workers/trace/connector.ts). It ends with its channel.
#ifndef RINGFENCE_TRACE_CONNECTOR_H
#define RINGFENCE_TRACE_CONNECTOR_H

#include <sys/un.h>

#define CONNECTOR_SOCKETS 4

struct connector_sockets {
  char paths[CONNECTOR_SOCKETS][sizeof((struct sockaddr_un *)0)->sun_path]; // absolute
  unsigned wanted; // bit n: that one may be asked for
};

// A SOCK_SEQPACKET socket that is connected to that name; -1 with errno. It waits for nobody.
int connector_connect(const char *path);

// Starts it; the sandbox's end of its channel.
int connector_start(const struct connector_sockets *sockets);

#endif
