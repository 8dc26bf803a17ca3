// The launcher's event loop: see session.h. Job control: the host's line discipline is passed
// through, the launcher stays in its caller's process group and never reads the terminal.
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init.h"
#include "json.h"
#include "report.h"

#define LOG_TAIL_BYTES 4096
// A shell that moves a running job to the foreground sends no signal: look, while in the background.
#define BACKGROUND_POLL_MS 100

static const int forwarded[] = {SIGINT,  SIGQUIT, SIGTSTP, SIGCONT, SIGHUP,
                                SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};

static void session_signals(sigset_t *set) {
  sigemptyset(set);
  sigaddset(set, SIGCHLD);
  for (size_t i = 0; i < sizeof forwarded / sizeof forwarded[0]; i++)
    sigaddset(set, forwarded[i]);
}

void session_block_signals(void) {
  sigset_t set;
  session_signals(&set);
  sigaddset(&set, SIGTTOU); // or restoring the terminal's modes could stop the launcher
  sigprocmask(SIG_BLOCK, &set, NULL);
}

static bool in_foreground(int terminal) {
  return tcgetpgrp(terminal) == getpgrp();
}

void session_take_terminal(struct session *session) {
  session->terminal = isatty(0) ? fcntl(0, F_DUPFD_CLOEXEC, 3) : -1;
  if (session->terminal >= 0 && tcgetattr(session->terminal, &session->modes) < 0) session->terminal = -1;
  session->foreground = session->terminal >= 0 && in_foreground(session->terminal);
}

static void send_line(const struct session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void send_line(const struct session *session, const char *format, ...) {
  char line[256];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  // An error shows as the end of the connection.
  for (int at = 0; at < length;) {
    ssize_t n = send(session->control->fd, line + at, (size_t)(length - at), MSG_NOSIGNAL);
    if (n < 0 && errno != EINTR) return;
    if (n > 0) at += (int)n;
  }
}

// Tells the sandbox, which reads the terminal only while in the foreground, and init, which must not
// restore the modes of a terminal that a shell is using.
static void tell_foreground(const struct session *session) {
  send_line(session, "{\"method\":\"foreground\",\"params\":{\"value\":%s}}\n",
            session->foreground ? "true" : "false");
  char byte = session->foreground ? LIFELINE_FOREGROUND : LIFELINE_BACKGROUND;
  if (session->lifeline >= 0) (void)!write(session->lifeline, &byte, 1);
}

static void look_at_terminal(struct session *session) {
  if (session->terminal < 0) return;
  bool foreground = in_foreground(session->terminal);
  if (foreground == session->foreground) return;
  session->foreground = foreground;
  tell_foreground(session);
}

// The guest's program has stopped: so does the launcher, until its shell continues it.
static void stop_with_guest(struct session *session, int signo) {
  if (signo != SIGTSTP && signo != SIGTTIN && signo != SIGTTOU) signo = SIGSTOP;
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signo);
  void (*handler)(int) = signo == SIGSTOP ? SIG_DFL : signal(signo, SIG_DFL);
  kill(getpid(), signo);
  sigprocmask(SIG_UNBLOCK, &set, NULL); // stops here
  sigprocmask(SIG_BLOCK, &set, NULL);
  if (signo != SIGSTOP) signal(signo, handler);
  look_at_terminal(session);
}

// A record (log_format.ts) of a level below error.
static bool is_ordinary_record(const char *line) {
  static const char *const levels[] = {" level=debug ",       " level=info ",       " level=warn ",
                                       "\"level\":\"debug\"", "\"level\":\"info\"", "\"level\":\"warn\""};
  for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
    if (strstr(line, levels[i])) return true;
  return false;
}

// Without --log, shows what the dead sandbox wrote last: what Node says of its own accord when it
// fails, and records of errors.
static void show_log_tail(struct session *session) {
  char bytes[4096];
  if (session->log >= 0) {
    fcntl(session->log, F_SETFL, O_NONBLOCK);
    for (ssize_t n; (n = read(session->log, bytes, sizeof bytes)) > 0;)
      buffer_append(&session->log_tail, bytes, (size_t)n);
  }
  buffer_append(&session->log_tail, "", 1);
  for (char *line = session->log_tail.data, *end; *line; line = end) {
    end = strchrnul(line, '\n');
    if (*end) *end++ = '\0';
    if (!is_ordinary_record(line)) fprintf(stderr, "%s\n", line);
  }
}

