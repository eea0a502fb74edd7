#include "fuzz/hunters.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fuzz/codec.h"
#include "harness/doors/worker.h"

extern char **environ;

/* The longest record: its bytes in hexadecimal, and its texts. */
enum { LINE_MAX_BYTES = 2 * LP_FUZZ_MAX_BYTES + LP_PROBE_TEXT + LP_PROBE_SIGNATURE + 256, FIELDS = 5 };

typedef struct child {
  pid_t process;
  int pipe;
  long long executions, asked, accepted;
  size_t length;
  char *line; /* LINE_MAX_BYTES */
} child;

typedef struct pack {
  lp_hunt_result *result;
  const lp_hunt_order *order;
  int n, alive;
  child children[LP_HUNT_MOST_JOBS];
  double began;
} pack;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* --- records ---------------------------------------------------------------------------------------------------- */

static int digit(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

/* Instead of what it holds; false when memory is out. */
static bool set_quarry(lp_quarry *q, const char *hex) {
  const size_t size = strlen(hex) / 2;
  uint8_t *bytes = malloc(size + 1);
  if (!bytes) return false;
  for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
  free(q->bytes);
  *q = (lp_quarry){bytes, size};
  return true;
}

/* The place of a signature, in order; *known: it is there already. */
static int place_of(const lp_hunt_result *result, const char *signature, bool *known) {
  int i = 0;
  while (i < result->n_findings && strcmp(result->findings[i].signature, signature) < 0) i++;
  *known = i < result->n_findings && strcmp(result->findings[i].signature, signature) == 0;
  return i;
}

static bool take_finding(pack *p, char *const *fields) {
  lp_hunt_result *r = p->result;
  bool known;
  const int i = place_of(r, fields[1], &known);
  lp_hunted *f = &r->findings[i];
  if (known && strlen(fields[3]) / 2 >= f->input.size) return true;
  if (!known && r->n_findings == LP_HUNT_MOST_FINDINGS) return true;
  if (!known) {
    memmove(f + 1, f, (size_t)(r->n_findings++ - i) * sizeof *f);
    *f = (lp_hunted){.executions = strtoll(fields[0], NULL, 10), .seconds = now() - p->began};
    snprintf(f->signature, sizeof f->signature, "%s", fields[1]);
  }
  snprintf(f->text, sizeof f->text, "%s", fields[2]);
  return set_quarry(&f->input, fields[3]);
}

static bool take_worst(pack *p, char *const *fields) {
  const int output = (int)strtol(fields[0], NULL, 10);
  const double ratio = strtod(fields[2], NULL);
  if (output < LP_OUTPUT_LOSS || output >= LP_MAX_INPUTS) return true;
  lp_worst *w = &p->result->worst[1 + output];
  if (!(ratio > w->ratio)) return true;
  w->ratio = ratio;
  w->index = strtoll(fields[1], NULL, 10);
  return set_quarry(&w->input, fields[3]);
}

static bool take_progress(pack *p, child *c, char *const *fields) {
  lp_hunt_result *r = p->result;
  c->executions = strtoll(fields[0], NULL, 10);
  c->asked = strtoll(fields[1], NULL, 10);
  c->accepted = strtoll(fields[2], NULL, 10);
  r->regimes |= strtoull(fields[3], NULL, 16);
  r->executions = r->asked = r->accepted = 0;
  for (int i = 0; i < p->n; i++) {
    r->executions += p->children[i].executions;
    r->asked += p->children[i].asked;
    r->accepted += p->children[i].accepted;
  }
  return true;
}

/* The line without its newline. False when memory is out; what is no record is passed over. */
static bool take_line(pack *p, child *c, char *line) {
  char *fields[FIELDS + 1] = {NULL};
  int n = 0;
  for (char *at = line; at && n <= FIELDS; n++) {
    fields[n] = at;
    at = strchr(at, '\t');
    if (at) *at++ = 0;
  }
  const char kind = n > 0 && fields[0][1] == 0 ? fields[0][0] : 0;
  if (kind == 'S' && n == 5) return take_progress(p, c, fields + 1);
  if (kind == 'W' && n == 5) return take_worst(p, fields + 1);
  if (kind == 'F' && n == 5) return take_finding(p, fields + 1);
  if (kind == 'E' && n == 2) snprintf(p->result->message, sizeof p->result->message, "%s", fields[1]);
  return true;
}

/* What has come so far, cut into lines; the rest stays for the next time. */
static bool take_lines(pack *p, child *c) {
  size_t begin = 0;
  char *end;
  bool ok = true;
  while (ok && (end = memchr(c->line + begin, '\n', c->length - begin))) {
    *end = 0;
    ok = take_line(p, c, c->line + begin);
    begin = (size_t)(end - c->line) + 1;
  }
  memmove(c->line, c->line + begin, c->length - begin);
  c->length -= begin;
  if (c->length == LINE_MAX_BYTES) c->length = 0; /* no record is that long */
  return ok;
}

/* --- children --------------------------------------------------------------------------------------------------- */

static bool redirect(posix_spawn_file_actions_t *actions, int pipe) {
  return posix_spawn_file_actions_adddup2(actions, pipe, STDOUT_FILENO) == 0 &&
         posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0) == 0 &&
         posix_spawn_file_actions_addopen(actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0) == 0;
}

