// sched_setattr, sched_getattr: sizes, policies, niceness, errors.
//@ needs: scheduler
#include "guest.h"
#include <sched.h>
#include <sys/resource.h>

struct attributes {
  uint32_t size, policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime, deadline, period;
  uint32_t util_min, util_max;
  uint64_t beyond[4];
};

static void show(const char *what) {
  struct attributes a = {0};
  long r = SYS_4(SYS_sched_getattr, 0, &a, 56, 0);
  say("%s: %ld size %u policy %u flags %lu nice %d priority %u", what, r, a.size, a.policy, a.flags, a.nice,
      a.priority);
}

static long set(struct attributes a) {
  return SYS_3(SYS_sched_setattr, 0, &a, 0);
}

int main(void) {
  show("at first");
  value("nice", set((struct attributes){.size = 48, .policy = SCHED_OTHER, .nice = 5}));
  show("nice");
  say("getpriority %d", getpriority(PRIO_PROCESS, 0));
  value("batch", set((struct attributes){.size = 0, .policy = SCHED_BATCH, .nice = 7}));
  show("batch");
  value("fifo", set((struct attributes){.size = 56, .policy = SCHED_FIFO, .priority = 3}));
  show("fifo");
  value("fifo without priority", set((struct attributes){.size = 56, .policy = SCHED_FIFO}));
  value("keep parameters", set((struct attributes){.size = 56, .policy = SCHED_RR, .flags = 0x10}));
  show("rr");
  value("back", set((struct attributes){.size = 56, .policy = SCHED_OTHER}));
  show("back");
  value("other with priority", set((struct attributes){.size = 56, .policy = SCHED_OTHER, .priority = 1}));
  value("unknown policy", set((struct attributes){.size = 56, .policy = 99}));
  value("unknown flag", set((struct attributes){.size = 56, .flags = 1 << 20}));
  struct attributes a = {.size = 8};
  value("small size", SYS_3(SYS_sched_setattr, 0, &a, 0));
  say("size is %u", a.size >= 48);
  a = (struct attributes){.size = 64, .beyond = {1}};
  value("something beyond", SYS_3(SYS_sched_setattr, 0, &a, 0));
  a = (struct attributes){.size = 64};
  value("nothing beyond", SYS_3(SYS_sched_setattr, 0, &a, 0));
  value("set flags", SYS_3(SYS_sched_setattr, 0, &a, 1));
  value("set null", SYS_3(SYS_sched_setattr, 0, 0, 0));
  value("set nobody", SYS_3(SYS_sched_setattr, 999999, &a, 0));
  value("set bad address", SYS_3(SYS_sched_setattr, 0, 16, 0));
  value("get flags", SYS_4(SYS_sched_getattr, 0, &a, 56, 1));
  value("get small", SYS_4(SYS_sched_getattr, 0, &a, 40, 0));
  value("get large", SYS_4(SYS_sched_getattr, 0, &a, 80, 0));
  say("size %u", a.size);
  value("get nobody", SYS_4(SYS_sched_getattr, 999999, &a, 56, 0));
  return 0;
}
