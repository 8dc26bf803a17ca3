// System V message queues: identifiers, which message a receiver gets, queues that are full, messages that are too
// long, signals, removal under those who wait.
//@ needs: sysv fork signals credentials
#include "guest.h"
#include <fcntl.h>
#include <sched.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/wait.h>

#ifndef MSG_STAT_ANY
#define MSG_STAT_ANY 13
#endif
#ifndef MSG_COPY
#define MSG_COPY 040000
#endif

static int id;
static struct {
  long type;
  char text[20000];
} message;

static long send(long type, const char *text, int flags) {
  message.type = type;
  strcpy(message.text, text);
  return SYS_4(SYS_msgsnd, id, &message, strlen(text) + 1, flags);
}

static void receive(const char *what, long type, int flags) {
  message.type = -1;
  strcpy(message.text, "-");
  long got = SYS_5(SYS_msgrcv, id, &message, 100, type, flags);
  if (failed(got))
    value(what, got);
  else
    say("%s: %ld bytes, type %ld, %s", what, got, message.type, message.text);
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

// Until the child sleeps.
static void asleep(pid_t pid) {
  char path[100], text[400];
  for (int i = 0; i < 5000; i++) {
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n > 0 && strstr(text, ") S")) break;
    usleep(1000);
  }
  usleep(20000);
}

static void state(const char *what) {
  struct msqid_ds ds;
  long error = SYS_3(SYS_msgctl, id, IPC_STAT, &ds);
  if (failed(error))
    value(what, error);
  else
    say("%s: %ld messages, %ld bytes of %ld", what, (long)ds.msg_qnum, (long)ds.__msg_cbytes,
        (long)ds.msg_qbytes);
}

static void identifiers(void) {
  value("made", SYS_2(SYS_msgget, 1, IPC_CREAT | 0600));
  value("by key", SYS_2(SYS_msgget, 1, 0));
  value("exclusive", SYS_2(SYS_msgget, 1, IPC_CREAT | IPC_EXCL));
  value("absent", SYS_2(SYS_msgget, 2, 0));
  value("remove", SYS_3(SYS_msgctl, 0, IPC_RMID, 0));
  value("removed", SYS_3(SYS_msgctl, 0, IPC_RMID, 0));
  value("no command", SYS_3(SYS_msgctl, 0, 77, 0));
}

static void order(void) {
  long types[] = {3, 1, 2, 3, 1, 5};
  for (int i = 0; i < 6; i++) {
    char text[] = {'a' + i, 0};
    value("send", send(types[i], text, 0));
  }
  state("six");
  receive("first", 0, 0);
  receive("of type 3", 3, 0);
  receive("at most 4", -4, 0);
  receive("all but 2", 2, MSG_EXCEPT);
  receive("copy of the second", 1, MSG_COPY | IPC_NOWAIT);
  receive("copy of the third", 2, MSG_COPY | IPC_NOWAIT);
  receive("copy that would wait", 0, MSG_COPY);
  receive("at most 1", -1, IPC_NOWAIT);
  receive("of type 9", 9, IPC_NOWAIT);
  receive("the least", -0x7fffffffffffffff - 1, 0);
  receive("the rest", 0, 0);
  receive("nothing", 0, IPC_NOWAIT);
  receive("all but 9", 9, MSG_EXCEPT | IPC_NOWAIT);
  state("empty");
}

static void lengths(void) {
  value("type 0", send(0, "x", 0));
  value("negative type", send(-1, "x", 0));
  message.type = 1;
  value("nothing", SYS_4(SYS_msgsnd, id, &message, 0, 0));
  value("the longest", SYS_4(SYS_msgsnd, id, &message, 8192, 0));
  value("too long", SYS_4(SYS_msgsnd, id, &message, 8193, 0));
  value("negative", SYS_4(SYS_msgsnd, id, &message, -1l, 0));
  value("from nowhere", SYS_4(SYS_msgsnd, id, 8, 10, 0));
  value("of another", SYS_4(SYS_msgsnd, 9999, &message, 10, 0));
  value("second", SYS_4(SYS_msgsnd, id, &message, 8192, 0));
  value("full", SYS_4(SYS_msgsnd, id, &message, 1, IPC_NOWAIT));
  state("full");
  value("receive nothing", SYS_5(SYS_msgrcv, id, &message, 0, 0, 0));
  value("no room", SYS_5(SYS_msgrcv, id, &message, 10, 0, 0));
  value("cut off", SYS_5(SYS_msgrcv, id, &message, 10, 0, MSG_NOERROR));
  value("negative room", SYS_5(SYS_msgrcv, id, &message, -1l, 0, 0));
  value("to nowhere", SYS_5(SYS_msgrcv, id, 8, 8192, 0, 0));
  state("lost");
}

static void wait_for_five(void) {
  receive("got", 5, 0);
}

static void wait_for_short(void) {
  value("too long", SYS_5(SYS_msgrcv, id, &message, 1, 0, 0));
}

