// The keeper: the one process of a sandbox that may do something in its network namespace on the host. It takes
// the Ethernet links there for the sandbox's own stack: opens a packet socket for each, cuts the host's stack off,
// and hands descriptors and what rtnetlink says of links, addresses, routes, rules and neighbours to Node. It
// never sees a frame. Node may ask it for sockets for those who are in the namespace on the host's side, and for nothing else.
//
// Where a sandbox has the host's sockets it is a viewer instead: it takes nothing, and may do nothing, but passes on what
// rtnetlink says, so that guests see the links that their sockets are on.
#ifndef RINGFENCE_KEEPER_H
#define RINGFENCE_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

// Links that it takes, or tells of; others stay the host's.
#define KEEPER_LINKS_MAX 32
#define KEEPER_MESSAGE_MAX 32768

// Messages to Node, each in a message of its SOCK_SEQPACKET socket: this word, then a whole rtnetlink message (struct
// nlmsghdr and all) or nothing (src/workers/net/link/keeper.ts).
enum keeper_word {
  KEEPER_CONFIGURATION = 1, // what rtnetlink says
  KEEPER_LINK = 2,          // RTM_NEWLINK of a link that is taken; its packet socket comes along
  KEEPER_REFUSED = 3,       // RTM_NEWLINK of one that is not; behind it stands why, as text
  KEEPER_RESOLVER =
      5,            // a datagram socket to the engine's name server (RESOLVER) comes along; nothing follows
  KEEPER_READY = 4, // all that there was has been told; nothing follows
  KEEPER_SOCKET =
      6, // the keeper_request that this answers; what was asked for comes along, if it could be made
};

// What Node asks for, each in a message of its own.
enum keeper_what {
  KEEPER_LISTEN = 1,  // a stream socket that listens on that port of the namespace's own 127.0.0.1 or ::1
  KEEPER_RESOLVE = 2, // a stream socket that connects to the engine's name server
  KEEPER_LISTEN_ANYWHERE =
      3, // as KEEPER_LISTEN, at all of the namespace's addresses where nobody is in the way
};

struct keeper_request {
  uint32_t what;
  uint32_t family, port; // of those that listen: AF_INET or AF_INET6
};

// Where container engines have their name server in a container's own namespace, and the ports there that its questions
// to others come from: the sandbox's stack keeps off them (src/workers/net/link/resolver.ts).
#define RESOLVER_ADDRESS 0x7f00000b // 127.0.0.11
#define RESOLVER_PORT 53
#define HOST_PORT_MIN 60000
#define HOST_PORT_MAX 60999

// In what network namespace the keeper is.
enum keeper_namespace {
  NAMESPACE_OF_OTHERS,      // one that is named
  NAMESPACE_OWN,            // the sandbox's own, which nobody else will set up: lo is brought up
  NAMESPACE_OWN_WITH_PORTS, // and the host's side has kept its ports (HOST_PORT_MIN)
  NAMESPACE_SHARED,         // one whose sockets the sandbox has: this is a viewer
};

// Takes the links of the calling process's network namespace for one sandbox, as long as the descriptor is open: its stack and
// another's cannot both answer there. -1 with errno, EADDRINUSE: they are another one's.
int keeper_lock(void);

// Serves `channel` in the calling process's network namespace until Node is gone; never returns. The process must
// have CAP_NET_ADMIN and CAP_NET_RAW over the namespace, and loses everything else here; as a viewer it needs neither, and
// loses everything. `lock`: keeper_lock's, or -1 where the keeper is to take it; a viewer has none. `empty`: a directory
// that becomes its root.
_Noreturn void keeper_run(int channel, int lock, const char *empty, enum keeper_namespace kind);

// In a network namespace of the sandbox's own, while /proc is there: gives the host's side its ports. NAMESPACE_OWN where
// that cannot be.
enum keeper_namespace keeper_prepare(void);

// packet_socket.c: a packet socket that gets all frames of a link, each with a virtio header in front; -1 with errno.
int packet_socket_open(unsigned index);

// loopback.c: what Node may ask for, non-blocking; -1 with errno.
int loopback_socket(const struct keeper_request *request);

// rtnetlink.c: a socket that is told of changes; -1 with errno.
int rtnetlink_open(void);
// Brings lo up; 0 or -1 with errno.
int rtnetlink_loopback_up(int socket);
// Asks for everything of a kind (RTM_GET*); what answers has that sequence. 0 or -1 with errno.
int rtnetlink_ask(int socket, uint16_t kind, uint32_t sequence);

// cut.c: a socket to the host's packet filter; -1 with errno.
int cut_open(void);
// Lets nothing that comes in by the link reach the host's stack, but ARP and neighbour advertisements, which tell what
// is true of both, and with `ports` what comes to those that the host's side keeps. It ends with the socket. 0, or -1 with
// errno.
int cut_link(int socket, const char *name, unsigned index, bool ports);
// Undoes that, if it was done by that name.
void uncut_link(int socket, const char *name, unsigned index);

#endif
