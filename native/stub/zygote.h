// The zygote: parent of every stub (F8). It runs from its own pages in the stub window, which each
// stub unmaps before guest code runs.
#ifndef RINGFENCE_ZYGOTE_H
#define RINGFENCE_ZYGOTE_H

#include "host_call.h"
#include <ringfence/layout.h>
#include <ringfence/zygote_protocol.h>

#define ZYGOTE_SOCKET 3
#define ZYGOTE_PROC 4

// zygote_start.S
s64 zygote_syscall(u64 nr, u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5);
// Forks; the child calls zygote_child, goes to stub_new_task with that token, and never returns here. Returns its pid.
s64 zygote_spawn(u64 token, u64 flags);

// zygote_main.c
void zygote_child(void);

// zygote_filter.c
s64 install_filter(int traced); // returns the notification listener's descriptor or a negative errno

#endif
