/* The parent of hunters (hunt.h): starts them, reads their records, and adds them up. */
#ifndef LP_FUZZ_HUNTERS_H
#define LP_FUZZ_HUNTERS_H

#include "fuzz/hunt.h"

/* An input of a hunter; the bytes belong to the result. */
typedef struct lp_quarry {
  uint8_t *bytes;
  size_t size;
} lp_quarry;

typedef struct lp_hunted {
  char signature[LP_PROBE_SIGNATURE];
  char text[LP_PROBE_TEXT]; /* one sentence */
  long long executions;     /* of its hunter, until it was first seen */
  double seconds;           /* likewise */
  lp_quarry input;          /* the shortest that shows it */
} lp_hunted;

typedef struct lp_worst {
  double ratio; /* of error to budget; below 0: none was compared */
  long long index;
  lp_quarry input;
} lp_worst;

typedef struct lp_hunt_result {
  long long executions, asked, accepted;
  double seconds; /* from the first start to the last end */
  uint64_t regimes;
  lp_worst worst[1 + LP_MAX_INPUTS]; /* of the loss, then of each input's gradient */
  int n_findings;
  lp_hunted findings[LP_HUNT_MOST_FINDINGS]; /* in the order of their signatures */
  int died;                     /* hunters that a case of theirs has killed: their inputs are among the remains */
  char end[200];                /* how the last of these ended, or "" */
  char message[LP_MESSAGE_MAX]; /* why a hunter gave up, or "" */
  bool interrupted;
} lp_hunt_result;

enum { LP_HUNT_MOST_JOBS = 64 };

/* Called about once a second. */
typedef void lp_hunt_watch(void *context, const lp_hunt_result *result, double seconds);

/* Hunts with `jobs` hunters, of the seeds order->seed and those after it, until all have ended, or *stop is set (by a
 * signal handler): then they are stopped too. The result is valid whatever comes back, and is to be cleared. LP_IO,
 * LP_NO_MEMORY. */
lp_status lp_hunt(lp_hunt_result *result, const lp_hunt_order *order, int jobs, volatile const int *stop,
                  lp_hunt_watch *watch, void *context, lp_error *error) LP_MUST_USE;
void lp_hunt_result_clear(lp_hunt_result *result);

#endif
