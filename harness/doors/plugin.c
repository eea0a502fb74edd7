/* plugin:PATH.so: a shared object that exports lossproof_plugin(), loaded by workers of ours. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/doors/door.h"
#include "harness/doors/plugin_question.h"
#include "harness/doors/worker.h"

enum {
  WHY = 200,              /* bytes of a reason, as lp_take_answer has it */
  WINDOW = 64,            /* questions under way at once */
  WINDOW_BYTES = 1 << 22, /* or as many as fit in here */
  STARTS = 3              /* tries to start a worker, where one has been started before */
};

static const size_t longest_answer = (size_t)1 << 34; /* three runs with all outputs at LP_MAX_ELEMENTS */

typedef struct plugin {
  const char *path;
  const char *argv[4];
  lp_worker_spec spec;
  lp_workers *workers;
  const lp_manifest *manifest;
  bool careless;
} plugin;

/* --- shaking hands --- */

typedef struct hello {
  lp_status status; /* of the plugin, or ours */
  lp_error *error;
  const plugin *p;
  lp_manifest *manifest; /* NULL: it is known already */
  lp_arena *arena;
} hello;

static lp_status kept_text(const char **text, lp_arena *arena, lp_reading *r, size_t most, lp_error *error) {
  char *buffer = malloc(most);
  if (!buffer) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  lp_read_text(r, buffer, most);
  *text = lp_arena_text(arena, buffer, strlen(buffer));
  free(buffer);
  return *text ? LP_OK : lp_fail(error, LP_NO_MEMORY, "out of memory");
}

static lp_status read_refusal(const hello *h, lp_status status, lp_reading *r) {
  char why[LP_MESSAGE_MAX];
  lp_read_text(r, why, sizeof why);
  lp_make_printable(why);
  return lp_fail(h->error, status == LP_IO ? LP_IO : LP_INVALID, "plugin:%s cannot be loaded: %s", h->p->path, why);
}

static lp_status read_manifest(const hello *h, const char *text) {
  const lp_status status = lp_manifest_read(h->manifest, h->arena, text, strlen(text), h->error);
  if (status != LP_INVALID) return status;
  const lp_error why = *h->error;
  return lp_fail(h->error, LP_INVALID, "the manifest of plugin:%s: %s", h->p->path, why.message);
}

static lp_status read_welcome(const hello *h, lp_reading *r) {
  const char *name, *version, *manifest;
  char buffer[2][LP_NAME_MAX];
  lp_read_text(r, buffer[0], sizeof buffer[0]);
  lp_read_text(r, buffer[1], sizeof buffer[1]);
  lp_make_printable(buffer[0]);
  lp_make_printable(buffer[1]);
  name = buffer[0];
  version = buffer[1];
  const bool has_manifest = lp_read_number(r) != 0;
  if (!h->manifest) return LP_OK;
  LP_TRY(lp_manifest_init(h->manifest, h->arena, name, version, 1u << LP_FLOAT64, h->error));
  LP_TRY(kept_text(&manifest, h->arena, r, LP_PLUGIN_MANIFEST_MAX + 1, h->error));
  return has_manifest ? read_manifest(h, manifest) : LP_OK;
}

static bool take_welcome(void *context, int k, const unsigned char *bytes, size_t size, char why[200]) {
  hello *h = context;
  lp_reading r = {.at = bytes, .left = size};
  (void)k;
  const int magic = lp_read_number(&r), status = lp_read_number(&r);
  if (!r.failed && magic == LP_PLUGIN_MAGIC) {
    h->status = status == LP_OK ? read_welcome(h, &r) : read_refusal(h, (lp_status)status, &r);
    if (!r.failed) return true;
  }
  snprintf(why, WHY, "no greeting");
  return false;
}

