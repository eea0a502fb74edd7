#include "reports/paint.h"

#include <stdlib.h>
#include <unistd.h>

lp_style lp_style_for(FILE *stream) {
  const char *off = getenv("NO_COLOR");
  return (lp_style){.color = isatty(fileno(stream)) && !(off && *off)};
}

const char *lp_paint_start(lp_style style, lp_paint paint) {
  static const char *const codes[] = {"", "\033[32m", "\033[31m", "\033[33m", "\033[2m", "\033[1m"};
  return style.color ? codes[paint] : "";
}

const char *lp_paint_stop(lp_style style) { return style.color ? "\033[0m" : ""; }
