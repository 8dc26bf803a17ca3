// User namespaces of sandboxes: see user_namespace.h.
#include "user_namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <unistd.h>

#include "namespaces.h"
#include "privileges.h"
#include "report.h"

bool user_is_initial(void) {
  struct id_maps maps;
  return !id_maps_of(&maps, "self") || id_maps_are_whole(&maps);
}

void user_enter_joined(const struct user_plan *plan) {
  if (setns(plan->joined, CLONE_NEWUSER) < 0)
    fail_errno(EXIT_RINGFENCE, "joining the user namespace %s", plan->path);
}

// What is mapped is told to those inside as their parent namespace has it.
static void look_inside(struct user_plan *plan) {
  int answer[2];
  if (pipe2(answer, O_CLOEXEC) < 0) fail_errno(EXIT_RINGFENCE, "making a pipe");
  pid_t child = fork();
  if (child < 0) fail_errno(EXIT_RINGFENCE, "looking into the user namespace %s", plan->path);
  if (child == 0) {
    user_enter_joined(plan);
    struct id_maps maps;
    if (!id_maps_of(&maps, "self") || write_all(answer[1], &maps, sizeof maps) < 0)
      fail_errno(EXIT_RINGFENCE, "looking into the user namespace %s", plan->path);
    _exit(0);
  }
  close(answer[1]);
  namespace_child_answer(child, answer[0], &plan->told, sizeof plan->told);
}

static void join(struct user_plan *plan, const struct user_spec *spec) {
  plan->path = spec->path;
  plan->joined = open(spec->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (plan->joined < 0) fail_errno(EXIT_RINGFENCE, "opening the user namespace %s", spec->path);
  look_inside(plan);
  const struct id_maps *given = &spec->ids;
  if ((given->uids.count > 0 && !id_map_equal(&given->uids, &plan->told.uids)) ||
      (given->gids.count > 0 && !id_map_equal(&given->gids, &plan->told.gids)))
    fail(EXIT_RINGFENCE,
         "user namespaces enabled, but both namespace path and non-matching mapping specified "
         "-- you may only provide one");
  plan->written = id_maps_identity(&plan->told);
}

// Without privilege a process may map itself alone; owners that are not mapped show as 65534.
static struct id_maps own_ids(void) {
  struct id_maps maps = {.uids.count = 1, .gids.count = 1};
  maps.uids.ranges[0] = (struct id_range){geteuid(), geteuid(), 1};
  maps.gids.ranges[0] = (struct id_range){getegid(), getegid(), 1};
  return maps;
}

static void keep(struct user_plan *plan) {
  if (!id_maps_of(&plan->told, "self")) fail_errno(EXIT_RINGFENCE, "reading the caller's id maps");
  plan->written =
      privileges_has(CAP_SETUID) && privileges_has(CAP_SETGID) ? id_maps_identity(&plan->told) : own_ids();
}

// runc's words: callers look for them.
static void check(const struct id_maps *maps) {
  if (maps->uids.count == 0) fail(EXIT_RINGFENCE, "User namespaces enabled, but no uid mappings found.");
  if (maps->gids.count == 0) fail(EXIT_RINGFENCE, "User namespaces enabled, but no gid mappings found.");
  if (!id_map_has(&maps->uids, 0))
    fail(EXIT_RINGFENCE, "User namespaces enabled, but no user mapping found.");
  if (!id_map_has(&maps->gids, 0))
    fail(EXIT_RINGFENCE, "User namespaces enabled, but no group mapping found.");
}

void user_plan(struct user_plan *plan, const struct spec *spec) {
  *plan = (struct user_plan){.joined = -1};
  plan->needed = spec && (spec->user.own || spec->user.path);
  if (!plan->needed) {
    keep(plan);
    plan->keeps_setgroups = id_maps_keep_setgroups(&plan->told);
    return;
  }
  if (spec->user.path)
    join(plan, &spec->user);
  else
    plan->told = plan->written = spec->user.ids;
  check(&plan->told);
  plan->keeps_setgroups = id_maps_keep_setgroups(&plan->written);
}

void user_write(const struct user_plan *plan, struct buffer *into) {
  buffer_printf(into, ",\"users\":{\"uids\":");
  id_map_json(&plan->told.uids, into);
  buffer_printf(into, ",\"gids\":");
  id_map_json(&plan->told.gids, into);
  buffer_printf(into, ",\"setgroups\":%s}", plan->keeps_setgroups ? "true" : "false");
}
