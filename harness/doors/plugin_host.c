/* The worker's half of the plugin door: loads the shared object, and serves questions until nobody asks any more. */
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "harness/doors/plugin_call.h"
#include "harness/doors/worker.h"

enum { READ_SIZE = 1 << 16 };

/* --- the pipes --- */

/* Its pipe has been closed from within, perhaps by the plugin: whoever waits at the other end finds a live process. */
static void linger(void) {
  const unsigned patience = 2;
  if (errno == EBADF) sleep(patience);
  _exit(EXIT_FAILURE);
}

static void send_all(const unsigned char *bytes, size_t size) {
  while (size > 0) {
    const ssize_t n = write(LP_PLUGIN_ANSWERS_ON, bytes, size);
    if (n < 0 && errno != EINTR) linger();
    if (n > 0) {
      bytes += n;
      size -= (size_t)n;
    }
  }
}

typedef struct inbox {
  lp_bytes bytes;
  size_t begin;
} inbox;

/* Reads until `size` bytes lie at inbox->begin; false at the end of the pipe. */
static bool have(inbox *in, size_t size) {
  while (in->bytes.size - in->begin < size) {
    if (in->begin > 0) {
      memmove(in->bytes.at, in->bytes.at + in->begin, in->bytes.size - in->begin);
      in->bytes.size -= in->begin;
      in->begin = 0;
    }
    unsigned char *room = lp_bytes_room(&in->bytes, READ_SIZE);
    if (!room) return false;
    const ssize_t n = read(LP_PLUGIN_HEARS_ON, room, READ_SIZE);
    in->bytes.size -= READ_SIZE - (n > 0 ? (size_t)n : 0);
    if (n < 0 && errno == EBADF) linger();
    if (n == 0 || (n < 0 && errno != EINTR)) return false;
  }
  return true;
}

/* The next message, behind its magic number. */
static bool next_message(inbox *in, lp_reading *message) {
  if (!have(in, LP_PLUGIN_HEADER)) return false;
  uint64_t size = 0;
  for (size_t i = 0; i < LP_PLUGIN_HEADER; i++) size |= (uint64_t)in->bytes.at[in->begin + i] << (8 * i);
  if (!have(in, LP_PLUGIN_HEADER + size)) return false;
  *message = (lp_reading){.at = in->bytes.at + in->begin + LP_PLUGIN_HEADER, .left = size};
  in->begin += LP_PLUGIN_HEADER + size;
  return lp_read_number(message) == LP_PLUGIN_MAGIC;
}

/* --- faults --- */

static volatile int32_t current; /* number of the question that is being answered */

static void put(unsigned char **at, const void *from, size_t n) {
  memcpy(*at, from, n);
  *at += n;
}

/* Inside a signal handler. */
static void report_fault(const char *text) {
  enum { NUMBERS = 4 };
  const int32_t n = (int32_t)strnlen(text, LP_PLUGIN_TEXT_MAX);
  const int32_t numbers[NUMBERS] = {LP_PLUGIN_MAGIC, current, LP_PLUGIN_FAULT, n};
  const uint64_t size = sizeof numbers + (size_t)n;
  unsigned char frame[LP_PLUGIN_HEADER + sizeof numbers + LP_PLUGIN_TEXT_MAX], *at = frame;
  for (int i = 0; i < LP_PLUGIN_HEADER; i++) *at++ = (unsigned char)(size >> (8 * i));
  put(&at, numbers, sizeof numbers);
  put(&at, text, (size_t)n);
  (void)!write(LP_PLUGIN_ANSWERS_ON, frame, (size_t)(at - frame));
  _exit(EXIT_FAILURE);
}

/* --- loading --- */

typedef const lossproof_descriptor *(*plugin_function)(void);

static lp_status load(plugin_function *function, const char *path, lp_error *error) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) return lp_fail(error, LP_IO, "%s", dlerror());
  void *symbol = dlsym(library, LP_PLUGIN_SYMBOL);
  if (!symbol) {
    return lp_fail(error, LP_INVALID,
                   "%s exports no function %s(): is it declared extern \"C\", and visible outside the object?", path,
                   LP_PLUGIN_SYMBOL);
  }
  memcpy(function, &symbol, sizeof symbol); /* POSIX lets a symbol be a function */
  return LP_OK;
}

