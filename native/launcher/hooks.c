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
#include <unistd.h>

#include "monotonic.h"
#include "report.h"

#define STRINGS_MAX 4096
#define STRING_MAX 131072 // MAX_ARG_STRLEN
#define OUTPUT_MAX                                                                                           \
  384 // of each stream: with what is said about it, within the length of a failure (report.c)
#define TIMEOUT_MAX 86400

struct hook {
  char path[PATH_MAX];
  char **arguments, **environment; // environment NULL: the launcher's own
  long long timeout;               // seconds; 0: none
};

static const char *const names[] = {"prestart",       "createRuntime", "createContainer",
                                    "startContainer", "poststart",     "poststop"};

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

// A member that is there; null is not.
static unsigned given(const struct json *spec, unsigned object, const char *name) {
  unsigned member = json_member(spec, object, name);
  return member && !json_is(spec, member, JSON_NULL) ? member : 0;
}

static void free_hook(struct hook *hook) {
  free_strings(hook->arguments);
  free_strings(hook->environment);
}

// NULL, or what is wrong: a member and what it must be.
static const char *read_hook(const struct json *spec, unsigned object, struct hook *hook) {
  *hook = (struct hook){0};
  if (!json_is(spec, object, JSON_OBJECT)) return " must be an object";
  unsigned timeout = given(spec, object, "timeout"), environment = given(spec, object, "env");
  if (!json_text(spec, json_member(spec, object, "path"), hook->path, sizeof hook->path) ||
      hook->path[0] != '/')
    return ".path must be an absolute path";
  if (timeout && !json_integer(spec, timeout, 1, TIMEOUT_MAX, &hook->timeout))
    return ".timeout must be a number of seconds from 1 to 86400";
  hook->arguments = read_strings(spec, given(spec, object, "args"));
  if (!hook->arguments) return ".args must be a list of strings";
  hook->environment = environment ? read_strings(spec, environment) : NULL;
  if (environment && !hook->environment) return ".env must be a list of strings";
  if (!hook->arguments[0]) hook->arguments[0] = strdup(hook->path);
  return NULL;
}

static void check_list(const struct json *spec, unsigned hooks, const char *name) {
  unsigned list = given(spec, hooks, name);
  if (list && !json_is(spec, list, JSON_ARRAY)) fail(EXIT_RINGFENCE, "hooks.%s must be a list", name);
  int index = 0;
  for (unsigned item = list ? json_first(spec, list) : 0; item; item = json_next(spec, list, item), index++) {
    struct hook hook;
    const char *wrong = read_hook(spec, item, &hook);
    free_hook(&hook);
    if (wrong) fail(EXIT_RINGFENCE, "hooks.%s[%d]%s", name, index, wrong);
  }
}

void hooks_check(const struct json *spec) {
  unsigned hooks = given(spec, 0, "hooks");
  if (!hooks) return;
  if (!json_is(spec, hooks, JSON_OBJECT)) fail(EXIT_RINGFENCE, "hooks must be an object");
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    check_list(spec, hooks, names[i]);
}

// Ends the hook's process, with the error for its runner, who waits at the other end of `failure`.
static _Noreturn void cannot_run(int failure) {
  int error = errno;
  (void)!write(failure, &error, sizeof error);
  _exit(127);
}

struct hook_streams {
  int input, output, error, failure;
};

