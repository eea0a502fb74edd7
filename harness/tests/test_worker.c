/* A worker watched from outside: this program again, in one of several roles, with lines for messages. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/doors/worker.h"
#include "reference/tests/testing.h"

static const char *this_program;

/* --- roles --- */

static int echo(void) { /* every line back */
  static char line[1 << 21];
  while (fgets(line, sizeof line, stdin)) {
    fputs(line, stdout);
    fflush(stdout);
  }
  return 0;
}

static int echo_one(void) { /* and then it goes */
  char line[100];
  if (fgets(line, sizeof line, stdin)) fputs(line, stdout);
  return 4;
}

static int crash(void) {
  char line[100];
  while (fgets(line, sizeof line, stdin) && strcmp(line, "crash\n") != 0) {
    fputs(line, stdout);
    fflush(stdout);
  }
  fprintf(stderr, "first line\nlast line: n = %d\n\n", 3);
  fflush(stderr);
  raise(SIGKILL);
  return 0;
}

static int say_twice(void) {
  char line[100];
  while (fgets(line, sizeof line, stdin)) printf("%s%s", line, line), fflush(stdout);
  return 0;
}

static int never_end_a_line(void) {
  for (;;) {
    if (putchar('x') == EOF) return 1;
  }
}

static int close_ears(void) { /* hears one line, closes what it hears on, answers it, stays */
  char c;
  while (read(0, &c, 1) == 1 && c != '\n') continue;
  close(0);
  (void)!write(1, "one\n", 4);
  sleep(30);
  return 0;
}

static int half_an_answer(void) {
  (void)!write(1, "hal", 3);
  return 2;
}

static int outlive(void) { /* the end of its pipe is no reason to end */
  char line[100];
  while (fgets(line, sizeof line, stdin)) fputs(line, stdout), fflush(stdout);
  sleep(30);
  return 0;
}

static int tell_core_limit(void) {
  struct rlimit limit;
  char line[100];
  if (!fgets(line, sizeof line, stdin) || getrlimit(RLIMIT_CORE, &limit) != 0) return 1;
  puts(limit.rlim_cur == 0 ? "none" : "some");
  return 0;
}

static int write_too_much(void) {
  const struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};
  FILE *file = tmpfile();
  if (!file || setrlimit(RLIMIT_FSIZE, &none) != 0) return 1;
  fputc('x', file);
  fflush(file);
  return 0;
}

typedef struct role {
  const char *name;
  int (*play)(void);
} role;

static const role roles[] = {{"echo", echo},
                             {"echo-one", echo_one},
                             {"crash", crash},
                             {"say-twice", say_twice},
                             {"never-end-a-line", never_end_a_line},
                             {"close-ears", close_ears},
                             {"half-an-answer", half_an_answer},
                             {"outlive", outlive},
                             {"tell-core-limit", tell_core_limit},
                             {"write-too-much", write_too_much}};

enum { N_ROLES = sizeof roles / sizeof roles[0] };

/* --- scaffolding --- */

static lp_worker_spec spec_of(const char **argv, const char *name) {
  argv[0] = this_program;
  argv[1] = name;
  argv[2] = NULL;
  return (lp_worker_spec){.program = this_program,
                          .argv = argv,
                          .framing = LP_FRAME_LINES,
                          .hears_on = 0,
                          .answers_on = 1,
                          .longest_answer = 1 << 21,
                          .limits = LP_CANDIDATE_DEFAULTS};
}

static lp_worker *start(const lp_worker_spec *spec) {
  lp_worker *worker;
  lp_error error = {.message = ""};
  ck_assert_msg(lp_worker_start(&worker, spec, &error) == LP_OK, "%s", error.message);
  return worker;
}

enum { MOST = 8 };

typedef struct taken {
  char first[MOST][32]; /* of each answer */
  size_t sizes[MOST];
  int refuse; /* this one is no answer; -1: none */
} taken;

static bool take(void *context, int k, const unsigned char *bytes, size_t size, char why[200]) {
  taken *t = context;
  const size_t n = size < 31 ? size : 31;
  memcpy(t->first[k], bytes, n);
  t->first[k][n] = 0;
  t->sizes[k] = size;
  if (k == t->refuse) snprintf(why, 200, "it is a fish");
  return k != t->refuse;
}

