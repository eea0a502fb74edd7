#include "harness/doors/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/doors/worker_internal.h"

extern char **environ;

enum {
  READ_SIZE = 1 << 16,
  PARTS_AT_ONCE = 16,       /* of messages in one writev */
  FIRST_OWN_FILE = 10,      /* our ends of pipes stand above every number that a worker hears of */
  HEADER = 8,               /* LP_FRAME_LENGTH */
  CHATTER_AT_ONCE = 1 << 20 /* bytes of chatter that are read before the clock is looked at again */
};

static const double watch_interval = 0.05; /* seconds between two looks at a worker's memory */
static const double watch_share = 0.05;    /* of our time at most that looking may take */
static const double grace = 0.2;           /* seconds in which one that is about to end may do so */

struct lp_worker {
  const lp_worker_spec *spec;
  pid_t process;         /* and its group; 0 when it is over */
  int to, from, chatter; /* our ends of its pipes; -1 when closed */
  bool healthy;          /* it has answered all that it was asked so far */
  unsigned char *buffer; /* buffer[begin..end) was read and not yet taken */
  size_t begin, end, capacity;
  size_t searched; /* bytes from begin on that hold no '\n' */
  lp_last_words words;
};

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void rest(double time) {
  const struct timespec t = {.tv_sec = 0, .tv_nsec = (long)(1e9 * time)};
  nanosleep(&t, NULL);
}

/* --- the program --- */

enum { PROGRAM_MAX = 4096 };
static char worker_program[PROGRAM_MAX];

void lp_worker_set_program(const char *path) {
  snprintf(worker_program, sizeof worker_program, "%s", path ? path : "");
}

const char *lp_worker_program(void) { return worker_program; }

/* --- beginning --- */

static void close_file(int *file) {
  if (*file >= 0) close(*file);
  *file = -1;
}

/* Moves a file above FIRST_OWN_FILE, closed on exec. */
static int own(int file) {
  const int moved = file < 0 ? -1 : fcntl(file, F_DUPFD_CLOEXEC, FIRST_OWN_FILE);
  if (file >= 0) close(file);
  return moved;
}

static bool make_pipe(int ends[2]) {
  if (pipe(ends) != 0) {
    ends[0] = ends[1] = -1;
    return false;
  }
  ends[0] = own(ends[0]);
  ends[1] = own(ends[1]);
  return ends[0] >= 0 && ends[1] >= 0;
}

static void close_pipe(int ends[2]) {
  close_file(&ends[0]);
  close_file(&ends[1]);
}

static void set_nonblocking(int file) { (void)fcntl(file, F_SETFL, fcntl(file, F_GETFL) | O_NONBLOCK); }

enum { TO = 0, FROM = 1, CHATTER = 2, N_PIPES = 3 };

/* Every number is set, so that nothing of ours is inherited by accident. */
static bool redirect(posix_spawn_file_actions_t *actions, const lp_worker_spec *spec, int pipes[N_PIPES][2]) {
  const int chatter = pipes[CHATTER][1];
  if (posix_spawn_file_actions_adddup2(actions, chatter, STDERR_FILENO) != 0) return false;
  if (spec->answers_on != STDOUT_FILENO &&
      (posix_spawn_file_actions_adddup2(actions, chatter, STDOUT_FILENO) != 0 ||
       posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0) != 0)) {
    return false;
  }
  return posix_spawn_file_actions_adddup2(actions, pipes[TO][0], spec->hears_on) == 0 &&
         posix_spawn_file_actions_adddup2(actions, pipes[FROM][1], spec->answers_on) == 0;
}

/* A group of its own, no signal blocked, and the usual fate for those that we may ignore. */
static bool set_attributes(posix_spawnattr_t *attributes) {
  sigset_t none, usual;
  sigemptyset(&none);
  sigemptyset(&usual);
  sigaddset(&usual, SIGPIPE);
  sigaddset(&usual, SIGINT);
  sigaddset(&usual, SIGCHLD);
  sigaddset(&usual, SIGXFSZ);
  return posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF) ==
             0 &&
         posix_spawnattr_setpgroup(attributes, 0) == 0 && posix_spawnattr_setsigmask(attributes, &none) == 0 &&
         posix_spawnattr_setsigdefault(attributes, &usual) == 0;
}

