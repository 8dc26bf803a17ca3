// What the processes of a sandbox may do on the host, besides their namespaces: capabilities (in the
// sandbox's user namespace), limits, no_new_privs and the first seccomp filter.
#ifndef RINGFENCE_PRIVILEGES_H
#define RINGFENCE_PRIVILEGES_H

#include <stdbool.h>

// Whether that capability (CAP_*) is effective, in the caller's user namespace.
bool privileges_has(unsigned capability);

// Of a process in the sandbox's user namespace: becomes its user 0, if there is one, with that user's capabilities. Beyond
// the namespace the process is nobody: it is left without the rights that who has started it has on the host.
void privileges_become_root(void);

// init, before it forks: no_new_privs, the bounding set cut down to Node's, and the first filter, in
// which io_uring_setup answers ENOSYS (libuv would take io_uring, and a later filter that denies
// io_uring_enter aborts Node).
void privileges_common(void);

// Node: the short list, kept over exec by ambient capabilities.
void privileges_node(void);

// The zygote and the waiter: none at all.
void privileges_none(void);

// The nursery, which has none: a filter that all its zygotes begin with, so that who writes to the memory of one before it has
// a filter of its own (Node may) gains no more calls than those.
void privileges_nursery(void);

// init until Node is loaded: what confining it takes. Node may not touch init's memory from here on, if the sandbox's
// caller may look into every process of his namespace (CAP_SYS_PTRACE).
void privileges_init(bool caller_traces);

// init and the waiter, once they only watch: no capabilities, and a filter with the
// few calls that this takes.
void privileges_watcher(void);

// The keeper: CAP_NET_ADMIN, CAP_NET_RAW and CAP_NET_BIND_SERVICE, that directory as its root, and a filter with the few
// calls that it makes.
void privileges_keeper(const char *empty);

// The viewer, a keeper that only tells: no capabilities, and no sockets but those that it has.
void privileges_viewer(const char *empty);

// The maker of sockets: CAP_NET_BIND_SERVICE and CAP_NET_RAW, as far as its caller has them; else the same.
void privileges_maker(const char *empty);

// The connector of a trace session: what its caller may do with files, as far as the few calls go that connecting takes.
void privileges_connector(void);

// The metric server: none at all, for good, whatever it executes.
void privileges_server(void);

// Soft limits of the caller would hit the sandbox's own processes: raise them to the hard ones (the
// guest's limits are the kernel's to enforce). The stack limit stays, it shapes the memory map.
void limits_raise(void);

// The zygote and its stubs: no core dumps, not even to a pipe; 1 024 descriptors.
void limits_zygote(void);

#endif
