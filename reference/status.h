/* One status type for the whole project, and the message that goes with a failure.
 *
 * A function that can fail returns lp_status and takes an `lp_error *error` as its last argument; on failure it has
 * filled *error with one sentence that names the file, key or argument, what was expected and what was found. */
#ifndef LP_REFERENCE_STATUS_H
#define LP_REFERENCE_STATUS_H

#include <stddef.h>

#define LP_MUST_USE __attribute__((warn_unused_result))
#define LP_PRINTF(text, first) __attribute__((format(printf, text, first)))

enum { LP_MESSAGE_MAX = 512 };

typedef enum lp_status {
  LP_OK = 0,
  LP_REJECTED,  /* a well-formed case that PyTorch refuses by raising: shape, dtype, range, reduction */
  LP_INVALID,   /* malformed input: not a case, unknown loss or key, ragged or corrupt data, bad usage */
  LP_IO,        /* the operating system refused: file missing, unreadable, disk full */
  LP_NO_MEMORY, /* allocation failed, or a ceiling on a size from outside was reached */
  LP_INTERNAL,  /* the harness itself is at fault */
} lp_status;

/* Why a case is rejected. Each is a regime of the losses that name it in `lp_loss.rejects`. */
typedef enum lp_reject {
  LP_REJECT_NONE = 0,
  LP_REJECT_DTYPE,       /* an argument has a dtype that PyTorch does not take there */
  LP_REJECT_RANK,        /* wrong number of dimensions */
  LP_REJECT_SHAPE,       /* extents that do not match or do not broadcast */
  LP_REJECT_REDUCTION,   /* unknown reduction */
  LP_REJECT_PARAMETER,   /* a parameter outside its domain */
  LP_REJECT_INDEX,       /* a class index out of range */
  LP_REJECT_LENGTH,      /* a CTC length out of range */
  LP_REJECT_GRAD_OUTPUT, /* the upstream gradient has another shape than the loss */
  LP_REJECT_COUNT
} lp_reject;

typedef struct lp_error {
  lp_status status;
  lp_reject reject; /* set when status is LP_REJECTED */
  char message[LP_MESSAGE_MAX];
} lp_error;

#if defined(__clang_analyzer__) && !defined(LP_STATUS_IMPLEMENTATION)
/* The static analyzer sees one file at a time: all that it has to know is that a failure is never LP_OK. */
void lp_use(const char *message, ...);
#define lp_fail(error, status, ...) ((void)(error), lp_use(__VA_ARGS__), (status))
#define lp_refuse(error, reason, ...) ((void)(error), (void)(reason), lp_use(__VA_ARGS__), LP_REJECTED)
#else
/* Fills *error (which may be NULL) and returns `status`. Messages are cut at LP_MESSAGE_MAX - 1 bytes. */
lp_status lp_fail(lp_error *error, lp_status status, const char *format, ...) LP_PRINTF(3, 4);

/* Fills *error with LP_REJECTED and the reason, and returns LP_REJECTED. */
lp_status lp_refuse(lp_error *error, lp_reject reason, const char *format, ...) LP_PRINTF(3, 4);
#endif

/* "ok", "rejected", ... and "reject/dtype", "reject/rank", ...: the tokens used in reports. */
const char *lp_status_name(lp_status status);
const char *lp_reject_name(lp_reject reason);

/* Returns from the calling function when `expression` is not LP_OK. A return cannot be a function. */
#define LP_TRY(expression)                              \
  do {                                                  \
    const lp_status lp_try_status_ = (expression);      \
    if (lp_try_status_ != LP_OK) return lp_try_status_; \
  } while (0)

#endif