/* posix_spawn takes pointers to characters that it does not change. */
static int spawn_process(pid_t *process, const lp_worker_spec *spec, int pipes[N_PIPES][2]) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  if (access(spec->program, X_OK) != 0) return errno;
  if (posix_spawn_file_actions_init(&actions) != 0) return ENOMEM;
  if (posix_spawnattr_init(&attributes) != 0) {
    posix_spawn_file_actions_destroy(&actions);
    return ENOMEM;
  }
  char *const *argv;
  memcpy(&argv, &spec->argv, sizeof argv);
  const int failure = redirect(&actions, spec, pipes) && set_attributes(&attributes)
                          ? posix_spawn(process, spec->program, &actions, &attributes, argv, environ)
                          : ENOMEM;
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return failure;
}

/* A limit is inherited, so it is ours for a moment: a crash leaves no file behind. */
static int spawn_without_cores(pid_t *process, const lp_worker_spec *spec, int pipes[N_PIPES][2]) {
  struct rlimit before;
  const bool is_known = getrlimit(RLIMIT_CORE, &before) == 0;
  const struct rlimit none = {.rlim_cur = 0, .rlim_max = is_known ? before.rlim_max : 0};
  if (is_known) (void)setrlimit(RLIMIT_CORE, &none);
  lp_live_begin_spawn();
  const int failure = spawn_process(process, spec, pipes);
  lp_live_end_spawn(failure ? 0 : *process);
  if (is_known) (void)setrlimit(RLIMIT_CORE, &before);
  return failure;
}

/* Between the making of a pipe and its mark to be closed on exec no other worker may be spawned, which would hold it
 * open for ever. */
static pthread_mutex_t spawning = PTHREAD_MUTEX_INITIALIZER;

static int open_and_spawn(lp_worker *w, int pipes[N_PIPES][2]) {
  for (int i = 0; i < N_PIPES; i++) {
    if (!make_pipe(pipes[i])) return errno;
  }
  const int failure = spawn_without_cores(&w->process, w->spec, pipes);
  if (failure) return failure;
  w->to = pipes[TO][1];
  w->from = pipes[FROM][0];
  w->chatter = pipes[CHATTER][0];
  pipes[TO][1] = pipes[FROM][0] = pipes[CHATTER][0] = -1;
  set_nonblocking(w->to);
  set_nonblocking(w->from);
  set_nonblocking(w->chatter);
  return 0;
}

lp_status lp_worker_start(lp_worker **out, const lp_worker_spec *spec, lp_error *error) {
  *out = NULL;
  lp_worker *w = calloc(1, sizeof *w);
  if (!w) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  *w = (lp_worker){.spec = spec, .to = -1, .from = -1, .chatter = -1, .healthy = true};
  int pipes[N_PIPES][2] = {{-1, -1}, {-1, -1}, {-1, -1}};
  pthread_mutex_lock(&spawning);
  const int failure = open_and_spawn(w, pipes);
  for (int i = 0; i < N_PIPES; i++) close_pipe(pipes[i]);
  pthread_mutex_unlock(&spawning);
  if (failure) {
    free(w);
    return lp_fail(error, LP_IO, "cannot run %s: %s", spec->program, strerror(failure));
  }
  *out = w;
  return LP_OK;
}

/* --- the end --- */

/* Looks without burying: as long as the dead leader is not, its number names no other group. */
static lp_death look(pid_t process) {
  siginfo_t info = {.si_pid = 0};
  int result;
  do {
    result = waitid(P_PID, (id_t)process, &info, WEXITED | WNOHANG | WNOWAIT);
  } while (result != 0 && errno == EINTR);
  if (result != 0) return (lp_death){.dead = true, .code = -1};
  if (info.si_pid == 0) return (lp_death){.dead = false};
  return (lp_death){.dead = true, .by_signal = info.si_code != CLD_EXITED, .code = info.si_status};
}

