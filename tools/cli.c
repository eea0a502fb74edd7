#include "tools/cli.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "golden/hdf5.h"
#include "reference/registry.h"

enum { MAX_FLAGS = 48, FIRST_LONG = 256 };

/* --- options ------------------------------------------------------------------------------------------------ */

static void print_help(const lp_command *c) {
  printf("usage: lossproof %s\n\n%s\n", c->usage, c->about);
  if (c->n_flags > 0) printf("\noptions:\n");
  for (int i = 0; i < c->n_flags; i++) {
    const lp_flag *f = &c->flags[i];
    char left[64];
    snprintf(left, sizeof left, "%s%s%s%s", strlen(f->name) == 1 ? "-" : "--", f->name, f->placeholder ? " " : "",
             f->placeholder ? f->placeholder : "");
    printf("  %-22s %s\n", left, f->about);
  }
}

static bool parse_count(int *value, const char *text, int least) {
  char *end;
  errno = 0;
  const long x = strtol(text, &end, 10);
  if (errno || *end || end == text || x < least || x > INT_MAX) return false;
  *value = (int)x;
  return true;
}

static bool parse_seed(uint64_t *value, const char *text) {
  char *end;
  errno = 0;
  const unsigned long long x = strtoull(text, &end, 0);
  if (errno || *end || end == text || text[0] == '-') return false;
  *value = x;
  return true;
}

static bool parse_real(double *value, const char *text) {
  char *end;
  *value = strtod(text, &end);
  return *text && !*end;
}

static bool append(lp_text_list *list, const char *text) {
  if (list->count == LP_EACH_MAX) return false;
  list->items[list->count++] = text;
  return true;
}

/* Sets the flag's value; NULL when that worked, else what was expected. */
static const char *set_flag(const lp_flag *f, const char *text) {
  switch (f->kind) {
    case LP_FLAG_SWITCH:
      *(bool *)f->value = true;
      return NULL;
    case LP_FLAG_TEXT:
      *(const char **)f->value = text;
      return NULL;
    case LP_FLAG_COUNT:
      return parse_count(f->value, text, 1) ? NULL : "a whole number >= 1";
    case LP_FLAG_NUMBER:
      return parse_count(f->value, text, 0) ? NULL : "a whole number >= 0";
    case LP_FLAG_REAL:
      return parse_real(f->value, text) ? NULL : "a number";
    case LP_FLAG_SEED:
      return parse_seed(f->value, text) ? NULL : "a whole number from 0 to 2^64 - 1";
    case LP_FLAG_EACH:
      return append(f->value, text) ? NULL : "fewer of them: 32 at most";
  }
  return "nothing";
}

typedef struct getopt_tables {
  struct option longs[MAX_FLAGS + 2];
  char shorts[2 * MAX_FLAGS + 2];
} getopt_tables;

static void build_tables(getopt_tables *t, const lp_command *c) {
  int n = 0;
  size_t s = 0;
  memset(t, 0, sizeof *t);
  t->shorts[s++] = ':';
  for (int i = 0; i < c->n_flags; i++) {
    const bool takes = c->flags[i].kind != LP_FLAG_SWITCH;
    if (strlen(c->flags[i].name) == 1) {
      t->shorts[s++] = c->flags[i].name[0];
      if (takes) t->shorts[s++] = ':';
    } else {
      t->longs[n++] = (struct option){c->flags[i].name, takes ? required_argument : no_argument, NULL, FIRST_LONG + i};
    }
  }
  t->longs[n] = (struct option){"help", no_argument, NULL, 'h'};
}

static const lp_flag *flag_of(const lp_command *c, int code) {
  if (code >= FIRST_LONG) return &c->flags[code - FIRST_LONG];
  for (int i = 0; i < c->n_flags; i++) {
    if (c->flags[i].name[0] == code && c->flags[i].name[1] == '\0') return &c->flags[i];
  }
  return NULL;
}

static lp_cli_next stop_with(int *exit_code, int code) {
  *exit_code = code;
  return LP_CLI_STOP;
}

static lp_cli_next take_positional(const lp_command *c, int argc, char **argv, const char **positional, int *n,
                                   int *exit_code) {
  *n = argc - optind;
  if (*n < c->min_positional || *n > c->max_positional) {
    return stop_with(exit_code,
                     lp_cli_complain("%s: %s\nusage: lossproof %s", argv[0],
                                     *n < c->min_positional ? "something is missing" : "too many words", c->usage));
  }
  for (int i = 0; i < *n; i++) positional[i] = argv[optind + i];
  return LP_CLI_RUN;
}

lp_cli_next lp_cli_parse(const lp_command *c, int argc, char **argv, const char **positional, int *n, int *exit_code) {
  getopt_tables t;
  build_tables(&t, c);
  opterr = 0;
  optind = 1;
  for (int code; (code = getopt_long(argc, argv, t.shorts, t.longs, NULL)) != -1;) {
    if (code == 'h') {
      print_help(c);
      return stop_with(exit_code, 0);
    }
    const char *word = argv[optind - 1];
    if (code == '?') {
      return stop_with(exit_code, lp_cli_complain("%s: no option %s; see lossproof %s --help", argv[0], word, argv[0]));
    }
    if (code == ':') return stop_with(exit_code, lp_cli_complain("%s: %s needs a value", argv[0], word));
    const lp_flag *f = flag_of(c, code);
    const char *expected = set_flag(f, optarg);
    if (expected) {
      return stop_with(exit_code,
                       lp_cli_complain("%s: %s: expected %s, got \"%s\"", argv[0], f->name, expected, optarg));
    }
  }
  return take_positional(c, argc, argv, positional, n, exit_code);
}