static lp_status check(const lossproof_descriptor *d, lp_error *error) {
  if (!d) return lp_fail(error, LP_INVALID, "%s() returned NULL instead of a descriptor", LP_PLUGIN_SYMBOL);
  if (d->abi != LOSSPROOF_PLUGIN_ABI) {
    return lp_fail(
        error, LP_INVALID,
        "its descriptor speaks version %u of the plugin interface, this program version %u: build it against "
        "this program's lossproof/plugin.h",
        (unsigned)d->abi, LOSSPROOF_PLUGIN_ABI);
  }
  if (d->size < sizeof *d) {
    return lp_fail(error, LP_INVALID,
                   "its descriptor says that it has %zu bytes: expected sizeof(lossproof_descriptor)", d->size);
  }
  if (!d->name || !d->name[0]) return lp_fail(error, LP_INVALID, "its descriptor has no name");
  if (!d->version) return lp_fail(error, LP_INVALID, "its descriptor has no version");
  if (!d->run) return lp_fail(error, LP_INVALID, "its descriptor has no function run");
  return LP_OK;
}

static lp_status open_plugin(const lossproof_descriptor **plugin, const char *path, lp_error *error) {
  plugin_function function = NULL;
  LP_TRY(load(&function, path, error));
  *plugin = function();
  return check(*plugin, error);
}

static bool welcome(const lossproof_descriptor *plugin, lp_status status, const lp_error *error) {
  lp_bytes b = {.at = NULL};
  const size_t frame = lp_bytes_begin_frame(&b);
  lp_bytes_put_number(&b, (int32_t)status);
  if (status == LP_OK) {
    lp_bytes_put_text(&b, plugin->name);
    lp_bytes_put_text(&b, plugin->version);
    lp_bytes_put_number(&b, plugin->manifest != NULL);
    lp_bytes_put_text(&b, plugin->manifest ? plugin->manifest : "");
  } else {
    lp_bytes_put_text(&b, error->message);
  }
  lp_bytes_end_frame(&b, frame);
  const bool ok = !b.failed;
  if (ok) send_all(b.at, b.size);
  lp_bytes_free(&b);
  return ok;
}

/* --- serving --- */

static bool answer_question(lp_call *call, lp_bytes *answer, lp_reading *question) {
  current = lp_read_number(question);
  answer->size = 0;
  const size_t frame = lp_bytes_begin_frame(answer);
  lp_bytes_put_number(answer, current);
  lp_bytes_put_number(answer, LP_PLUGIN_ANSWER);
  if (!lp_call_read(call, question) || !lp_call_run(call, answer)) return false;
  lp_bytes_end_frame(answer, frame);
  send_all(answer->at, answer->size);
  return true;
}

static lp_call the_call; /* the signal handler looks at its slots */

static bool serve(inbox *in, const char *path) {
  lp_reading message;
  lp_error error = {.message = ""};
  lp_bytes answer = {.at = NULL};
  if (!next_message(in, &message) || lp_read_number(&message) != LP_PLUGIN_HELLO) return false;
  const lp_status status = open_plugin(&the_call.plugin, path, &error);
  if (!welcome(the_call.plugin, status, &error) || status != LP_OK) return false;
  if (!lp_guarded_watch(the_call.slots, LP_SLOT_COUNT, report_fault)) return false;
  bool ok = true;
  while (ok && next_message(in, &message)) ok = answer_question(&the_call, &answer, &message);
  lp_bytes_free(&answer);
  return ok;
}

/* A crash leaves no file behind, is told as what it is (sanitizers would rather exit), and what was printed before it
 * is heard. */
static void prepare(void) {
  static const int crashes[] = {SIGABRT, SIGFPE, SIGILL, SIGTRAP};
  const struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};
  (void)setrlimit(RLIMIT_CORE, &none);
  for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++) (void)signal(crashes[i], SIG_DFL);
  (void)setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
}

bool lp_serve_worker(int *exit_status, int argc, char *const *argv) {
  if (argc != 3 || strcmp(argv[1], LP_PLUGIN_VERB) != 0) {
    char path[4096];
    const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length > 0) path[length] = 0;
    lp_worker_set_program(length > 0 ? path : argc > 0 ? argv[0] : "");
    return false;
  }
  inbox in = {.begin = 0};
  prepare();
  *exit_status = serve(&in, argv[2]) ? EXIT_SUCCESS : EXIT_FAILURE;
  lp_bytes_free(&in.bytes);
  return true;
}
