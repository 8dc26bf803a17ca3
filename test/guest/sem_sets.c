// System V semaphores: identifiers, values, operations that wait for each other, undoing at the end of a process,
// signals and time-outs, removal under those who wait.
//@ needs: sysv fork signals credentials threads
//@ cflags: -pthread
#include "guest.h"
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/wait.h>

#ifndef SEM_STAT_ANY
#define SEM_STAT_ANY 20
#endif

static int id;

static long control(int number, int command, long argument) {
  return SYS_4(SYS_semctl, id, number, command, argument);
}

static long one(int number, int change, int flags) {
  struct sembuf op = {number, change, flags};
  return SYS_3(SYS_semop, id, &op, 1);
}

static void values(const char *what) {
  unsigned short all[4];
  long error = control(0, GETALL, (long)all);
  if (failed(error))
    value(what, error);
  else
    say("%s: %d %d %d %d", what, all[0], all[1], all[2], all[3]);
}

static pid_t start(void (*body)(void)) {
  pid_t pid = fork();
  if (pid == 0) {
    body();
    _exit(0);
  }
  return pid;
}

static void finish(pid_t pid) {
  int status;
  waitpid(pid, &status, 0);
  say("child: %x", status);
}

// Until so many wait for more, or for zero.
static void until(int number, int command, int count) {
  for (int i = 0; i < 5000 && control(number, command, 0) != count; i++)
    usleep(1000);
  say("waiting: %ld", control(number, command, 0));
}

static void identifiers(void) {
  value("of none", SYS_3(SYS_semget, 1, 0, IPC_CREAT | 0600));
  value("negative", SYS_3(SYS_semget, 1, -1, IPC_CREAT | 0600));
  value("too many", SYS_3(SYS_semget, 1, 32001, IPC_CREAT | 0600));
  value("made", SYS_3(SYS_semget, 1, 3, IPC_CREAT | 0600));
  value("by key", SYS_3(SYS_semget, 1, 3, 0));
  value("by key, of any number", SYS_3(SYS_semget, 1, 0, 0));
  value("by key, of more", SYS_3(SYS_semget, 1, 4, 0));
  value("exclusive", SYS_3(SYS_semget, 1, 3, IPC_CREAT | IPC_EXCL));
  value("absent", SYS_3(SYS_semget, 2, 3, 0));
  value("remove", SYS_4(SYS_semctl, 0, 0, IPC_RMID, 0));
  value("removed", SYS_4(SYS_semctl, 0, 0, IPC_RMID, 0));
  value("negative", SYS_4(SYS_semctl, -1, 0, IPC_RMID, 0));
}

static void settings(void) {
  values("at first");
  value("set", control(1, SETVAL, 5));
  value("get", control(1, GETVAL, 0));
  value("too much", control(1, SETVAL, 32768));
  value("negative", control(1, SETVAL, -1));
  value("no such", control(4, GETVAL, 0));
  value("no such", control(-1, SETVAL, 0));
  unsigned short all[4] = {1, 2, 3, 4}, bad[4] = {0, 0, 0, 40000};
  value("set all", control(0, SETALL, (long)all));
  value("set all too high", control(0, SETALL, (long)bad));
  value("set all from nowhere", control(0, SETALL, 8));
  value("get all to nowhere", control(0, GETALL, 8));
  values("set");
  yes_no("pid", control(3, GETPID, 0) == getpid());
  value("no command", control(0, 77, 0));
  struct semid_ds ds;
  value("stat", control(0, IPC_STAT, (long)&ds));
  say("mode %o count %ld otime %d ctime %d", ds.sem_perm.mode, (long)ds.sem_nsems, ds.sem_otime != 0,
      ds.sem_ctime != 0);
  ds.sem_perm.mode = 0640;
  value("change", control(0, IPC_SET, (long)&ds));
  struct seminfo info;
  value("IPC_INFO", control(0, IPC_INFO, (long)&info));
  say("%d %d %d %d %d %d %d %d %d %d", info.semmap, info.semmni, info.semmns, info.semmnu, info.semmsl,
      info.semopm, info.semume, info.semusz, info.semvmx, info.semaem);
  value("SEM_INFO", control(0, SEM_INFO, (long)&info));
  say("%d %d", info.semusz, info.semaem);
  value("SEM_STAT", SYS_4(SYS_semctl, 1, 0, SEM_STAT, &ds));
  value("SEM_STAT_ANY", SYS_4(SYS_semctl, 1, 0, SEM_STAT_ANY, &ds));
  value("SEM_STAT of none", SYS_4(SYS_semctl, 0, 0, SEM_STAT, &ds));
  static char text[1000];
  int fd = open("/proc/sysvipc/sem", O_RDONLY);
  read(fd, text, sizeof text - 1);
  close(fd);
  char *line = strchr(text, '\n');
  if (line) say("%.*s, %.65s, %zu", (int)(line - text), text, line + 1, strlen(line));
}