/* Sends "a\n", "b\n" ... or the given lines. */
static lp_worker_end exchange(lp_worker *worker, taken *t, const char *const *lines, int n, double timeout) {
  lp_message messages[MOST];
  lp_worker_end end;
  for (int i = 0; i < n; i++) {
    messages[i] = (lp_message){.bytes = (const unsigned char *)lines[i], .size = strlen(lines[i])};
  }
  *t = (taken){.refuse = -1};
  lp_worker_exchange(worker, &end, messages, n, timeout, take, t);
  return end;
}

static const char *const abc[] = {"a\n", "b\n", "c\n"};

static void check_text(const lp_worker_end *end, const char *text) {
  ck_assert_msg(strstr(end->text, text) != NULL, "%s", end->text);
}

/* --- tests --- */

START_TEST(answers) {
  const char *argv[3];
  const lp_worker_spec spec = spec_of(argv, "echo");
  lp_worker *worker = start(&spec);
  taken t;
  for (int i = 0; i < 3; i++) {
    const lp_worker_end end = exchange(worker, &t, abc, 3, 10);
    ck_assert_int_eq(end.conduct, LP_CONDUCT_GOOD);
    ck_assert_int_eq(end.answered, 3);
    ck_assert_str_eq(t.first[0], "a");
    ck_assert_str_eq(t.first[2], "c");
  }
  const lp_worker_end nothing = exchange(worker, &t, abc, 0, 10);
  ck_assert_int_eq(nothing.conduct, LP_CONDUCT_GOOD);
  lp_worker_stop(worker);
  lp_worker_stop(NULL);
}
END_TEST

/* More than pipes hold, both ways at once. */
START_TEST(megabytes) {
  enum { LONG = 1 << 20 };
  static char line[LONG + 2];
  const char *argv[3], *lines[MOST];
  const lp_worker_spec spec = spec_of(argv, "echo");
  lp_worker *worker = start(&spec);
  taken t;
  memset(line, 'q', LONG);
  line[LONG] = '\n';
  for (int i = 0; i < MOST; i++) lines[i] = line;
  const lp_worker_end end = exchange(worker, &t, lines, MOST, 30);
  ck_assert_int_eq(end.conduct, LP_CONDUCT_GOOD);
  for (int i = 0; i < MOST; i++) ck_assert_uint_eq(t.sizes[i], LONG);
  lp_worker_stop(worker);
}
END_TEST

START_TEST(last_words) {
  static const char *const lines[] = {"a\n", "crash\n", "c\n"};
  const char *argv[3];
  const lp_worker_spec spec = spec_of(argv, "crash");
  lp_worker *worker = start(&spec);
  taken t;
  lp_worker_end end = exchange(worker, &t, lines, 3, 10);
  ck_assert_int_eq(end.conduct, LP_CONDUCT_SIGNAL);
  ck_assert_int_eq(end.answered, 1);
  check_text(&end, "killed by signal 9 (SIGKILL, from outside");
  check_text(&end, "; it printed last: first line last line: n = 3");
  ck_assert_int_eq(end.text[strlen(end.text) - 1], '3');
  end = exchange(worker, &t, abc, 3, 10);
  ck_assert_int_eq(end.conduct, LP_CONDUCT_EXIT);
  lp_worker_stop(worker);
}
END_TEST

START_TEST(an_early_end) {
  const char *argv[3];
  const lp_worker_spec spec = spec_of(argv, "echo-one");
  lp_worker *worker = start(&spec);
  taken t;
  const lp_worker_end end = exchange(worker, &t, abc, 3, 10);
  ck_assert_int_eq(end.conduct, LP_CONDUCT_EXIT);
  ck_assert_int_eq(end.answered, 1);
  ck_assert_str_eq(t.first[0], "a");
  check_text(&end, "exit code 4");
  lp_worker_stop(worker);
}
END_TEST

START_TEST(half) {
  const char *argv[3];
  const lp_worker_spec spec = spec_of(argv, "half-an-answer");
  lp_worker *worker = start(&spec);
  taken t;
  const lp_worker_end end = exchange(worker, &t, abc, 1, 10);
  ck_assert_int_eq(end.conduct, LP_CONDUCT_EXIT);
  ck_assert_int_eq(end.answered, 0);
  lp_worker_stop(worker);
}
END_TEST

