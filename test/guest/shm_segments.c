// System V shared memory: identifiers, permissions, attach counts across fork, exit, mprotect, munmap and mremap,
// removal while attached, read-only attachments.
//@ needs: sysv fork shared-memory credentials
#include "guest.h"
#include <fcntl.h>
#include <sched.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/wait.h>

#ifndef SHM_STAT_ANY
#define SHM_STAT_ANY 15
#endif

static int id;

static void attaches(const char *what) {
  struct shmid_ds ds;
  long error = SYS_3(SYS_shmctl, id, IPC_STAT, &ds);
  value(what, failed(error) ? error : (long)ds.shm_nattch);
}

static char *attach(int flags) {
  return (char *)SYS_3(SYS_shmat, id, 0, flags);
}

static void child(void (*body)(void)) {
  fflush(NULL);
  pid_t pid = fork();
  if (pid == 0) {
    body();
    _exit(0);
  }
  int status;
  waitpid(pid, &status, 0);
  say("child: %x", status);
}

static void look_and_write(void) {
  attaches("in the child");
}

static void detach_in_child(void) {
  struct shmid_ds ds;
  SYS_3(SYS_shmctl, id, IPC_STAT, &ds);
  yes_no("lpid is the parent's", ds.shm_lpid == getppid());
}

static void as_another_user(void) {
  struct shmid_ds ds;
  setgid(1000);
  setuid(1000);
  value("stat", SYS_3(SYS_shmctl, id, IPC_STAT, &ds));
  value("index stat", SYS_3(SYS_shmctl, 0, SHM_STAT, &ds));
  outcome("any stat", SYS_3(SYS_shmctl, id % 32768, SHM_STAT_ANY, &ds));
  value("remove", SYS_3(SYS_shmctl, id, IPC_RMID, 0));
  value("set", SYS_3(SYS_shmctl, id, IPC_SET, &ds));
  outcome("attach", SYS_3(SYS_shmat, id, 0, 0));
  outcome("attach to read", SYS_3(SYS_shmat, id, 0, SHM_RDONLY));
  value("get to read", SYS_3(SYS_shmget, 77, 0, 0400) == id);
  value("get to write", SYS_3(SYS_shmget, 77, 0, 0600));
  value("lock", SYS_3(SYS_shmctl, id, SHM_LOCK, 0));
  value("new namespace", unshare(CLONE_NEWIPC) ? -errno : 0);
}

static void identifiers(void) {
  value("first", SYS_3(SYS_shmget, IPC_PRIVATE, 100, 0600));
  value("second", SYS_3(SYS_shmget, 5, 5000, IPC_CREAT | 0600));
  value("by key", SYS_3(SYS_shmget, 5, 100, 0));
  value("larger", SYS_3(SYS_shmget, 5, 5001, 0));
  value("exclusive", SYS_3(SYS_shmget, 5, 100, IPC_CREAT | IPC_EXCL));
  value("absent", SYS_3(SYS_shmget, 6, 100, 0));
  value("of no size", SYS_3(SYS_shmget, 6, 0, IPC_CREAT));
  value("too large", SYS_3(SYS_shmget, 6, -1l, IPC_CREAT));
  value("remove", SYS_3(SYS_shmctl, 0, IPC_RMID, 0));
  value("removed: stat", SYS_3(SYS_shmctl, 0, IPC_STAT, 0));
  value("removed: attach", SYS_3(SYS_shmat, 0, 0, 0));
  value("another sequence", SYS_3(SYS_shmctl, 1 + 32768, IPC_RMID, 0));
  value("negative", SYS_3(SYS_shmctl, -1, IPC_RMID, 0));
  value("no command", SYS_3(SYS_shmctl, 1, 99, 0));
  value("bad buffer", SYS_3(SYS_shmctl, 1, IPC_STAT, 8));
  for (int i = 0; i < 70; i++) {
    long made = SYS_3(SYS_shmget, IPC_PRIVATE, 1, 0600);
    if (i % 10 == 0 || i > 60) value("made", made);
    SYS_3(SYS_shmctl, made, IPC_RMID, 0);
  }
  value("remove", SYS_3(SYS_shmctl, 1, IPC_RMID, 0));
}

static void addresses(void) {
  char *room = pages(8);
  value("not aligned", SYS_3(SYS_shmat, id, room + 1, 0));
  value("taken", SYS_3(SYS_shmat, id, room, 0));
  yes_no("taken, replaced", SYS_3(SYS_shmat, id, room, SHM_REMAP) == (long)room);
  value("nowhere, replaced", SYS_3(SYS_shmat, id, 0, SHM_REMAP));
  munmap(room, 8 * PAGE);
  yes_no("rounded", SYS_3(SYS_shmat, id, room + 100, SHM_RND) == (long)room);
  value("of no segment", SYS_1(SYS_shmdt, room + PAGE));
  value("not aligned", SYS_1(SYS_shmdt, room + 1));
  value("detach", SYS_1(SYS_shmdt, room));
  value("again", SYS_1(SYS_shmdt, room));
  value("beyond", SYS_3(SYS_shmat, id, 0x7fffffffe000, 0));
}

