// Children of the shim: see addon.h. Node's own module would wait for its children alone, and fork a large process.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/addon.h"

#define ARGUMENTS_MAX 256
#define DESCRIPTORS_MAX 16

extern char **environ;

static char *text_of(napi_env env, napi_value value) {
  size_t length;
  if (napi_get_value_string_utf8(env, value, NULL, 0, &length) != napi_ok) return NULL;
  char *text = malloc(length + 1);
  if (text) napi_get_value_string_utf8(env, value, text, length + 1, &length);
  return text;
}

static void free_texts(char **texts, size_t count) {
  for (size_t i = 0; i < count; i++)
    free(texts[i]);
}

// -1: that is no list of so many texts.
static int texts_of(napi_env env, napi_value list, char **texts, uint32_t most) {
  uint32_t count = 0;
  if (napi_get_array_length(env, list, &count) != napi_ok || count > most) return -1;
  for (uint32_t i = 0; i < count; i++) {
    napi_value element;
    napi_get_element(env, list, i, &element);
    if ((texts[i] = text_of(env, element))) continue;
    free_texts(texts, i);
    return -1;
  }
  return (int)count;
}

static int numbers_of(napi_env env, napi_value list, int *numbers, uint32_t most) {
  uint32_t count = 0;
  if (napi_get_array_length(env, list, &count) != napi_ok || count > most) return -1;
  for (uint32_t i = 0; i < count; i++) {
    napi_value element;
    napi_get_element(env, list, i, &element);
    if (napi_get_value_int32(env, element, &numbers[i]) != napi_ok) return -1;
  }
  return (int)count;
}

// Node ignores some signals, and blocks none that the program should.
static void set_signals(posix_spawnattr_t *attributes) {
  sigset_t all, none;
  sigfillset(&all);
  sigemptyset(&none);
  posix_spawnattr_setsigdefault(attributes, &all);
  posix_spawnattr_setsigmask(attributes, &none);
  posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
}

static int spawn_with(const char *file, char **arguments, const int *descriptors, int count,
                      const char *directory, pid_t *pid) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  int high[DESCRIPTORS_MAX], error = 0, made = 0;
  // None of them may be overwritten before it has been put in its place.
  for (; made < count && error == 0; made++)
    if ((high[made] = fcntl(descriptors[made], F_DUPFD_CLOEXEC, 64)) < 0) error = errno;
  if (error != 0) made--;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  set_signals(&attributes);
  for (int i = 0; i < made; i++)
    posix_spawn_file_actions_adddup2(&actions, high[i], i);
  posix_spawn_file_actions_addclosefrom_np(&actions, count);
  posix_spawn_file_actions_addchdir_np(&actions, directory);
  if (error == 0) error = posix_spawn(pid, file, &actions, &attributes, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  for (int i = 0; i < made; i++)
    close(high[i]);
  return error;
}

napi_value spawn_program(napi_env env, napi_callback_info info) {
  napi_value given[4];
  size_t count = 4;
  napi_get_cb_info(env, info, &count, given, NULL, NULL);
  char *arguments[ARGUMENTS_MAX + 1] = {0};
  int descriptors[DESCRIPTORS_MAX];
  int words = count == 4 ? texts_of(env, given[1], arguments, ARGUMENTS_MAX) : -1;
  int streams = words > 0 ? numbers_of(env, given[2], descriptors, DESCRIPTORS_MAX) : -1;
  char *file = streams > 0 ? text_of(env, given[0]) : NULL;
  char *directory = file ? text_of(env, given[3]) : NULL;
  pid_t pid = 0;
  int error = directory ? spawn_with(file, arguments, descriptors, streams, directory, &pid) : EINVAL;
  free(file);
  free(directory);
  if (words > 0) free_texts(arguments, (size_t)words);
  return number(env, error ? -error : pid);
}

napi_value reap_child(napi_env env, napi_callback_info info) {
  (void)info;
  napi_value result;
  int status;
  pid_t pid;
  do
    pid = waitpid(-1, &status, WNOHANG);
  while (pid < 0 && errno == EINTR);
  if (pid <= 0) {
    napi_get_null(env, &result);
    return result;
  }
  napi_create_array_with_length(env, 2, &result);
  napi_set_element(env, result, 0, number(env, pid));
  napi_set_element(env, result, 1, number(env, status));
  return result;
}
