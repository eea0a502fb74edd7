/* Overview: a line through the case's inputs is chosen, one element or a seeded direction (here); the stencil moves
 * inwards on it until the slope is certain (differences_stencil.c); the slope is compared with the gradient that is
 * claimed (differences_kinks.c). What does not agree is believed only when it stays the same further in. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference/draw.h"
#include "reference/exact/differences_internal.h"

enum {
  SPREAD = 15,      /* weights in a direction are +-1 .. +-15 */
  FIRST_MOVE = 1280 /* the inputs are multiples of 2^-1074: the places come nearer than any two of them are apart */
};

int64_t lp_difference_numel(const lp_difference_run *r, int input) { return r->plan->c->inputs[input].numel; }

const lp_exact_output *lp_difference_claimed(const lp_difference_run *r, int output) {
  return r->claim->has_alternative && output == 1 ? &r->claim->alternative : &r->claim->outputs[output];
}

static lp_status evaluate(const lp_difference_run *r, lp_exact *exact, const lp_plan *plan,
                          const lp_exact_options *options, lp_error *error) {
  return r->options->evaluate ? r->options->evaluate(exact, plan, options, error)
                              : lp_exact_evaluate(exact, plan, options, error);
}

lp_status lp_difference_evaluate(const lp_difference_run *r, lp_exact *exact, const lp_exact_options *options,
                                 lp_error *error) {
  return evaluate(r, exact, r->plan, options, error);
}

/* --- memory --- */

static void init_numbers(lp_difference_run *r) {
  lp_stencil_init(&r->stencil);
  for (int i = 0; i < 3; i++) {
    arb_init(&r->estimates[i].value);
    mag_init(&r->estimates[i].truncation);
  }
  arb_init(&r->slope);
  mag_init(&r->size);
  mag_init(&r->tolerance);
}

static bool allocate_input(lp_difference_run *r, int input) {
  const size_t numel = (size_t)lp_difference_numel(r, input);
  r->weight[input] = calloc(numel + 1, sizeof(double));
  r->excluded[input] = calloc(numel + 1, sizeof(bool));
  r->shift[input] = calloc(numel + 1, sizeof(arb_struct));
  if (!r->shift[input]) return false;
  for (size_t i = 0; i < numel; i++) arb_init(&r->shift[input][i]);
  return r->weight[input] && r->excluded[input];
}

static lp_status init_run(lp_difference_run *r, lp_error *error) {
  bool ok = true;
  init_numbers(r);
  for (int input = 0; input < LP_MAX_INPUTS; input++) {
    if (lp_exact_find(r->claim, input)) ok = allocate_input(r, input) && ok;
  }
  r->counted = calloc((size_t)r->claim->outputs[0].layout.numel + 1, sizeof(bool));
  return ok && r->counted ? LP_OK : lp_fail(error, LP_NO_MEMORY, "out of memory for differences");
}

static void clear_run(lp_difference_run *r) {
  lp_stencil_clear(&r->stencil);
  for (int i = 0; i < 3; i++) {
    arb_clear(&r->estimates[i].value);
    mag_clear(&r->estimates[i].truncation);
  }
  arb_clear(&r->slope);
  mag_clear(&r->size);
  mag_clear(&r->tolerance);
  for (int input = 0; input < LP_MAX_INPUTS; input++) {
    for (int64_t i = 0; r->shift[input] && i < lp_difference_numel(r, input); i++) arb_clear(&r->shift[input][i]);
    free(r->shift[input]);
    free(r->weight[input]);
    free(r->excluded[input]);
  }
  free(r->counted);
}

/* --- what the claim says of the line --- */

/* Adds weight * value of every element, and |weight| * scale. */
static void slope_of_claim(const lp_difference_run *r, arb_t slope, mag_t scale) {
  arb_t weight;
  mag_t size;
  arb_init(weight);
  mag_init(size);
  for (int k = 1; k < r->claim->n_outputs; k++) {
    const lp_exact_output *out = lp_difference_claimed(r, k);
    for (int64_t i = 0; i < out->layout.numel; i++) {
      const double w = r->weight[out->input][i];
      if (w == 0.0) continue;
      arb_set_d(weight, w);
      arb_addmul(slope, weight, &out->numbers[i].value, LP_EXACT_PRECISION_MAX);
      mag_set_d(size, fabs(w));
      mag_addmul(scale, size, &out->numbers[i].scale);
    }
  }
  arb_clear(weight);
  mag_clear(size);
}