static _Noreturn void exec_hook(const struct hook *hook, const struct hook_streams *streams,
                                const struct hook_place *place) {
  setpgid(0, 0);
  for (int signo = 1; signo <= SIGRTMAX; signo++)
    signal(signo, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  if (dup2(streams->input, 0) < 0 || dup2(streams->output, 1) < 0 || dup2(streams->error, 2) < 0)
    cannot_run(streams->failure);
  // Nobody between here and the hook may hold the launcher's ends of these, or its lifeline.
  int high = fcntl(streams->failure, F_DUPFD, 64), failure = high < 0 ? -1 : dup3(high, 3, O_CLOEXEC);
  if (failure < 0) cannot_run(streams->failure);
  syscall(SYS_close_range, 4, ~0u, 0);
  if (place->directory) (void)!chdir(place->directory);
  if (place->enter) place->enter(place->argument);
  execve(hook->path, hook->arguments, hook->environment ? hook->environment : environ);
  cannot_run(failure);
}

// The end of what a stream of a hook's has said, which is what matters.
struct said {
  int fd; // -1 when done with
  char text[OUTPUT_MAX];
  size_t length;
};

// What a running hook is fed and says.
struct running {
  int process, input; // a pidfd; -1 when done with
  const char *state;
  size_t left;
  struct said output, error;
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

static void listen_to(struct said *said) {
  char bytes[OUTPUT_MAX];
  ssize_t n = read(said->fd, bytes, sizeof bytes);
  if (n <= 0) {
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    close(said->fd);
    said->fd = -1;
    return;
  }
  const size_t room = sizeof said->text - 1;
  size_t fresh = (size_t)n < room ? (size_t)n : room;
  size_t keep = said->length < room - fresh ? said->length : room - fresh;
  memmove(said->text, said->text + said->length - keep, keep);
  memcpy(said->text + keep, bytes + (size_t)n - fresh, fresh);
  said->length = keep + fresh;
  said->text[said->length] = '\0';
}

static void listen_to_rest(struct said *said) {
  while (said->fd >= 0 && poll(&(struct pollfd){.fd = said->fd, .events = POLLIN}, 1, 0) > 0)
    listen_to(said);
}

// True when the process has ended, false when its time is over.
static bool attend(struct running *running, long long timeout) {
  long long end = monotonic_ms() + timeout * 1000;
  for (;;) {
    struct pollfd polled[] = {{.fd = running->process, .events = POLLIN},
                              {.fd = running->input, .events = POLLOUT},
                              {.fd = running->output.fd, .events = POLLIN},
                              {.fd = running->error.fd, .events = POLLIN}};
    long long left = timeout ? end - monotonic_ms() : -1;
    if (timeout && left <= 0) return false;
    if (poll(polled, 4, (int)(left > INT_MAX ? INT_MAX : left)) < 0) continue;
    if (polled[1].revents) feed(running);
    if (polled[2].revents) listen_to(&running->output);
    if (polled[3].revents) listen_to(&running->error);
    if (!polled[0].revents) continue;
    listen_to_rest(&running->output);
    listen_to_rest(&running->error);
    return true;
  }
}

static void close_all(const int *descriptors, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (descriptors[i] >= 0) close(descriptors[i]);
}

// What Go says of an errno, so that logs read as runc's.
static void describe_error(int error, const struct hook *hook, char *message, size_t capacity) {
  snprintf(message, capacity, "fork/exec %.256s: %s", hook->path, strerror(error));
  char *text = message + strlen(message) - strlen(strerror(error));
  if (text >= message && text[0] >= 'A' && text[0] <= 'Z') text[0] += 'a' - 'A';
}

static void describe_end(int status, const struct running *running, char *message, size_t capacity) {
  if (WIFSIGNALED(status))
    snprintf(message, capacity, "signal: %s, stdout: %s, stderr: %s", strsignal(WTERMSIG(status)),
             running->output.text, running->error.text);
  else
    snprintf(message, capacity, "exit status %d, stdout: %s, stderr: %s", WEXITSTATUS(status),
             running->output.text, running->error.text);
}

static bool run_hook(const struct hook *hook, const char *state, size_t length,
                     const struct hook_place *place, char *message, size_t capacity) {
  int input[2], output[2], error[2], failure[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, input) < 0 ||
      pipe2(output, O_CLOEXEC | O_NONBLOCK) < 0 || pipe2(error, O_CLOEXEC | O_NONBLOCK) < 0 ||
      pipe2(failure, O_CLOEXEC | O_NONBLOCK) < 0) {
    describe_error(errno, hook, message, capacity);
    return false;
  }
  // The hook's own ends block, as a pipe of anybody's does.
  fcntl(output[1], F_SETFL, 0);
  fcntl(error[1], F_SETFL, 0);
  pid_t pid = fork();
  const struct hook_streams streams = {input[0], output[1], error[1], failure[1]};
  if (pid == 0) exec_hook(hook, &streams, place);
  close_all((const int[]){input[0], output[1], error[1], failure[1]}, 4);
  struct running running = {.process = pid < 0 ? -1 : (int)syscall(SYS_pidfd_open, pid, 0),
                            .input = input[1],
                            .output = {.fd = output[0]},
                            .error = {.fd = error[0]},
                            .state = state,
                            .left = length};
  bool ended = running.process >= 0 && attend(&running, hook->timeout);
  int status = -1, refused = 0;
  if (!ended && pid > 0) {
    kill(-pid, SIGKILL);
    kill(pid, SIGKILL);
  }
  while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
    continue;
  bool cannot = read(failure[0], &refused, sizeof refused) == sizeof refused;
  close_all((const int[]){running.process, running.input, running.output.fd, running.error.fd, failure[0]},
            5);
  if (ended && status == 0) return true;
  if (cannot)
    describe_error(refused, hook, message, capacity);
  else if (!ended)
    snprintf(message, capacity, "hook ran past specified timeout of %.1fs", (double)hook->timeout);
  else
    describe_end(status, &running, message, capacity);
  return false;
}

bool hooks_run(const struct json *spec, const char *name, const char *state, size_t length,
               const struct hook_place *place, char *message, size_t capacity) {
  unsigned list = hooks_of(spec, name);
  int index = 0;
  for (unsigned item = list ? json_first(spec, list) : 0; item; item = json_next(spec, list, item), index++) {
    struct hook hook;
    char what[2 * OUTPUT_MAX + 128];
    const char *wrong = read_hook(spec, item, &hook);
    bool done = !wrong && run_hook(&hook, state, length, place, what, sizeof what);
    free_hook(&hook);
    if (done) continue;
    if (wrong)
      snprintf(message, capacity, "hooks.%s[%d]%s", name, index, wrong);
    else
      snprintf(message, capacity, "error running %s hook #%d: %s", name, index, what);
    return false;
  }
  return true;
}