/* In a group of its own: an interrupt is ours to pass on. Returns an error number. */
static int spawn(pid_t *process, int pipe, char *const *arguments) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  if (posix_spawn_file_actions_init(&actions) != 0) return ENOMEM;
  int failure = posix_spawnattr_init(&attributes);
  if (failure == 0) {
    failure = redirect(&actions, pipe) ? posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP) : ENOMEM;
    if (failure == 0) {
      failure = posix_spawn(process, lp_worker_program(), &actions, &attributes, arguments, environ);
    }
    posix_spawnattr_destroy(&attributes);
  }
  posix_spawn_file_actions_destroy(&actions);
  return failure;
}

static lp_status start(child *c, const lp_hunt_order *order, unsigned seed, lp_error *error) {
  static char words[LP_HUNT_WORDS][LP_HUNT_WORD];
  char *arguments[LP_HUNT_WORDS + 1] = {NULL};
  lp_hunt_order own = *order;
  int ends[2];
  own.seed = seed;
  LP_TRY(lp_hunt_write_order(words, &own, error));
  for (int i = 0; i < LP_HUNT_WORDS; i++) arguments[i] = words[i];
  c->line = malloc(LINE_MAX_BYTES);
  if (!c->line) return lp_fail(error, LP_NO_MEMORY, "out of memory for a hunter");
  if (pipe(ends) != 0) return lp_fail(error, LP_IO, "cannot make a pipe: %s", strerror(errno));
  (void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
  (void)fcntl(ends[1], F_SETFD, FD_CLOEXEC);
  const int failure = spawn(&c->process, ends[1], arguments);
  close(ends[1]);
  c->pipe = ends[0];
  if (failure == 0) return LP_OK;
  c->process = 0;
  return lp_fail(error, LP_IO, "cannot start a hunter: %s", strerror(failure));
}

/* libFuzzer ends with 0, or, interrupted, with a status of its own. */
static void reap(pack *p, child *c, bool stopped) {
  int status = 0;
  while (waitpid(c->process, &status, 0) < 0 && errno == EINTR) continue;
  c->process = 0;
  close(c->pipe);
  c->pipe = -1;
  p->alive--;
  if (stopped || status == 0 || *p->result->message) return;
  p->result->died++;
  if (WIFSIGNALED(status)) {
    snprintf(p->result->end, sizeof p->result->end, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
  } else {
    snprintf(p->result->end, sizeof p->result->end,
             "exit status %d of libFuzzer (77: it crashed, 70: a timeout, 71: memory)", WEXITSTATUS(status));
  }
}

static void stop_all(const pack *p) {
  for (int i = 0; i < p->n; i++) {
    if (p->children[i].process > 0) kill(-p->children[i].process, SIGKILL);
  }
}

/* --- the hunt --------------------------------------------------------------------------------------------------- */

/* Reads what is there. False when memory is out. */
static bool hear(pack *p, child *c, bool stopped) {
  const ssize_t n = read(c->pipe, c->line + c->length, LINE_MAX_BYTES - c->length);
  if (n < 0 && errno == EINTR) return true;
  if (n <= 0) {
    reap(p, c, stopped);
    return true;
  }
  c->length += (size_t)n;
  return take_lines(p, c);
}

static bool hear_all(pack *p, int milliseconds, bool stopped) {
  struct pollfd polled[LP_HUNT_MOST_JOBS];
  bool ok = true;
  for (int i = 0; i < p->n; i++) polled[i] = (struct pollfd){.fd = p->children[i].pipe, .events = POLLIN};
  if (poll(polled, (nfds_t)p->n, milliseconds) <= 0) return true;
  for (int i = 0; ok && i < p->n; i++) {
    if (polled[i].fd >= 0 && polled[i].revents != 0) ok = hear(p, &p->children[i], stopped);
  }
  return ok;
}

static lp_status follow(pack *p, volatile const int *stop, lp_hunt_watch *watch, void *context, lp_error *error) {
  double shown = p->began;
  bool stopped = false, ok = true;
  while (p->alive > 0) {
    ok = hear_all(p, 250, stopped || !ok) && ok;
    /* Whoever has the first finding ends by itself, its last record told. */
    const bool enough =
        (p->order->stop_at_first && p->result->n_findings > 0 && p->alive < p->n) || *p->result->message;
    if (!stopped && (!ok || enough || (stop && *stop))) {
      p->result->interrupted = stop && *stop;
      stopped = true;
      stop_all(p);
    }
    if (watch && now() - shown >= 1) {
      shown = now();
      watch(context, p->result, shown - p->began);
    }
  }
  p->result->seconds = now() - p->began;
  return ok ? LP_OK : lp_fail(error, LP_NO_MEMORY, "out of memory for what was found");
}

static void release(pack *p) {
  stop_all(p);
  while (p->alive > 0) {
    for (int i = 0; i < p->n; i++) {
      if (p->children[i].process > 0) reap(p, &p->children[i], true);
    }
  }
  for (int i = 0; i < p->n; i++) free(p->children[i].line);
}

lp_status lp_hunt(lp_hunt_result *result, const lp_hunt_order *order, int jobs, volatile const int *stop,
                  lp_hunt_watch *watch, void *context, lp_error *error) {
  *result = (lp_hunt_result){.seconds = 0};
  for (int k = 0; k <= LP_MAX_INPUTS; k++) result->worst[k].ratio = -1;
  if (!lp_hunt_is_possible()) {
    return lp_fail(error, LP_INVALID,
                   "this program was built without libFuzzer: install clang with its compiler-rt (Debian: "
                   "libclang-rt-14-dev), and configure and build again");
  }
  pack *p = calloc(1, sizeof *p);
  lp_status status = p ? LP_OK : lp_fail(error, LP_NO_MEMORY, "out of memory for hunters");
  if (status != LP_OK) return status;
  *p = (pack){.result = result, .order = order, .began = now()};
  for (int i = 0; i < jobs && status == LP_OK; i++) {
    p->children[p->n].pipe = -1;
    status = start(&p->children[p->n++], order, order->seed + (unsigned)i, error);
    if (status == LP_OK) p->alive++;
  }
  if (status == LP_OK) status = follow(p, stop, watch, context, error);
  release(p);
  free(p);
  return status;
}

void lp_hunt_result_clear(lp_hunt_result *result) {
  for (int i = 0; i < result->n_findings; i++) free(result->findings[i].input.bytes);
  for (int k = 0; k <= LP_MAX_INPUTS; k++) free(result->worst[k].input.bytes);
  *result = (lp_hunt_result){.seconds = 0};
}