static void pieces(void) {
  char *at = attach(0);
  strcpy(at, "hello");
  attaches("attached");
  mprotect(at + PAGE, PAGE, PROT_READ);
  attaches("one page protected");
  mprotect(at + PAGE, PAGE, PROT_READ | PROT_WRITE);
  attaches("and back");
  munmap(at + PAGE, PAGE);
  attaches("one page unmapped");
  char *second = attach(0);
  attaches("attached twice");
  say("seen: %s", second);
  char *moved = mremap(second, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, second - 64 * PAGE);
  yes_no("moved", moved == second - 64 * PAGE);
  attaches("moved");
  value("detach where it was", SYS_1(SYS_shmdt, second));
  value("detach where it is", SYS_1(SYS_shmdt, moved));
  attaches("detached");
  memset(at, 0, PAGE);
  value("detach the pieces", SYS_1(SYS_shmdt, at));
  attaches("detached");
}

static void read_only(void) {
  char *at = attach(SHM_RDONLY);
  access_of("read-only", at);
  value("mprotect", SYS_3(SYS_mprotect, at, PAGE, PROT_READ | PROT_WRITE));
  value("mprotect to run", SYS_3(SYS_mprotect, at, PAGE, PROT_READ | PROT_EXEC));
  munmap(at, 4 * PAGE);
  attaches("unmapped");
  unsigned char *code = (unsigned char *)attach(SHM_EXEC);
  memcpy(code, "\xb8\x2a\x00\x00\x00\xc3", 6); // mov eax, 42; ret
  value("code", ((int (*)(void))code)());
  SYS_1(SYS_shmdt, code);
}

static void removal(void) {
  char *at = attach(0);
  struct shmid_ds ds;
  value("remove", SYS_3(SYS_shmctl, id, IPC_RMID, 0));
  value("stat", SYS_3(SYS_shmctl, id, IPC_STAT, &ds));
  say("mode %o key %d", ds.shm_perm.mode, ds.shm_perm.__key);
  outcome("by key", SYS_3(SYS_shmget, 77, 0, 0));
  char *second = attach(0);
  yes_no("attached again", !failed((long)second) && strcmp(second, at) == 0);
  SYS_1(SYS_shmdt, at);
  attaches("one left");
  SYS_1(SYS_shmdt, second);
  attaches("none left");
  value("remove", SYS_3(SYS_shmctl, id, IPC_RMID, 0));
}

static void settings(void) {
  struct shmid_ds ds;
  SYS_3(SYS_shmctl, id, IPC_STAT, &ds);
  say("size %ld mode %o uid %d cuid %d key %d atime %d dtime %d", (long)ds.shm_segsz, ds.shm_perm.mode,
      ds.shm_perm.uid, ds.shm_perm.cuid, ds.shm_perm.__key, ds.shm_atime != 0, ds.shm_dtime != 0);
  ds.shm_perm.uid = 7;
  ds.shm_perm.gid = 8;
  ds.shm_perm.mode = 07644;
  value("set", SYS_3(SYS_shmctl, id, IPC_SET, &ds));
  value("lock", SYS_3(SYS_shmctl, id, SHM_LOCK, 0));
  SYS_3(SYS_shmctl, id, IPC_STAT, &ds);
  say("mode %o uid %d gid %d cuid %d", ds.shm_perm.mode, ds.shm_perm.uid, ds.shm_perm.gid, ds.shm_perm.cuid);
  value("unlock", SYS_3(SYS_shmctl, id, SHM_UNLOCK, 0));
  SYS_3(SYS_shmctl, id, IPC_STAT, &ds);
  say("mode %o", ds.shm_perm.mode);
  ds.shm_perm.uid = -1;
  value("set to nobody", SYS_3(SYS_shmctl, id, IPC_SET, &ds));
  value("set from nowhere", SYS_3(SYS_shmctl, id, IPC_SET, 8));
  struct shminfo info;
  value("IPC_INFO", SYS_3(SYS_shmctl, 0, IPC_INFO, &info) == id % 32768);
  say("%lu %lu %lu %lu %lu", info.shmmax, info.shmmin, info.shmmni, info.shmseg, info.shmall);
  struct shm_info used;
  value("SHM_INFO", SYS_3(SYS_shmctl, 0, SHM_INFO, &used) == id % 32768);
  say("%d %lu %lu %lu", used.used_ids, used.shm_tot, used.shm_rss, used.shm_swp);
}