static void send_more(void) {
  value("sent at last", SYS_4(SYS_msgsnd, id, &message, 8192, 0));
}

static void handler(int signo) {
  (void)signo;
}

static void interrupted(void) {
  struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
  sigaction(SIGUSR1, &action, NULL);
  receive("interrupted", 0, 0);
}

static void lose_queue(void) {
  receive("removed", 0, 0);
}

static void lose_right(void) {
  setgid(1000);
  setuid(1000);
  receive("no right any more", 0, 0);
}

static void waiting(void) {
  pid_t child = start(wait_for_five);
  asleep(child);
  send(4, "four", 0);
  send(5, "five", 0);
  finish(child);
  state("one");
  receive("the other", 0, 0);
  child = start(wait_for_short);
  asleep(child);
  send(1, "long", 0);
  finish(child);
  receive("not taken", 0, 0);
  message.type = 1;
  for (int i = 0; i < 2; i++)
    SYS_4(SYS_msgsnd, id, &message, 8192, 0);
  child = start(send_more);
  asleep(child);
  SYS_5(SYS_msgrcv, id, &message, 8192, 0, 0);
  finish(child);
  for (int i = 0; i < 2; i++)
    SYS_5(SYS_msgrcv, id, &message, 8192, 0, 0);
  state("empty");
  child = start(interrupted);
  asleep(child);
  kill(child, SIGUSR1);
  finish(child);
  struct msqid_ds ds;
  SYS_3(SYS_msgctl, id, IPC_STAT, &ds);
  ds.msg_perm.mode = 0666;
  SYS_3(SYS_msgctl, id, IPC_SET, &ds);
  child = start(lose_right);
  asleep(child);
  ds.msg_perm.mode = 0600;
  long set = SYS_3(SYS_msgctl, id, IPC_SET, &ds);
  finish(child);
  value("set", set);
}

static void settings(void) {
  struct msqid_ds ds;
  SYS_3(SYS_msgctl, id, IPC_STAT, &ds);
  say("mode %o stime %d rtime %d ctime %d lspid %d lrpid %d", ds.msg_perm.mode, ds.msg_stime != 0,
      ds.msg_rtime != 0, ds.msg_ctime != 0, ds.msg_lspid == getpid(), ds.msg_lrpid == getpid());
  ds.msg_qbytes = 100;
  value("less room", SYS_3(SYS_msgctl, id, IPC_SET, &ds));
  message.type = 1;
  value("too much", SYS_4(SYS_msgsnd, id, &message, 101, IPC_NOWAIT));
  ds.msg_qbytes = 16384;
  value("more room", SYS_3(SYS_msgctl, id, IPC_SET, &ds));
  struct msginfo info;
  memset(&info, 0, sizeof info);
  value("IPC_INFO", SYS_3(SYS_msgctl, 0, IPC_INFO, &info));
  say("%d %d %d %d %d %d %d %d", info.msgpool, info.msgmap, info.msgmax, info.msgmnb, info.msgmni,
      info.msgssz, info.msgtql, info.msgseg);
  send(1, "hello", 0);
  value("MSG_INFO", SYS_3(SYS_msgctl, 0, MSG_INFO, &info));
  say("%d %d %d", info.msgpool, info.msgmap, info.msgtql);
  value("MSG_STAT", SYS_3(SYS_msgctl, 1, MSG_STAT, &ds));
  value("MSG_STAT_ANY", SYS_3(SYS_msgctl, 1, MSG_STAT_ANY, &ds));
  value("MSG_STAT of none", SYS_3(SYS_msgctl, 2, MSG_STAT, &ds));
  static char text[1000];
  int fd = open("/proc/sysvipc/msg", O_RDONLY);
  read(fd, text, sizeof text - 1);
  close(fd);
  char *line = strchr(text, '\n');
  // Two columns of five places have process numbers, which may be longer.
  size_t wider = 2 * (size_t)snprintf(NULL, 0, "%5d", getpid()) - 10;
  if (line) say("%.*s, %.50s, %zu", (int)(line - text), text, line + 1, strlen(line) - wider);
  receive("it", 0, 0);
}

static void as_another_user(void) {
  struct msqid_ds ds;
  setgid(1000);
  setuid(1000);
  value("stat", SYS_3(SYS_msgctl, id, IPC_STAT, &ds));
  value("send", send(1, "x", 0));
  receive("receive", 0, 0);
  value("remove", SYS_3(SYS_msgctl, id, IPC_RMID, 0));
}

int main(void) {
  value("namespace", unshare(CLONE_NEWIPC) ? -errno : 0);
  identifiers();
  id = SYS_2(SYS_msgget, 9, IPC_CREAT | 0600);
  value("id", id);
  order();
  lengths();
  waiting();
  settings();
  finish(start(as_another_user));
  pid_t child = start(lose_queue);
  asleep(child);
  long removed = SYS_3(SYS_msgctl, id, IPC_RMID, 0);
  finish(child);
  value("remove", removed);
}
