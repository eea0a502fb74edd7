/* The p-norm of a difference and its slope, see distance.h. */
#include "reference/distance.h"

/* --- the plain way --- */

/* x - y + eps rounded once, and what is left. */
static inline lp_pair difference(double x, double y, double eps) {
  const lp_pair s = lp_two_sum(x, -y), d = lp_two_sum(s.high, eps);
  return lp_fast_two_sum(d.high, d.low + s.low);
}

static inline void add_square(lp_lanes *sum, double *d, int lane, lp_pair difference) {
  *d = difference.high;
  lp_lanes_add(sum, lane, difference.high * difference.high, 0.0);
}

static inline void add_magnitude(lp_lanes *sum, double *d, int lane, lp_pair difference) {
  const double sign = difference.high < 0.0 ? -1.0 : 1.0;
  *d = difference.high;
  lp_lanes_add(sum, lane, sign * difference.high, sign * difference.low);
}

LP_MULTIVERSION static void squares(lp_lanes *restrict sum, double *restrict d, const double *x, const double *y,
                                    double eps, int64_t n) {
  int64_t i = 0;
  for (; i + LP_LANES <= n; i += LP_LANES) {
    for (int j = 0; j < LP_LANES; j++) add_square(sum, d + i + j, j, difference(x[i + j], y[i + j], eps));
  }
  for (int j = 0; i + j < n; j++) add_square(sum, d + i + j, j, difference(x[i + j], y[i + j], eps));
}

LP_MULTIVERSION static void magnitudes(lp_lanes *restrict sum, double *restrict d, const double *x, const double *y,
                                       double eps, int64_t n) {
  int64_t i = 0;
  for (; i + LP_LANES <= n; i += LP_LANES) {
    for (int j = 0; j < LP_LANES; j++) add_magnitude(sum, d + i + j, j, difference(x[i + j], y[i + j], eps));
  }
  for (int j = 0; i + j < n; j++) add_magnitude(sum, d + i + j, j, difference(x[i + j], y[i + j], eps));
}

static bool norm_2(lp_distance *v, double eps) {
  lp_lanes lanes = {{0.0}, {0.0}};
  squares(&lanes, v->d, v->x, v->y, eps, v->n);
  const lp_pair sum = lp_lanes_total(&lanes, v->n);
  if (!(sum.high >= 0x1p-800 && sum.high <= 0x1p+800)) return false;
  v->norm = v->divisor = lp_pair_sqrt(sum);
  return true;
}

static bool norm_1(lp_distance *v, double eps) {
  lp_lanes lanes = {{0.0}, {0.0}};
  magnitudes(&lanes, v->d, v->x, v->y, eps, v->n);
  v->norm = lp_lanes_total(&lanes, v->n);
  v->divisor = lp_whole(1.0);
  return lp_rows_not_large(v->norm.high);
}

/* Magnitudes of the differences of a leg. */
typedef struct range {
  double largest, smallest; /* the smallest other than 0; infinite when all are 0 */
  double zeros;             /* how many are 0; NaN when one is infinite or NaN */
} range;

static inline void widen(double largest[LP_LANES], double smallest[LP_LANES], double zeros[LP_LANES], double *d,
                         int lane, lp_pair difference) {
  const double size = fabs(difference.high), zero = size == 0.0 ? 1.0 : 0.0, other = zero > 0.0 ? INFINITY : size;
  *d = difference.high;
  zeros[lane] += zero + 0.0 * size; /* NaN when one is infinite or NaN */
  largest[lane] = largest[lane] >= size ? largest[lane] : size;
  smallest[lane] = smallest[lane] <= other ? smallest[lane] : other;
}