/* --- messages ------------------------------------------------------------------------------------------------ */

int lp_cli_complain(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "lossproof: ");
  vfprintf(stderr, format, arguments);
  fprintf(stderr, "\n");
  va_end(arguments);
  return LP_EXIT_USAGE;
}

int lp_cli_fail(const lp_error *error) {
  lp_cli_complain("%s", error->message);
  return error->status == LP_INTERNAL ? LP_EXIT_HARNESS : LP_EXIT_USAGE;
}

const lp_loss *lp_cli_loss(const char *name) {
  const lp_loss *loss = lp_registry_find(name);
  if (loss) return loss;
  const lp_loss *near = lp_registry_nearest(name);
  if (near) {
    lp_cli_complain("no loss is called \"%s\"; did you mean %s?", name, near->name);
  } else {
    lp_cli_complain("no loss is called \"%s\"; lossproof list names them", name);
  }
  return NULL;
}

void lp_cli_progress(void *context, int done, int total) {
  enum { WIDTH = 40 };
  if (!isatty(STDERR_FILENO)) return;
  if (done % 64 != 0 && done != total) return;
  const int filled = (int)((long)done * WIDTH / (total > 0 ? total : 1));
  fprintf(stderr, "\r%s [%.*s%*s] %d/%d", (const char *)context, filled, "########################################",
          WIDTH - filled, "", done, total);
  if (done == total) fprintf(stderr, "\r\033[K");
}

/* --- files ---------------------------------------------------------------------------------------------------- */

static const char *first_that_exists(const char *variable, const char *built, const char *installed) {
  const char *given = getenv(variable);
  if (given && *given) return given;
  return access(built, R_OK) == 0 ? built : installed;
}

const char *lp_cli_fixtures(void) {
  return first_that_exists("LOSSPROOF_FIXTURES", LOSSPROOF_SOURCE_DIR "/golden/fixtures",
                           LOSSPROOF_DATA_DIR "/fixtures");
}

const char *lp_cli_errata(void) {
  return first_that_exists("LOSSPROOF_ERRATA", LOSSPROOF_SOURCE_DIR "/golden/errata.json",
                           LOSSPROOF_DATA_DIR "/errata.json");
}

const char *lp_cli_corpora(void) {
  return first_that_exists("LOSSPROOF_CORPORA", LOSSPROOF_SOURCE_DIR "/fuzz/corpora", LOSSPROOF_DATA_DIR "/corpora");
}

static bool has_suffix(const char *name, const char *suffix) {
  const size_t n = strlen(name), s = strlen(suffix);
  return n >= s && strcmp(name + n - s, suffix) == 0;
}

static int is_case_file(const struct dirent *entry) {
  return has_suffix(entry->d_name, ".h5") || has_suffix(entry->d_name, ".json") || has_suffix(entry->d_name, ".jsonl");
}

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

/* Our own fixtures are read in this process; files from outside in a child, which lp_suite_read sees to. */
typedef lp_status file_reader(lp_suite *suite, const char *path, lp_error *error);

static lp_status read_member(lp_suite *suite, const char *folder, const char *name, const char *loss, file_reader *read,
                             lp_error *error) {
  char path[PATH_MAX];
  if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) {
    return lp_fail(error, LP_INVALID, "%.64s...: the path is too long", folder);
  }
  const size_t stem = strcspn(name, ".");
  if (loss && (strlen(loss) != stem || strncmp(loss, name, stem) != 0)) return LP_OK;
  return read(suite, path, error);
}

/* loss, when given, is the stem of the only file wanted: one loss a file. */
static lp_status read_folder(lp_suite *suite, const char *folder, const char *loss, file_reader *read,
                             lp_error *error) {
  struct dirent **names;
  const int n = scandir(folder, &names, is_case_file, by_name);
  if (n < 0) return lp_fail(error, LP_IO, "%s: %s", folder, strerror(errno));
  lp_status status = LP_OK;
  for (int i = 0; i < n; i++) {
    if (status == LP_OK) status = read_member(suite, folder, names[i]->d_name, loss, read, error);
    free(names[i]);
  }
  free(names);
  return status;
}

static bool is_folder(const char *path) {
  struct stat st;
  return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

lp_status lp_cli_read(lp_suite *suite, const char *const *paths, int n_paths, const char *loss, lp_error *error) {
  if (n_paths == 0) return read_folder(suite, lp_cli_fixtures(), loss, lp_hdf5_read, error);
  for (int i = 0; i < n_paths; i++) {
    LP_TRY(is_folder(paths[i]) ? read_folder(suite, paths[i], NULL, lp_suite_read, error)
                               : lp_suite_read(suite, paths[i], error));
  }
  return LP_OK;
}