/* The same, having given it some time to end. */
static lp_death look_patiently(pid_t process) {
  const double until = seconds() + grace;
  double step = 0.0005;
  lp_death death = look(process);
  while (!death.dead && seconds() < until) {
    rest(step);
    if (step < 0.02) step *= 2;
    death = look(process);
  }
  return death;
}

static void bury(lp_worker *w) {
  if (w->process <= 0) return;
  kill(-w->process, SIGKILL);
  kill(w->process, SIGKILL); /* it may have gone over to another group */
  lp_live_remove(w->process);
  while (waitpid(w->process, NULL, 0) < 0 && errno == EINTR) continue;
  w->process = 0;
}

static void hang_up(lp_worker *w) {
  close_file(&w->to);
  close_file(&w->from);
  close_file(&w->chatter);
}

void lp_worker_stop(lp_worker *w) {
  if (!w) return;
  hang_up(w);
  if (w->healthy && w->process > 0) (void)look_patiently(w->process);
  bury(w);
  free(w->buffer);
  free(w);
}

/* --- an exchange --- */

typedef struct exchange {
  lp_worker *w;
  lp_worker_end *end;
  const lp_message *messages;
  int n, sent; /* messages[0..sent) are gone */
  size_t sent_of_next;
  bool deaf; /* it has closed the pipe that it hears on */
  double timeout, deadline, next_watch;
  lp_take_answer take;
  void *context;
  bool over;
} exchange;

/* What it printed is drained whenever it prints, so that it never waits for us. */
static void hear_chatter(lp_worker *w) {
  char bytes[4096];
  for (int total = 0; w->chatter >= 0 && total < CHATTER_AT_ONCE;) {
    const ssize_t n = read(w->chatter, bytes, sizeof bytes);
    if (n > 0) {
      lp_last_words_add(&w->words, bytes, (size_t)n);
      total += (int)n;
    } else if (n < 0 && errno == EINTR) {
      continue;
    } else {
      if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) close_file(&w->chatter);
      return;
    }
  }
}

/* The worker's part is over: end->conduct and text have been filled in, or will be. */
static void finish(exchange *e) {
  e->over = true;
  e->w->healthy = false;
  bury(e->w);
  hang_up(e->w);
}

static void end_by_death(exchange *e, lp_death death) {
  hear_chatter(e->w);
  lp_end_by_death(e->end, death, &e->w->words);
  finish(e);
}

static int fill_parts(struct iovec parts[PARTS_AT_ONCE], const exchange *e) {
  int n = 0;
  for (int i = e->sent; i < e->n && n < PARTS_AT_ONCE; i++, n++) {
    const size_t skip = n == 0 ? e->sent_of_next : 0;
    memcpy(&parts[n].iov_base, &e->messages[i].bytes, sizeof parts[n].iov_base);
    parts[n].iov_base = (char *)parts[n].iov_base + skip;
    parts[n].iov_len = e->messages[i].size - skip;
  }
  return n;
}

static void count_sent(exchange *e, size_t bytes) {
  e->sent_of_next += bytes;
  while (e->sent < e->n && e->sent_of_next >= e->messages[e->sent].size) {
    e->sent_of_next -= e->messages[e->sent].size;
    e->sent++;
  }
}

static void send_more(exchange *e) {
  struct iovec parts[PARTS_AT_ONCE];
  while (e->sent < e->n && !e->deaf) {
    const ssize_t n = writev(e->w->to, parts, fill_parts(parts, e));
    if (n >= 0) {
      count_sent(e, (size_t)n);
    } else if (errno == EINTR) {
      continue;
    } else {
      e->deaf = errno != EAGAIN && errno != EWOULDBLOCK;
      return;
    }
  }
}