/* The scale of F over the natural size of s: where even the scale of the slope is 0. */
static void scale_of_value(const lp_difference_run *r, mag_t scale) {
  const lp_exact_output *loss = &r->claim->outputs[0];
  mag_t size;
  mag_init(size);
  mag_zero(scale);
  for (int64_t i = 0; i < loss->layout.numel; i++) {
    if (!r->counted[i]) continue;
    mag_set_d(size, fabs(lp_plan_upstream(r->plan, i)));
    mag_addmul(scale, size, &loss->numbers[i].scale);
  }
  mag_mul_2exp_si(scale, scale, -r->start);
  mag_clear(size);
}

static lp_status read_claim(lp_difference_run *r, lp_error *error) {
  mag_t scale;
  mag_init(scale);
  arb_zero(&r->slope);
  slope_of_claim(r, &r->slope, scale);
  arb_get_mag_lower(&r->size, &r->slope);
  if (mag_is_zero(&r->size)) mag_set(&r->size, scale);
  if (mag_is_zero(&r->size)) scale_of_value(r, &r->size);
  const lp_status status = mag_is_zero(&r->size) ? lp_line_secant(r, &r->size, error) : LP_OK;
  mag_mul_2exp_si(&r->tolerance, &r->size, -LP_DIFFERENCES_TOLERANCE);
  mag_clear(scale);
  return status;
}

/* --- findings --- */

static double middle(const lp_difference_run *r, int which) {
  const lp_estimate *e = &r->estimates[which];
  return e->known ? arf_get_d(arb_midref(&e->value), ARF_RND_NEAR) : NAN;
}

static void describe(lp_difference_run *r, const char *what) {
  char *text = r->found->first;
  const double gradient = arf_get_d(arb_midref(&r->slope), ARF_RND_NEAR);
  if (text[0]) return;
  if (r->stencil.cusp) {
    snprintf(text, LP_DIFFERENCES_TEXT, "%s: %s: gradient %.17g, difference %.17g below, %.17g above", r->name, what,
             gradient, middle(r, LP_BELOW_ZERO), middle(r, LP_ABOVE_ZERO));
  } else {
    snprintf(text, LP_DIFFERENCES_TEXT, "%s: %s: gradient %.17g, difference %.17g", r->name, what, gradient,
             middle(r, LP_CENTRAL));
  }
}

static void record(lp_difference_run *r, lp_line_verdict verdict, double digits) {
  static const char *const texts[] = {"", "", "wrong gradient", "kink that is not reported",
                                      "reported kink that is not seen"};
  lp_differences *found = r->found;
  found->silent += verdict == LP_LINE_SILENT;
  found->compared += verdict != LP_LINE_SILENT;
  found->wrong += verdict == LP_LINE_WRONG;
  found->hidden += verdict == LP_LINE_HIDDEN;
  found->unseen += verdict == LP_LINE_UNSEEN;
  if (verdict != LP_LINE_SILENT) found->digits = fmin(found->digits, digits);
  if (verdict > LP_LINE_SILENT) describe(r, texts[verdict]);
}

/* --- one line --- */

/* The slopes that a verdict rests on. */
typedef struct evidence {
  arb_struct ball[3];
  bool known[3];
} evidence;

static void init_evidence(evidence *e) {
  for (int i = 0; i < 3; i++) arb_init(&e->ball[i]);
}

static void clear_evidence(evidence *e) {
  for (int i = 0; i < 3; i++) arb_clear(&e->ball[i]);
}

static void take_evidence(evidence *e, const lp_difference_run *r) {
  const bool cusp = r->stencil.cusp;
  for (int i = 0; i < 3; i++) {
    lp_estimate_enclose(&e->ball[i], &r->estimates[i]);
    e->known[i] = r->estimates[i].known && cusp == (i != LP_CENTRAL);
  }
}

static bool same_evidence(const evidence *a, const evidence *b) {
  bool same = true;
  for (int i = 0; i < 3; i++) {
    same = same && a->known[i] == b->known[i] && (!a->known[i] || arb_overlaps(&a->ball[i], &b->ball[i]));
  }
  return same;
}

/* A verdict against the claim stands when it is the same, on the same slopes, further in. Sets it to silent when the
 * slopes never settle: there is a jump, or something so near to 0 that no stencil fits. */
