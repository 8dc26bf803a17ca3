// Changing user and group ids, what it does to capabilities, and set-user-ID programs.
//@ needs: credentials
//@ args: root
//@ args: keep
//@ args: user
#include "guest.h"
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void ids(const char *when) {
  unsigned r, e, s, gr, ge, gs;
  SYS_3(SYS_getresuid, &r, &e, &s);
  SYS_3(SYS_getresgid, &gr, &ge, &gs);
  say("%s: uid %d %d %d gid %d %d %d fs %ld %ld", when, (int)r, (int)e, (int)s, (int)gr, (int)ge, (int)gs,
      SYS_1(SYS_setfsuid, -1), SYS_1(SYS_setfsgid, -1));
}

static void capabilities(const char *when) {
  struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct d[2] = {0};
  long r = SYS_2(SYS_capget, &h, d);
  say("%s: capget %ld setuid %d%d sys_admin %d%d", when, r, d[0].effective >> 7 & 1, d[0].permitted >> 7 & 1,
      d[0].effective >> 21 & 1, d[0].permitted >> 21 & 1);
}

int main(int argc, char **argv) {
  const char *way = argc > 1 ? argv[1] : "root";
  if (geteuid() != 0) {
    say("not root");
    return 0;
  }
  capabilities("start");
  if (!strcmp(way, "root")) {
    value("setresuid", SYS_3(SYS_setresuid, 1, 2, 3));
    ids("after setresuid");
    capabilities("after setresuid");
    value("setresuid to another", SYS_3(SYS_setresuid, 4, -1, -1));
    value("setreuid", SYS_2(SYS_setreuid, 2, 1));
    ids("after setreuid");
    value("setuid", SYS_1(SYS_setuid, 3));
    value("setuid 2", SYS_1(SYS_setuid, 2));
    ids("after setuid");
    value("setgid", SYS_1(SYS_setgid, 5));
    value("setgroups", SYS_2(SYS_setgroups, 0, 0));
  } else if (!strcmp(way, "keep")) {
    value("KEEPCAPS", SYS_2(SYS_prctl, PR_SET_KEEPCAPS, 1));
    value("setgid", SYS_1(SYS_setgid, 7));
    value("setuid", SYS_1(SYS_setuid, 1000));
    ids("after setuid");
    capabilities("with keepcaps");
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2] = {{1 << CAP_SETUID, 1 << CAP_SETUID, 0}, {0, 0, 0}};
    value("capset", SYS_2(SYS_capset, &h, d));
    capabilities("after capset");
    d[0].permitted |= 1 << CAP_SYS_ADMIN;
    value("capset of more", SYS_2(SYS_capset, &h, d));
    value("setuid back", SYS_1(SYS_setuid, 0));
    ids("back");
    capabilities("back");
  } else {
    gid_t groups[] = {30, 10, 20};
    value("setgroups", SYS_2(SYS_setgroups, 3, groups));
    gid_t got[3] = {0};
    value("getgroups", SYS_2(SYS_getgroups, 3, got));
    say("groups %d %d %d", got[0], got[1], got[2]);
    static gid_t many[65537], back[65536];
    for (int i = 0; i < 65537; i++)
      many[i] = 3000000000u - 7 * i;
    for (int size = 5000; size <= 65537; size = size == 5000 ? 20000 : size == 20000 ? 65536 : size + 1) {
      value("setgroups of many", SYS_2(SYS_setgroups, size, many));
      long count = SYS_2(SYS_getgroups, 65536, back);
      int sorted = count > 0 && back[0] == many[count - 1] && back[count - 1] == many[0];
      say("%ld groups, sorted %d", count, sorted);
    }
    value("setgroups of a bad address", SYS_2(SYS_setgroups, 65536, 8));
    value("getgroups at a bad address", SYS_2(SYS_getgroups, 65536, 8));
    value("getgroups into too little", SYS_2(SYS_getgroups, 65535, back));
    value("setgroups", SYS_2(SYS_setgroups, 3, groups));
    value("seteuid", SYS_3(SYS_setresuid, -1, 1000, -1));
    capabilities("euid 1000");
    value("seteuid back", SYS_3(SYS_setresuid, -1, 0, -1));
    capabilities("euid 0");
    value("setfsuid", SYS_1(SYS_setfsuid, 1000));
    ids("fsuid 1000");
    value("setreuid", SYS_2(SYS_setreuid, 1000, -1));
    ids("real 1000");
    value("setregid", SYS_2(SYS_setregid, -1, 9));
    ids("egid 9");
    struct __user_cap_header_struct h = {0x12345678, 0};
    value("capget of no version", SYS_2(SYS_capget, &h, 0));
    say("version %x", h.version);
  }
  return 0;
}