/* Room for READ_SIZE more bytes; false when memory is out. The ceiling on a message keeps this small. */
static bool make_room(lp_worker *w) {
  if (w->begin == w->end) w->begin = w->end = 0;
  if (w->capacity - w->end >= READ_SIZE) return true;
  if (w->begin > 0 && w->begin >= w->capacity / 2) {
    memmove(w->buffer, w->buffer + w->begin, w->end - w->begin);
    w->end -= w->begin;
    w->begin = 0;
    if (w->capacity - w->end >= READ_SIZE) return true;
  }
  const size_t capacity = 2 * w->capacity + 2 * READ_SIZE;
  unsigned char *grown = realloc(w->buffer, capacity);
  if (!grown) return false;
  w->buffer = grown;
  w->capacity = capacity;
  return true;
}

typedef struct frame {
  bool whole;
  bool too_long, senseless; /* it announces, or has, more bytes than any answer */
  size_t skip, size, total; /* the message is bytes[skip..skip+size); the frame is total bytes long */
} frame;

static frame line_frame(lp_worker *w) {
  const unsigned char *bytes = w->buffer + w->begin;
  const size_t have = w->end - w->begin;
  const unsigned char *newline = memchr(bytes + w->searched, '\n', have - w->searched);
  if (!newline) {
    w->searched = have;
    return (frame){.too_long = have > w->spec->longest_answer};
  }
  const size_t size = (size_t)(newline - bytes);
  return (frame){.whole = true, .too_long = size > w->spec->longest_answer, .size = size, .total = size + 1};
}

static frame length_frame(const lp_worker *w) {
  const unsigned char *bytes = w->buffer + w->begin;
  const size_t have = w->end - w->begin;
  uint64_t size = 0;
  if (have < HEADER) return (frame){.whole = false};
  for (int i = 0; i < HEADER; i++) size |= (uint64_t)bytes[i] << (8 * i);
  if (size > w->spec->longest_answer) return (frame){.too_long = true, .senseless = size >> 40 != 0};
  return (frame){.whole = have - HEADER >= size, .skip = HEADER, .size = (size_t)size, .total = HEADER + (size_t)size};
}

static void end_by_length(exchange *e, bool senseless) {
  const size_t longest = e->w->spec->longest_answer;
  hear_chatter(e->w);
  if (senseless) {
    lp_end_by(e->end, LP_CONDUCT_GARBAGE, &e->w->words, "wrote something that is no answer into the pipe of answers");
  } else {
    lp_end_by(e->end, LP_CONDUCT_OVERSIZED, &e->w->words, "its answer is longer than the %zu bytes of any right one",
              longest);
  }
  finish(e);
}

static void end_by_garbage(exchange *e, const char *why) {
  hear_chatter(e->w);
  lp_end_by(e->end, LP_CONDUCT_GARBAGE, &e->w->words, "its answer is none: %s", why);
  finish(e);
}

/* Takes every whole answer that has been read. */
static void take_answers(exchange *e) {
  lp_worker *w = e->w;
  while (!e->over && w->begin < w->end) {
    const frame f = w->spec->framing == LP_FRAME_LINES ? line_frame(w) : length_frame(w);
    if (f.too_long) {
      end_by_length(e, f.senseless);
      return;
    }
    if (!f.whole) return;
    char why[200] = "";
    if (!e->take(e->context, e->end->answered, w->buffer + w->begin + f.skip, f.size, why)) {
      end_by_garbage(e, why);
      return;
    }
    w->begin += f.total;
    w->searched = 0;
    e->end->answered++;
    e->deadline = seconds() + e->timeout;
    e->over = e->end->answered == e->n;
  }
}

static void hang_up_or_die(exchange *e, const char *which) {
  const lp_death death = look_patiently(e->w->process);
  if (death.dead) {
    end_by_death(e, death);
    return;
  }
  hear_chatter(e->w);
  lp_end_by(e->end, LP_CONDUCT_CLOSED, &e->w->words, "closed the pipe that it %s and lives on", which);
  finish(e);
}

typedef enum hearing { HEARD, NOTHING_NOW, NOTHING_EVER } hearing;