static void texts(void) {
  static char text[4096];
  int fd = open("/proc/sysvipc/shm", O_RDONLY);
  ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  if (n < 0) n = 0;
  text[n] = 0;
  int key, at, mode, cpid, lpid, nattch, fields[4];
  unsigned long size, atime, dtime, ctime, rss, swap;
  char *line = strchr(text, '\n');
  if (!line) return;
  say("%.*s", (int)(line - text), text);
  int found = sscanf(line, "%d %d %o %lu %d %d %d %d %d %d %d %lu %lu %lu %lu %lu", &key, &at, &mode, &size,
                     &cpid, &lpid, &nattch, &fields[0], &fields[1], &fields[2], &fields[3], &atime, &dtime,
                     &ctime, &rss, &swap);
  // Two columns of five places have process numbers, which may be longer.
  size_t wider = 2 * (size_t)snprintf(NULL, 0, "%5d", getpid()) - 10;
  say("%d: %d %d %o %lu %d %d %d %d %d rss %lu, length %zu", found, key, at == id, mode, size, nattch,
      fields[0], fields[1], fields[2], fields[3], rss, strlen(line) - wider);
}

static void limit(const char *name, const char *text) {
  char path[100];
  snprintf(path, sizeof path, "/proc/sys/kernel/%s", name);
  int fd = open(path, O_RDWR);
  char old[100] = "";
  ssize_t n = read(fd, old, sizeof old - 1);
  if (n > 0) old[n - 1] = 0;
  lseek(fd, 0, SEEK_SET);
  long wrote = write(fd, text, strlen(text));
  say("%s: %s, %s", name, old, wrote < 0 ? error_name(-errno) : "set");
  close(fd);
}

static void limits(void) {
  limit("shmmax", "8192");
  limit("shmall", "20");
  limit("shmmni", "2");
  limit("shm_rmid_forced", "0");
  limit("shm_rmid_forced", "2");
  value("too large", SYS_3(SYS_shmget, IPC_PRIVATE, 8193, 0600));
  outcome("first", SYS_3(SYS_shmget, IPC_PRIVATE, 8192, 0600));
  outcome("too many", SYS_3(SYS_shmget, IPC_PRIVATE, 1, 0600));
  limit("shmmni", "30");
  for (int i = 0; i < 7; i++)
    outcome("pages", SYS_3(SYS_shmget, IPC_PRIVATE, 8192, 0600));
  limit("shm_rmid_forced", "1");
}

// A child in a namespace of its own, which keeps what its parent had attached.
static void namespaces(void) {
  char *at = attach(0);
  strcpy(at, "kept");
  value("with its undo list", SYS_5(SYS_clone, CLONE_NEWIPC | CLONE_SYSVSEM | SIGCHLD, 0, 0, 0, 0));
  pid_t pid = SYS_5(SYS_clone, CLONE_NEWIPC | SIGCHLD, 0, 0, 0, 0);
  if (pid == 0) {
    attaches("in the child's namespace");
    say("%s", at);
    value("its own", SYS_3(SYS_shmget, 77, 10, IPC_CREAT | 0600));
    value("detach", SYS_1(SYS_shmdt, at));
    _exit(0);
  }
  int status;
  waitpid(pid, &status, 0);
  say("child: %x", status);
  attaches("the parent's");
  SYS_1(SYS_shmdt, at);
}

static void make_one(void) {
  outcome("made", SYS_3(SYS_shmget, 99, 1, IPC_CREAT | 0600));
}

static void namespace_number(char number[64]) {
  ssize_t n = readlink("/proc/self/ns/ipc", number, 63);
  number[n < 0 ? 0 : n] = 0;
}

int main(void) {
  char before[64], after[64];
  namespace_number(before);
  value("namespace", unshare(CLONE_NEWIPC) ? -errno : 0);
  value("nothing there", SYS_3(SYS_shmctl, 0, SHM_INFO, &(struct shm_info){0}));
  namespace_number(after);
  say("%.5s, another: %d", before, strcmp(before, after) != 0);
  identifiers();
  id = SYS_3(SYS_shmget, 77, 3 * PAGE + 5, IPC_CREAT | 0604);
  attaches("made");
  settings();
  addresses();
  attaches("after addresses");
  SYS_1(SYS_shmdt, 0);
  char *at = attach(0);
  at[2 * PAGE] = 'x';
  child(look_and_write);
  attaches("after the child");
  child(detach_in_child);
  pieces();
  texts();
  read_only();
  child(as_another_user);
  namespaces();
  removal();
  limits();
  child(make_one);
  value("forced", SYS_3(SYS_shmget, 99, 1, 0));
}