LP_MULTIVERSION static range differences(double *restrict d, const double *x, const double *y, double eps, int64_t n) {
  double largest[LP_LANES] = {0.0}, smallest[LP_LANES], zeros[LP_LANES] = {0.0};
  for (int j = 0; j < LP_LANES; j++) smallest[j] = INFINITY;
  int64_t i = 0;
  for (; i + LP_LANES <= n; i += LP_LANES) {
    for (int j = 0; j < LP_LANES; j++) {
      widen(largest, smallest, zeros, d + i + j, j, difference(x[i + j], y[i + j], eps));
    }
  }
  for (int j = 0; i + j < n; j++) widen(largest, smallest, zeros, d + i + j, j, difference(x[i + j], y[i + j], eps));
  range r = {0.0, INFINITY, 0.0};
  for (int j = 0; j < LP_LANES; j++) {
    r.largest = r.largest >= largest[j] ? r.largest : largest[j];
    r.smallest = r.smallest <= smallest[j] ? r.smallest : smallest[j];
    r.zeros += zeros[j];
  }
  return r;
}

/* All magnitudes are moderate. */
static bool moderate_range(const range *r) {
  return r->zeros >= 0.0 && r->largest <= LP_ROWS_LARGE && r->smallest >= LP_ROWS_SMALL;
}

LP_MULTIVERSION static int64_t count_of(const double *restrict d, double size, int64_t n) {
  int64_t count = 0;
  for (int64_t i = 0; i < n; i++) count += fabs(d[i]) == size ? 1 : 0;
  return count;
}

static bool norm_extremum(lp_distance *v, double eps, bool largest) {
  const range r = differences(v->d, v->x, v->y, eps, v->n);
  if (!moderate_range(&r)) return false;
  v->norm = lp_whole(largest ? r.largest : r.zeros > 0.0 ? 0.0 : r.smallest);
  v->divisor = lp_whole((double)count_of(v->d, v->norm.high, v->n));
  return true;
}

/* Counts what is not 0, infinities and NaN too. */
static bool norm_0(lp_distance *v, double eps) {
  for (int64_t i = 0; i < v->n; i++) v->d[i] = difference(v->x[i], v->y[i], eps).high;
  v->norm = lp_whole((double)(v->n - count_of(v->d, 0.0, v->n)));
  v->divisor = lp_whole(1.0);
  return true;
}

/* Adds r^p, r = |d|/unit, and sets w to sign(d) r^(p-1). No branches; what is not used may be NaN. */
static inline void add_power(lp_lanes *sum, double *w, int lane, double d, double p, double unit) {
  const double r = fabs(d) / unit;
  const lp_pair exponent = lp_pair_product(lp_log_pair(r), lp_whole(p));
  const lp_pair t = lp_exp_pair(exponent.high, exponent.low);
  const double high = r > 0.0 ? t.high : 0.0, low = r > 0.0 ? t.low : 0.0, slope = copysign(t.high / r, d);
  lp_lanes_add(sum, lane, high, low);
  *w = r > 0.0 ? slope : 0.0;
}

LP_MULTIVERSION static void powers(lp_lanes *restrict sum, double *restrict w, const double *restrict d, double p,
                                   double unit, int64_t n) {
  int64_t i = 0;
  for (; i + LP_LANES <= n; i += LP_LANES) {
    for (int j = 0; j < LP_LANES; j++) add_power(sum, w + i + j, j, d[i + j], p, unit);
  }
  for (int j = 0; i + j < n; j++) add_power(sum, w + i + j, j, d[i + j], p, unit);
}

static bool norm_p(lp_distance *v, double p, double eps) {
  const double most = exp2(200.0 / fmax(1.0, fabs(p))); /* so many times the smallest may the largest be */
  const range r = differences(v->d, v->x, v->y, eps, v->n);
  if (!moderate_range(&r) || r.largest > r.smallest * most || (p < 0.0 && r.zeros > 0.0)) return false;
  if (r.largest == 0.0 || !(fabs(p) >= 0.25 && fabs(p) <= 64.0)) return false;
  const double unit = ldexp(1.0, ilogb(p > 0.0 ? r.largest : r.smallest));
  lp_lanes lanes = {{0.0}, {0.0}};
  powers(&lanes, v->w_copy, v->d, p, unit, v->n);
  const lp_pair sum = lp_lanes_total(&lanes, v->n), log = lp_log_pair(sum.high);
  const lp_pair exponent = lp_pair_quotient(lp_pair_sum(log, lp_whole(sum.low / sum.high)), lp_whole(p));
  const lp_pair scaled = lp_exp_pair(exponent.high, exponent.low);
  v->norm = (lp_pair){scaled.high * unit, scaled.low * unit};
  v->divisor = lp_pair_quotient(sum, scaled);
  return true;
}

