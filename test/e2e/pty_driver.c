// Plays a shell with one job on a pseudo-terminal, for tests: pty_driver PROGRAM ARGS...
// The driver is the session leader; the program runs in a process group of its own, in the foreground.
//
// Commands, one a line on standard input:   Events, one a line on standard output:
//   type HEX    as if typed                   out HEX       the terminal shows these bytes
//   raw         makes the terminal raw        stopped N     the job stopped by signal N
//   modes       asks for `modes`              modes same | modes changed   since the start
//   size R C    changes the window            exit N, signal N             the job ended
//   kill N      signals the job's leader
//   fg, bg      continues the stopped job
// With end of file on standard input the driver leaves.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static int master, slave;
static pid_t job;
static struct termios start_modes;

static void tell_modes(void) {
  struct termios now;
  tcgetattr(slave, &now);
  bool same = now.c_iflag == start_modes.c_iflag && now.c_oflag == start_modes.c_oflag &&
              now.c_cflag == start_modes.c_cflag && now.c_lflag == start_modes.c_lflag &&
              memcmp(now.c_cc, start_modes.c_cc, sizeof now.c_cc) == 0;
  printf("modes %s\n", same ? "same" : "changed");
}

static void show(void) {
  unsigned char bytes[4096];
  ssize_t n = read(master, bytes, sizeof bytes);
  if (n <= 0) return;
  printf("out ");
  for (ssize_t i = 0; i < n; i++)
    printf("%02x", bytes[i]);
  printf("\n");
}

static void command(char *line) {
  int first, second;
  if (strncmp(line, "type ", 5) == 0) {
    for (char *at = line + 5; sscanf(at, "%2x", (unsigned *)&first) == 1; at += 2) {
      char byte = (char)first;
      if (write(master, &byte, 1) != 1) exit(2);
    }
  } else if (strcmp(line, "raw") == 0) {
    struct termios modes = start_modes;
    cfmakeraw(&modes);
    tcsetattr(slave, TCSANOW, &modes);
  } else if (strcmp(line, "modes") == 0) {
    tell_modes();
  } else if (sscanf(line, "size %d %d", &first, &second) == 2) {
    struct winsize size = {.ws_row = (unsigned short)first, .ws_col = (unsigned short)second};
    ioctl(slave, TIOCSWINSZ, &size);
  } else if (sscanf(line, "kill %d", &first) == 1) {
    kill(job, first);
  } else if (strcmp(line, "fg") == 0 || strcmp(line, "bg") == 0) {
    if (line[0] == 'f') tcsetpgrp(slave, job);
    kill(-job, SIGCONT);
  }
}

static bool read_commands(void) {
  static char text[65536];
  static size_t used;
  ssize_t n = read(0, text + used, sizeof text - 1 - used);
  if (n <= 0) return false;
  used += (size_t)n;
  for (char *end; (end = memchr(text, '\n', used));) {
    *end = '\0';
    command(text);
    size_t length = (size_t)(end - text) + 1;
    memmove(text, end + 1, used - length);
    used -= length;
  }
  return true;
}

static void reap(void) {
  int status;
  if (waitpid(job, &status, WUNTRACED | WNOHANG) <= 0) return;
  tcsetpgrp(slave, getpid());
  if (WIFSTOPPED(status)) {
    printf("stopped %d\n", WSTOPSIG(status));
    return;
  }
  struct pollfd rest = {.fd = master, .events = POLLIN};
  while (poll(&rest, 1, 50) > 0 && (rest.revents & POLLIN))
    show();
  if (WIFSIGNALED(status))
    printf("signal %d\n", WTERMSIG(status));
  else
    printf("exit %d\n", WEXITSTATUS(status));
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  setsid(); // fails when it is a session leader already
  setvbuf(stdout, NULL, _IOLBF, 0);
  struct winsize size = {.ws_row = 24, .ws_col = 80};
  if (openpty(&master, &slave, NULL, NULL, &size) < 0 || ioctl(slave, TIOCSCTTY, 0) < 0) return 2;
  tcgetattr(slave, &start_modes);
  signal(SIGTTOU, SIG_IGN);
  sigset_t children, none;
  sigemptyset(&none);
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  sigprocmask(SIG_BLOCK, &children, NULL);
  int ended = signalfd(-1, &children, SFD_CLOEXEC);
  job = fork();
  if (job == 0) {
    setpgid(0, 0);
    tcsetpgrp(slave, getpid());
    signal(SIGTTOU, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int fd = 0; fd < 3; fd++)
      dup2(slave, fd);
    close(master);
    close(slave);
    execvp(argv[1], argv + 1);
    _exit(127);
  }
  setpgid(job, job);
  for (;;) {
    struct pollfd polled[] = {
        {.fd = 0, .events = POLLIN}, {.fd = master, .events = POLLIN}, {.fd = ended, .events = POLLIN}};
    if (poll(polled, 3, -1) < 0) continue;
    if (polled[1].revents & POLLIN) show();
    if (polled[0].revents && !read_commands()) return 0;
    if (polled[2].revents) {
      struct signalfd_siginfo info;
      if (read(ended, &info, sizeof info) == sizeof info) reap();
    }
  }
}