/* manifest: NULL when it is known already. */
static lp_status shake_hands(const plugin *p, lp_worker *worker, lp_manifest *manifest, lp_arena *arena,
                             lp_error *error) {
  hello h = {.error = error, .p = p, .manifest = manifest, .arena = arena};
  lp_worker_end end;
  lp_bytes b = {.at = NULL};
  const size_t frame = lp_bytes_begin_frame(&b);
  lp_bytes_put_number(&b, LP_PLUGIN_HELLO);
  lp_bytes_end_frame(&b, frame);
  if (b.failed) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  const lp_message message = {.bytes = b.at, .size = b.size};
  lp_worker_exchange(worker, &end, &message, 1, p->spec.limits.load_timeout, take_welcome, &h);
  lp_bytes_free(&b);
  if (end.conduct == LP_CONDUCT_GOOD) return h.status;
  return lp_fail(error, LP_IO, "plugin:%s cannot be loaded: its process %s%s", p->path,
                 end.conduct == LP_CONDUCT_SIGNAL ? "was " : "", end.text);
}

/* --- opening --- */

static void close_plugin(void *state) {
  plugin *p = state;
  lp_workers_free(p->workers);
  free(p);
}

/* dlopen looks for a name without a slash elsewhere. */
static const char *with_slash(lp_arena *arena, const char *path) {
  return strchr(path, '/') ? path : lp_arena_format(arena, "./%s", path);
}

static lp_status check_path(const char *path, lp_error *error) {
  if (!path[0]) return lp_fail(error, LP_INVALID, "plugin: names no file: expected plugin:PATH.so");
  if (access(path, R_OK) == 0) return LP_OK;
  return lp_fail(error, LP_IO, "plugin:%s cannot be loaded: %s", path, strerror(errno));
}

static lp_status prepare(plugin *p, lp_arena *arena, const char *path, const lp_candidate_options *options,
                         lp_error *error) {
  LP_TRY(check_path(path, error));
  p->path = with_slash(arena, path);
  if (!p->path) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  if (!lp_worker_program()[0]) {
    return lp_fail(error, LP_INTERNAL, "no program is known that loads plugins (main must begin with lp_serve_worker)");
  }
  p->careless = options->careless;
  p->argv[0] = "lossproof";
  p->argv[1] = LP_PLUGIN_VERB;
  p->argv[2] = p->path;
  p->spec = (lp_worker_spec){.program = lp_worker_program(),
                             .argv = p->argv,
                             .framing = LP_FRAME_LENGTH,
                             .hears_on = LP_PLUGIN_HEARS_ON,
                             .answers_on = LP_PLUGIN_ANSWERS_ON,
                             .longest_answer = longest_answer,
                             .limits = *options};
  return lp_workers_new(&p->workers, &p->spec, error);
}

static lp_status meet(plugin *p, lp_manifest *manifest, lp_arena *arena, lp_error *error) {
  lp_worker *worker;
  bool fresh;
  LP_TRY(lp_workers_take(p->workers, &worker, &fresh, error));
  const lp_status status = shake_hands(p, worker, manifest, arena, error);
  lp_workers_give_back(p->workers, worker, status == LP_OK);
  p->manifest = manifest;
  return status;
}

static lp_status open_plugin(void **state, lp_manifest *manifest, lp_arena *arena, const char *rest,
                             const lp_candidate_options *options, lp_error *error) {
  plugin *p = calloc(1, sizeof *p);
  if (!p) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  lp_status status = prepare(p, arena, rest, options, error);
  if (status == LP_OK) status = meet(p, manifest, arena, error);
  if (status != LP_OK) close_plugin(p);
  *state = p;
  return status;
}

/* --- asking --- */

/* Questions under way. */
typedef struct window {
  const plugin *p;
  const lp_case *const *cases;
  lp_answer *answers;
  int n; /* cases[0..n) are in it */
  lp_arena *arena;
  lp_outcome layouts[WINDOW];
  size_t begins[WINDOW + 1]; /* of the messages, in bytes */
  lp_bytes bytes;
  bool fault; /* the last answer was the worker's last */
  lp_status status;
  lp_error *error;
} window;

static const lp_capability *capability(const window *w, const lp_case *c) {
  return lp_manifest_find(w->p->manifest, c->loss);
}

static int runs_for(const window *w, const lp_case *c) {
  if (w->p->careless) return 1 << LP_RUN_HIGH;
  return 1 << LP_RUN_HIGH | 1 << LP_RUN_LOW | (capability(w, c)->strided ? 1 << LP_RUN_STRIDED : 0);
}