static void operations(void) {
  unsigned short all[4] = {1, 2, 3, 0};
  control(0, SETALL, (long)all);
  value("none", SYS_3(SYS_semop, id, 0, 0));
  static struct sembuf many[501];
  value("too many", SYS_3(SYS_semop, id, many, 501));
  value("from nowhere", SYS_3(SYS_semop, id, 8, 1));
  value("no such set", SYS_3(SYS_semop, 12345, many, 1));
  value("no such semaphore", one(4, 1, 0));
  value("take", one(0, -1, IPC_NOWAIT));
  value("take from none", one(0, -1, IPC_NOWAIT));
  value("wait for zero", one(0, 0, IPC_NOWAIT));
  value("wait for zero", one(1, 0, IPC_NOWAIT));
  value("too much", one(1, 32767, 0));
  struct sembuf together[] = {{1, -2, 0}, {1, 0, 0}, {2, 5, 0}, {3, -1, IPC_NOWAIT}};
  value("together", SYS_3(SYS_semop, id, together, 4));
  values("nothing of it");
  value("all but the last", SYS_3(SYS_semop, id, together, 3));
  values("all of it");
  struct sembuf over[] = {{1, 1, 0}, {1, 32767, 0}};
  value("too much together", SYS_3(SYS_semop, id, over, 2));
  values("nothing of it");
  struct timespec brief = {0, 1000000}, bad = {0, -1};
  struct sembuf op = {0, -1, 0};
  value("for a while", SYS_4(SYS_semtimedop, id, &op, 1, &brief));
  value("for no time", SYS_4(SYS_semtimedop, id, &op, 1, &bad));
  value("for a time from nowhere", SYS_4(SYS_semtimedop, id, &op, 1, 8));
}

static void take_two(void) {
  struct sembuf ops[] = {{0, -2, 0}, {1, -1, 0}};
  value("taken", SYS_3(SYS_semop, id, ops, 2));
}

static void await_zero(void) {
  value("zero", one(0, 0, 0));
}

static void waiting(void) {
  unsigned short all[4] = {0};
  control(0, SETALL, (long)all);
  pid_t child = start(take_two);
  until(0, GETNCNT, 1);
  value("for the other", control(1, GETNCNT, 0));
  one(0, 1, 0);
  one(0, 1, 0);
  until(1, GETNCNT, 1);
  value("for the first", control(0, GETNCNT, 0));
  values("untouched");
  one(1, 3, 0);
  finish(child);
  values("taken");
  control(0, SETVAL, 2);
  child = start(await_zero);
  until(0, GETZCNT, 1);
  one(0, -1, 0);
  until(0, GETZCNT, 1);
  control(0, SETVAL, 0);
  finish(child);
}

static void undo(void) {
  one(0, -3, SEM_UNDO);
  one(1, 4, SEM_UNDO);
  one(2, 1, SEM_UNDO);
  values("in the child");
}

static void *undo_in_thread(void *unused) {
  one(3, 7, SEM_UNDO);
  return unused;
}

static void undo_of_thread(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, undo_in_thread, NULL);
  pthread_join(thread, NULL);
  values("the thread has ended");
}

static void undo_and_set(void) {
  one(0, -3, SEM_UNDO);
  control(0, SETVAL, 20);
}

static void undo_and_leave(void) {
  one(0, -1, SEM_UNDO);
  value("unshare", unshare(CLONE_SYSVSEM) ? -errno : 0);
  values("left");
}

static void undo_too_much(void) {
  value("once", one(0, 32767, SEM_UNDO));
  control(0, SETVAL, 1);
  one(0, 30000, SEM_UNDO);
  one(0, -30000, 0);
  value("twice", one(0, 30000, SEM_UNDO));
}

static void undoing(void) {
  unsigned short all[4] = {5, 5, 5, 5};
  control(0, SETALL, (long)all);
  finish(start(undo));
  values("undone");
  finish(start(undo_of_thread));
  values("undone");
  finish(start(undo_and_set));
  values("set, not undone");
  finish(start(undo_and_leave));
  values("undone once");
  control(0, SETVAL, 0);
  finish(start(undo_too_much));
  values("undone");
  control(0, SETVAL, 2);
  pid_t child = fork();
  if (child == 0) {
    one(0, -2, SEM_UNDO);
    pause();
  }
  until(0, GETVAL, 0);
  pid_t waiter = start(take_two);
  until(0, GETNCNT, 1);
  kill(child, SIGKILL);
  finish(waiter);
  finish(child);
}

static void handler(int signo) {
  (void)signo;
}

static void interrupted(void) {
  struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
  sigaction(SIGUSR1, &action, NULL);
  value("interrupted", one(3, 0, 0));
}

static void lose_set(void) {
  value("removed", one(3, 0, 0));
}

static void as_another_user(void) {
  struct semid_ds ds;
  setgid(1000);
  setuid(1000);
  value("stat", control(0, IPC_STAT, (long)&ds));
  value("any stat", SYS_4(SYS_semctl, 1, 0, SEM_STAT_ANY, &ds) == id);
  value("value", control(0, GETVAL, 0));
  value("operate", one(0, 1, 0));
  value("set", control(0, SETVAL, 1));
  value("remove", control(0, IPC_RMID, 0));
}

int main(void) {
  value("namespace", unshare(CLONE_NEWIPC) ? -errno : 0);
  identifiers();
  id = SYS_3(SYS_semget, 9, 4, IPC_CREAT | 0600);
  value("id", id);
  settings();
  operations();
  waiting();
  undoing();
  control(3, SETVAL, 1);
  pid_t child = start(interrupted);
  until(3, GETZCNT, 1);
  kill(child, SIGUSR1);
  finish(child);
  finish(start(as_another_user));
  child = start(lose_set);
  until(3, GETZCNT, 1);
  long removed = control(0, IPC_RMID, 0);
  finish(child);
  value("remove", removed);
}