static lp_status confirm(lp_difference_run *r, lp_line_verdict *verdict, double *digits, evidence e[2],
                         lp_error *error) {
  for (slong move = FIRST_MOVE; *verdict > LP_LINE_SILENT; move *= 2) {
    const lp_line_verdict before = *verdict;
    take_evidence(&e[0], r);
    *verdict = LP_LINE_SILENT;
    if (!lp_line_move(r, move)) break;
    LP_TRY(lp_line_measure(r, error));
    LP_TRY(lp_line_judge(r, verdict, digits, error));
    take_evidence(&e[1], r);
    if (*verdict == before && same_evidence(&e[0], &e[1])) break;
  }
  return LP_OK;
}

static lp_status examine_to_depth(lp_difference_run *r, slong depth, lp_line_verdict *verdict, double *digits,
                                  lp_error *error) {
  evidence e[2];
  LP_TRY(lp_line_look_around(r, depth, error));
  LP_TRY(lp_line_measure(r, error));
  LP_TRY(lp_line_judge(r, verdict, digits, error));
  init_evidence(&e[0]);
  init_evidence(&e[1]);
  const lp_status status = confirm(r, verdict, digits, e, error);
  clear_evidence(&e[0]);
  clear_evidence(&e[1]);
  return status;
}

/* What speaks against the claim beside a kink that seems to be at 0 must speak against it from further in too. */
static lp_status examine_line(lp_difference_run *r, lp_error *error) {
  lp_line_verdict verdict;
  double digits;
  LP_TRY(read_claim(r, error));
  LP_TRY(examine_to_depth(r, LP_DIFFERENCES_LEAST, &verdict, &digits, error));
  if (verdict > LP_LINE_SILENT && r->stencil.torn) {
    LP_TRY(examine_to_depth(r, LP_DIFFERENCES_DEEPEST, &verdict, &digits, error));
  }
  record(r, verdict, digits);
  return LP_OK;
}

static void forget_line(lp_difference_run *r) {
  for (int input = 0; input < LP_MAX_INPUTS; input++) {
    for (int64_t i = 0; r->weight[input] && i < lp_difference_numel(r, input); i++) r->weight[input][i] = 0.0;
  }
}

/* 2^start is about |x|, at most 1. */
static slong natural_size(double x) {
  int exponent = 0;
  if (x != 0.0) frexp(x, &exponent);
  return exponent < 0 ? exponent : 0;
}

static lp_status examine_element(lp_difference_run *r, int input, int64_t index, lp_error *error) {
  forget_line(r);
  r->weight[input][index] = 1.0;
  r->start = natural_size(r->plan->c->inputs[input].f64[index]);
  lp_output_name(r->name, r->plan->c->loss, input);
  snprintf(r->name + strlen(r->name), 32, "[%lld]", (long long)index);
  return examine_line(r, error);
}

/* --- which elements, which lines --- */

static bool reduced(const lp_difference_run *r) { return r->plan->c->reduction != LP_REDUCTION_NONE; }

/* Elements of the loss that are not finite are left out of F. Is there one? */
static bool choose_counted(lp_difference_run *r) {
  const lp_exact_output *loss = &r->claim->outputs[0];
  bool all = true;
  for (int64_t i = 0; i < loss->layout.numel; i++) {
    const bool finite = loss->numbers[i].class == LP_FINITE;
    r->counted[i] = finite && isfinite(lp_plan_upstream(r->plan, i));
    all = all && finite;
  }
  return !all;
}

static void exclude_gradients(lp_difference_run *r, const lp_exact *alone) {
  for (int k = 1; k < alone->n_outputs; k++) {
    const lp_exact_output *out = &alone->outputs[k];
    for (int64_t i = 0; i < out->layout.numel; i++) {
      const lp_exact_number *n = &out->numbers[i];
      if (n->class != LP_FINITE || !arb_is_zero(&n->value)) r->excluded[out->input][i] = true;
    }
  }
}

static void exclude_effects(lp_difference_run *r, const lp_exact *alone) {
  for (int k = 0; k < alone->n_kinks; k++) {
    const lp_kink *kink = &alone->kinks[k];
    for (int i = 0; i < kink->n_effects; i++) {
      r->excluded[alone->outputs[kink->effects[i].output].input][kink->effects[i].index] = true;
    }
  }
}