/* Reads what is there, once. */
static hearing hear(exchange *e) {
  lp_worker *w = e->w;
  if (!make_room(w)) return NOTHING_EVER;
  ssize_t n;
  do {
    n = read(w->from, w->buffer + w->end, READ_SIZE);
  } while (n < 0 && errno == EINTR);
  if (n > 0) {
    w->end += (size_t)n;
    take_answers(e);
    return HEARD;
  }
  return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? NOTHING_NOW : NOTHING_EVER;
}

/* The last words of a dead worker may be answers. */
static void hear_the_dead(exchange *e, lp_death death) {
  while (!e->over && hear(e) == HEARD) continue;
  if (!e->over) end_by_death(e, death);
}

static void check_memory(exchange *e) {
  lp_worker *w = e->w;
  const int64_t most = w->spec->limits.memory;
  const int64_t held = most > 0 ? lp_group_memory(w->process) : 0;
  if (held <= most) return;
  hear_chatter(w);
  lp_end_by(e->end, LP_CONDUCT_MEMORY, &w->words, "held %.0f MiB of resident memory; %.0f MiB are allowed (--memory)",
            (double)held / (1 << 20), (double)most / (1 << 20));
  finish(e);
}

/* Now and then: is it alive, and how much memory does it hold? */
static void watch(exchange *e, double now) {
  const lp_death death = look(e->w->process);
  if (death.dead) {
    hear_the_dead(e, death);
    return;
  }
  check_memory(e);
  const double cost = (seconds() - now) / watch_share;
  e->next_watch = now + (cost > watch_interval ? cost : watch_interval);
}

static void end_by_silence(exchange *e) {
  if (e->deaf) {
    hang_up_or_die(e, "hears on");
    return;
  }
  const lp_candidate_options *limits = &e->w->spec->limits;
  const bool loading = e->timeout == limits->load_timeout && e->timeout != limits->timeout;
  hear_chatter(e->w);
  lp_end_by(e->end, LP_CONDUCT_HANG, &e->w->words, "no answer within %g seconds (%s)", e->timeout,
            loading ? "--load-timeout" : "--timeout");
  finish(e);
}

static int until_next(const exchange *e, double now) {
  const double next = e->deadline < e->next_watch ? e->deadline : e->next_watch;
  return next <= now ? 0 : (int)(1000 * (next - now)) + 1;
}

/* Waits for something to happen, and deals with it. */
static void go_on(exchange *e) {
  lp_worker *w = e->w;
  struct pollfd files[N_PIPES] = {
      [TO] = {.fd = e->sent < e->n && !e->deaf ? w->to : -1, .events = POLLOUT},
      [FROM] = {.fd = w->from, .events = POLLIN},
      [CHATTER] = {.fd = w->chatter, .events = POLLIN},
  };
  double now = seconds();
  const int ready = poll(files, N_PIPES, until_next(e, now));
  const int answered = e->end->answered;
  if (ready > 0 && files[CHATTER].revents) hear_chatter(w);
  if (ready > 0 && files[TO].revents) send_more(e);
  if (ready > 0 && files[FROM].revents && hear(e) == NOTHING_EVER) hang_up_or_die(e, "answers on");
  now = seconds();
  if (!e->over && e->end->answered == answered && (now >= e->deadline || (e->deaf && e->sent == answered))) {
    end_by_silence(e);
  }
  if (!e->over && now >= e->next_watch) watch(e, now);
}

/* Answers to nothing would be taken for answers to what comes now. */
static void refuse_leftovers(exchange *e) {
  while (!e->over && hear(e) == HEARD) continue;
}

static bool take_nothing(void *context, int k, const unsigned char *bytes, size_t size, char why[200]) {
  enum { SHOWN = 80 };
  const int n = size < SHOWN ? (int)size : SHOWN;
  (void)context, (void)k;
  const int used = snprintf(why, 200, "it came before the question, or there were two to the last one: \"");
  for (int i = 0; i < n; i++) why[used + i] = (char)(bytes[i] < ' ' || bytes[i] > '~' ? '?' : bytes[i]);
  snprintf(why + used + n, (size_t)(200 - used - n), "%s\"", size > SHOWN ? "..." : "");
  return false;
}