/* The norm of one component is its size whatever p, and as p = 1 it is exact. */
static double effective(const lp_distance *v, double p) { return v->n == 1 && p != 0.0 && !isnan(p) ? 1.0 : p; }

bool lp_distance_plain(lp_distance *v, double order, double eps) {
  const double p = effective(v, order);
  if (p == 2.0) return norm_2(v, eps);
  if (p == 1.0) return norm_1(v, eps);
  if (p == 0.0) return norm_0(v, eps);
  return isinf(p) ? norm_extremum(v, eps, p > 0.0) : norm_p(v, p, eps);
}

/* Signs of all components, or of those of a size. */
LP_MULTIVERSION static void signs(double *restrict w, const double *restrict d, int64_t n) {
  for (int64_t i = 0; i < n; i++) w[i] = d[i] == 0.0 ? 0.0 : copysign(1.0, d[i]);
}

LP_MULTIVERSION static void signs_of(double *restrict w, const double *restrict d, double size, int64_t n) {
  for (int64_t i = 0; i < n; i++) w[i] = d[i] == 0.0 || fabs(d[i]) != size ? 0.0 : copysign(1.0, d[i]);
}

void lp_distance_no_slopes(lp_distance *v) {
  v->w = v->w_copy;
  for (int64_t i = 0; i < v->n; i++) v->w_copy[i] = 0.0;
}

void lp_distance_plain_slopes(lp_distance *v, double order) {
  const double p = effective(v, order);
  v->w = p == 2.0 ? v->d : v->w_copy;
  if (p == 1.0) signs(v->w_copy, v->d, v->n);
  if (isinf(p)) signs_of(v->w_copy, v->d, v->norm.high, v->n);
  if (p == 0.0) lp_distance_no_slopes(v);
}

/* --- the big way --- */

/* x - y + eps to its own precision, whatever cancels (next to terms above 2^1000, unless it is below 2^-1070). */
static lp_big big_difference(const lp_distance *v, int64_t i, double eps) {
  const double x = v->x[i], y = v->y[i], largest = fmax(fmax(fabs(x), fabs(y)), fabs(eps));
  const double unit = largest > 0x1p1000 ? 16.0 : 1.0;
  const lp_pair s = lp_two_sum(x / unit, -y / unit), d = lp_two_sum(s.high, eps / unit);
  const lp_big sum = lp_big_add(lp_big_of(d.high), lp_big_of_pair(lp_two_sum(d.low, s.low)));
  return lp_big_multiply(sum, lp_big_of(unit));
}

static lp_big big_size(const lp_distance *v, int64_t i, double eps) { return lp_big_abs(big_difference(v, i, eps)); }

/* How many |d_i| are `size`. */
static int64_t big_count(const lp_distance *v, double eps, lp_big size) {
  int64_t count = 0;
  for (int64_t i = 0; i < v->n; i++) count += lp_big_subtract(big_size(v, i, eps), size).high == 0.0;
  return count;
}

/* The largest |d_i|, or the smallest. */
static lp_big big_extremum(const lp_distance *v, double eps, bool largest) {
  lp_big extremum = v->n > 0 ? big_size(v, 0, eps) : lp_big_of(0.0);
  for (int64_t i = 1; i < v->n; i++) {
    const lp_big size = big_size(v, i, eps);
    if (largest ? lp_big_less(extremum, size) : lp_big_less(size, extremum)) extremum = size;
  }
  return extremum;
}

/* Sum of |d_i|, or of d_i^2. */
static lp_big big_sum(const lp_distance *v, double eps, bool squared) {
  lp_big sum = lp_big_of(0.0);
  for (int64_t i = 0; i < v->n; i++) {
    const lp_big size = big_size(v, i, eps);
    sum = lp_big_add(sum, squared ? lp_big_multiply(size, size) : size);
  }
  return sum;
}

/* Where p is so near to 0 that powers are 1 + p log r, whatever the double r. */
static bool tiny(double p) { return fabs(p) < 0x1p-200; }

