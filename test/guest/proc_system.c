// /proc and /sys of the system: forms of files that programs parse.
//@ needs: proc
#include "guest.h"
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

static char text[1 << 20];

static long slurp(const char *path) {
  int fd = open(path, O_RDONLY);
  if (fd < 0) return -errno;
  long n = 0, r;
  while ((r = read(fd, text + n, sizeof text - 1 - n)) > 0)
    n += r;
  close(fd);
  text[n] = 0;
  return r < 0 ? -errno : n;
}

static void whole(const char *path) {
  long n = slurp(path);
  say("%s: %s", path, n < 0 ? "error" : text);
}

int main(void) {
  struct utsname u;
  uname(&u);
  slurp("/proc/sys/kernel/osrelease");
  yes_no("osrelease is uname's", !strncmp(text, u.release, strlen(u.release)));
  slurp("/proc/sys/kernel/hostname");
  yes_no("hostname is uname's", !strncmp(text, u.nodename, strlen(u.nodename)));
  whole("/proc/sys/kernel/ostype");
  whole("/proc/sys/kernel/overflowuid");
  whole("/proc/sys/kernel/ngroups_max");
  whole("/proc/sys/vm/max_map_count");
  slurp("/proc/sys/kernel/random/boot_id");
  char boot[64];
  strcpy(boot, text);
  yes_no("boot_id", strlen(text) == 37 && text[8] == '-' && text[36] == '\n');
  slurp("/proc/sys/kernel/random/boot_id");
  yes_no("boot_id stays", !strcmp(boot, text));
  slurp("/proc/sys/kernel/random/uuid");
  strcpy(boot, text);
  slurp("/proc/sys/kernel/random/uuid");
  yes_no("uuid changes", strlen(text) == 37 && strcmp(boot, text));

  unsigned long total, free_, available;
  slurp("/proc/meminfo");
  value("meminfo", sscanf(text, "MemTotal: %lu kB\nMemFree: %lu kB\nMemAvailable: %lu kB\n", &total, &free_,
                          &available));
  double up, idle;
  slurp("/proc/uptime");
  value("uptime", sscanf(text, "%lf %lf\n", &up, &idle));
  double l1, l2, l3;
  int running, all, last;
  slurp("/proc/loadavg");
  value("loadavg", sscanf(text, "%lf %lf %lf %d/%d %d\n", &l1, &l2, &l3, &running, &all, &last));
  slurp("/proc/version");
  yes_no("version", !strncmp(text, "Linux version ", 14));
  unsigned long t[10];
  slurp("/proc/stat");
  value("stat", sscanf(text, "cpu  %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu\ncpu0 ", t, t + 1, t + 2, t + 3,
                       t + 4, t + 5, t + 6, t + 7, t + 8, t + 9));
  yes_no("stat: btime", strstr(text, "\nbtime ") != NULL);
  cpu_set_t set;
  sched_getaffinity(0, sizeof set, &set);
  slurp("/proc/cpuinfo");
  int processors = 0;
  for (char *p = text; (p = strstr(p, "processor\t: ")); p++)
    processors++;
  yes_no("cpuinfo", processors >= CPU_COUNT(&set));
  yes_no("filesystems", slurp("/proc/filesystems") > 0 && strstr(text, "nodev\tproc\n"));
  yes_no("mounts", slurp("/proc/mounts") > 0 && strstr(text, " /proc proc "));
  yes_no("mountinfo", slurp("/proc/self/mountinfo") > 0 && strstr(text, " - proc proc rw\n"));
  char link[64] = {0};
  readlink("/proc/mounts", link, sizeof link - 1);
  say("mounts -> %s", link);
  yes_no("self", readlink("/proc/self", link, sizeof link - 1) > 0 && atoi(link) == getpid());
  struct statfs fs;
  statfs("/proc", &fs);
  say("statfs %lx", (long)fs.f_type);
  statfs("/sys", &fs);
  say("statfs %lx", (long)fs.f_type);
  struct stat st;
  stat("/proc/cpuinfo", &st);
  say("mode %o size %ld nlink %ld", st.st_mode, (long)st.st_size, (long)st.st_nlink);
  stat("/proc/self/environ", &st);
  say("environ %o", st.st_mode);
  stat("/proc/self/fd", &st);
  say("fd %o", st.st_mode & ~07777);
  yes_no("online", slurp("/sys/devices/system/cpu/online") > 0 && text[0] == '0');
  yes_no("possible", slurp("/sys/devices/system/cpu/possible") > 0 && text[0] == '0');
  yes_no("huge pages", slurp("/sys/kernel/mm/transparent_hugepage/enabled") > 0 && strchr(text, '['));
  return 0;
}
