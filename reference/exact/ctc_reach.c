#include "reference/exact/ctc_reach.h"

#include <math.h>

static const double ln2 = 0.69314718055994530942;

/* A reach grows by at most a few logarithms in each frame: below 2^6 count^2 of them in all. Doubles end at 2^1024. */
lp_ctc_unit lp_ctc_unit_for(lp_dtype dtype, long exponent, double count) {
  const long most = exponent + 2 * ilogb(count + 1.0) + 10;
  const long unit = most > 1000 ? most - 1000 : 0;
  return (lp_ctc_unit){unit, ldexp(1.0, (int)-unit), ldexp(2.0 * lp_dtype_unit_roundoff(dtype), (int)unit)};
}

static double exponent_of(const fmpz_t e) { return COEFF_IS_MPZ(*e) ? fmpz_get_d(e) : (double)fmpz_get_si(e); }

/* An exponent over the largest double is scaled before it becomes one. */
static double scaled_exponent(const fmpz_t e, const lp_ctc_unit *unit) {
  slong shift;
  if (unit->exponent == 0) return exponent_of(e);
  const double m = fmpz_get_d_2exp(&shift, e);
  return ldexp(m, (int)(shift - unit->exponent));
}

double lp_ctc_log(const mag_t a, const lp_ctc_unit *unit) {
  const double m = ldexp((double)MAG_MAN(a), -MAG_BITS);
  return log(m) * unit->inverse + scaled_exponent(MAG_EXPREF(a), unit) * ln2;
}

static double exponent_difference(const mag_t a, const mag_t b) {
  if (!COEFF_IS_MPZ(MAG_EXP(a)) && !COEFF_IS_MPZ(MAG_EXP(b))) return (double)(MAG_EXP(a) - MAG_EXP(b));
  fmpz_t difference;
  fmpz_init(difference);
  fmpz_sub(difference, MAG_EXPREF(a), MAG_EXPREF(b));
  const double result = exponent_of(difference);
  fmpz_clear(difference);
  return result;
}

static double mantissa_ratio(const mag_t a, const mag_t b) { return (double)MAG_MAN(a) / (double)MAG_MAN(b); }

double lp_ctc_ratio(const mag_t a, const mag_t b) {
  const double exponent = exponent_difference(a, b);
  if (exponent < -1100.0) return 0.0;
  return ldexp(mantissa_ratio(a, b), exponent < 1100.0 ? (int)exponent : 1100);
}

static double log_ratio(const mag_t a, const mag_t b) {
  return log(mantissa_ratio(a, b)) + exponent_difference(a, b) * ln2;
}

void lp_ctc_merge_init(lp_ctc_merge *m) {
  m->n = 0;
  for (int i = 0; i < LP_CTC_MOST_TERMS; i++) mag_init(&m->size[i]);
}

void lp_ctc_merge_clear(lp_ctc_merge *m) {
  for (int i = 0; i < LP_CTC_MOST_TERMS; i++) mag_clear(&m->size[i]);
}

void lp_ctc_merge_add(lp_ctc_merge *m, const arb_t term, double reach) {
  if (arb_is_zero(term)) return;
  arb_get_mag(&m->size[m->n], term);
  m->reach[m->n++] = reach;
}

/* log(sum_i w_i exp(kappa F_i)) / kappa, relative to the largest F: infinite products mean that it decides. */
static double reach_of_large(const lp_ctc_merge *m, const mag_t total, double kappa, double largest) {
  double logs[LP_CTC_MOST_TERMS], most = -(double)INFINITY, sum = 0.0;
  for (int i = 0; i < m->n; i++) {
    logs[i] = log_ratio(&m->size[i], total) + kappa * (m->reach[i] - largest);
    most = fmax(most, logs[i]);
  }
  for (int i = 0; i < m->n; i++) sum += exp(logs[i] - most);
  const double reach = largest + (most + log(sum)) / kappa;
  return reach < largest ? reach : largest;
}

double lp_ctc_merged_reach(const lp_ctc_merge *m, const mag_t total, const lp_ctc_unit *unit) {
  double mean = 0.0, largest = 0.0, least = (double)INFINITY;
  if (m->n < 2) return m->n == 0 ? 0.0 : m->reach[0];
  for (int i = 0; i < m->n; i++) {
    mean += lp_ctc_ratio(&m->size[i], total) * m->reach[i];
    largest = fmax(largest, m->reach[i]);
    least = fmin(least, m->reach[i]);
  }
  const double spread = unit->kappa * (largest - least);
  if (spread < 0x1p-10) return fmin(mean + spread * (largest - least) / 8.0, largest);
  return fmax(mean, reach_of_large(m, total, unit->kappa, largest));
}

double lp_ctc_merge_cost(int n) {
  static const double cost[] = {0.0, 0.0, 2.6931471805599454, 3.0986122886681098};
  return cost[n];
}