static void converse(exchange *e, lp_take_answer take) {
  if (e->w->begin < e->w->end) take_answers(e);
  if (!e->over) refuse_leftovers(e);
  e->take = take;
  if (!e->over) send_more(e);
  while (!e->over) go_on(e);
}

/* SIGPIPE would end us when a worker has closed its pipe: it is held back in this thread, and forgotten. */
static void converse_quietly(exchange *e, lp_take_answer take) {
  const struct timespec at_once = {.tv_sec = 0};
  sigset_t broken, before, pending;
  sigemptyset(&broken);
  sigaddset(&broken, SIGPIPE);
  const bool was_pending = sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
  pthread_sigmask(SIG_BLOCK, &broken, &before);
  converse(e, take);
  if (e->deaf && !was_pending) (void)sigtimedwait(&broken, NULL, &at_once);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void lp_worker_exchange(lp_worker *w, lp_worker_end *end, const lp_message *messages, int n, double timeout,
                        lp_take_answer take, void *context) {
  const double now = seconds();
  *end = (lp_worker_end){.conduct = LP_CONDUCT_GOOD};
  exchange e = {.w = w,
                .end = end,
                .messages = messages,
                .n = n,
                .timeout = timeout,
                .deadline = now + timeout,
                .next_watch = now + watch_interval,
                .take = take_nothing,
                .context = context};
  if (n == 0) return;
  if (w->process <= 0) {
    lp_end_by(end, LP_CONDUCT_EXIT, &w->words, "it is over");
    return;
  }
  converse_quietly(&e, take);
}

/* --- several --- */

struct lp_workers {
  const lp_worker_spec *spec;
  pthread_mutex_t lock;
  lp_worker **idle;
  int n_idle, capacity;
};

lp_status lp_workers_new(lp_workers **out, const lp_worker_spec *spec, lp_error *error) {
  *out = NULL;
  lp_workers *workers = calloc(1, sizeof *workers);
  if (!workers) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  workers->spec = spec;
  if (pthread_mutex_init(&workers->lock, NULL) != 0) {
    free(workers);
    return lp_fail(error, LP_NO_MEMORY, "cannot make a lock");
  }
  *out = workers;
  return LP_OK;
}

void lp_workers_free(lp_workers *workers) {
  if (!workers) return;
  for (int i = 0; i < workers->n_idle; i++) hang_up(workers->idle[i]); /* all at once, then wait for each */
  for (int i = 0; i < workers->n_idle; i++) lp_worker_stop(workers->idle[i]);
  pthread_mutex_destroy(&workers->lock);
  free(workers->idle);
  free(workers);
}

lp_status lp_workers_take(lp_workers *workers, lp_worker **worker, bool *fresh, lp_error *error) {
  pthread_mutex_lock(&workers->lock);
  *worker = workers->n_idle > 0 ? workers->idle[--workers->n_idle] : NULL;
  pthread_mutex_unlock(&workers->lock);
  *fresh = !*worker;
  return *fresh ? lp_worker_start(worker, workers->spec, error) : LP_OK;
}

static bool keep(lp_workers *workers, lp_worker *worker) {
  if (workers->n_idle == workers->capacity) {
    const int capacity = 2 * workers->capacity + 4;
    lp_worker **grown = realloc(workers->idle, (size_t)capacity * sizeof *grown);
    if (!grown) return false;
    workers->idle = grown;
    workers->capacity = capacity;
  }
  workers->idle[workers->n_idle++] = worker;
  return true;
}

void lp_workers_give_back(lp_workers *workers, lp_worker *worker, bool alive) {
  bool kept = false;
  if (alive) {
    pthread_mutex_lock(&workers->lock);
    kept = keep(workers, worker);
    pthread_mutex_unlock(&workers->lock);
  }
  if (!kept) lp_worker_stop(worker);
}
