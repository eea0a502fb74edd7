#define LP_STATUS_IMPLEMENTATION
#include "reference/status.h"

#include <stdarg.h>
#include <stdio.h>

static void record(lp_error *error, lp_status status, lp_reject reason, const char *format, va_list arguments) {
  if (!error) return;
  error->status = status;
  error->reject = reason;
  vsnprintf(error->message, sizeof error->message, format, arguments);
}

lp_status lp_fail(lp_error *error, lp_status status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  record(error, status, LP_REJECT_NONE, format, arguments);
  va_end(arguments);
  return status;
}

lp_status lp_refuse(lp_error *error, lp_reject reason, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  record(error, LP_REJECTED, reason, format, arguments);
  va_end(arguments);
  return LP_REJECTED;
}

const char *lp_status_name(lp_status status) {
  static const char *const names[] = {"ok", "rejected", "invalid", "io-error", "no-memory", "internal-error"};
  return names[status];
}

const char *lp_reject_name(lp_reject reason) {
  static const char *const names[LP_REJECT_COUNT] = {
      [LP_REJECT_NONE] = "none",
      [LP_REJECT_DTYPE] = "reject/dtype",
      [LP_REJECT_RANK] = "reject/rank",
      [LP_REJECT_SHAPE] = "reject/shape",
      [LP_REJECT_REDUCTION] = "reject/reduction",
      [LP_REJECT_PARAMETER] = "reject/parameter",
      [LP_REJECT_INDEX] = "reject/index",
      [LP_REJECT_LENGTH] = "reject/length",
      [LP_REJECT_GRAD_OUTPUT] = "reject/grad-output",
  };
  return names[reason];
}
