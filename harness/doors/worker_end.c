/* How the end of a worker is told. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "harness/doors/worker_internal.h"

void lp_last_words_add(lp_last_words *words, const char *bytes, size_t n) {
  const size_t fresh = n < LP_LAST_WORDS ? n : LP_LAST_WORDS;
  const size_t room = LP_LAST_WORDS - fresh, had = (size_t)words->n, kept = had < room ? had : room;
  memmove(words->bytes, words->bytes + (had - kept), kept);
  memcpy(words->bytes + kept, bytes + (n - fresh), fresh);
  words->n = (int)(kept + fresh);
}

static bool is_printable(char c) { return c > ' ' && c < 127; }

/* One line of printable characters: runs of anything else become a blank. */
static void append_words(char *text, size_t capacity, const lp_last_words *words) {
  size_t n = strlen(text);
  const size_t begin = n;
  for (int i = 0; i < words->n && n + 2 < capacity; i++) {
    const char c = words->bytes[i];
    if (is_printable(c)) {
      text[n++] = c;
    } else if (n > begin && text[n - 1] != ' ') {
      text[n++] = ' ';
    }
  }
  while (n > begin && text[n - 1] == ' ') n--;
  text[n] = 0;
}

void lp_end_by(lp_worker_end *end, lp_conduct conduct, const lp_last_words *words, const char *format, ...) {
  static const char introduction[] = "; it printed last: ";
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(end->text, sizeof end->text, format, arguments);
  va_end(arguments);
  end->conduct = conduct;
  const size_t n = strlen(end->text), more = n + sizeof introduction - 1;
  if (words->n == 0 || more >= sizeof end->text) return;
  memcpy(end->text + n, introduction, sizeof introduction);
  append_words(end->text, sizeof end->text, words);
  if (strlen(end->text) == more) end->text[n] = 0;
}

typedef struct signal_name {
  int number;
  const char *name, *meaning;
} signal_name;

static const signal_name signals[] = {
    {SIGSEGV, "SIGSEGV", "invalid memory access"},
    {SIGBUS, "SIGBUS", "access to memory that is not there"},
    {SIGABRT, "SIGABRT", "abort: a failed assertion, an uncaught exception or a corrupt heap"},
    {SIGFPE, "SIGFPE", "trapped arithmetic: an integer division by zero, or floating-point traps switched on"},
    {SIGILL, "SIGILL", "an instruction that this processor does not have, or a deliberate trap"},
    {SIGTRAP, "SIGTRAP", "a deliberate trap"},
    {SIGSYS, "SIGSYS", "a forbidden system call"},
    {SIGKILL, "SIGKILL", "from outside: most often the system was out of memory"},
    {SIGTERM, "SIGTERM", "asked to end"},
    {SIGINT, "SIGINT", "interrupted"},
    {SIGHUP, "SIGHUP", "its terminal went away"},
    {SIGQUIT, "SIGQUIT", "asked to end with a core dump"},
    {SIGPIPE, "SIGPIPE", "wrote to a pipe that nobody reads"},
    {SIGALRM, "SIGALRM", "a timer of its own"},
    {SIGXCPU, "SIGXCPU", "over its limit of processor time"},
    {SIGXFSZ, "SIGXFSZ", "over its limit of file size"},
    {SIGUSR1, "SIGUSR1", "user-defined"},
    {SIGUSR2, "SIGUSR2", "user-defined"},
};

enum { N_SIGNALS = sizeof signals / sizeof signals[0] };

static void end_by_signal(lp_worker_end *end, int number, const lp_last_words *words) {
  for (int i = 0; i < N_SIGNALS; i++) {
    if (signals[i].number != number) continue;
    lp_end_by(end, LP_CONDUCT_SIGNAL, words, "killed by signal %d (%s, %s)", number, signals[i].name,
              signals[i].meaning);
    return;
  }
  lp_end_by(end, LP_CONDUCT_SIGNAL, words, "killed by signal %d", number);
}

void lp_end_by_death(lp_worker_end *end, lp_death death, const lp_last_words *words) {
  if (death.by_signal) {
    end_by_signal(end, death.code, words);
  } else if (death.code < 0) {
    lp_end_by(end, LP_CONDUCT_EXIT, words, "ended, nobody knows how");
  } else {
    lp_end_by(end, LP_CONDUCT_EXIT, words, "ended by itself with exit code %d instead of answering", death.code);
  }
}
