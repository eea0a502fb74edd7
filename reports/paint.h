/* Colours, where a terminal takes them. */
#ifndef LP_REPORTS_PAINT_H
#define LP_REPORTS_PAINT_H

#include <stdbool.h>
#include <stdio.h>

typedef struct lp_style {
  bool color; /* ANSI colours: only on a terminal, and not under NO_COLOR */
} lp_style;

/* The style that suits this stream. */
lp_style lp_style_for(FILE *stream);

typedef enum lp_paint { LP_PLAIN, LP_GREEN, LP_RED, LP_YELLOW, LP_DIM, LP_BOLD } lp_paint;

/* What to print before and after painted words; "" where there is no colour. */
const char *lp_paint_start(lp_style style, lp_paint paint);
const char *lp_paint_stop(lp_style style);

#endif