/* Excludes the elements that a loss which is not finite depends on: those that get a gradient from it alone, or would
 * on another side of a kink. Seeded upstream gradients keep shares from cancelling. */
static lp_status exclude_by(lp_difference_run *r, const lp_plan *plan, lp_error *error) {
  static const lp_exact_options options = {.every_effect = true};
  lp_exact alone;
  LP_TRY(lp_exact_evaluate(&alone, plan, &options, error));
  exclude_gradients(r, &alone);
  exclude_effects(r, &alone);
  lp_exact_clear(&alone);
  return LP_OK;
}

static lp_status exclude_dependent(lp_difference_run *r, lp_error *error) {
  const lp_exact_output *loss = &r->claim->outputs[0];
  lp_case c = *r->plan->c;
  lp_plan plan = *r->plan;
  plan.c = &c;
  c.has_grad_output = true;
  c.grad_output = loss->layout;
  c.grad_output.f64 = calloc((size_t)loss->layout.numel + 1, sizeof(double));
  if (!c.grad_output.f64) return lp_fail(error, LP_NO_MEMORY, "out of memory for differences");
  lp_rng rng = lp_rng_for_case(r->options->seed, c.id);
  for (int64_t i = 0; i < loss->layout.numel; i++) {
    c.grad_output.f64[i] = loss->numbers[i].class != LP_FINITE ? 1.0 + lp_rng_uniform(&rng) : 0.0;
  }
  const lp_status status = exclude_by(r, &plan, error);
  free(c.grad_output.f64);
  return status;
}

static void exclude_infinite(lp_difference_run *r) {
  for (int k = 1; k < r->claim->n_outputs; k++) {
    const lp_exact_output *out = lp_difference_claimed(r, k);
    for (int64_t i = 0; i < out->layout.numel; i++) {
      const bool finite = isfinite(r->plan->c->inputs[out->input].f64[i]);
      if (!finite || out->numbers[i].class != LP_FINITE) r->excluded[out->input][i] = true;
    }
  }
}

static void exclude_all(lp_difference_run *r) {
  for (int k = 1; k < r->claim->n_outputs; k++) {
    const int input = r->claim->outputs[k].input;
    for (int64_t i = 0; i < lp_difference_numel(r, input); i++) r->excluded[input][i] = true;
  }
}

static lp_status choose_elements(lp_difference_run *r, lp_error *error) {
  const bool infinite = choose_counted(r);
  exclude_infinite(r);
  if (infinite && reduced(r)) exclude_all(r);
  return infinite && !reduced(r) ? exclude_dependent(r, error) : LP_OK;
}

static int64_t count_excluded(const lp_difference_run *r) {
  int64_t n = 0;
  for (int input = 0; input < LP_MAX_INPUTS; input++) {
    for (int64_t i = 0; r->excluded[input] && i < lp_difference_numel(r, input); i++) n += r->excluded[input][i];
  }
  return n;
}

static int64_t count_elements(const lp_difference_run *r) {
  int64_t n = 0;
  for (int k = 1; k < r->claim->n_outputs; k++) n += r->claim->outputs[k].layout.numel;
  return n;
}

static lp_status examine_jacobian(lp_difference_run *r, lp_error *error) {
  for (int k = 1; k < r->claim->n_outputs; k++) {
    const int input = r->claim->outputs[k].input;
    for (int64_t i = 0; i < lp_difference_numel(r, input); i++) {
      if (r->excluded[input][i]) {
        r->found->excluded++;
      } else {
        LP_TRY(examine_element(r, input, i, error));
      }
    }
  }
  return LP_OK;
}

/* --- directions --- */

/* The elements that a kink at 0 affects leave the directions, whose many kinks would be passed in too many ways; a few
 * of them are examined one by one. */
static lp_status examine_kinks(lp_difference_run *r, lp_error *error) {
  int left = LP_DIFFERENCES_SAMPLE;
  for (int k = 0; k < r->claim->n_kinks; k++) {
    const lp_kink *kink = &r->claim->kinks[k];
    if (kink->state == LP_KINK_NEAR) continue;
    for (int i = 0; i < kink->n_effects; i++) {
      const int input = r->claim->outputs[kink->effects[i].output].input;
      const int64_t index = kink->effects[i].index;
      if (r->excluded[input][index]) continue;
      if (left-- > 0) LP_TRY(examine_element(r, input, index, error));
      r->excluded[input][index] = true;
    }
  }
  return LP_OK;
}

