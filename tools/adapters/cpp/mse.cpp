/* A complete plugin in C++: mse with its gradients, one template for four dtypes.
 *
 *   c++ -std=c++14 -O2 -shared -fPIC $(pkg-config --cflags lossproof) mse.cpp -o mse.so
 *   lossproof certify plugin:./mse.so --loss mse
 */
#include <lossproof/plugin.h>
#include <cmath>

static const char manifest[] = R"({"losses": {"mse": {"dtypes": ["float64", "float32", "float16", "bfloat16"],
  "optional_inputs": [], "mixed_dtypes": false, "broadcasting": false, "validates": false, "deterministic": true}}})";

struct half { uint16_t bits; }; /* IEEE binary16; arithmetic is done in double */
struct brain { uint16_t bits; }; /* bfloat16 */
static double value(double x) { return x; } /* float, too */
static double value(brain x) { const uint32_t b = uint32_t(x.bits) << 16; float f; memcpy(&f, &b, 4); return f; }
static double value(half x) {
  const int exponent = x.bits >> 10 & 31, m = x.bits & 1023;
  const double size = exponent == 31 ? (m ? NAN : INFINITY) : exponent ? ldexp(1024 + m, exponent - 25) : ldexp(m, -24);
  return x.bits >> 15 ? -size : size;
}

template <typename T> static void store(T &to, double x) { to = T(x); }
static void store(brain &to, double x) { /* ties to even */
  const float f = float(x); uint32_t b; memcpy(&b, &f, 4);
  to.bits = std::isnan(x) ? 0x7fc0 : uint16_t((b + 0x7fff + (b >> 16 & 1)) >> 16);
}
static void store(half &to, double x) {
  const double size = std::fabs(x);
  const int e = !(size >= ldexp(1, -14)) ? -14 : size < 65520 ? std::ilogb(size) : 16; /* 65520 rounds to infinity */
  const int bits = e == 16 ? 0x7c00 : (e + 14) * 1024 + int(std::nearbyint(ldexp(size, 10 - e)));
  to.bits = uint16_t((std::isnan(x) ? 0x7e00 : bits) | (std::signbit(x) ? 0x8000 : 0));
}

template <typename T> static int run_in(const lossproof_request *q) {
  auto data = [](const lossproof_tensor *t) { return t ? static_cast<T *>(t->data) : nullptr; };
  auto out = [&](const char *name) { return data(lossproof_output(q, name)); };
  const T *x = data(lossproof_input(q, "input")), *t = data(lossproof_input(q, "target")), *up = data(q->grad_output);
  T *loss = data(q->outputs), *dx = out("grad/input"), *dt = out("grad/target");
  const bool none = !strcmp(q->reduction, "none"), mean = !strcmp(q->reduction, "mean");
  const int64_t n = q->inputs[0].numel;
  double sum = 0;
  for (int64_t i = 0; i < n; i++) {
    const double d = value(x[i]) - value(t[i]), g = up ? value(up[none ? i : 0]) : 1, grad = 2 * d * (mean ? g / n : g);
    if (none) store(loss[i], d * d);
    sum += d * d;
    if (dx) store(dx[i], grad);
    if (dt) store(dt[i], -grad);
  }
  if (!none) store(*loss, mean ? sum / n : sum);
  return LOSSPROOF_OK;
}

static int run(const lossproof_request *q) {
  static int (*const runs[])(const lossproof_request *) = {run_in<double>, run_in<float>, run_in<half>, run_in<brain>};
  return runs[q->inputs[0].dtype](q);
}

static const lossproof_descriptor me = {sizeof me, LOSSPROOF_PLUGIN_ABI, "example in C++", "1.0", manifest, run};
extern "C" const lossproof_descriptor *lossproof_plugin(void) { return &me; }