START_TEST(no_answer) {
  static const char *const lines[] = {"a\n", "b", "c"};
  const char *argv[3];
  const lp_worker_spec spec = spec_of(argv, "echo");
  lp_worker *worker = start(&spec);
  taken t;
  const lp_worker_end end = exchange(worker, &t, lines, 3, 0.3);
  ck_assert_int_eq(end.conduct, LP_CONDUCT_HANG);
  ck_assert_int_eq(end.answered, 1);
  check_text(&end, "no answer within 0.3 seconds");
  lp_worker_stop(worker);
}
END_TEST

START_TEST(refused) {
  const char *argv[3];
  const lp_worker_spec spec = spec_of(argv, "echo");
  lp_worker *worker = start(&spec);
  taken t = {.refuse = 1};
  lp_worker_end end;
  const lp_message messages[] = {{(const unsigned char *)"a\n", 2}, {(const unsigned char *)"b\n", 2}};
  lp_worker_exchange(worker, &end, messages, 2, 10, take, &t);
  ck_assert_int_eq(end.conduct, LP_CONDUCT_GARBAGE);
  ck_assert_int_eq(end.answered, 1);
  check_text(&end, "it is a fish");
  lp_worker_stop(worker);
}
END_TEST

/* Two answers to one question are an answer to none. */
START_TEST(said_twice) {
  const char *argv[3];
  const lp_worker_spec spec = spec_of(argv, "say-twice");
  lp_worker *worker = start(&spec);
  taken t;
  lp_worker_end end = exchange(worker, &t, abc, 1, 10);
  for (int i = 0; i < 20 && end.conduct == LP_CONDUCT_GOOD; i++) {
    ck_assert_str_eq(t.first[0], "a");
    end = exchange(worker, &t, abc, 1, 10);
  }
  ck_assert_int_eq(end.conduct, LP_CONDUCT_GARBAGE);
  check_text(&end, "before the question");
  lp_worker_stop(worker);
}
END_TEST

START_TEST(endless) {
  const char *argv[3];
  const lp_worker_spec spec = spec_of(argv, "never-end-a-line");
  lp_worker *worker = start(&spec);
  taken t;
  const lp_worker_end end = exchange(worker, &t, abc, 1, 10);
  ck_assert_int_eq(end.conduct, LP_CONDUCT_OVERSIZED);
  check_text(&end, "longer than the 2097152 bytes");
  lp_worker_stop(worker);
}
END_TEST

/* What it never heard it need not be waited for. */
START_TEST(deaf) {
  enum { LONG = 1 << 20 };
  static char line[LONG + 2];
  const char *argv[3], *const lines[] = {"a\n", line};
  const lp_worker_spec spec = spec_of(argv, "close-ears");
  lp_worker *worker = start(&spec);
  taken t;
  memset(line, 'q', LONG);
  line[LONG] = '\n';
  const lp_worker_end end = exchange(worker, &t, lines, 2, 60);
  ck_assert_int_eq(end.conduct, LP_CONDUCT_CLOSED);
  ck_assert_int_eq(end.answered, 1);
  check_text(&end, "closed the pipe that it hears on and lives on");
  lp_worker_stop(worker);
}
END_TEST

START_TEST(memory) {
  const char *argv[3];
  lp_worker_spec spec = spec_of(argv, "crash");
  spec.limits.memory = 4096;
  static const char *const lines[] = {"a"};
  lp_worker *worker = start(&spec);
  taken t;
  const lp_worker_end end = exchange(worker, &t, lines, 1, 10);
  ck_assert_int_eq(end.conduct, LP_CONDUCT_MEMORY);
  check_text(&end, "(--memory)");
  lp_worker_stop(worker);
}
END_TEST

START_TEST(missing) {
  const char *argv[3];
  lp_worker *worker;
  lp_error error;
  lp_worker_spec spec = spec_of(argv, "echo");
  spec.program = "/nonexistent/program";
  ck_assert_int_eq(lp_worker_start(&worker, &spec, &error), LP_IO);
  ck_assert_ptr_nonnull(strstr(error.message, "/nonexistent/program: No such file"));
  ck_assert_ptr_null(worker);
}
END_TEST