// Reads one event. Returns true when it ends the session, with the exit code in *code.
static bool take_event(struct session *session, const char *line, size_t length, int *code) {
  struct json_token tokens[64];
  struct json event;
  char message[1024];
  long long number;
  if (length == 0) return false;
  if (!json_parse(&event, line, length, tokens, sizeof tokens / sizeof tokens[0])) {
    warn("the sandbox sent something that is no event");
    *code = EXIT_SANDBOX_DIED;
    return true;
  }
  unsigned name = json_member(&event, 0, "event");
  if (json_equals(&event, name, "exit")) {
    if (!json_integer(&event, json_member(&event, 0, "status"), 0, 0xffff, &number)) number = SIGKILL;
    int status = (int)number;
    *code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return true;
  }
  if (json_equals(&event, name, "error")) {
    if (json_text(&event, json_member(&event, 0, "message"), message, sizeof message)) warn("%s", message);
    bool valid = json_integer(&event, json_member(&event, 0, "code"), 1, 255, &number);
    *code = valid ? (int)number : EXIT_RINGFENCE;
    return true;
  }
  if (json_equals(&event, name, "died")) {
    if (!json_integer(&event, json_member(&event, 0, "status"), 0, 0xffff, &number)) number = 0;
    bool zygote = json_equals(&event, json_member(&event, 0, "process"), "zygote");
    int status = (int)number;
    warn("the sandbox died: its %s %s %d", zygote ? "zygote" : "Node process",
         WIFSIGNALED(status) ? "was killed by signal" : "ended with code",
         WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
      warn("its filter forbids a system call that it made; the host's kernel log says which");
    *code = EXIT_SANDBOX_DIED;
    show_log_tail(session);
    return true;
  }
  if (json_equals(&event, name, "stopped")) {
    if (!json_integer(&event, json_member(&event, 0, "signo"), 1, 64, &number)) number = SIGSTOP;
    stop_with_guest(session, (int)number);
  }
  if (json_equals(&event, name, "started") && session->announce) {
    static const char ready[] = "ready\n";
    write_all(1, ready, sizeof ready - 1);
  }
  return false;
}

// True when the session ends.
static bool take_events(struct session *session, int *code) {
  char *line;
  size_t length;
  while (lines_take(session->control, &line, &length))
    if (take_event(session, line, length, code)) return true;
  return false;
}

static bool read_control(struct session *session, int *code) {
  enum lines_state state = lines_fill(session->control, false);
  if (take_events(session, code)) return true;
  if (state == LINES_OPEN) return false;
  warn(state == LINES_END ? "the sandbox died without saying why" : "the sandbox sent a line without end");
  *code = EXIT_SANDBOX_DIED;
  show_log_tail(session);
  return true;
}

static bool read_signals(struct session *session, int signals, int *code) {
  struct signalfd_siginfo info;
  if (read(signals, &info, sizeof info) != sizeof info || info.ssi_signo == SIGCHLD) return false;
  int signo = (int)info.ssi_signo;
  if (!session->forward) {
    *code = 0;
    return signo == SIGINT || signo == SIGTERM || signo == SIGHUP;
  }
  if (signo == SIGCONT || signo == SIGWINCH) look_at_terminal(session);
  // Sent by a line discipline, it is meant for the terminal's foreground group in the guest; and a shell
  // continues a whole job.
  bool group = info.ssi_code == SI_KERNEL || signo == SIGCONT;
  send_line(session, "{\"method\":\"signal\",\"params\":{\"signo\":%d,\"terminal\":%s}}\n", signo,
            group ? "true" : "false");
  return false;
}

static void read_log(struct session *session) {
  char bytes[4096];
  ssize_t n = read(session->log, bytes, sizeof bytes);
  if (n <= 0) {
    session->log = -1;
    return;
  }
  buffer_append(&session->log_tail, bytes, (size_t)n);
  if (session->log_tail.length > LOG_TAIL_BYTES)
    buffer_consume(&session->log_tail, session->log_tail.length - LOG_TAIL_BYTES);
}

// True at end of file.
static bool read_input(const struct session *session) {
  char bytes[4096];
  ssize_t n = read(session->watch_input, bytes, sizeof bytes);
  return n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN);
}

int session_run(struct session *session) {
  sigset_t set;
  session_signals(&set);
  int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), code = EXIT_RINGFENCE;
  if (signals < 0) fail_errno(EXIT_RINGFENCE, "making a signal descriptor");
  if (session->terminal >= 0) tell_foreground(session);
  bool ended = take_events(session, &code); // that came with what was read before
  while (!ended) {
    struct pollfd polled[] = {
        {.fd = session->control->fd, .events = POLLIN},
        {.fd = signals, .events = POLLIN},
        {.fd = session->log, .events = POLLIN},
        {.fd = session->watch_input, .events = POLLIN},
    };
    bool watch = session->terminal >= 0 && !session->foreground;
    if (poll(polled, 4, watch ? BACKGROUND_POLL_MS : -1) < 0) continue;
    if (watch) look_at_terminal(session);
    if (polled[2].revents) read_log(session);
    ended = (polled[0].revents && read_control(session, &code)) ||
            (polled[1].revents && read_signals(session, signals, &code));
    if (!ended && polled[3].revents && read_input(session)) {
      code = 0;
      ended = true;
    }
  }
  if (session->terminal >= 0 && in_foreground(session->terminal))
    tcsetattr(session->terminal, TCSANOW, &session->modes);
  close(signals);
  return code;
}
