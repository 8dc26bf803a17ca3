// Hooks: see hooks.h.
#include "hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STRINGS_MAX 4096
#define STRING_MAX 131072 // MAX_ARG_STRLEN
#define OUTPUT_MAX 768    // with what is said about it, within the length of a failure (report.c)
#define TIMEOUT_MAX 86400

struct hook {
  char path[PATH_MAX];
  char **arguments, **environment;
  long long timeout; // seconds; 0: none
};

static unsigned hooks_of(const struct json *spec, const char *name) {
  unsigned hooks = json_member(spec, 0, "hooks");
  return hooks ? json_member(spec, hooks, name) : 0;
}

bool hooks_present(const struct json *spec, const char *name) {
  unsigned list = hooks_of(spec, name);
  return list && json_first(spec, list);
}

static void free_strings(char **strings) {
  for (size_t i = 0; strings && strings[i]; i++)
    free(strings[i]);
  free(strings);
}

// A list of strings, ending with NULL; NULL when it is none.
static char **read_strings(const struct json *spec, unsigned list) {
  char **strings = calloc(STRINGS_MAX + 1, sizeof *strings), *text = malloc(STRING_MAX);
  size_t count = 0;
  bool valid = strings && text && (list == 0 || json_is(spec, list, JSON_ARRAY));
  for (unsigned item = list ? json_first(spec, list) : 0; valid && item; item = json_next(spec, list, item)) {
    valid =
        count < STRINGS_MAX && json_text(spec, item, text, STRING_MAX) && (strings[count++] = strdup(text));
  }
  free(text);
  if (valid) return strings;
  free_strings(strings);
  return NULL;
}

static bool read_hook(const struct json *spec, unsigned object, struct hook *hook) {
  *hook = (struct hook){0};
  if (!json_is(spec, object, JSON_OBJECT)) return false;
  unsigned timeout = json_member(spec, object, "timeout"), arguments = json_member(spec, object, "args");
  if (!json_text(spec, json_member(spec, object, "path"), hook->path, sizeof hook->path) ||
      hook->path[0] != '/')
    return false;
  if (timeout && !json_is(spec, timeout, JSON_NULL) &&
      !json_integer(spec, timeout, 1, TIMEOUT_MAX, &hook->timeout))
    return false;
  hook->arguments = read_strings(spec, arguments);
  hook->environment = read_strings(spec, json_member(spec, object, "env"));
  if (!hook->arguments || !hook->environment) return false;
  if (!hook->arguments[0]) hook->arguments[0] = strdup(hook->path);
  return hook->arguments[0] != NULL;
}

static _Noreturn void exec_hook(const struct hook *hook, int input, int output, void (*enter)(void *),
                                void *argument) {
  setpgid(0, 0);
  for (int signo = 1; signo <= SIGRTMAX; signo++)
    signal(signo, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  if (enter) enter(argument);
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0 || dup2(input, 0) < 0 || dup2(null, 1) < 0 || dup2(output, 2) < 0) _exit(127);
  syscall(SYS_close_range, 3, ~0u, 0);
  execve(hook->path, hook->arguments, hook->environment);
  dprintf(2, "%s: %s", hook->path, strerror(errno));
  _exit(127);
}

static long long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

// What a running hook is fed and says.
struct running {
  int process, input, output; // pidfd; -1 when done with
  const char *state;
  size_t left;
  char said[OUTPUT_MAX];
  size_t said_length;
};

static void feed(struct running *running) {
  ssize_t n = send(running->input, running->state, running->left, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n > 0) {
    running->state += n;
    running->left -= (size_t)n;
  }
  if (n > 0 && running->left > 0) return;
  close(running->input); // it has all, or does not want it
  running->input = -1;
}

static void listen_to(struct running *running) {
  char bytes[OUTPUT_MAX];
  ssize_t n = read(running->output, bytes, sizeof bytes);
  if (n <= 0) {
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    close(running->output);
    running->output = -1;
    return;
  }
  // The end of what it says is what matters.
  const size_t room = sizeof running->said - 1;
  size_t fresh = (size_t)n < room ? (size_t)n : room;
  size_t keep = running->said_length < room - fresh ? running->said_length : room - fresh;
  memmove(running->said, running->said + running->said_length - keep, keep);
  memcpy(running->said + keep, bytes + (size_t)n - fresh, fresh);
  running->said_length = keep + fresh;
}

// True when the process has ended, false when its time is over.
static bool attend(struct running *running, long long timeout) {
  long long end = now_ms() + timeout * 1000;
  for (;;) {
    struct pollfd polled[] = {{.fd = running->process, .events = POLLIN},
                              {.fd = running->input, .events = POLLOUT},
                              {.fd = running->output, .events = POLLIN}};
    long long left = timeout ? end - now_ms() : -1;
    if (timeout && left <= 0) return false;
    if (poll(polled, 3, (int)(left > INT_MAX ? INT_MAX : left)) < 0) continue;
    if (polled[1].revents) feed(running);
    if (polled[2].revents) listen_to(running);
    if (polled[0].revents) {
      while (running->output >= 0 &&
             poll(&(struct pollfd){.fd = running->output, .events = POLLIN}, 1, 0) > 0)
        listen_to(running);
      return true;
    }
  }
}

static bool run_hook(const struct hook *hook, const char *state, size_t length, void (*enter)(void *),
                     void *argument, char *message, size_t capacity) {
  int input[2], output[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, input) < 0 ||
      pipe2(output, O_CLOEXEC | O_NONBLOCK) < 0) {
    snprintf(message, capacity, "%s", strerror(errno));
    return false;
  }
  pid_t pid = fork();
  if (pid == 0) exec_hook(hook, input[0], output[1], enter, argument);
  close(input[0]);
  close(output[1]);
  struct running running = {.process = pid < 0 ? -1 : (int)syscall(SYS_pidfd_open, pid, 0),
                            .input = input[1],
                            .output = output[0],
                            .state = state,
                            .left = length};
  bool ended = running.process >= 0 && attend(&running, hook->timeout);
  int status = -1;
  if (!ended && pid > 0) {
    kill(-pid, SIGKILL);
    kill(pid, SIGKILL);
  }
  while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
    continue;
  const int opened[] = {running.process, running.input, running.output};
  for (size_t i = 0; i < sizeof opened / sizeof opened[0]; i++)
    if (opened[i] >= 0) close(opened[i]);
  if (ended && status == 0) return true;
  running.said[running.said_length] = '\0';
  if (!ended)
    snprintf(message, capacity, "hook ran past specified timeout of %.1fs", (double)hook->timeout);
  else
    snprintf(message, capacity, "%s %d, stdout: , stderr: %s", WIFSIGNALED(status) ? "signal" : "exit status",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), running.said);
  return false;
}

bool hooks_run(const struct json *spec, const char *name, const char *state, size_t length,
               void (*enter)(void *), void *argument, char *message, size_t capacity) {
  unsigned list = hooks_of(spec, name);
  int index = 0;
  for (unsigned item = list ? json_first(spec, list) : 0; item; item = json_next(spec, list, item), index++) {
    struct hook hook;
    char what[OUTPUT_MAX + 256];
    bool valid = read_hook(spec, item, &hook);
    bool done = valid && run_hook(&hook, state, length, enter, argument, what, sizeof what);
    free_strings(hook.arguments);
    free_strings(hook.environment);
    if (done) continue;
    if (valid)
      snprintf(message, capacity, "error running %s hook #%d: %s", name, index, what);
    else
      snprintf(message, capacity, "hooks.%s[%d] is not valid", name, index);
    return false;
  }
  return true;
}
