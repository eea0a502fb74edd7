/* Results (results.h) as other tools and people read them. One format a file. */
#ifndef LP_REPORTS_RENDER_H
#define LP_REPORTS_RENDER_H

#include <stdio.h>

#include "reports/results.h"

/* Writes the results; base: earlier ones to compare with, or NULL. LP_NO_MEMORY. A stream that fails is the caller's to
 * notice. */
typedef lp_status lp_renderer(FILE *out, const lp_results *results, const lp_results *base, lp_error *error);

typedef struct lp_format {
  const char *name;  /* "junit" */
  const char *about; /* a few words */
  lp_renderer *render;
} lp_format;

int lp_formats_count(void);
const lp_format *lp_formats_at(int index);
const lp_format *lp_formats_find(const char *name); /* NULL: none is called so */

lp_renderer lp_render_text, lp_render_markdown, lp_render_csv, lp_render_tap, lp_render_junit, lp_render_sarif,
    lp_render_html;

/* What reports add up, of the records of one loss in one dtype and output, or of several. */
typedef struct lp_group {
  const char *loss, *dtype, *output; /* NULL: all of them */
  lp_counts counts;
  double worst_ratio, worst_ulp; /* of finite errors; below 0: nothing was compared */
  const lp_record *worst;
  char grade; /* the worst, '-' for none */
} lp_group;

/* By which keys records are put together. */
enum { LP_GROUP_LOSS = 1, LP_GROUP_DTYPE = 2, LP_GROUP_OUTPUT = 4 };

/* Groups in the order of their first records, in the arena of the results. *groups: NULL when memory is out. */
int lp_results_group(lp_group **groups, const lp_results *results, unsigned keys);

/* One kind of finding. */
typedef struct lp_finding_kind {
  const char *signature;
  const lp_record *first; /* the first of its records, which has the details */
  long count;
} lp_finding_kind;

/* Kinds in order of their signatures, likewise. */
int lp_results_kinds(lp_finding_kind **kinds, const lp_results *results);

/* What is different between two runs, by signature: kinds that only the new one has, and those that it has no more. */
typedef struct lp_change {
  const lp_finding_kind *before, *after; /* one of them may be NULL */
} lp_change;

int lp_results_changes(lp_change **changes, const lp_results *base, const lp_results *now);

/* A hex-float as short decimal text: "3.1e-05", "inf", "NaN". */
enum { LP_SHORT_TEXT = 32 };
char *lp_short(char text[LP_SHORT_TEXT], double x);

/* "outputs 27755 passed, 0 failed ...", as one line. */
void lp_render_counts(FILE *out, const lp_counts *c);

#endif
