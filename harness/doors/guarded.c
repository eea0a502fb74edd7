/* Built with _DEFAULT_SOURCE, for MAP_ANONYMOUS and the registers of a signal's context. */
#include "harness/doors/guarded.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

enum {
  FENCE = 1 << 20, /* bytes of address space, which cost nothing: an index that is off by much is off by less */
  SLACK = 4096,    /* bytes beside the data that are patterned and compared */
  PATTERN = 0xE7
};

static size_t round_up(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

void lp_guarded_free(lp_guarded *g) {
  if (g->low) munmap(g->low - FENCE, (size_t)(g->high - g->low) + 2 * (size_t)FENCE);
  *g = (lp_guarded){.low = NULL};
}

static bool fit(lp_guarded *g, size_t size) {
  if (g->low && size <= (size_t)(g->high - g->low)) return true;
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  const size_t room = round_up(size + size / 2 + 1, page > SLACK ? page : SLACK);
  lp_guarded_free(g);
  void *all = mmap(NULL, room + 2 * (size_t)FENCE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (all == MAP_FAILED) return false;
  g->low = (unsigned char *)all + FENCE;
  g->high = g->low + room;
  if (mprotect(g->low, room, PROT_READ | PROT_WRITE) == 0) return true;
  lp_guarded_free(g);
  return false;
}

static size_t at_most(size_t n, size_t most) { return n < most ? n : most; }

static size_t slack_before(const lp_guarded *g) { return at_most((size_t)(g->data - g->low), SLACK); }

static size_t slack_after(const lp_guarded *g) { return at_most((size_t)(g->high - g->data) - g->size, SLACK); }

bool lp_guarded_place(lp_guarded *g, const char *name, size_t element, size_t size, lp_flush flush) {
  if (!fit(g, size)) return false;
  const size_t n = at_most(strlen(name), sizeof g->name - 1);
  memcpy(g->name, name, n);
  g->name[n] = 0;
  g->element = element;
  g->size = size;
  g->data = flush == LP_FLUSH_HIGH ? g->high - size : g->low;
  memset(g->data - slack_before(g), PATTERN, slack_before(g));
  memset(g->data + size, PATTERN, slack_after(g));
  return true;
}

/* The first of n bytes that is not PATTERN; n when all are. */
static size_t first_stain(const unsigned char *bytes, size_t n) {
  if (n == 0 || (bytes[0] == PATTERN && memcmp(bytes, bytes + 1, n - 1) == 0)) return n;
  size_t i = 0;
  while (bytes[i] == PATTERN) i++;
  return i;
}

bool lp_guarded_is_clean(const lp_guarded *g, ptrdiff_t *offset) {
  const size_t before = slack_before(g), after = slack_after(g);
  const size_t a = first_stain(g->data - before, before), b = first_stain(g->data + g->size, after);
  *offset = a < before ? (ptrdiff_t)a - (ptrdiff_t)before : (ptrdiff_t)(g->size + b);
  return a == before && b == after;
}

/* --- the watch --- */

static const lp_guarded *watched;
static int n_watched;
static void (*report_to)(const char *text);

enum { TEXT_MAX = 256 };

/* What a signal handler may do: no printf. */
static void append(char text[TEXT_MAX], const char *more) {
  size_t n = strlen(text);
  while (*more && n + 1 < TEXT_MAX) text[n++] = *more++;
  text[n] = 0;
}

static void append_number(char text[TEXT_MAX], long long number) {
  char digits[24];
  int i = (int)sizeof digits - 1;
  unsigned long long left = number < 0 ? 0ULL - (unsigned long long)number : (unsigned long long)number;
  digits[i] = 0;
  do {
    digits[--i] = (char)('0' + left % 10);
    left /= 10;
  } while (left > 0);
  if (number < 0) digits[--i] = '-';
  append(text, digits + i);
}

/* The processor knows whether it was a write. */
static const char *deed(const void *context) {
#if defined(__x86_64__) && defined(__linux__)
  enum { ERROR_CODE = 19, WRITE_BIT = 2 };
  const ucontext_t *c = context;
  return c->uc_mcontext.gregs[ERROR_CODE] & WRITE_BIT ? "wrote" : "read";
#else
  (void)context;
  return "reached";
#endif
}

static void tell(const lp_guarded *g, const unsigned char *at, const void *context) {
  char text[TEXT_MAX] = "";
  const bool past = at >= g->data;
  const ptrdiff_t size = (ptrdiff_t)g->element, offset = at - g->data;
  append(text, deed(context));
  append(text, past ? " past the end of " : " before the start of ");
  append(text, g->name);
  append(text, ", at element ");
  append_number(text, past ? offset / size : -((size - 1 - offset) / size));
  append(text, " of ");
  append_number(text, (long long)(g->size / g->element));
  report_to(text);
}

static void on_fault(int number, siginfo_t *info, void *context) {
  const unsigned char *at = info->si_addr;
  for (int i = 0; i < n_watched; i++) {
    const lp_guarded *g = &watched[i];
    if (g->low && at >= g->low - FENCE && at < g->high + FENCE) tell(g, at, context);
  }
  signal(number, SIG_DFL);
  raise(number); /* when this handler returns */
}

/* A stack of its own, since the fault may be that the other one is full. */
static bool use_other_stack(void) {
  enum { STACK = 1 << 16 };
  static unsigned char stack[STACK];
  const stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
  return sigaltstack(&other, NULL) == 0;
}

bool lp_guarded_watch(const lp_guarded *slots, int n, void (*report)(const char *text)) {
  struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK};
  action.sa_sigaction = on_fault;
  sigemptyset(&action.sa_mask);
  watched = slots;
  n_watched = n;
  report_to = report;
  return use_other_stack() && sigaction(SIGSEGV, &action, NULL) == 0 && sigaction(SIGBUS, &action, NULL) == 0;
}