/* log(|d_i|/m), 0 where they are equal. */
static lp_pair log_ratio(lp_big size, lp_big m) { return lp_big_log(lp_big_divide(size, m)); }

/* factor * log r where that is no power of 0 to double precision and more. */
static lp_pair exponent_of(lp_pair log_r, lp_pair factor) {
  const double least = -0x1p20;
  return log_r.high * factor.high > least ? lp_pair_product(log_r, factor) : lp_whole(least);
}

/* Over the n components that are not 0: the logarithm of the mean of (|d_i|/m)^p, over p. expm1 keeps what a mean of
 * numbers next to 1 would lose when p is small. */
static lp_pair log_of_mean(const lp_distance *v, double p, double eps, double n) {
  lp_pair sum = lp_whole(0.0);
  for (int64_t i = 0; i < v->n; i++) {
    const lp_big size = big_size(v, i, eps);
    if (size.high == 0.0) continue;
    const lp_pair log_r = log_ratio(size, v->extremum);
    sum = lp_pair_sum(sum, tiny(p) ? log_r : lp_pair_expm1(exponent_of(log_r, lp_whole(p))));
  }
  const lp_pair mean = lp_pair_quotient(sum, lp_whole(n));
  return tiny(p) ? mean : lp_pair_quotient(lp_pair_log1p(mean), lp_whole(p));
}

/* n^(1/p), the same for all distances of so many components: two of them compare as their means do, also where it is
 * far beyond the range of double. It is so, and as much so, at 2^-1000 for all p that are nearer to 0. */
static lp_big root_of_count(double n, double p) {
  const double apart = copysign(fmax(fabs(p), 0x1p-1000), p);
  return lp_big_exp(lp_pair_quotient(lp_big_log(lp_big_of(n)), lp_whole(apart)));
}

/* |d|_p = m (mean of (|d_i|/m)^p)^(1/p) n^(1/p) over the n components that are not 0, m being the extremum. */
static lp_big power_norm(lp_distance *v, double p, double eps) {
  const double n = (double)(v->n - big_count(v, eps, lp_big_of(0.0)));
  const lp_big root = root_of_count(n, p);
  v->log_mean = log_of_mean(v, p, eps, n);
  v->root_share = lp_big_divide(root, lp_big_of(n));
  return lp_big_multiply(lp_big_multiply(v->extremum, lp_big_exp(v->log_mean)), root);
}

static lp_big big_norm(lp_distance *v, double p, double eps) {
  if (p == 0.0) return lp_big_of((double)(v->n - big_count(v, eps, lp_big_of(0.0))));
  if (p == 1.0 || p == 2.0) {
    const lp_big sum = big_sum(v, eps, p == 2.0);
    return p == 2.0 ? lp_big_sqrt(sum) : sum;
  }
  v->extremum = big_extremum(v, eps, p > 0.0);
  return v->extremum.high == 0.0 || isinf(p) ? v->extremum : power_norm(v, p, eps);
}

void lp_distance_big(lp_distance *v, double p, double eps) {
  v->big = big_norm(v, effective(v, p), eps);
  v->norm = lp_whole(lp_big_get(v->big));
  for (int64_t i = 0; i < v->n; i++) v->d[i] = lp_big_get(big_difference(v, i, eps));
}

lp_big lp_distance_big_slope(const lp_distance *v, double order, double eps, int64_t i) {
  const double p = effective(v, order);
  const lp_big d = big_difference(v, i, eps), sign = lp_big_of((d.high > 0.0) - (d.high < 0.0));
  if (d.high == 0.0 || v->big.high == 0.0 || p == 0.0) return lp_big_of(0.0);
  if (p == 1.0) return sign;
  if (p == 2.0) return lp_big_divide(d, v->big);
  if (isinf(p)) {
    const bool extremal = lp_big_subtract(lp_big_abs(d), v->big).high == 0.0;
    return extremal ? lp_big_divide(sign, lp_big_of((double)big_count(v, eps, v->big))) : lp_big_of(0.0);
  }
  const lp_pair above = lp_pair_sum(log_ratio(lp_big_abs(d), v->extremum), lp_pair_negative(v->log_mean));
  const lp_big power = lp_big_exp(exponent_of(above, lp_two_sum(p, -1.0)));
  return lp_big_multiply(sign, lp_big_multiply(power, v->root_share));
}

