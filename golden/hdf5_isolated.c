#include "golden/hdf5_isolated.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "golden/columns_pack.h"
#include "golden/hdf5.h"
#include "golden/hdf5_library.h"

extern char **environ;

static const char verb[] = "--lossproof-read-hdf5"; /* SECONDS MEBIBYTES FILE */

enum { PROGRAM_MAX = 4096 };
static char reader_program[PROGRAM_MAX];

void lp_hdf5_set_reader_program(const char *path) {
  snprintf(reader_program, sizeof reader_program, "%s", path ? path : "");
}

/* The child. */

#if defined(__SANITIZE_ADDRESS__)
#define LP_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LP_ADDRESS_SANITIZER 1
#endif
#endif
#ifndef LP_ADDRESS_SANITIZER
#define LP_ADDRESS_SANITIZER 0
#endif

/* One above for the hard limit: at the soft one of RLIMIT_CPU the signal says why. */
static void limit(int resource, rlim_t most) {
  const struct rlimit both = {.rlim_cur = most, .rlim_max = most + 1};
  (void)setrlimit(resource, &both); /* the parent's clock still stands when this fails */
}

static void set_limits(lp_reader_limits limits) {
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_CPU, (rlim_t)limits.seconds);
  if (!LP_ADDRESS_SANITIZER) limit(RLIMIT_AS, (rlim_t)limits.mebibytes << 20);
}

static bool serve(const char *path) {
  lp_columns columns;
  lp_error error = {.message = ""};
  lp_status status = lp_columns_init(&columns, &error);
  if (status == LP_OK) status = lp_hdf5_read_columns(&columns, path, &error);
  const bool sent = lp_wire_send(STDOUT_FILENO, &columns, status, &error);
  lp_columns_clear(&columns);
  return sent;
}

static void remember_program(const char *name) {
  const ssize_t length = readlink("/proc/self/exe", reader_program, sizeof reader_program - 1);
  if (length > 0) {
    reader_program[length] = 0;
  } else {
    lp_hdf5_set_reader_program(name);
  }
}

static int number(const char *text) { return (int)strtol(text, NULL, 10); }

bool lp_hdf5_serve_reader(int *exit_status, int argc, char *const *argv) {
  if (argc != 5 || strcmp(argv[1], verb) != 0) {
    remember_program(argc > 0 ? argv[0] : "");
    return false;
  }
  set_limits((lp_reader_limits){.seconds = number(argv[2]), .mebibytes = number(argv[3])});
  *exit_status = serve(argv[4]) ? EXIT_SUCCESS : EXIT_FAILURE;
  return true;
}

/* The parent. */

/* The pipe first, which may have any number, 0 and 2 among them. Last words of a crash are not for the user. */
static bool redirect(posix_spawn_file_actions_t *actions, int pipe) {
  return posix_spawn_file_actions_adddup2(actions, pipe, STDOUT_FILENO) == 0 &&
         posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0) == 0 &&
         posix_spawn_file_actions_addopen(actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0) == 0;
}

/* Returns an error number. A program that is not there is asked for first, since posix_spawn may report that as an exit
 * status of 127 instead. */
static int spawn(pid_t *child, int pipe, const char *path, lp_reader_limits limits) {
  char name[] = "lossproof", option[sizeof verb], seconds[16], mebibytes[16];
  memcpy(option, verb, sizeof verb);
  snprintf(seconds, sizeof seconds, "%d", limits.seconds);
  snprintf(mebibytes, sizeof mebibytes, "%d", limits.mebibytes);
  if (access(reader_program, X_OK) != 0) return errno;
  char *copy = strdup(path);
  char *arguments[] = {name, option, seconds, mebibytes, copy, NULL};
  posix_spawn_file_actions_t actions;
  if (!copy || posix_spawn_file_actions_init(&actions) != 0) {
    free(copy);
    return ENOMEM;
  }
  const int failure =
      redirect(&actions, pipe) ? posix_spawn(child, reader_program, &actions, NULL, arguments, environ) : ENOMEM;
  posix_spawn_file_actions_destroy(&actions);
  free(copy);
  return failure;
}

/* Its wait status; 0 when somebody else has taken it (SIGCHLD is ignored). */
static int reap(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return 0;
  }
  return status;
}

/* What the end of the child says, once the pipe has ended before the message. */
static lp_status explain(int status, const lp_wire_end *end, lp_reader_limits limits, lp_error *error) {
  if (end->late || (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)) {
    return lp_fail(error, LP_INVALID, "reading it took more than %d seconds, and was stopped", limits.seconds);
  }
  if (WIFSIGNALED(status)) {
    return lp_fail(error, LP_INVALID, "reading it crashed (signal %d, %s)", WTERMSIG(status),
                   strsignal(WTERMSIG(status)));
  }
  return lp_fail(error, LP_INVALID, "reading it ended early (exit status %d)", WEXITSTATUS(status));
}

static lp_status converse(lp_columns *columns, pid_t child, int pipe, lp_reader_limits limits, lp_error *error) {
  lp_wire_end end;
  const lp_status status = lp_wire_receive(columns, &end, pipe, limits.seconds, error);
  kill(child, SIGKILL); /* what has ended already keeps its own end */
  const int wait_status = reap(child);
  return end.early || end.late ? explain(wait_status, &end, limits, error) : status;
}

static void set_close_on_exec(int file) { (void)fcntl(file, F_SETFD, FD_CLOEXEC); }

lp_status lp_hdf5_fetch_columns(lp_columns *columns, const char *path, lp_reader_limits limits, lp_error *error) {
  if (reader_program[0] == 0) {
    return lp_fail(error, LP_INTERNAL,
                   "no program is known that reads HDF5 in isolation (main must begin with lp_hdf5_serve_reader)");
  }
  int ends[2];
  pid_t child = -1;
  if (pipe(ends) != 0) return lp_fail(error, LP_IO, "cannot make a pipe: %s", strerror(errno));
  set_close_on_exec(ends[0]);
  set_close_on_exec(ends[1]);
  const int failure = spawn(&child, ends[1], path, limits);
  close(ends[1]);
  const lp_status status = failure == 0
                               ? converse(columns, child, ends[0], limits, error)
                               : lp_fail(error, LP_INTERNAL, "cannot run %s: %s", reader_program, strerror(failure));
  close(ends[0]);
  return status;
}

static lp_status read_isolated(lp_columns *columns, lp_suite *suite, const char *path, lp_error *error) {
  LP_TRY(lp_hdf5_fetch_columns(columns, path, LP_READER_LIMITS, error));
  return lp_columns_unpack(suite, columns, error);
}

lp_status lp_hdf5_read_isolated(lp_suite *suite, const char *path, lp_error *error) {
  lp_columns columns;
  lp_status status = lp_columns_init(&columns, error);
  if (status == LP_OK) status = read_isolated(&columns, suite, path, error);
  lp_columns_clear(&columns);
  return status == LP_OK ? LP_OK : lp_blame(error, status, path);
}