/* As many of the n cases as fit, one at least. */
static lp_status fill_window(window *w, int n, lp_error *error) {
  w->bytes.size = 0;
  for (w->n = 0; w->n < n && w->n < WINDOW && w->bytes.size < WINDOW_BYTES; w->n++) {
    const lp_case *c = w->cases[w->n];
    LP_TRY(lp_plugin_layout(&w->layouts[w->n], c, capability(w, c), error));
    w->begins[w->n] = w->bytes.size;
    lp_plugin_put_question(&w->bytes, w->n, c, &w->layouts[w->n], runs_for(w, c));
  }
  w->begins[w->n] = w->bytes.size;
  return w->bytes.failed ? lp_fail(error, LP_NO_MEMORY, "out of memory for %d questions", w->n) : LP_OK;
}

static bool take_answer(void *context, int k, const unsigned char *bytes, size_t size, char why[200]) {
  window *w = context;
  lp_error reason;
  lp_reading r = {.at = bytes, .left = size};
  if (w->fault) {
    snprintf(why, WHY, "it came after the end");
    return false;
  }
  const lp_status status = lp_plugin_read_answer(&w->answers[k], &w->fault, w->arena, k, &w->layouts[k],
                                                 capability(w, w->cases[k]), &r, &reason);
  if (status == LP_OK) return true;
  if (status != LP_INVALID) w->status = lp_fail(w->error, status, "%s", reason.message);
  snprintf(why, WHY, "%.*s", WHY - 1, reason.message);
  return false;
}

/* The worker died over question `k`. */
static lp_status bury(const window *w, int k, const lp_worker_end *end, lp_error *error) {
  const char *text = lp_arena_text(w->arena, end->text, strlen(end->text));
  if (!text) return lp_fail(error, LP_NO_MEMORY, "out of memory");
  lp_answer_died(&w->answers[k], end->conduct, text);
  return LP_OK;
}

static lp_status start_worker(const plugin *p, lp_worker **worker, lp_error *error) {
  bool fresh;
  lp_status status = LP_OK;
  for (int i = 0; i < STARTS; i++) {
    LP_TRY(lp_workers_take(p->workers, worker, &fresh, error));
    status = fresh ? shake_hands(p, *worker, NULL, NULL, error) : LP_OK;
    if (status == LP_OK) return LP_OK;
    lp_workers_give_back(p->workers, *worker, false);
    *worker = NULL;
  }
  return status;
}

/* Puts the window to the worker, which is gone (NULL) afterwards if it died. Returns how many have their answer. */
static lp_status exchange(window *w, lp_worker **worker, int *answered, lp_error *error) {
  lp_message messages[WINDOW];
  lp_worker_end end;
  for (int i = 0; i < w->n; i++) {
    messages[i] = (lp_message){.bytes = w->bytes.at + w->begins[i], .size = w->begins[i + 1] - w->begins[i]};
  }
  w->fault = false;
  lp_worker_exchange(*worker, &end, messages, w->n, w->p->spec.limits.timeout, take_answer, w);
  *answered = end.answered;
  if (end.conduct == LP_CONDUCT_GOOD && !w->fault) return LP_OK;
  lp_workers_give_back(w->p->workers, *worker, false);
  *worker = NULL;
  LP_TRY(w->status);
  return w->fault ? LP_OK : bury(w, (*answered)++, &end, error);
}

static lp_status ask_all(window *w, lp_worker **worker, int n, lp_error *error) {
  while (n > 0) {
    int answered;
    if (!*worker) LP_TRY(start_worker(w->p, worker, error));
    LP_TRY(fill_window(w, n, error));
    LP_TRY(exchange(w, worker, &answered, error));
    w->cases += answered;
    w->answers += answered;
    n -= answered;
  }
  return LP_OK;
}

static lp_status ask_plugin(void *state, lp_answer *answers, lp_arena *arena, const lp_case *const *cases, int n,
                            lp_error *error) {
  const plugin *p = state;
  lp_worker *worker = NULL;
  window w = {.p = p, .cases = cases, .answers = answers, .arena = arena, .status = LP_OK, .error = error};
  const lp_status status = ask_all(&w, &worker, n, error);
  if (worker) lp_workers_give_back(p->workers, worker, true);
  lp_bytes_free(&w.bytes);
  return status;
}

const lp_door lp_door_plugin = {"plugin:", false, open_plugin, ask_plugin, close_plugin};