/* --- the unusual way: PyTorch's operations in PyTorch's order --- */

static double special_extremum(const lp_distance *v, bool largest) {
  double extremum = fabs(v->d[0]);
  for (int64_t i = 1; i < v->n; i++) {
    const double size = fabs(v->d[i]);
    const bool better = largest ? size > extremum : size < extremum;
    if (better || isnan(size)) extremum = isnan(extremum) ? extremum : size;
  }
  return extremum;
}

/* axes: of the inputs; a norm over an axis of extent 1 is |d| whatever p. */
static double special_norm(lp_distance *v, double p, double eps, int axes) {
  for (int64_t i = 0; i < v->n; i++) v->d[i] = (v->x[i] - v->y[i]) + eps;
  if (v->n == 0) return 0.0;
  if (v->n == 1 && axes > 0 && p != 0.0) return fabs(v->d[0]);
  if (p == 0.0) return (double)(v->n - count_of(v->d, 0.0, v->n));
  if (isinf(p)) return special_extremum(v, p > 0.0);
  double sum = 0.0;
  for (int64_t i = 0; i < v->n; i++)
    sum += p == 2.0 ? v->d[i] * v->d[i] : p == 1.0 ? fabs(v->d[i]) : pow(fabs(v->d[i]), p);
  return p == 2.0 ? sqrt(sum) : p == 1.0 ? sum : pow(sum, 1.0 / p);
}

static double sign_of(double d) { return (d > 0.0) - (d < 0.0); }

/* What norm_backward returns for component i, given the gradient g of the norm. */
static double special_slope(const lp_distance *v, double p, double g, int64_t i, double ties) {
  const double d = v->d[i], norm = v->norm.high;
  if (p == 0.0) return 0.0;
  if (p == 1.0) return sign_of(d) * g;
  if (p == 2.0) return g * (norm == 0.0 ? 0.0 : d / norm);
  if (isinf(p)) return sign_of(d) * (g / ties * (fabs(d) == norm || isnan(d)));
  if (p < 1.0) return sign_of(d) * (d == 0.0 ? 0.0 : pow(fabs(d), p - 1.0)) * g * pow(norm, 1.0 - p);
  const double powered = p < 2.0 ? sign_of(d) * pow(fabs(d), p - 1.0) : d * pow(fabs(d), p - 2.0);
  return powered * (norm == 0.0 ? 0.0 : g / pow(norm, p - 1.0));
}

/* Components that share the slope of p = +-inf. */
static double special_ties(const lp_distance *v) {
  double ties = 0.0;
  for (int64_t i = 0; i < v->n; i++) ties += fabs(v->d[i]) == v->norm.high || isnan(v->d[i]);
  return ties;
}

void lp_distance_special(lp_distance *v, double p, double eps, int axes) {
  v->norm = lp_whole(special_norm(v, p, eps, axes));
}

void lp_distance_special_slopes(lp_distance *v, double p, double g) {
  const double ties = special_ties(v);
  v->w = v->w_copy;
  for (int64_t i = 0; i < v->n; i++) v->w_copy[i] = special_slope(v, p, g, i, ties);
}

/* --- kinks --- */

int64_t lp_distance_count(const lp_distance *v, double size) { return count_of(v->d, size, v->n); }

double lp_distance_excess(const lp_distance *v, double eps, int64_t i, int64_t j) {
  const double a = v->d[i] < 0.0 ? -1.0 : 1.0, b = v->d[j] < 0.0 ? -1.0 : 1.0;
  double terms[] = {a * v->x[i], -a * v->y[i], a * eps, -b * v->x[j], b * v->y[j], -b * eps};
  return lp_rows_exact_sum(terms, 6);
}

int64_t lp_distance_extremal(const lp_distance *v, bool largest) {
  int64_t best = 0;
  for (int64_t i = 1; i < v->n; i++) {
    const double size = fabs(v->d[i]), least = fabs(v->d[best]);
    if (largest ? size > least : size < least) best = i;
  }
  return best;
}
