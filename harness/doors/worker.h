/* A process that answers questions, watched from outside: how long it takes, how much memory it holds, how it ends.
 *
 * Workers are spawned, never forked: threads, locks, and libraries of this process are not in them. Each leads a
 * process group of its own, so that what it started ends with it. It hears on one pipe and answers on another; what it
 * prints elsewhere is kept (the end of it) for messages. */
#ifndef LP_HARNESS_DOORS_WORKER_H
#define LP_HARNESS_DOORS_WORKER_H

#include "harness/candidate.h"

typedef struct lp_worker lp_worker;

/* How the bytes of the answers are cut into messages. */
typedef enum lp_framing {
  LP_FRAME_LINES,  /* ends with '\n', which is not part of the message */
  LP_FRAME_LENGTH, /* begins with its length: 8 bytes, little-endian, which are not part of it either */
} lp_framing;

typedef struct lp_worker_spec {
  const char *program;     /* path */
  const char *const *argv; /* ends with NULL */
  lp_framing framing;
  int hears_on, answers_on; /* file numbers in the worker: 0 and 1, or 3 and 4 (0 is then empty, 1 is kept as 2 is) */
  size_t longest_answer;    /* bytes of one message */
  lp_candidate_options limits;
} lp_worker_spec;

/* Starts one. The spec must outlive it. LP_IO. */
lp_status lp_worker_start(lp_worker **worker, const lp_worker_spec *spec, lp_error *error) LP_MUST_USE;

/* Ends it, with its whole group. NULL is fine. */
void lp_worker_stop(lp_worker *worker);

typedef struct lp_message {
  const unsigned char *bytes; /* framed already, as they go over the pipe */
  size_t size;
} lp_message;

/* Why an exchange ended. */
typedef struct lp_worker_end {
  int answered;       /* messages that were taken */
  lp_conduct conduct; /* GOOD: all were answered. Otherwise the worker is dead */
  char text[400];     /* one sentence: "killed by signal 11 (SIGSEGV, invalid memory access)", and its last words */
} lp_worker_end;

/* Takes answer number k, bytes[0..size). False: it is no answer, and the worker is to be stopped as GARBAGE, with what
 * `why` then holds. */
typedef bool (*lp_take_answer)(void *context, int k, const unsigned char *bytes, size_t size, char why[200]);

/* Sends n messages without waiting for the answers in between, and takes n answers. Each has `timeout` seconds from
 * when the one before was taken. */
void lp_worker_exchange(lp_worker *worker, lp_worker_end *end, const lp_message *messages, int n, double timeout,
                        lp_take_answer take, void *context);

/* For signal handlers: kills the groups of all workers and ends this process, at once, or as soon as the thread that is
 * starting a worker has it. Only then it returns. */
void lp_workers_end(int exit_code);

/* Several alike, for several threads: each takes one, uses it, and gives it back (or says that it has died). */
typedef struct lp_workers lp_workers;

lp_status lp_workers_new(lp_workers **workers, const lp_worker_spec *spec, lp_error *error) LP_MUST_USE;
void lp_workers_free(lp_workers *workers); /* stops all; NULL is fine */

/* One that waits, or a new one; *fresh: it has not shaken hands yet. LP_IO. */
lp_status lp_workers_take(lp_workers *workers, lp_worker **worker, bool *fresh, lp_error *error) LP_MUST_USE;
void lp_workers_give_back(lp_workers *workers, lp_worker *worker, bool alive);

/* Every program whose main begins with lp_serve_worker can be its own worker (the plugin door's). True: this process is
 * one, has done its work, and main must return *exit_status. */
bool lp_serve_worker(int *exit_status, int argc, char *const *argv);

/* This program (/proc/self/exe), or the one named by lp_worker_set_program, for libraries without a main. */
void lp_worker_set_program(const char *path);
const char *lp_worker_program(void);

#endif
