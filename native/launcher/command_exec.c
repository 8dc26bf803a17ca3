// `ringfence exec`: a further command in a running sandbox: one request to its control socket, with
// descriptors 0-2 attached. When the connection ends, the sandbox kills the command.
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buffer.h"
#include "commands.h"
#include "identity.h"
#include "report.h"
#include "sandbox.h"
#include "session.h"
#include "state.h"

static bool number(const char **at, unsigned *value) {
  char *end;
  if (**at < '0' || **at > '9') return false;
  unsigned long parsed = strtoul(*at, &end, 10);
  if (parsed >= UINT_MAX) return false;
  *at = end;
  *value = (unsigned)parsed;
  return true;
}

// UID or UID:GID. With another user, the caller's groups do not go along.
static void take_user(struct identity *identity, const char *user) {
  const char *at = user;
  bool valid = number(&at, &identity->uid);
  identity->gid = 0;
  identity->group_count = 0;
  if (valid && *at == ':') {
    at++;
    valid = number(&at, &identity->gid);
  }
  if (!valid || *at != '\0') fail(EXIT_RINGFENCE, "--user must be UID or UID:GID, in numbers: %s", user);
}

// The caller's environment with NAME=VALUE of --env put over it.
static char **merge_environment(char **added) {
  size_t count = 0, more = 0;
  while (environ[count])
    count++;
  while (added && added[more])
    more++;
  char **merged = calloc(count + more + 1, sizeof *merged);
  if (!merged) fail_errno(EXIT_RINGFENCE, "reading the environment");
  memcpy(merged, environ, count * sizeof *merged);
  for (size_t i = 0; i < more; i++) {
    const char *equals = strchr(added[i], '=');
    if (!equals || equals == added[i]) fail(EXIT_RINGFENCE, "--env must be NAME=VALUE: %s", added[i]);
    size_t name = (size_t)(equals - added[i]) + 1, at = 0;
    while (at < count && strncmp(merged[at], added[i], name) != 0)
      at++;
    merged[at] = added[i];
    if (at == count) count++;
  }
  return merged;
}

static void send_request(int fd, const struct buffer *line) {
  const int streams[3] = {0, 1, 2};
  char control[CMSG_SPACE(sizeof streams)] = {0};
  struct iovec text = {.iov_base = line->data, .iov_len = line->length};
  struct msghdr message = {
      .msg_iov = &text, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof streams);
  memcpy(CMSG_DATA(rights), streams, sizeof streams);
  ssize_t n;
  do
    n = sendmsg(fd, &message, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  if (n < 0) fail_errno(EXIT_RINGFENCE, "sending the request");
  for (size_t at = (size_t)n; at < line->length; at += (size_t)n) {
    n = send(fd, line->data + at, line->length - at, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) n = 0;
    if (n < 0) fail_errno(EXIT_RINGFENCE, "sending the request");
  }
}

int command_exec(const struct options *options) {
  struct identity identity;
  identity_capture(&identity);
  session_block_signals();
  if (options->values[OPTION_USER]) take_user(&identity, options->values[OPTION_USER]);
  if (options->values[OPTION_CWD]) identity.cwd = (char *)options->values[OPTION_CWD];
  char **environment = merge_environment(options->lists[OPTION_ENV]);
  struct session session = {.lifeline = -1, .log = -1, .watch_input = -1, .forward = true};
  session.control = state_connect(options->values[OPTION_ROOT], options->id);
  session_take_terminal(&session);
  struct buffer line = {0};
  buffer_printf(&line, "{\"id\":1,\"method\":\"exec\",\"params\":");
  identity_write_spec(&identity, options->arguments, environment, &line);
  buffer_append(&line, "}\n", 2);
  send_request(session.control, &line);
  buffer_free(&line);
  sandbox_release_stdio();
  return session_run(&session);
}