START_TEST(several) {
  const char *argv[3];
  const lp_worker_spec spec = spec_of(argv, "outlive");
  lp_error error;
  lp_workers *workers;
  lp_worker *a, *b, *c;
  bool fresh;
  taken t;
  ck_assert_int_eq(lp_workers_new(&workers, &spec, &error), LP_OK);
  ck_assert_int_eq(lp_workers_take(workers, &a, &fresh, &error), LP_OK);
  ck_assert(fresh);
  ck_assert_int_eq(lp_workers_take(workers, &b, &fresh, &error), LP_OK);
  ck_assert(fresh && a != b);
  ck_assert_int_eq(exchange(a, &t, abc, 3, 10).conduct, LP_CONDUCT_GOOD);
  lp_workers_give_back(workers, a, true);
  lp_workers_give_back(workers, b, false);
  ck_assert_int_eq(lp_workers_take(workers, &c, &fresh, &error), LP_OK);
  ck_assert(!fresh && c == a);
  lp_workers_give_back(workers, c, true);
  lp_workers_free(workers); /* it outlives its pipe, and not us */
  lp_workers_free(NULL);
}
END_TEST

START_TEST(no_cores) {
  const char *argv[3];
  const lp_worker_spec spec = spec_of(argv, "tell-core-limit");
  struct rlimit before, now;
  taken t;
  ck_assert_int_eq(getrlimit(RLIMIT_CORE, &before), 0);
  before.rlim_cur = before.rlim_max;
  ck_assert_int_eq(setrlimit(RLIMIT_CORE, &before), 0);
  lp_worker *worker = start(&spec);
  ck_assert_int_eq(exchange(worker, &t, abc, 1, 10).conduct, LP_CONDUCT_GOOD);
  ck_assert_str_eq(t.first[0], "none");
  lp_worker_stop(worker);
  ck_assert_int_eq(getrlimit(RLIMIT_CORE, &now), 0); /* ours is as it was */
  ck_assert(now.rlim_cur == before.rlim_cur && now.rlim_max == before.rlim_max);
}
END_TEST

/* Some of those that start us ignore SIGXFSZ. */
START_TEST(file_too_large) {
  const char *argv[3];
  const lp_worker_spec spec = spec_of(argv, "write-too-much");
  taken t;
  ck_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
  lp_worker *worker = start(&spec);
  ck_assert(signal(SIGXFSZ, SIG_DFL) != SIG_ERR);
  const lp_worker_end end = exchange(worker, &t, abc, 1, 10);
  ck_assert_int_eq(end.conduct, LP_CONDUCT_SIGNAL);
  check_text(&end, "(SIGXFSZ, over its limit of file size)");
  lp_worker_stop(worker);
}
END_TEST

/* A worker holds the writing end of a pipe: the reading end ends when it does, and not before. */
START_TEST(none_survives_the_end) {
  const char *argv[3];
  const lp_worker_spec spec = spec_of(argv, "outlive");
  int life[2], status;
  char c;
  ck_assert_int_eq(pipe(life), 0);
  const pid_t process = fork();
  if (process == 0) {
    taken t;
    for (int i = 0; i < 2; i++) (void)exchange(start(&spec), &t, abc, 1, 10);
    lp_workers_end(7);
  }
  close(life[1]);
  ck_assert_int_eq(waitpid(process, &status, 0), process);
  ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 7);
  const unsigned left = alarm(20); /* less than an outliving worker would stay */
  ck_assert_int_eq(read(life[0], &c, 1), 0);
  alarm(left);
  close(life[0]);
}
END_TEST

int main(int argc, char **argv) {
  for (int i = 0; argc == 2 && i < N_ROLES; i++) {
    if (strcmp(argv[1], roles[i].name) == 0) return roles[i].play();
  }
  this_program = argv[0];
  const TTest *const tests[] = {
      answers, megabytes, last_words, an_early_end, half,    no_answer, refused,        said_twice,
      endless, deaf,      memory,     missing,      several, no_cores,  file_too_large, none_survives_the_end};
  return run_tests("worker", tests, (int)(sizeof tests / sizeof tests[0]));
}
