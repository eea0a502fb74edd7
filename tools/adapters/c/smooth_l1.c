/* A complete plugin: smooth_l1 in float64 and float32, with its gradients.
 *
 *   cc -O2 -shared -fPIC $(pkg-config --cflags lossproof) smooth_l1.c -o smooth_l1.so
 *   lossproof certify plugin:./smooth_l1.so --loss smooth_l1
 */
#include <lossproof/plugin.h>
#include <math.h>

/* What it can do. What is left out is not restricted: all reductions, any rank, any beta, any upstream gradient. */
static const char manifest[] =
    "{\"losses\": {\"smooth_l1\": {\"dtypes\": [\"float64\", \"float32\"], \"mixed_dtypes\": false,"
    " \"broadcasting\": false, \"validates\": false, \"deterministic\": true}}}";

static double get(const lossproof_tensor *t, int64_t i) {
  return t->dtype == LOSSPROOF_FLOAT32 ? ((const float *)t->data)[i] : ((const double *)t->data)[i];
}

static void set(const lossproof_tensor *t, int64_t i, double value) {
  if (t && t->dtype == LOSSPROOF_FLOAT32) ((float *)t->data)[i] = (float)value;
  if (t && t->dtype == LOSSPROOF_FLOAT64) ((double *)t->data)[i] = value;
}

static double term(double d, double beta) {
  const double z = fabs(d);
  return z < beta ? 0.5 * z * (z / beta) : z - 0.5 * beta;
}

/* At a kink, and for NaN, as PyTorch does it. */
static double slope(double d, double beta) {
  if (beta == 0 && d == 0) return 0;
  return d <= -beta ? -1 : d >= beta ? 1 : d / beta;
}

static int run(const lossproof_request *q) {
  const lossproof_tensor *input = lossproof_input(q, "input"), *target = lossproof_input(q, "target");
  const lossproof_tensor *loss = lossproof_output(q, "loss"); /* gradients may be unwanted: then they are NULL */
  const lossproof_tensor *d_input = lossproof_output(q, "grad/input"), *d_target = lossproof_output(q, "grad/target");
  const double beta = lossproof_parameter_or(q, "beta", 1), n = (double)input->numel;
  const int none = strcmp(q->reduction, "none") == 0, mean = strcmp(q->reduction, "mean") == 0;
  double sum = 0;
  for (int64_t i = 0; i < input->numel; i++) {
    const double d = get(input, i) - get(target, i), value = term(d, beta);
    const double upstream = q->grad_output ? get(q->grad_output, none ? i : 0) : 1;
    const double grad = slope(d, beta) * (mean ? upstream / n : upstream);
    if (none) set(loss, i, value);
    sum += value;
    set(d_input, i, grad);
    set(d_target, i, -grad);
  }
  if (!none) set(loss, 0, mean ? sum / n : sum);
  return LOSSPROOF_OK;
}

static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI, "example in C", "1.0", manifest, run};

const lossproof_descriptor *lossproof_plugin(void) { return &me; }