/* Odd directions move every element in proportion to its size, even ones all alike. */
static bool draw_direction(lp_difference_run *r, lp_rng *rng, int direction) {
  bool any = false;
  forget_line(r);
  for (int k = 1; k < r->claim->n_outputs; k++) {
    const int input = r->claim->outputs[k].input;
    for (int64_t i = 0; i < lp_difference_numel(r, input); i++) {
      const double size = 1.0 + (double)lp_rng_below(rng, SPREAD), sign = lp_rng_chance(rng, 0.5) ? 1.0 : -1.0;
      const slong exponent = direction % 2 ? natural_size(r->plan->c->inputs[input].f64[i]) : 0;
      if (r->excluded[input][i]) continue;
      r->weight[input][i] = ldexp(sign * size, (int)exponent);
      any = true;
    }
  }
  return any;
}

static lp_status examine_directions(lp_difference_run *r, int directions, lp_error *error) {
  lp_rng rng = lp_rng_for_case(r->options->seed, r->plan->c->id);
  r->found->excluded = count_excluded(r);
  LP_TRY(examine_kinks(r, error));
  for (int direction = 0; direction < directions; direction++) {
    if (!draw_direction(r, &rng, direction)) break;
    r->start = 0;
    snprintf(r->name, sizeof r->name, "direction %d", direction);
    LP_TRY(examine_line(r, error));
  }
  return LP_OK;
}

/* --- the claim --- */

static bool number_is_sharp(const lp_exact_number *n) {
  mag_t size;
  mag_init(size);
  arb_get_mag_lower(size, &n->value);
  if (mag_is_zero(size)) mag_set(size, &n->scale);
  mag_mul_2exp_si(size, size, -LP_DIFFERENCES_TOLERANCE - 8);
  const bool sharp = n->class != LP_FINITE || mag_cmp(arb_radref(&n->value), size) <= 0;
  mag_clear(size);
  return sharp;
}

static bool is_sharp(const lp_exact *exact) {
  bool sharp = true;
  for (int k = 1; k < exact->n_outputs; k++) {
    const lp_exact_output *out = exact->has_alternative && k == 1 ? &exact->alternative : &exact->outputs[k];
    for (int64_t i = 0; i < out->layout.numel && sharp; i++) sharp = number_is_sharp(&out->numbers[i]);
  }
  return sharp;
}

/* Doubles the precision until all gradients are known to more digits than the differences will be. */
static lp_status evaluate_claim(const lp_difference_run *r, lp_exact *claim, lp_error *error) {
  for (slong precision = LP_DIFFERENCES_PRECISION;; precision *= 2) {
    const bool last = precision >= LP_EXACT_PRECISION_MAX;
    const lp_exact_options options = {.precision = last ? LP_EXACT_PRECISION_MAX : precision, .every_effect = true};
    LP_TRY(evaluate(r, claim, r->plan, &options, error));
    if (last || is_sharp(claim)) return LP_OK;
    lp_exact_clear(claim);
  }
}

static lp_status examine_case(lp_difference_run *r, lp_error *error) {
  const int64_t n = count_elements(r);
  const bool jacobian = r->options->directions == 0 && n <= LP_DIFFERENCES_JACOBIAN;
  lp_status status = init_run(r, error);
  if (status == LP_OK && n > 0) status = choose_elements(r, error);
  if (status == LP_OK && n > 0) {
    const int directions = r->options->directions ? r->options->directions : LP_DIFFERENCES_DIRECTIONS;
    status = jacobian ? examine_jacobian(r, error) : examine_directions(r, directions, error);
  }
  clear_run(r);
  return status;
}

lp_status lp_exact_differences(lp_differences *found, const lp_plan *plan, const lp_differences_options *options,
                               lp_error *error) {
  static const lp_differences_options usual = {0};
  lp_exact own = {0};
  lp_difference_run r = {.plan = plan, .options = options ? options : &usual, .found = found};
  *found = (lp_differences){.digits = INFINITY};
  r.claim = r.options->claim;
  if (!r.claim) {
    LP_TRY(evaluate_claim(&r, &own, error));
    r.claim = &own;
  }
  const lp_status status = examine_case(&r, error);
  if (!r.options->claim) lp_exact_clear(&own);
  return status;
}

bool lp_differences_agree(const lp_differences *found) {
  return found->wrong == 0 && found->hidden == 0 && found->unseen == 0;
}
