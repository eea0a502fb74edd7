/* The tape: every ball encloses the truth, classes follow IEEE 754, reaches are those worked out by hand. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reference/exact/budget.h"
#include "reference/exact/tape_internal.h"
#include "reference/tests/testing.h"

enum { X, Y, LENGTH = 8 };

static double x_values[LENGTH], y_values[LENGTH];
static lp_case c = {.inputs = {{.dtype = LP_FLOAT64, .numel = LENGTH, .f64 = x_values},
                               {.dtype = LP_FLOAT64, .numel = LENGTH, .f64 = y_values}}};

/* --- memory that may end: the linker puts these in the place of the library's --- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *block, size_t size);

static long allocations_left = LONG_MAX;
/* Check allocates too: never test anything while memory is out. */
static bool may_allocate(void) { return allocations_left > 0 && allocations_left-- > 0; }

void *__wrap_malloc(size_t size) { return may_allocate() ? __real_malloc(size) : NULL; }
void *__wrap_calloc(size_t n, size_t size) { return may_allocate() ? __real_calloc(n, size) : NULL; }
void *__wrap_realloc(void *block, size_t size) { return may_allocate() ? __real_realloc(block, size) : NULL; }

/* --- tapes --- */

static lp_tape tape_of(lp_dtype dtype, slong precision) {
  lp_tape t;
  lp_tape_init(&t, &c, dtype);
  ck_assert(!t.failed);
  t.precision = precision;
  return t;
}

static lp_x element(lp_tape *t, int input, double value) {
  (input == X ? x_values : y_values)[0] = value;
  return lp_x_element(t, input, 0);
}

/* A number that has a reach of its own, as if it had been rounded. */
static lp_x rounded(lp_tape *t, double value) {
  arb_t ball;
  mag_t reach;
  arb_init(ball);
  mag_init(reach);
  arb_set_d(ball, value);
  arb_get_mag(reach, ball);
  const lp_x number = lp_x_number(t, ball, LP_FINITE, reach, 1);
  arb_clear(ball);
  mag_clear(reach);
  return number;
}

typedef struct leaves {
  int n;
  lp_leaf of[4];
} leaves;

static void keep_leaf(void *context, const lp_leaf *leaf) {
  leaves *l = context;
  ck_assert_int_lt(l->n, 4);
  l->of[l->n++] = *leaf;
}

static leaves leaves_of(const lp_tape *t) {
  leaves l = {0};
  lp_x_leaves(t, keep_leaf, &l);
  return l;
}

/* The adjoint of the only element of x that was read. */
static lp_x gradient(lp_tape *t, lp_x of) {
  lp_x_backward(t, of, lp_x_constant(t, 1.0));
  const leaves l = leaves_of(t);
  ck_assert_int_ge(l.n, 1);
  ck_assert_int_eq(l.of[0].input, X);
  return l.of[0].adjoint;
}

static double middle(const lp_tape *t, lp_x a) { return arf_get_d(arb_midref(lp_x_ball(t, a)), ARF_RND_NEAR); }

/* Magnitudes have 30 bits and are rounded up. */
static void check_reach(const lp_tape *t, lp_x a, double expected) {
  const double reach = mag_get_d(lp_x_reach(t, a));
  ck_assert_msg(reach >= expected * (1 - 1e-12) && reach <= expected * (1 + 1e-6), "reach %.12g, by hand %.12g", reach,
                expected);
}

/* --- operations, by number --- */

typedef enum operation {
  ADD,
  SUBTRACT,
  MULTIPLY,
  DIVIDE,
  RAISE,
  SQUARE,
  EXP,
  LOG,
  SQRT,
  SOFTPLUS,
  SIGMOID,
  NEGATE,
  HALVE,
  ABS,
  KEEP,
  N_OPERATIONS,
  BINARY = SQUARE /* those below it */
} operation;

static lp_x operate(lp_tape *t, operation op, lp_x a, lp_x b) {
  switch (op) {
    case ADD:
      return lp_x_add(t, a, b);
    case SUBTRACT:
      return lp_x_subtract(t, a, b);
    case MULTIPLY:
      return lp_x_multiply(t, a, b);
    case DIVIDE:
      return lp_x_divide(t, a, b);
    case RAISE:
      return lp_x_raise(t, a, b);
    case SQUARE:
      return lp_x_square(t, a);
    case EXP:
      return lp_x_exp(t, a);
    case LOG:
      return lp_x_log(t, a);
    case SQRT:
      return lp_x_sqrt(t, a);
    case SOFTPLUS:
      return lp_x_softplus(t, a);
    case SIGMOID:
      return lp_x_sigmoid(t, a);
    case NEGATE:
      return lp_x_negate(t, a);
    case HALVE:
      return lp_x_scale(t, a, 0.5);
    case ABS:
      return lp_x_abs(t, a);
    default:
      return lp_x_mask(t, a, true);
  }
}

/* The same in double. */
static double in_double(operation op, double a, double b) {
  switch (op) {
    case ADD:
      return a + b;
    case SUBTRACT:
      return a - b;
    case MULTIPLY:
      return a * b;
    case DIVIDE:
      return a / b;
    case RAISE:
      return pow(a, b);
    case SQUARE:
      return a * a;
    case EXP:
      return exp(a);
    case LOG:
      return log(a);
    case SQRT:
      return sqrt(a);
    case SOFTPLUS:
      return log(1 + exp(a));
    case SIGMOID:
      return 1 / (1 + exp(-a));
    case NEGATE:
      return -a;
    case HALVE:
      return a / 2;
    case ABS:
      return fabs(a);
    default:
      return a;
  }
}

/* --- enclosures --- */

typedef struct row {
  operation op;
  double a, b;
  const char *value; /* 60 digits, worked out with mpmath */
} row;

static const row rows[] = {
    {EXP, 1, 0, "2.71828182845904523536028747135266249775724709369995957496697"},
    {SOFTPLUS, 1, 0, "1.31326168751822283404899549496785564191528008567034837471906"},
    {SIGMOID, 1, 0, "0.731058578630004879251159241821836274365144640165056519276366"},
    {EXP, -1, 0, "0.367879441171442321595523770161460867445811131031767834507837"},
    {SOFTPLUS, -1, 0, "0.313261687518222834048995494967855641915280085670348374719064"},
    {SIGMOID, -1, 0, "0.268941421369995120748840758178163725634855359834943480723634"},
    {EXP, 0.5, 0, "1.64872127070012814684865078781416357165377610071014801157508"},
    {SOFTPLUS, 0.5, 0, "0.974076984180106680872997355081170749755596194667862841200815"},
    {SIGMOID, 0.5, 0, "0.622459331201854564638900565745508478753279365308910163059437"},
    {EXP, -0x1.8p+4, 0, "0.0000000000377513454427909775164496954752340677916860648256737561796538"},
    {SOFTPLUS, -0x1.8p+4, 0, "0.0000000000377513454420783954750971618759576366325494269693244829053906"},
    {SIGMOID, -0x1.8p+4, 0, "0.0000000000377513454413658134337625622305469270551275283376356521296705"},
    {EXP, 710.25, 0, "2.86850606049902460606955912024318609021766096444825149388171e+308"},
    {SOFTPLUS, 710.25, 0, "710.25"},
    {SIGMOID, 710.25, 0, "1.0"},
    {EXP, -745.5, 0, "1.71184225049357683959408631269207247748984483998932099051521e-324"},
    {SOFTPLUS, -745.5, 0, "1.71184225049357683959408631269207247748984483998932099051521e-324"},
    {SIGMOID, -745.5, 0, "1.71184225049357683959408631269207247748984483998932099051521e-324"},
    {EXP, 0x1p-60, 0, "1.00000000000000000086736173798840354758212043295908537179938"},
    {SOFTPLUS, 0x1p-60, 0, "0.693147180559945309850912990452378341772520802774014939328491"},
    {SIGMOID, 0x1p-60, 0, "0.500000000000000000216840434497100886801490560173988342271562"},
    {EXP, -0x1.3333333333333p-3, 0, "0.860707976425057812006922829071436091653221907371546386023861"},
    {SOFTPLUS, -0x1.3333333333333p-3, 0, "0.620957047789532080081622039590000375055193227285289212839506"},
    {SIGMOID, -0x1.3333333333333p-3, 0, "0.462570154656250451934986011869337411586098210133392114942219"},
    {LOG, 2, 0, "0.69314718055994530941723212145817656807550013436025525412068"},
    {SQRT, 2, 0, "1.41421356237309504880168872420969807856967187537694807317668"},
    {SQUARE, 2, 0, "4.0"},
    {RAISE, 2, 0.1, "1.07177346253629316833691172971933411119849523074102829709489"},
    {RAISE, 2, 3, "8.0"},
    {RAISE, 2, -2.5, "0.176776695296636881100211090526212259821208984422118509147085"},
    {RAISE, 2, 0x1.5555555555555p-2, "1.25992104989487314860771605993812332472321961111096674296105"},
    {LOG, 0.5, 0, "-0.69314718055994530941723212145817656807550013436025525412068"},
    {SQRT, 0.5, 0, "0.70710678118654752440084436210484903928483593768847403658834"},
    {SQUARE, 0.5, 0, "0.25"},
    {RAISE, 0.5, 0.1, "0.93303299153680741239127509311191548668962365691156637006225"},
    {RAISE, 0.5, 3, "0.125"},
    {RAISE, 0.5, -2.5, "5.65685424949238019520675489683879231427868750150779229270672"},
    {RAISE, 0.5, 0x1.5555555555555p-2, "0.793700525984099747555696487563765916036422516736354111171038"},
    {LOG, 0x1.999999999999ap-4, 0, "-2.3025850929940456285068402234265387271634735938763827768352"},
    {SQRT, 0x1.999999999999ap-4, 0, "0.316227766016837941976973025885024264167231640974766192075747"},
    {SQUARE, 0x1.999999999999ap-4, 0, "0.0100000000000000011102230246251565712385107782865939613956471"},
    {RAISE, 0x1.999999999999ap-4, 0.1, "0.794328234724281496322289835006090339287705035050659939860558"},
    {RAISE, 0x1.999999999999ap-4, 3, "0.00100000000000000016653345369377349030800848327235531260063557"},
    {RAISE, 0x1.999999999999ap-4, -2.5, "316.22776601683788931447099723451345359071778977203592430087"},
    {RAISE, 0x1.999999999999ap-4, 0x1.5555555555555p-2,
     "0.464158883361277917605803498483381760041526247497216944652025"},
    {LOG, 1e300, 0, "690.775527898213705257902196660513681150659990441493231550394"},
    {SQRT, 1e300, 0, "1.00000000000000002625238012760220977975850310849237145835942e+150"},
    {SQUARE, 1e300, 0, "1.00000000000000010500952051040884325415878661871005563386469e+600"},
    {RAISE, 1e300, 0.1, "1000000000000003839824955626497.93041401797034544150720559615"},
    {RAISE, 1e300, 3, "1.00000000000000015751428076561326901636295411280583417933644e+900"},
    {RAISE, 1e300, -2.5, "9.999999999999998687380993619889614390194199193887530327645e-751"},
    {RAISE, 1e300, 0x1.5555555555555p-2, "9.99999999999987235586654748582550083667098349532185054548477e+99"},
    {LOG, 4.9406564584124654e-324, 0, "-744.44007192138126231410729844608163411308714430291414292561"},
    {SQRT, 4.9406564584124654e-324, 0, "2.22275874948507748344271341427056009691252456146490779348359e-162"},
    {SQUARE, 4.9406564584124654e-324, 0, "2.44100862400528058612930657159638094269119586157466295124016e-647"},
    {RAISE, 4.9406564584124654e-324, 0.1, "4.67066227623387358145878864650857252943329465357139632531571e-33"},
    {RAISE, 4.9406564584124654e-324, 3, "1.20601850232322150544159758165160857279109233945446458569137e-970"},
    {RAISE, 4.9406564584124654e-324, -2.5, "1.84305526424615531007915636184963348490432550265710963681821e+808"},
    {RAISE, 4.9406564584124654e-324, 0x1.5555555555555p-2,
     "1.70318393600328374916685036512792889530608862596977528631515e-108"},
    {LOG, 0x1.0000000000001p0, 0, "0.000000000000000222044604925031283432823045461548792598233180790111470255693"},
    {SQRT, 0x1.0000000000001p0, 0, "1.00000000000000011102230246251564787938734476992798569863637"},
    {SQUARE, 0x1.0000000000001p0, 0, "1.00000000000000044408920985006266547325924354956596323303533"},
    {RAISE, 0x1.0000000000001p0, 0.1, "1.00000000000000002220446049250312982239650183555185201675797"},
    {RAISE, 0x1.0000000000001p0, 3, "1.00000000000000066613381477509407216559872979421664984335853"},
    {RAISE, 0x1.0000000000001p0, -2.5, "0.999999999999999444888487687421945492337937324933542104122291"},
    {RAISE, 0x1.0000000000001p0, 0x1.5555555555555p-2, "1.00000000000000007401486830834375977472416581181482456358939"},
    {LOG, 3, 0, "1.09861228866810969139524523692252570464749055782274945173469"},
    {SQRT, 3, 0, "1.73205080756887729352744634150587236694280525381038062805581"},
    {SQUARE, 3, 0, "9.0"},
    {RAISE, 3, 0.1, "1.11612317403390444124931730981793834543662106818152935478508"},
    {RAISE, 3, 3, "27.0"},
    {RAISE, 3, -2.5, "0.0641500299099584182787943089446619395164001945855696528909558"},
    {RAISE, 3, 0x1.5555555555555p-2, "1.44224957030740835300299632870073748772775112777395239801312"},
    {ADD, 0.1, 3, "3.1000000000000000055511151231257827021181583404541015625"},
    {SUBTRACT, 0.1, 3, "-2.8999999999999999944488848768742172978818416595458984375"},
    {MULTIPLY, 0.1, 3, "0.3000000000000000166533453693773481063544750213623046875"},
    {DIVIDE, 0.1, 3, "0.0333333333333333351837050410419275673727194468180338541666667"},
    {ADD, 1e300, -7, "1.00000000000000005250476025520442024870446858110815915491585e+300"},
    {SUBTRACT, 1e300, -7, "1.00000000000000005250476025520442024870446858110815915491585e+300"},
    {MULTIPLY, 1e300, -7, "-7.00000000000000036753332178643094174093128006775711408441098e+300"},
    {DIVIDE, 1e300, -7, "-1.42857142857142864643537179314917178386352654444022736416551e+299"},
    {ADD, -0x1.fffffffffffffp-1, 1e-5, "-0.999989999999999888976879506945205644541374567779712378978729"},
    {SUBTRACT, -0x1.fffffffffffffp-1, 1e-5, "-1.00000999999999988897851556802348627073229181405622512102127"},
    {MULTIPLY, -0x1.fffffffffffffp-1, 1e-5, "-0.0000099999999999999997078075145151564642153575301549600130997921"},
    {DIVIDE, -0x1.fffffffffffffp-1, 1e-5, "-99999.9999999999807174643623453052185477543028251798185338329"},
    {ADD, 4.9406564584124654e-324, 0.3, "0.299999999999999988897769753748434595763683319091796875"},
    {SUBTRACT, 4.9406564584124654e-324, 0.3, "-0.299999999999999988897769753748434595763683319091796875"},
    {MULTIPLY, 4.9406564584124654e-324, 0.3, "1.4821969375237395776774008096796509069411066377766748723155e-324"},
    {DIVIDE, 4.9406564584124654e-324, 0.3, "1.64688548613748854153556883058853261910259858268617200973935e-323"},
};
enum { N_ROWS = sizeof rows / sizeof rows[0] };

/* The decimals and what they leave out, one unit in the 59th digit. */
static void set_decimals(arb_t ball, const char *decimals) {
  mag_t rest;
  mag_init(rest);
  ck_assert_int_eq(arb_set_str(ball, decimals, 4000), 0);
  arb_get_mag(rest, ball);
  mag_mul_2exp_si(rest, rest, -194); /* 10^-58.4 */
  arb_add_error_mag(ball, rest);
  mag_clear(rest);
}

static lp_x write_row(lp_tape *t, const row *r) {
  const lp_x a = element(t, X, r->a);
  return operate(t, r->op, a, r->op < BINARY ? lp_x_constant(t, r->b) : a);
}

START_TEST(balls_hold_the_truth) {
  static const slong precisions[] = {32, 53, 128, 200, 1024, 4608};
  arb_t truth;
  arb_init(truth);
  for (int i = 0; i < N_ROWS; i++) {
    arb_t before;
    arb_init(before);
    arb_zero_pm_inf(before);
    set_decimals(truth, rows[i].value);
    for (size_t k = 0; k < sizeof precisions / sizeof precisions[0]; k++) {
      lp_tape t = tape_of(LP_FLOAT64, precisions[k]);
      const arb_struct *ball = lp_x_ball(&t, write_row(&t, &rows[i]));
      ck_assert_msg(arb_overlaps(ball, truth), "row %d at %ld bits misses %s", i, (long)precisions[k], rows[i].value);
      ck_assert_msg(arb_overlaps(ball, before), "row %d: two precisions contradict each other", i);
      ck_assert(arb_is_exact(ball) || arb_rel_accuracy_bits(ball) >= precisions[k] - 14);
      ck_assert(!t.undecided);
      arb_set(before, ball);
      lp_tape_clear(&t);
    }
    arb_clear(before);
  }
  arb_clear(truth);
}
END_TEST

/* A planted fault is seen: one unit in the 50th digit. */
START_TEST(balls_do_not_hold_more) {
  arb_t wrong;
  arb_init(wrong);
  lp_tape t = tape_of(LP_FLOAT64, 256);
  set_decimals(wrong, "2.71828182845904523536028747135266249775724709369995957496697");
  ck_assert(arb_overlaps(lp_x_ball(&t, lp_x_exp(&t, element(&t, X, 1.0))), wrong));
  set_decimals(wrong, "2.71828182845904523536028747135266249775724709369996957496697");
  ck_assert(!arb_overlaps(lp_x_ball(&t, lp_x_exp(&t, element(&t, X, 1.0))), wrong));
  lp_tape_clear(&t);
  arb_clear(wrong);
}
END_TEST

/* Far out, where exp leaves every range: still enclosed, still finite. */
START_TEST(exponents_without_bounds) {
  lp_tape t = tape_of(LP_FLOAT64, 128);
  static const double sizes[] = {1e4, 1e10, 1e18};
  for (int i = 0; i < 3; i++) {
    const double a = sizes[i];
    const lp_x up = lp_x_exp(&t, element(&t, X, a)), down = lp_x_exp(&t, element(&t, X, -a));
    ck_assert(arb_is_positive(lp_x_ball(&t, up)) && arb_is_positive(lp_x_ball(&t, down)));
    const lp_x one = lp_x_multiply(&t, up, down);
    ck_assert(arb_contains_si(lp_x_ball(&t, one), 1) && arb_rel_accuracy_bits(lp_x_ball(&t, one)) > 100);
    const lp_x back = lp_x_log(&t, up), soft = lp_x_softplus(&t, element(&t, X, a));
    ck_assert_double_eq(middle(&t, back), a);
    ck_assert_double_eq(middle(&t, soft), a);
    const lp_x tiny = lp_x_softplus(&t, element(&t, X, -a)), slope = lp_x_sigmoid(&t, element(&t, X, -a));
    ck_assert(arb_overlaps(lp_x_ball(&t, tiny), lp_x_ball(&t, down)));
    ck_assert(arb_overlaps(lp_x_ball(&t, slope), lp_x_ball(&t, down)));
  }
  static const double largest[] = {1e300, -1e300, 0x1.fffffffffffffp1023, -0x1.fffffffffffffp1023};
  for (int i = 0; i < 4; i++) {
    const lp_x soft = lp_x_softplus(&t, element(&t, X, largest[i])), s = lp_x_sigmoid(&t, element(&t, X, largest[i]));
    ck_assert_double_eq(middle(&t, soft), largest[i] > 0 ? largest[i] : 0.0);
    ck_assert_double_eq(middle(&t, s), largest[i] > 0 ? 1.0 : 0.0);
    ck_assert(!mag_is_inf(lp_x_reach(&t, soft)) && !mag_is_inf(lp_x_reach(&t, s)));
  }
  lp_tape_clear(&t);
}
END_TEST

/* --- gradients --- */

/* (f(x + h) - f(x - h)) / 2h with h = 2^-400 |x|, at 2000 bits; wrong by about h^2. */
static void difference(arb_t slope, const row *r) {
  arb_struct shift[LENGTH];
  lp_shift shifts = {{shift}};
  lp_tape t = tape_of(LP_FLOAT64, 2000);
  arb_t up, h;
  arb_init(up);
  arb_init(h);
  for (int i = 0; i < LENGTH; i++) arb_init(&shift[i]);
  arb_set_d(&shift[0], r->a);
  arb_mul_2exp_si(&shift[0], &shift[0], -400);
  arb_abs(&shift[0], &shift[0]);
  arb_mul_2exp_si(h, &shift[0], 1);
  t.shift = &shifts;
  arb_set(up, lp_x_ball(&t, write_row(&t, r)));
  arb_neg(&shift[0], &shift[0]);
  arb_sub(slope, up, lp_x_ball(&t, write_row(&t, r)), 2000);
  arb_div(slope, slope, h, 2000);
  for (int i = 0; i < LENGTH; i++) arb_clear(&shift[i]);
  arb_clear(up);
  arb_clear(h);
  lp_tape_clear(&t);
}

static void check_slope(const row *r) {
  arb_t slope, error;
  mag_t size, allowed;
  arb_init(slope);
  arb_init(error);
  mag_init(size);
  mag_init(allowed);
  lp_tape t = tape_of(LP_FLOAT64, 600);
  const lp_x adjoint = gradient(&t, write_row(&t, r));
  difference(slope, r);
  arb_sub(error, slope, lp_x_ball(&t, adjoint), 2000);
  arb_get_mag(size, error);
  arb_get_mag(allowed, slope);
  mag_mul_2exp_si(allowed, allowed, -500);
  ck_assert_msg(mag_cmp(size, allowed) <= 0, "slope of operation %d at %g", (int)r->op, r->a);
  arb_clear(slope);
  arb_clear(error);
  mag_clear(size);
  mag_clear(allowed);
  lp_tape_clear(&t);
}

START_TEST(gradients_are_differences) {
  for (int i = 0; i < N_ROWS; i++) {
    if (rows[i].op != SIGMOID) check_slope(&rows[i]);
  }
  for (operation op = NEGATE; op < N_OPERATIONS; op++) {
    check_slope(&(row){op, 1.75, 0, NULL});
    check_slope(&(row){op, -1.75, 0, NULL});
  }
}
END_TEST

/* d/dy of 3 op y at y = 2: the second operand. */
START_TEST(gradients_of_second_operands) {
  static const struct {
    operation op;
    double slope;
  } second[] = {{ADD, 1.0}, {SUBTRACT, -1.0}, {MULTIPLY, 3.0}, {DIVIDE, -0.75}};
  for (int i = 0; i < 4; i++) {
    lp_tape t = tape_of(LP_FLOAT64, 128);
    const lp_x x = lp_x_constant(&t, 3.0), y = element(&t, Y, 2.0);
    lp_x_backward(&t, operate(&t, second[i].op, x, y), lp_x_constant(&t, 1.0));
    const leaves l = leaves_of(&t);
    ck_assert_int_eq(l.n, 1);
    ck_assert_int_eq(l.of[0].input, Y);
    ck_assert_double_eq(middle(&t, l.of[0].adjoint), second[i].slope);
    lp_tape_clear(&t);
  }
}
END_TEST

/* x log x + exp(x) / x - sqrt(x) (x + 1)^2: everything at once, x named six times. */
static lp_x chain(lp_tape *t, lp_x x) {
  const lp_x a = lp_x_multiply(t, x, lp_x_log(t, x)), b = lp_x_divide(t, lp_x_exp(t, x), x);
  const lp_x square = lp_x_square(t, lp_x_add(t, x, lp_x_constant(t, 1.0)));
  const lp_x parts[] = {a, b, lp_x_negate(t, lp_x_multiply(t, lp_x_sqrt(t, x), square))};
  return lp_x_sum(t, parts, 3);
}

START_TEST(gradient_of_a_chain) {
  arb_t truth;
  arb_init(truth);
  lp_tape t = tape_of(LP_FLOAT64, 300);
  const lp_x f = chain(&t, element(&t, X, 0.75));
  set_decimals(truth, "-0.045297664611779493232823371810110155329480715133928233384943");
  ck_assert(arb_overlaps(lp_x_ball(&t, f), truth));
  const lp_x g = gradient(&t, f);
  set_decimals(truth, "-5.02779508136284494760834927495505794163397330597620334531313");
  ck_assert(arb_overlaps(lp_x_ball(&t, g), truth));
  ck_assert_int_eq(leaves_of(&t).n, 1);
  lp_tape_clear(&t);
  arb_clear(truth);
}
END_TEST

START_TEST(seeds_multiply) {
  lp_tape t = tape_of(LP_FLOAT64, 128);
  lp_x_backward(&t, lp_x_square(&t, element(&t, X, 3.0)), lp_x_constant(&t, 0.5));
  ck_assert_double_eq(middle(&t, leaves_of(&t).of[0].adjoint), 3.0);
  lp_tape_restart(&t);
  lp_x_backward(&t, lp_x_square(&t, element(&t, X, 3.0)), lp_x_constant(&t, 0.0));
  ck_assert(arb_is_zero(lp_x_ball(&t, leaves_of(&t).of[0].adjoint)));
  lp_tape_restart(&t);
  lp_x_backward(&t, lp_x_constant(&t, 3.0), lp_x_constant(&t, 1.0));
  ck_assert_int_eq(leaves_of(&t).n, 0); /* it depends on nothing */
  lp_tape_clear(&t);
}
END_TEST

/* No loss differentiates the slope of softplus: refused rather than wrong. */
START_TEST(sigmoid_has_no_gradient) {
  lp_tape t = tape_of(LP_FLOAT64, 128);
  lp_x_backward(&t, lp_x_sigmoid(&t, element(&t, X, 3.0)), lp_x_constant(&t, 1.0));
  ck_assert(t.failed);
  lp_tape_clear(&t);
}
END_TEST

/* --- classes --- */

static const double specials[] = {-INFINITY, -2.0, -1.0, 0.0, 0.5, 1.0, 2.0, 3.0, INFINITY, NAN};
enum { N_SPECIALS = sizeof specials / sizeof specials[0] };

static void check_class_of(const lp_tape *t, lp_x a, double expected, const char *what, int op, double p, double q) {
  const lp_class class = lp_x_class(t, a);
  ck_assert_msg(class == lp_classify(expected), "%s of operation %d at %g, %g: %s, not %s", what, op, p, q,
                lp_class_name(class), lp_class_name(lp_classify(expected)));
  if (class != LP_FINITE) {
    ck_assert(mag_is_zero(lp_x_reach(t, a)) && arb_is_zero(lp_x_ball(t, a)));
  } else {
    ck_assert_double_eq_tol(middle(t, a), expected, 1e-12);
  }
}

/* Every operation at every pair, as IEEE 754 doubles. Powers have bases >= 0. */
START_TEST(classes_follow_ieee) {
  for (int i = 0; i < N_SPECIALS; i++) {
    for (int k = 0; k < N_SPECIALS; k++) {
      for (operation op = ADD; op < N_OPERATIONS; op++) {
        const double a = specials[i], b = specials[k];
        if (op == RAISE && a < 0.0) continue;
        lp_tape t = tape_of(LP_FLOAT64, 128);
        const lp_x x = element(&t, X, a), result = operate(&t, op, x, element(&t, Y, b));
        check_class_of(&t, result, in_double(op, a, b), "value", (int)op, a, b);
        ck_assert(!t.undecided && !t.failed);
        lp_tape_clear(&t);
      }
    }
  }
}
END_TEST

/* The slope of a unary operation times g, as reverse accumulation computes it. */
static double slope_in_double(operation op, double a, double g) {
  switch (op) {
    case SQUARE:
      return g * (2 * a);
    case EXP:
      return g * exp(a);
    case LOG:
      return g / a;
    case SQRT:
      return g / (2 * sqrt(a));
    case SOFTPLUS:
      return g * (1 / (1 + exp(-a)));
    case NEGATE:
      return -g;
    case HALVE:
      return g / 2;
    case ABS:
      return isnan(a) || a == 0.0 ? g * 0.0 : a > 0 ? g : -g;
    default:
      return g;
  }
}

START_TEST(classes_of_slopes) {
  for (int i = 0; i < N_SPECIALS; i++) {
    for (int k = 0; k < N_SPECIALS; k++) {
      for (operation op = SQUARE; op < N_OPERATIONS; op++) {
        const double a = specials[i], g = specials[k];
        if (op == SIGMOID) continue;
        lp_tape t = tape_of(LP_FLOAT64, 128);
        const lp_x result = operate(&t, op, element(&t, X, a), (lp_x){0});
        lp_x_backward(&t, result, lp_x_constant(&t, g));
        check_class_of(&t, leaves_of(&t).of[0].adjoint, slope_in_double(op, a, g), "slope", (int)op, a, g);
        lp_tape_clear(&t);
      }
    }
  }
}
END_TEST

START_TEST(classes_of_two_slopes) {
  for (int i = 0; i < N_SPECIALS; i++) {
    for (int k = 0; k < N_SPECIALS; k++) {
      for (int m = 0; m < N_SPECIALS; m++) {
        const double a = specials[i], b = specials[k], g = specials[m];
        lp_tape t = tape_of(LP_FLOAT64, 128);
        lp_x x = element(&t, X, a), y = element(&t, Y, b);
        lp_x_backward(&t, lp_x_multiply(&t, x, y), lp_x_constant(&t, g));
        leaves l = leaves_of(&t);
        check_class_of(&t, l.of[0].adjoint, g * b, "first slope", MULTIPLY, a, b);
        check_class_of(&t, l.of[1].adjoint, g * a, "second slope", MULTIPLY, a, b);
        lp_tape_restart(&t);
        x = element(&t, X, a), y = element(&t, Y, b);
        lp_x_backward(&t, lp_x_divide(&t, x, y), lp_x_constant(&t, g));
        l = leaves_of(&t);
        check_class_of(&t, l.of[0].adjoint, g / b, "first slope", DIVIDE, a, b);
        check_class_of(&t, l.of[1].adjoint, -(g * (a / b / b)), "second slope", DIVIDE, a, b);
        lp_tape_clear(&t);
      }
    }
  }
}
END_TEST

START_TEST(classes_of_sums) {
  static const struct {
    double a, b, c;
  } sums[] = {{1, 2, 3},
              {1, INFINITY, 3},
              {-INFINITY, 2, -INFINITY},
              {INFINITY, -INFINITY, 1},
              {NAN, 1, 2},
              {NAN, INFINITY, INFINITY},
              {1, 2, NAN},
              {0, 0, 0},
              {1, -3, 2}};
  for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++) {
    lp_tape t = tape_of(LP_FLOAT64, 128);
    const lp_x terms[] = {lp_x_constant(&t, sums[i].a), lp_x_constant(&t, sums[i].b), lp_x_constant(&t, sums[i].c)};
    check_class_of(&t, lp_x_sum(&t, terms, 3), sums[i].a + sums[i].b + sums[i].c, "sum", (int)i, 0, 0);
    lp_tape_clear(&t);
  }
}
END_TEST

/* Beside an infinity a finite number beyond float64 counts as PyTorch would hold it. */
START_TEST(classes_beyond_float64) {
  lp_tape t = tape_of(LP_FLOAT64, 128);
  const lp_x huge = lp_x_exp(&t, lp_x_constant(&t, 1000.0)), tiny = lp_x_exp(&t, lp_x_constant(&t, -1000.0));
  const lp_x infinity = lp_x_constant(&t, INFINITY);
  ck_assert_int_eq(lp_x_class(&t, huge), LP_FINITE);
  ck_assert_int_eq(lp_x_class(&t, lp_x_subtract(&t, infinity, huge)), LP_NAN);
  ck_assert_int_eq(lp_x_class(&t, lp_x_multiply(&t, infinity, tiny)),
                   LP_NOT_FINITE); /* 0 in float64, or in two steps */
  ck_assert_int_eq(lp_x_class(&t, lp_x_multiply(&t, infinity, huge)), LP_PLUS_INFINITY);
  ck_assert_int_eq(lp_x_class(&t, lp_x_divide(&t, huge, tiny)), LP_FINITE);
  lp_tape_clear(&t);
}
END_TEST

static bool is_sharp(const lp_tape *t, lp_x a) { return lp_tape_at(t, a)->sharp; }

/* Terms with an infinity in them: what float64 cannot hold is infinite or 0, when all of the ball is beyond its range.
 */
START_TEST(classes_within_float64) {
  lp_tape t = tape_of(LP_FLOAT64, 128);
  lp_x_limit_range(&t);
  ck_assert_int_eq(lp_x_class(&t, lp_x_exp(&t, lp_x_constant(&t, 1000.0))), LP_PLUS_INFINITY);
  const lp_x huge = lp_x_constant(&t, 0x1p1023);
  ck_assert_int_eq(lp_x_class(&t, lp_x_multiply(&t, huge, lp_x_constant(&t, -3.0))), LP_MINUS_INFINITY);
  ck_assert_int_eq(lp_x_class(&t, lp_x_exp(&t, lp_x_constant(&t, 709.0))), LP_FINITE);
  ck_assert(arb_is_zero(lp_x_ball(&t, lp_x_exp(&t, lp_x_constant(&t, -1000.0)))));
  ck_assert(!arb_is_zero(lp_x_ball(&t, lp_x_exp(&t, lp_x_constant(&t, -740.0)))));
  const lp_x lost = lp_x_exp(&t, lp_x_constant(&t, -1000.0)), infinity = lp_x_constant(&t, INFINITY);
  ck_assert(!is_sharp(&t, lost));
  ck_assert_int_eq(lp_x_class(&t, lp_x_multiply(&t, infinity, lost)), LP_NOT_FINITE);
  const lp_x root = lp_x_sqrt(&t, lp_x_constant(&t, 2.0)), back = lp_x_square(&t, root);
  const lp_x open = lp_x_subtract(&t, back, lp_x_constant(&t, 2.0)); /* a ball around 0 */
  ck_assert(!arb_is_zero(lp_x_ball(&t, open)));
  ck_assert_int_eq(lp_x_sign(&t, open), LP_AT);
  ck_assert(t.undecided);
  lp_tape_restart(&t);
  ck_assert_int_eq(lp_x_class(&t, lp_x_exp(&t, lp_x_constant(&t, 1000.0))), LP_FINITE); /* for one term only */
  lp_tape_clear(&t);
}
END_TEST

/* The value of one number with the slope of another. */
START_TEST(carried_and_detached) {
  lp_tape t = tape_of(LP_FLOAT64, 128);
  const lp_x x = element(&t, X, 3.0), y = element(&t, Y, 5.0);
  const lp_x five = lp_x_sum_few(&t, (const lp_x[]){x, x, x, x, x}, 5), still = lp_x_detach(&t, lp_x_square(&t, x));
  ck_assert_int_eq(lp_x_terms(&t, five), 1); /* no reduction */
  check_reach(&t, still, 9.0);
  ck_assert_double_eq(middle(&t, still), 9.0);
  const lp_x carried = lp_x_carry(&t, still, y);
  ck_assert_double_eq(middle(&t, carried), 9.0);
  lp_x_backward(&t, lp_x_add(&t, five, lp_x_multiply(&t, carried, still)), lp_x_constant(&t, 1.0));
  const leaves l = leaves_of(&t);
  ck_assert_int_eq(l.n, 2);
  ck_assert_double_eq(middle(&t, l.of[0].adjoint), 5.0); /* nothing through what was detached */
  ck_assert_double_eq(middle(&t, l.of[1].adjoint), 9.0); /* of the product, to the carrier */
  ck_assert_int_eq(lp_x_class(&t, lp_x_detach(&t, lp_x_constant(&t, NAN))), LP_NAN);
  lp_tape_clear(&t);
}
END_TEST

START_TEST(masks) {
  for (int i = 0; i < N_SPECIALS; i++) {
    const double g = specials[N_SPECIALS - 1 - i];
    lp_tape t = tape_of(LP_FLOAT64, 128);
    const lp_x gone = lp_x_mask(&t, element(&t, X, specials[i]), false);
    check_class_of(&t, gone, 0.0, "masked", 0, 0, 0);
    lp_x_backward(&t, gone, lp_x_constant(&t, g));
    check_class_of(&t, leaves_of(&t).of[0].adjoint, 0.0, "slope of the masked", 0, 0, 0);
    lp_tape_restart(&t);
    const lp_x erased = lp_x_erase(&t, element(&t, X, specials[i]));
    check_class_of(&t, erased, 0.0, "erased", 0, 0, 0);
    lp_x_backward(&t, erased, lp_x_constant(&t, g));
    check_class_of(&t, leaves_of(&t).of[0].adjoint, 0.0 * g, "slope of the erased", 0, g, 0);
    lp_tape_clear(&t);
  }
}
END_TEST

START_TEST(clamps) {
  static const struct {
    double x, value, slope;
  } of[] = {{-2, 0, 0}, {-INFINITY, 0, 0}, {0, 0, 1}, {3, 3, 1}, {INFINITY, INFINITY, 1}, {NAN, NAN, 0}};
  for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
    lp_tape t = tape_of(LP_FLOAT64, 128);
    const lp_x clamped = lp_x_clamp(&t, element(&t, X, of[i].x));
    check_class_of(&t, clamped, of[i].value, "clamp", 0, of[i].x, 0);
    lp_x_backward(&t, clamped, lp_x_constant(&t, 1.0));
    check_class_of(&t, leaves_of(&t).of[0].adjoint, of[i].slope, "slope of the clamp", 0, of[i].x, 0);
    lp_tape_clear(&t);
  }
}
END_TEST

/* Just below 0 by less than rounding: 0, with the reach of what it stands for. */
START_TEST(shut_keeps_the_reach_near_zero) {
  lp_tape t = tape_of(LP_FLOAT32, 128);
  const lp_x near = lp_x_subtract(&t, rounded(&t, 1.0), element(&t, X, 1.0 + 0x1p-23));
  check_reach(&t, lp_x_shut(&t, near), 1.0 + 0x1p-23);
  const lp_x far = lp_x_subtract(&t, rounded(&t, 1.0), element(&t, X, 2.0));
  check_reach(&t, lp_x_shut(&t, far), 0.0);
  check_reach(&t, lp_x_shut(&t, lp_x_constant(&t, -INFINITY)), 0.0);
  lp_tape_clear(&t);
}
END_TEST

/* --- leaves --- */

START_TEST(leaves_are_exact) {
  int64_t integers[] = {INT64_MAX, (INT64_C(1) << 53) + 1, -7};
  lp_case d = {.inputs = {{.dtype = LP_INT64, .numel = 3, .i64 = integers}}, .params = {0.1, INFINITY, 0.5}};
  lp_tape t;
  lp_tape_init(&t, &d, LP_FLOAT64);
  for (int i = 0; i < 3; i++) {
    const lp_x leaf = lp_x_element(&t, 0, i);
    ck_assert(arb_is_exact(lp_x_ball(&t, leaf)) && arb_equal_si(lp_x_ball(&t, leaf), integers[i]));
    check_reach(&t, leaf, i == 2 ? 0.0 : (double)integers[i]);
  }
  check_reach(&t, lp_x_parameter(&t, 0), 0.0);
  ck_assert_int_eq(lp_x_class(&t, lp_x_parameter(&t, 1)), LP_PLUS_INFINITY);
  t.dtype = LP_FLOAT32;
  check_reach(&t, lp_x_parameter(&t, 0), 0.1); /* float32 lacks it */
  check_reach(&t, lp_x_parameter(&t, 2), 0.0);
  check_reach(&t, lp_x_constant(&t, 0.1), 0.0); /* a constant is the formula's own */
  check_reach(&t, lp_x_upstream(&t, 0.1, 0), 0.0);
  lp_tape_clear(&t);
}
END_TEST

START_TEST(numbers_from_elsewhere) {
  lp_tape t = tape_of(LP_FLOAT64, 128);
  mag_t reach;
  mag_init(reach);
  mag_set_ui(reach, 5);
  const lp_x nan = lp_x_number(&t, NULL, LP_NAN, reach, 3);
  ck_assert_int_eq(lp_x_class(&t, nan), LP_NAN);
  ck_assert_int_eq(lp_x_terms(&t, nan), 3);
  check_reach(&t, nan, 5.0);
  check_reach(&t, rounded(&t, 3.0), 3.0);
  mag_zero(reach);
  const lp_x root = lp_x_number(&t, lp_x_ball(&t, lp_x_sqrt(&t, lp_x_constant(&t, 2.0))), LP_FINITE, reach, 1);
  check_reach(&t, lp_x_square(&t, root), 2.0);
  check_reach(&t, lp_x_multiply(&t, root, root), 2.0); /* no power of 2, as far as the ball knows */
  mag_clear(reach);
  lp_tape_clear(&t);
}
END_TEST

static bool is_power_of_two(const lp_tape *t, lp_x a, slong exponent) {
  return arf_cmpabs_2exp_si(arb_midref(lp_x_ball(t, a)), exponent) == 0;
}

/* Infinite inputs may count as large numbers, for limits; NaN never. */
START_TEST(stand_ins) {
  lp_tape t = tape_of(LP_FLOAT64, 128);
  t.stand_in = 2000;
  const lp_x up = element(&t, X, INFINITY), down = element(&t, X, -INFINITY);
  ck_assert_int_eq(lp_x_class(&t, up), LP_FINITE);
  ck_assert(is_power_of_two(&t, up, 2000) && is_power_of_two(&t, down, 2000));
  ck_assert(arb_is_positive(lp_x_ball(&t, up)) && arb_is_negative(lp_x_ball(&t, down)));
  ck_assert_int_eq(lp_x_class(&t, element(&t, X, NAN)), LP_NAN);
  ck_assert_int_eq(lp_x_class(&t, lp_x_constant(&t, INFINITY)), LP_PLUS_INFINITY);
  t.stand_in_step = 100; /* the inputs apart from each other */
  ck_assert(!arb_eq(lp_x_ball(&t, element(&t, X, INFINITY)), lp_x_ball(&t, element(&t, Y, INFINITY))));
  t.stand_in_ranks = 1; /* or not */
  ck_assert(arb_eq(lp_x_ball(&t, element(&t, X, INFINITY)), lp_x_ball(&t, element(&t, Y, INFINITY))));
  lp_tape_clear(&t);
}
END_TEST

/* --- what a dtype can hold --- */

static bool holds(lp_dtype dtype, double x) {
  arb_t ball;
  arb_init(ball);
  arb_set_d(ball, x);
  const bool representable = lp_is_representable(ball, dtype);
  arb_clear(ball);
  return representable;
}

START_TEST(representable_numbers) {
  static const lp_dtype floating[] = {LP_FLOAT64, LP_FLOAT32, LP_FLOAT16, LP_BFLOAT16};
  static const int places[] = {53, 24, 11, 8};
  for (int d = 0; d < 4; d++) {
    const lp_dtype dtype = floating[d];
    const double eta = lp_dtype_smallest_subnormal(dtype), largest = lp_dtype_largest(dtype);
    const double full = ldexp(1.0, places[d]), normal = eta / (2 * lp_dtype_unit_roundoff(dtype));
    const double in[] = {0.0,          1.0,     -1.0,     eta,  -eta,     3 * eta,  normal,      normal + eta,
                         normal - eta, largest, -largest, full, full - 1, full + 2, 1 + 2 / full};
    for (size_t i = 0; i < sizeof in / sizeof in[0]; i++) ck_assert_msg(holds(dtype, in[i]), "%a", in[i]);
    if (dtype == LP_FLOAT64) continue;
    const double out[] = {eta / 2,   1.5 * eta,   normal + eta / 2, normal - eta / 2,         full + 1,
                          -full - 1, 2 * largest, 1 + 1 / full,     largest + largest / full, 1.0 / 3.0};
    for (size_t i = 0; i < sizeof out / sizeof out[0]; i++) ck_assert_msg(!holds(dtype, out[i]), "%a", out[i]);
  }
}
END_TEST

START_TEST(float64_ends_too) {
  arb_t x;
  arb_init(x);
  arb_set_si(x, (INT64_C(1) << 53) + 1);
  ck_assert(!lp_is_representable(x, LP_FLOAT64));
  arb_set_d(x, 0x1p-1074);
  ck_assert(lp_is_representable(x, LP_FLOAT64));
  arb_mul_2exp_si(x, x, -1);
  ck_assert(!lp_is_representable(x, LP_FLOAT64));
  arb_set_d(x, 0x1.fffffffffffffp1023);
  arb_mul_2exp_si(x, x, 1);
  ck_assert(!lp_is_representable(x, LP_FLOAT64));
  arb_one(x);
  ck_assert(!lp_is_representable(x, LP_INT64)); /* no arithmetic of losses */
  arb_mul_2exp_si(x, x, 1024);
  ck_assert(!lp_is_representable(x, LP_FLOAT64));
  arb_set_d(x, 1.0);
  mag_set_d(arb_radref(x), 1e-300);
  ck_assert(!lp_is_representable(x, LP_FLOAT64)); /* not known */
  arb_clear(x);
}
END_TEST

/* The formats that the tape knows are those of reference/dtype.h: a double is held when rounding leaves it alone. */
START_TEST(representable_is_rounding_to_itself) {
  uint64_t state = 88172645463325252u;
  for (int i = 0; i < 20000; i++) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    const double x = ldexp((double)(state >> (11 + state % 50)), (int)(state >> 32) % 200 - 160);
    for (lp_dtype d = LP_FLOAT64; d <= LP_BFLOAT16; d++) {
      ck_assert_msg(holds(d, x) == (lp_dtype_round(d, x) == x), "%a in %s", x, lp_dtype_name(d));
    }
  }
}
END_TEST

START_TEST(sharp_until_something_rounds) {
  lp_tape t = tape_of(LP_FLOAT64, 128);
  const lp_x one = lp_x_constant(&t, 1.0), big = lp_x_constant(&t, 0x1p53), three = lp_x_constant(&t, 3.0);
  ck_assert(is_sharp(&t, lp_x_subtract(&t, big, one)));
  const lp_x lost = lp_x_add(&t, big, one);
  ck_assert(!is_sharp(&t, lost));
  ck_assert(!is_sharp(&t, lp_x_subtract(&t, lost, big))); /* 1, but not through float64 */
  ck_assert(is_sharp(&t, lp_x_multiply(&t, three, three)));
  ck_assert(!is_sharp(&t, lp_x_divide(&t, one, three)));
  ck_assert(is_sharp(&t, lp_x_divide(&t, lp_x_constant(&t, 9.0), three)));
  ck_assert(is_sharp(&t, lp_x_square(&t, three)));
  ck_assert(is_sharp(&t, lp_x_sqrt(&t, lp_x_constant(&t, 9.0))));
  ck_assert(!is_sharp(&t, lp_x_sqrt(&t, three)));
  ck_assert(is_sharp(&t, lp_x_exp(&t, lp_x_constant(&t, 0.0))));
  ck_assert(!is_sharp(&t, lp_x_exp(&t, one)));
  ck_assert(is_sharp(&t, lp_x_log(&t, one)));
  ck_assert(is_sharp(&t, lp_x_raise(&t, three, three)));
  ck_assert(is_sharp(&t, lp_x_raise(&t, lp_x_constant(&t, 4.0), lp_x_constant(&t, 1.5))));
  ck_assert(!is_sharp(&t, lp_x_raise(&t, three, lp_x_constant(&t, 0.5))));
  ck_assert(!is_sharp(&t, lp_x_raise(&t, lp_x_constant(&t, 4.0), rounded(&t, 0.5))));
  ck_assert(is_sharp(&t, lp_x_scale(&t, lp_x_abs(&t, lp_x_negate(&t, three)), 0.125)));
  ck_assert(!is_sharp(&t, lp_x_negate(&t, lost)) && !is_sharp(&t, lp_x_abs(&t, lost)));
  ck_assert(is_sharp(&t, lp_x_scale(&t, lp_x_constant(&t, 0x1p-1073), 0.5)));
  ck_assert(!is_sharp(&t, lp_x_scale(&t, lp_x_constant(&t, 0x1p-1074), 0.5)));
  ck_assert(!is_sharp(&t, lp_x_mask(&t, lost, true)) && is_sharp(&t, lp_x_mask(&t, lost, false)));
  lp_tape_clear(&t);
}
END_TEST

/* 2^53 + 1 - 2^53 is 1, but a running sum in float64 may find 0. */
START_TEST(sums_are_sharp_in_any_order) {
  lp_tape t = tape_of(LP_FLOAT64, 128);
  const lp_x one = lp_x_constant(&t, 1.0), big = lp_x_constant(&t, 0x1p53), zero = lp_x_constant(&t, 0.0);
  const lp_x wide[] = {big, one, lp_x_negate(&t, big)};
  ck_assert_double_eq(middle(&t, lp_x_sum(&t, wide, 3)), 1.0);
  ck_assert(!is_sharp(&t, lp_x_sum(&t, wide, 3)));
  const lp_x half = lp_x_constant(&t, 0x1p51 - 1), narrow[] = {half, one, lp_x_negate(&t, half), zero};
  ck_assert(is_sharp(&t, lp_x_sum(&t, narrow, 4)));
  const lp_x zeros[] = {zero, zero, zero};
  ck_assert(is_sharp(&t, lp_x_sum(&t, zeros, 3)));
  const lp_x two[] = {big, one};
  ck_assert(!is_sharp(&t, lp_x_sum(&t, two, 2)));
  ck_assert(is_sharp(&t, lp_x_sum(&t, &big, 1)));
  lp_tape_clear(&t);
}
END_TEST

/* --- reaches, by hand --- */

/* With s = x + y = 3, rounded once, so that its reach is 3. */
START_TEST(reaches_by_hand) {
  lp_tape t = tape_of(LP_FLOAT64, 128);
  const lp_x x = element(&t, X, 1.25), y = element(&t, Y, 1.75), five = lp_x_constant(&t, 5.0);
  const lp_x s = lp_x_add(&t, x, y);
  check_reach(&t, x, 0.0);
  check_reach(&t, s, 3.0);
  check_reach(&t, lp_x_subtract(&t, x, y), 0.5);
  check_reach(&t, lp_x_subtract(&t, s, y), 3.0 + 1.25);
  check_reach(&t, lp_x_multiply(&t, s, five), 5 * 3 + 15);
  check_reach(&t, lp_x_multiply(&t, five, s), 5 * 3 + 15);
  check_reach(&t, lp_x_multiply(&t, s, s), 2 * 9 + 9);
  check_reach(&t, lp_x_multiply(&t, s, lp_x_constant(&t, -4.0)), 12); /* a power of 2 does not round */
  check_reach(&t, lp_x_multiply(&t, lp_x_constant(&t, 0.25), s), 0.75);
  check_reach(&t, lp_x_divide(&t, s, five), 0.6 + 0.6);
  check_reach(&t, lp_x_divide(&t, five, s), 5.0 / 3 + 5.0 / 3);
  check_reach(&t, lp_x_divide(&t, s, lp_x_constant(&t, 8.0)), 0.375);
  check_reach(&t, lp_x_square(&t, s), 2 * 9 + 9);
  check_reach(&t, lp_x_exp(&t, s), exp(3.0) * (3 + 1));
  check_reach(&t, lp_x_log(&t, s), 1 + log(3.0));
  check_reach(&t, lp_x_sqrt(&t, s), 1.5 * sqrt(3.0));
  check_reach(&t, lp_x_raise(&t, s, five), 6 * 243);
  check_reach(&t, lp_x_raise(&t, s, rounded(&t, 0.1)), pow(3, 0.1) * (1.1 + 0.1 * log(3.0)));
  check_reach(&t, lp_x_raise(&t, five, rounded(&t, -0.1)), pow(5, -0.1) * (1 + 0.1 * log(5.0)));
  check_reach(&t, lp_x_softplus(&t, s), 1 * (1 + 3) + log1p(exp(3.0)));
  const double soft = log1p(exp(-3.0)), sigmoid = 1 / (1 + exp(3.0));
  const lp_x minus = lp_x_negate(&t, s);
  check_reach(&t, minus, 3.0);
  check_reach(&t, lp_x_softplus(&t, minus), soft * (1 + 3) + soft);
  check_reach(&t, lp_x_sigmoid(&t, minus), sigmoid * ((1 - sigmoid) * 3 + 1) + sigmoid);
  check_reach(&t, lp_x_scale(&t, s, -0.5), 1.5);
  check_reach(&t, lp_x_abs(&t, minus), 3.0);
  check_reach(&t, lp_x_mask(&t, s, true), 3.0);
  check_reach(&t, lp_x_mask(&t, s, false), 0.0);
  lp_tape_clear(&t);
}
END_TEST

START_TEST(reaches_of_sums) {
  lp_tape t = tape_of(LP_FLOAT64, 128);
  const lp_x s = lp_x_add(&t, element(&t, X, 1.0), element(&t, Y, 2.0)), a = lp_x_constant(&t, -5.0);
  const lp_x two[] = {s, a}, three[] = {s, a, s};
  check_reach(&t, lp_x_sum(&t, two, 1), 3.0);                       /* nothing is added */
  check_reach(&t, lp_x_sum(&t, two, 2), 3.0 + 2.0);                 /* and |sum| */
  check_reach(&t, lp_x_sum(&t, three, 3), 3 + 3 + (3 + 5 + 3) + 1); /* and the partial sums */
  ck_assert(arb_is_zero(lp_x_ball(&t, lp_x_sum(&t, NULL, 0))));
  lp_tape_clear(&t);
}
END_TEST

/* d^2 / (2 beta) with d = 1.5 - 0.75, beta = 0.1 (which float32 lacks): 2 for d, 1 each for d^2, beta, the quotient. */
START_TEST(reach_of_a_chain) {
  c.params[0] = 0.1;
  lp_tape t = tape_of(LP_FLOAT32, 128);
  const lp_x x = element(&t, X, 1.5), d = lp_x_subtract(&t, x, element(&t, Y, 0.75)), beta = lp_x_parameter(&t, 0);
  const lp_x f = lp_x_divide(&t, lp_x_scale(&t, lp_x_square(&t, d), 0.5), beta);
  const double value = 0.28125 / 0.1;
  check_reach(&t, f, (2 + 1 + 1 + 1) * value);
  /* its slope 1/beta (beta, the quotient), halved, times 2 d (d), and the product */
  check_reach(&t, gradient(&t, f), (2 + 1 + 1) * 7.5);
  check_reach(&t, lp_x_unrounded(&t, f), 4 * value);
  lp_tape_clear(&t);
}
END_TEST

/* Where a rounded number is exactly 0, the first order is 0 and the second counts: |d| comes back out of sqrt(d^2). */
START_TEST(second_order_at_zero) {
  lp_tape t = tape_of(LP_FLOAT32, 128);
  const lp_x d = lp_x_subtract(&t, rounded(&t, 3.0), lp_x_constant(&t, 3.0)); /* exactly 0, with reach 3 */
  check_reach(&t, d, 3.0);
  const lp_x square = lp_x_square(&t, d);
  check_reach(&t, square, 9 * 8 * 0x1p-24);
  check_reach(&t, lp_x_sqrt(&t, square), 3.0);
  const lp_x power = lp_x_raise(&t, lp_x_abs(&t, d), lp_x_constant(&t, 2.0));
  ck_assert(arb_is_zero(lp_x_ball(&t, power)));
  ck_assert_double_ge(mag_get_d(lp_x_reach(&t, power)), 9 * 8 * 0x1p-24);
  ck_assert_double_le(mag_get_d(lp_x_reach(&t, power)), 9 * 0x1p-14);
  check_reach(&t, lp_x_raise(&t, d, lp_x_constant(&t, 0.0)), 0.0);
  const lp_x zero = lp_x_constant(&t, 0.0);
  check_reach(&t, lp_x_sqrt(&t, zero), 0.0); /* nothing was rounded */
  check_reach(&t, lp_x_raise(&t, zero, lp_x_constant(&t, 2.0)), 0.0);
  lp_tape_clear(&t);
}
END_TEST

/* What arithmetic really does stays within the reach of a power whose base is nearly lost. */
START_TEST(powers_of_a_base_nearly_lost) {
  static const double exponents[] = {0.5, 1.5, 3.0, -1.5};
  lp_tape t = tape_of(LP_FLOAT32, 128);
  const lp_x lost = lp_x_subtract(&t, rounded(&t, 1.0), lp_x_constant(&t, 1.0 - 0x1p-24)); /* 2^-24, reach 1 */
  const lp_x less = lp_x_subtract(&t, rounded(&t, 1.0), lp_x_constant(&t, 1.0 - 0x1p-18)); /* 2^-18, reach 1 */
  for (int i = 0; i < 4; i++) {
    const lp_x p = lp_x_constant(&t, exponents[i]);
    const double far = fabs(pow(0x1p-23, exponents[i]) - pow(0x1p-24, exponents[i])) / 0x1p-24;
    ck_assert_double_ge(mag_get_d(lp_x_reach(&t, lp_x_raise(&t, lost, p))), far);
    const double by = fabs(pow(0x1p-18 + 0x1p-24, exponents[i]) - pow(0x1p-18, exponents[i])) / 0x1p-24;
    const double reach = mag_get_d(lp_x_reach(&t, lp_x_raise(&t, less, p)));
    ck_assert_double_ge(reach, by);
    ck_assert_double_le(reach, 20 * by);
  }
  lp_tape_clear(&t);
}
END_TEST

/* A number with this reach, of so many terms. */
static lp_x moved(lp_tape *t, double value, double reach, int64_t terms) {
  arb_t ball;
  mag_t by;
  arb_init(ball);
  mag_init(by);
  arb_set_d(ball, value);
  mag_set_d(by, reach);
  const lp_x number = lp_x_number(t, ball, LP_FINITE, by, terms);
  arb_clear(ball);
  mag_clear(by);
  return number;
}

/* What the budget allows a number: k u D reach. */
static double allowed(const lp_tape *t, lp_x a) {
  return lp_budget_factor(t->dtype, lp_budget_depth(lp_x_terms(t, a))) * mag_get_d(lp_x_reach(t, a));
}

/* The farthest that an operation gets when its operand, or its second one, moves as far as the budget allows. */
static double farthest(operation op, double a, double b, double by) {
  const bool second = op == DIVIDE;
  const double here = in_double(op, a, b), up = in_double(op, second ? a : a + by, second ? b + by : b);
  const double down = in_double(op, second ? a : a - by, second ? b - by : b);
  return fmax(fabs(up - here), fabs(down - here));
}

/* Not to first order only: an operand that errs by 3 u D reach, 3/8 of its budget, keeps the result within its own,
 * however far that moves it. And not much more: 1 for the result's own rounding (2 and softplus of it for a composite),
 * a factor of 2 from 1/(1 - r), r < 1/2. */
START_TEST(budgets_follow_operands_that_move_far) {
  static const struct {
    operation op;
    double a, b;
  } table[] = {{DIVIDE, 3, 0.5}, {DIVIDE, -3, -0.5}, {LOG, 0.25, 0},  {LOG, 3, 0},        {SQRT, 0.25, 0},
               {EXP, 0.5, 0},    {EXP, -20, 0},      {EXP, 20, 0},    {SQUARE, 1, 0},     {SOFTPLUS, -9, 0},
               {SOFTPLUS, 3, 0}, {SIGMOID, -9, 0},   {SIGMOID, 2, 0}, {RAISE, 0.25, 0.5}, {RAISE, 2, -3}};
  static const double parts[] = {1e-6, 0.01, 0.3, 1, 1.9}; /* k u D reach / |operand|: r is a quarter */
  static const int64_t terms[] = {1, 2, 100, 5000};
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    for (int k = 0; k < 20; k++) {
      const operation op = table[i].op;
      const double a = table[i].a, b = table[i].b, moving = op == DIVIDE ? b : a;
      lp_tape t = tape_of(LP_FLOAT32, 128);
      const double factor = lp_budget_factor(LP_FLOAT32, lp_budget_depth(terms[k % 4])), part = parts[k / 4];
      const lp_x x = moved(&t, moving, part * fabs(moving) / factor, terms[k % 4]);
      const lp_x result =
          op == DIVIDE ? lp_x_divide(&t, lp_x_constant(&t, a), x) : operate(&t, op, x, lp_x_constant(&t, b));
      const double far = farthest(op, a, b, 0.375 * part * fabs(moving)), own = fabs(in_double(op, a, b));
      ck_assert_msg(allowed(&t, result) >= far, "operation %d at %g, %g: %g moves it by %g", (int)op, a, b, part, far);
      const bool by_range = part * fabs(moving) >= 2.0; /* exp and the like: all that the budget of a reaches */
      ck_assert_msg(by_range || allowed(&t, result) <= 32 * far + 3 * own * factor,
                    "operation %d at %g, %g: %g allows %g, not %g", (int)op, a, b, part, allowed(&t, result), far);
      ck_assert(!lp_x_is_boundless(&t, result) && !t.undecided);
      lp_tape_clear(&t);
    }
  }
}
END_TEST

/* 1/(1 - r) exactly: a = 3 over b = 1 with r = 1/4: a reach of 1 in units of 8 u. */
START_TEST(reach_of_a_quotient_by_hand) {
  lp_tape t = tape_of(LP_FLOAT32, 128);
  const lp_x three = lp_x_constant(&t, 3.0), b = moved(&t, 1.0, 0x1p19, 1);
  check_reach(&t, lp_x_divide(&t, three, moved(&t, 1.0, 0x1p21, 1)), 3 * 0x1p21 / 0.75 + 3);
  const lp_x exact = lp_x_sharpen(&t, moved(&t, 1.5, 0x1p19, 1));
  check_reach(&t, lp_x_divide(&t, three, exact), 2 * 0x1p19 / 1.5 + 2); /* no rounding can move it */
  check_reach(&t, lp_x_multiply(&t, b, moved(&t, 5.0, 0x1p15, 1)), 5 * 0x1p19 + 0x1p15 + 0x1p13 + 5);
  check_reach(&t, lp_x_multiply(&t, moved(&t, 0.0, 0x1p19, 5000), moved(&t, 0.0, 0x1p15, 1)), 0x1p13);
  lp_tape_clear(&t);
}
END_TEST

/* Next to a pole anything may come out; a little farther off, or where the number is exact, not. */
START_TEST(poles_within_rounding) {
  for (int k = 0; k < 3; k++) {
    lp_tape t = tape_of(LP_FLOAT32, 128);
    const double reach = 0x1p22 * (k == 0 ? 0.99 : 1.0); /* r just below 1/2, 1/2 */
    lp_x x = moved(&t, 1.0, reach, 1);
    if (k == 2) x = lp_x_sharpen(&t, x);
    const lp_x one = lp_x_constant(&t, 1.0),
               results[] = {lp_x_divide(&t, one, x), lp_x_log(&t, x), lp_x_raise(&t, x, lp_x_constant(&t, -0.5))};
    for (int i = 0; i < 3; i++) ck_assert_int_eq(lp_x_is_boundless(&t, results[i]), k == 1);
    ck_assert(!lp_x_is_boundless(&t, lp_x_sqrt(&t, x)));
    ck_assert(!lp_x_is_boundless(&t, lp_x_raise(&t, x, lp_x_constant(&t, 0.5))));
    const lp_x more[] = {lp_x_multiply(&t, results[0], lp_x_constant(&t, 0x1p-149)),
                         lp_x_add(&t, one, results[0]),
                         lp_x_multiply(&t, lp_x_constant(&t, 0.0), results[0]),
                         lp_x_divide(&t, results[0], one),
                         lp_x_divide(&t, lp_x_constant(&t, 0.0), x),
                         lp_x_multiply(&t, results[0], lp_x_constant(&t, NAN))};
    for (int i = 0; i < 6; i++) ck_assert_msg(lp_x_is_boundless(&t, more[i]) == (k == 1), "result %d", i);
    ck_assert(!lp_x_is_boundless(&t, lp_x_mask(&t, results[0], false)));
    ck_assert(!t.undecided);
    lp_tape_clear(&t);
  }
}
END_TEST

/* The pole itself, and what lies beyond it, where rounding may have put the number there. */
START_TEST(poles_hit_by_rounding) {
  lp_tape t = tape_of(LP_FLOAT32, 128);
  const lp_x one = lp_x_constant(&t, 1.0), zero = lp_x_constant(&t, 0.0), blurred = moved(&t, 0.0, 1.0, 1);
  const lp_x below = moved(&t, -0x1p-24, 1.0, 1), far_below = moved(&t, -1.0, 1.0, 1);
  ck_assert_int_eq(lp_x_class(&t, lp_x_divide(&t, one, blurred)), LP_PLUS_INFINITY);
  ck_assert(lp_x_is_boundless(&t, lp_x_divide(&t, one, blurred)));
  ck_assert(!lp_x_is_boundless(&t, lp_x_divide(&t, one, zero)));
  ck_assert(!lp_x_is_boundless(&t, lp_x_divide(&t, one, lp_x_sharpen(&t, moved(&t, 0.0, 1.0, 1)))));
  ck_assert(lp_x_is_boundless(&t, lp_x_log(&t, blurred)) && !lp_x_is_boundless(&t, lp_x_log(&t, zero)));
  ck_assert_int_eq(lp_x_class(&t, lp_x_log(&t, below)), LP_NAN);
  ck_assert(lp_x_is_boundless(&t, lp_x_log(&t, below)) && !lp_x_is_boundless(&t, lp_x_log(&t, far_below)));
  ck_assert(lp_x_is_boundless(&t, lp_x_sqrt(&t, below)) && !lp_x_is_boundless(&t, lp_x_sqrt(&t, far_below)));
  const lp_x minus = lp_x_constant(&t, -1.0);
  ck_assert_int_eq(lp_x_class(&t, lp_x_raise(&t, blurred, minus)), LP_PLUS_INFINITY);
  ck_assert(lp_x_is_boundless(&t, lp_x_raise(&t, blurred, minus)) &&
            !lp_x_is_boundless(&t, lp_x_raise(&t, zero, minus)));
  lp_tape_clear(&t);
}
END_TEST

/* A ball too wide to tell how near the pole is asks for more precision, and does not make the quotient anything. */
START_TEST(poles_that_more_precision_takes_away) {
  lp_tape t = tape_of(LP_FLOAT32, 128);
  arb_t ball;
  mag_t reach;
  arb_init(ball);
  mag_init(reach);
  arb_one(ball);
  arb_add_error_2exp_si(ball, -1);
  mag_set_d(reach, 0x1.8p21); /* r = 3/8 of 1, 3/4 of 1/2 */
  lp_x_log(&t, lp_x_number(&t, ball, LP_FINITE, reach, 1));
  ck_assert(t.undecided);
  lp_tape_restart(&t); /* may be 0: 8 u reach is 3/8, the ball reaches down to 1/4 */
  mag_set_d(reach, 0x1.8p19);
  arb_set_d(ball, 0.75);
  arb_add_error_2exp_si(ball, -1);
  lp_x_multiply(&t, lp_x_constant(&t, INFINITY), lp_x_number(&t, ball, LP_FINITE, reach, 1));
  ck_assert(t.undecided);
  arb_clear(ball);
  mag_clear(reach);
  lp_tape_clear(&t);
}
END_TEST

/* Infinity times what rounding or underflow may have made 0 is an infinity or NaN, never finite. */
START_TEST(infinity_times_what_may_be_zero) {
  lp_tape t = tape_of(LP_FLOAT32, 128);
  const lp_x infinity = lp_x_constant(&t, INFINITY), zero = lp_x_constant(&t, 0.0);
  const struct {
    lp_x factor;
    lp_class class;
  } table[] = {{moved(&t, 0x1p-22, 1.0, 1), LP_NOT_FINITE}, /* 8 u 1 is 2^-21 */
               {moved(&t, -0x1p-21, 1.0, 1), LP_NOT_FINITE},
               {moved(&t, 0x1.1p-21, 1.0, 1), LP_PLUS_INFINITY},
               {moved(&t, -0x1.1p-21, 1.0, 1), LP_MINUS_INFINITY},
               {moved(&t, 0x1.1p-21, 1.0, 2), LP_NOT_FINITE}, /* 3 deep */
               {lp_x_sharpen(&t, moved(&t, 0x1p-22, 1.0, 1)), LP_PLUS_INFINITY},
               {moved(&t, 0.0, 1.0, 1), LP_NOT_FINITE},
               {zero, LP_NAN},
               {moved(&t, 0x1p-146, 0x1p-146, 1), LP_NOT_FINITE}, /* 8 eta */
               {moved(&t, 0x1p-145, 0x1p-145, 1), LP_PLUS_INFINITY},
               {lp_x_constant(&t, 0x1p-149), LP_PLUS_INFINITY}, /* a number of float32 */
               {lp_x_exp(&t, lp_x_constant(&t, -200.0)), LP_NOT_FINITE},
               {lp_x_constant(&t, NAN), LP_NAN}};
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    ck_assert_msg(lp_x_class(&t, lp_x_multiply(&t, infinity, table[i].factor)) == table[i].class, "factor %d", (int)i);
    ck_assert_int_eq(lp_x_class(&t, lp_x_multiply(&t, table[i].factor, infinity)), table[i].class);
  }
  const lp_x open = moved(&t, 0x1p-22, 1.0, 1), shut = moved(&t, 1.0, 1.0, 1);
  ck_assert_int_eq(lp_x_class(&t, lp_x_divide(&t, infinity, open)), LP_NOT_FINITE); /* of either sign */
  ck_assert_int_eq(lp_x_class(&t, lp_x_divide(&t, infinity, shut)), LP_PLUS_INFINITY);
  ck_assert(!t.undecided);
  lp_tape_clear(&t);
}
END_TEST

/* What is no finite number stays that, unless NaN takes over or it becomes a divisor: then it may be anything. */
START_TEST(what_is_not_finite_goes_on) {
  lp_tape t = tape_of(LP_FLOAT32, 128);
  const lp_x infinity = lp_x_constant(&t, INFINITY), one = lp_x_constant(&t, 1.0), nan = lp_x_constant(&t, NAN);
  const lp_x open = lp_x_multiply(&t, infinity, moved(&t, 0x1p-22, 1.0, 1));
  const lp_x stay[] = {open,
                       lp_x_add(&t, open, one),
                       lp_x_subtract(&t, infinity, open),
                       lp_x_multiply(&t, open, lp_x_constant(&t, -3.0)),
                       lp_x_divide(&t, open, one),
                       lp_x_negate(&t, open),
                       lp_x_abs(&t, open),
                       lp_x_square(&t, open),
                       lp_x_mask(&t, open, true),
                       lp_x_detach(&t, open),
                       lp_x_sum(&t, (lp_x[]){one, open, infinity}, 3)};
  for (size_t i = 0; i < sizeof stay / sizeof stay[0]; i++) {
    ck_assert_msg(lp_x_class(&t, stay[i]) == LP_NOT_FINITE && !lp_x_is_boundless(&t, stay[i]), "number %d", (int)i);
  }
  ck_assert_int_eq(lp_x_class(&t, lp_x_add(&t, open, nan)), LP_NAN);
  ck_assert_int_eq(lp_x_class(&t, lp_x_multiply(&t, open, lp_x_constant(&t, 0.0))), LP_NAN);
  ck_assert_int_eq(lp_x_class(&t, lp_x_sum(&t, (lp_x[]){one, open, nan}, 3)), LP_NAN);
  ck_assert(lp_x_is_boundless(&t, lp_x_divide(&t, one, open)) && lp_x_is_boundless(&t, lp_x_exp(&t, open)));
  ck_assert_int_eq(lp_x_class(&t, lp_x_mask(&t, open, false)), LP_FINITE);
  lp_tape_clear(&t);
}
END_TEST

/* A term whose branches depend on such a number is lost. */
START_TEST(sides_of_what_is_not_finite) {
  lp_tape t = tape_of(LP_FLOAT32, 128);
  lp_x_clamp(&t, lp_x_constant(&t, INFINITY));
  lp_x_clamp(&t, lp_x_constant(&t, NAN));
  ck_assert(!t.lost);
  lp_x_clamp(&t, lp_x_multiply(&t, lp_x_constant(&t, INFINITY), moved(&t, 0x1p-22, 1.0, 1)));
  ck_assert(t.lost);
  lp_tape_restart(&t);
  ck_assert(!t.lost);
  lp_x_clamp(&t, lp_x_divide(&t, lp_x_constant(&t, 1.0), moved(&t, 0.0, 1.0, 1)));
  ck_assert(t.lost);
  lp_tape_clear(&t);
}
END_TEST

/* Far out on its flat side a sigmoid forgets how wrong its argument is. */
START_TEST(reach_of_a_saturated_sigmoid) {
  for (slong precision = 128; precision <= 4608; precision *= 6) {
    lp_tape t = tape_of(LP_FLOAT64, precision);
    check_reach(&t, lp_x_sigmoid(&t, rounded(&t, 1e60)), 2.0);
    check_reach(&t, lp_x_sigmoid(&t, rounded(&t, 100.0)), 2.0);
    const double s = exp(-100.0);
    check_reach(&t, lp_x_sigmoid(&t, rounded(&t, -100.0)), s * (100 + 1) + s);
    lp_tape_clear(&t);
  }
}
END_TEST

/* Below the smallest normal number N = 2^-126 the share is N, but not more than 1/u of the result. */
START_TEST(reaches_in_gradual_underflow) {
  lp_tape t = tape_of(LP_FLOAT32, 128);
  const lp_x tiny = lp_x_constant(&t, 0x1p-126), third = lp_x_constant(&t, 0x1.555556p-2);
  check_reach(&t, lp_x_multiply(&t, tiny, third), 0x1p-126); /* times a power of 2 */
  check_reach(&t, lp_x_multiply(&t, lp_x_constant(&t, 0x1.8p-126), third), 0x1p-126 * (1 + 1.5 * 0x1.555556p-2));
  check_reach(&t, lp_x_divide(&t, tiny, lp_x_constant(&t, 4.0)), 0.0); /* 2^-128 is a number of float32 */
  check_reach(&t, lp_x_divide(&t, lp_x_constant(&t, 0x1p-149), lp_x_constant(&t, 4.0)), 0x1p-127);
  check_reach(&t, lp_x_divide(&t, lp_x_constant(&t, 0x1p-149), lp_x_constant(&t, 0x1p40)), 0x1p-165);
  check_reach(&t, lp_x_scale(&t, lp_x_constant(&t, 0x1p-149), 0.5), 0x1p-126);
  const lp_x sum = lp_x_add(&t, tiny, lp_x_constant(&t, 0x1p-149)); /* exact, whatever happens */
  check_reach(&t, sum, 0x1p-126 * (1 + 0x1p-23));
  lp_tape_clear(&t);
}
END_TEST

/* --- the reach against arithmetic that really rounds --- */

static uint64_t random_state;

static uint64_t draw(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state >> 11;
}

static double draw_number(lp_dtype dtype) {
  const double x = ldexp((double)draw() - 0x1p52, (int)(draw() % 8) - 56);
  return lp_dtype_round(dtype, draw() % 4 == 0 ? 1.0 + ldexp(x, -10) : x);
}

/* The operation as a plain, stable implementation has it, every step rounded to the dtype. */
static double plainly(lp_dtype d, operation op, double a, double b) {
  const double e = lp_dtype_round(d, exp(-fabs(a))), sum = lp_dtype_round(d, 1.0 + e);
  switch (op) {
    case SOFTPLUS:
      return lp_dtype_round(d, fmax(a, 0.0) + lp_dtype_round(d, log1p(e)));
    case SIGMOID:
      return lp_dtype_round(d, (a < 0.0 ? e : 1.0) / sum);
    default:
      return lp_dtype_round(d, in_double(op, a, b));
  }
}

static bool is_defined(const lp_tape *t, operation op, lp_x a, lp_x b, double plain, double other) {
  const bool positive = arb_is_positive(lp_x_ball(t, a)) && plain > 0.0;
  const bool divides = op == DIVIDE && (arb_contains_zero(lp_x_ball(t, b)) || other == 0.0);
  return !divides && (positive || (op != LOG && op != SQRT && op != RAISE)) && (op != RAISE || fabs(other) < 8.0);
}

/* |plain - truth| over 8 u reach + 8 eta */
static double ratio_of(const lp_tape *t, lp_x a, double plain) {
  arb_t error;
  mag_t size, allowed, least;
  arb_init(error);
  mag_init(size);
  mag_init(allowed);
  mag_init(least);
  arb_set_d(error, plain);
  arb_sub(error, error, lp_x_ball(t, a), 256);
  arb_get_mag_lower(size, error);
  mag_set_d(allowed, 8 * lp_dtype_unit_roundoff(t->dtype));
  mag_mul(allowed, allowed, lp_x_reach(t, a));
  mag_set_d(least, 8 * lp_dtype_smallest_subnormal(t->dtype));
  mag_add(allowed, allowed, least);
  mag_div(size, size, allowed);
  const double ratio = mag_get_d(size);
  arb_clear(error);
  mag_clear(size);
  mag_clear(allowed);
  mag_clear(least);
  return ratio;
}

enum { STEPS = 7 };

/* A random formula of a few operations on earlier numbers; returns the worst ratio that it meets. */
static double random_formula(lp_tape *t) {
  lp_x numbers[2 + STEPS];
  double plain[2 + STEPS], worst = 0.0;
  for (int i = 0; i < 2; i++) numbers[i] = lp_x_constant(t, plain[i] = draw_number(t->dtype));
  for (int n = 2; n < 2 + STEPS; n++) {
    const operation op = (operation)(draw() % N_OPERATIONS);
    const int i = (int)(draw() % (uint64_t)n), k = (int)(draw() % (uint64_t)n);
    if (!is_defined(t, op, numbers[i], numbers[k], plain[i], plain[k])) return worst;
    numbers[n] = operate(t, op, numbers[i], numbers[k]);
    plain[n] = plainly(t->dtype, op, plain[i], plain[k]);
    if (lp_x_is_boundless(t, numbers[n]) || !isfinite(plain[n]) || fabs(plain[n]) > 1e4) return worst;
    const double ratio = ratio_of(t, numbers[n], plain[n]);
    ck_assert_msg(ratio <= 1.0, "operation %d on %a, %a is off by %g of 8 u reach", (int)op, plain[i], plain[k], ratio);
    worst = fmax(worst, ratio);
  }
  return worst;
}

/* No right implementation fails: arithmetic that rounds every step stays within 8 u reach. And the bound is no idle
 * one: it comes within a factor of 8. */
START_TEST(plain_arithmetic_stays_within_the_reach) {
  static const lp_dtype dtypes[] = {LP_FLOAT32, LP_FLOAT16, LP_BFLOAT16};
  random_state = 88172645463325252u;
  for (int d = 0; d < 3; d++) {
    lp_tape t = tape_of(dtypes[d], 128);
    double worst = 0.0;
    for (int i = 0; i < 4000; i++) {
      lp_tape_restart(&t);
      worst = fmax(worst, random_formula(&t));
    }
    ck_assert_double_ge(worst, 0.125 * 0.9);
    lp_tape_clear(&t);
  }
}
END_TEST

/* --- terms --- */

START_TEST(terms_are_counted_flat) {
  lp_tape t = tape_of(LP_FLOAT64, 128);
  const lp_x one = lp_x_constant(&t, 1.0), ones[] = {one, one, one, one, one};
  const lp_x five = lp_x_sum(&t, ones, 5), three = lp_x_sum(&t, ones, 3);
  ck_assert_int_eq(lp_x_terms(&t, one), 1);
  ck_assert_int_eq(lp_x_terms(&t, five), 5);
  const lp_x nested[] = {five, three, one};
  ck_assert_int_eq(lp_x_terms(&t, lp_x_sum(&t, nested, 3)), 9);
  ck_assert_int_eq(lp_x_terms(&t, lp_x_add(&t, five, three)), 5);
  ck_assert_int_eq(lp_x_terms(&t, lp_x_multiply(&t, three, five)), 5);
  ck_assert_int_eq(lp_x_terms(&t, lp_x_exp(&t, lp_x_negate(&t, five))), 5);
  lp_tape_clear(&t);
}
END_TEST

/* Up to four contributions are a formula that names its operand often; more are a reduction. */
START_TEST(terms_of_adjoints) {
  for (int n = 1; n <= 7; n++) {
    lp_tape t = tape_of(LP_FLOAT64, 128);
    const lp_x x = element(&t, X, 1.0), all[] = {x, x, x, x, x, x, x};
    const lp_x g = gradient(&t, lp_x_sum(&t, all, n));
    ck_assert_double_eq(middle(&t, g), n);
    ck_assert_int_eq(lp_x_terms(&t, g), n > 4 ? n : 1);
    lp_tape_clear(&t);
  }
}
END_TEST

/* --- decisions --- */

static void check_met(const lp_tape *t, lp_side side, lp_side expected, int n, lp_kink_state state) {
  ck_assert_int_eq(side, expected);
  ck_assert_int_eq(t->n_switches, n);
  if (n > 0) ck_assert_int_eq(t->switches[n - 1].state, state);
}

START_TEST(sides) {
  lp_tape t = tape_of(LP_FLOAT32, 128);
  check_met(&t, lp_x_side(&t, lp_x_constant(&t, 2.0)), LP_ABOVE, 0, LP_KINK_AT);
  check_met(&t, lp_x_side(&t, lp_x_constant(&t, -2.0)), LP_BELOW, 0, LP_KINK_AT);
  check_met(&t, lp_x_side(&t, lp_x_constant(&t, INFINITY)), LP_ABOVE, 0, LP_KINK_AT);
  check_met(&t, lp_x_side(&t, lp_x_constant(&t, -INFINITY)), LP_BELOW, 0, LP_KINK_AT);
  check_met(&t, lp_x_side(&t, lp_x_constant(&t, NAN)), LP_UNORDERED, 0, LP_KINK_AT);
  check_met(&t, lp_x_side(&t, lp_x_constant(&t, 0.0)), LP_AT, 1, LP_KINK_AT);
  const lp_x blurred = lp_x_subtract(&t, rounded(&t, 1.0), lp_x_constant(&t, 1.0));
  check_met(&t, lp_x_side(&t, blurred), LP_AT, 2, LP_KINK_BLURRED);
  ck_assert(lp_x_is_near(&t, blurred));
  ck_assert(!t.undecided);
  lp_tape_restart(&t);
  ck_assert_int_eq(t.n_switches, 0);
  lp_tape_clear(&t);
}
END_TEST

/* s = 1 - y with a rounded 1: reach 1 + |s|, near while |s| <= 8 u reach, u = 2^-24. */
START_TEST(near_is_within_the_budget_of_the_switch) {
  static const struct {
    double y;
    bool near;
  } of[] = {{1 + 0x1p-24, true},
            {1 - 0x1p-24, true},
            {1 + 0x1p-21, true},
            {1 - 0x1p-21, true},
            {1 + 0x1p-21 + 0x1p-30, false},
            {1 - 0x1p-20, false},
            {0.5, false}};
  for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
    lp_tape t = tape_of(LP_FLOAT32, 128);
    const lp_x s = lp_x_subtract(&t, rounded(&t, 1.0), lp_x_constant(&t, of[i].y));
    check_met(&t, lp_x_side(&t, s), of[i].y < 1 ? LP_ABOVE : LP_BELOW, of[i].near, LP_KINK_NEAR);
    ck_assert_int_eq(lp_x_is_near(&t, s), of[i].near);
    lp_tape_clear(&t);
  }
}
END_TEST

/* A difference that is computed exactly is never near, however small; infinities and NaN are not either. */
START_TEST(sharp_is_never_near) {
  lp_tape t = tape_of(LP_FLOAT64, 128);
  const lp_x tiny = lp_x_subtract(&t, element(&t, X, 1.0), element(&t, Y, 1.0 - 0x1p-53));
  check_met(&t, lp_x_side(&t, tiny), LP_ABOVE, 0, LP_KINK_AT);
  ck_assert(!lp_x_is_near(&t, tiny));
  ck_assert(!lp_x_is_near(&t, lp_x_constant(&t, INFINITY)) && !lp_x_is_near(&t, lp_x_constant(&t, NAN)));
  lp_tape_clear(&t);
}
END_TEST

/* The sum of many terms may be wrong by more. */
START_TEST(near_knows_the_terms) {
  for (int n = 2; n <= 8; n += 6) {
    lp_tape t = tape_of(LP_FLOAT32, 128);
    lp_x terms[8];
    for (int i = 0; i < 8; i++) terms[i] = lp_x_constant(&t, 0.0);
    terms[0] = rounded(&t, 1.0);
    terms[1] = lp_x_constant(&t, -1.0 + 0x1p-18);
    ck_assert_int_eq(lp_x_is_near(&t, lp_x_sum(&t, terms, n)), n == 8);
    lp_tape_clear(&t);
  }
}
END_TEST

/* sqrt(2) sqrt(8) - 4 is 0, which balls cannot show. */
static lp_x hidden_zero(lp_tape *t) {
  const lp_x root = lp_x_sqrt(t, lp_x_constant(t, 2.0)), other = lp_x_sqrt(t, lp_x_constant(t, 8.0));
  return lp_x_subtract(t, lp_x_multiply(t, root, other), lp_x_constant(t, 4.0));
}

START_TEST(undecided_switches) {
  for (slong precision = 64; precision <= 4608; precision *= 8) {
    lp_tape t = tape_of(LP_FLOAT64, precision);
    ck_assert_int_eq(lp_x_sign(&t, hidden_zero(&t)), LP_AT);
    ck_assert(t.undecided);
    lp_tape_restart(&t);
    ck_assert(!t.undecided);
    check_met(&t, lp_x_side(&t, hidden_zero(&t)), LP_AT, 1, LP_KINK_UNDECIDED);
    ck_assert(t.undecided);
    lp_tape_restart(&t);
    check_met(&t, lp_x_side_known(&t, hidden_zero(&t), LP_AT), LP_AT, 1, LP_KINK_BLURRED);
    ck_assert(!t.undecided);
    lp_tape_clear(&t);
  }
}
END_TEST

/* A denominator, or an argument of log, sqrt, a power, that may be 0, and 0 times infinity: more precision is asked
 * for. */
START_TEST(undecided_singularities) {
  static const operation of[] = {LOG, SQRT, RAISE};
  lp_tape t = tape_of(LP_FLOAT64, 128);
  for (int i = 0; i < 3; i++) {
    lp_tape_restart(&t);
    operate(&t, of[i], hidden_zero(&t), lp_x_constant(&t, 1.0));
    ck_assert_msg(t.undecided, "operation %d", (int)of[i]);
  }
  lp_tape_restart(&t);
  lp_x_divide(&t, lp_x_constant(&t, 1.0), hidden_zero(&t));
  ck_assert(t.undecided);
  lp_tape_restart(&t);
  lp_x_multiply(&t, hidden_zero(&t), lp_x_constant(&t, INFINITY));
  ck_assert(t.undecided);
  lp_tape_clear(&t);
}
END_TEST

START_TEST(sides_that_the_caller_knows) {
  lp_tape t = tape_of(LP_FLOAT32, 128);
  const lp_x far = lp_x_constant(&t, 3.0), near = lp_x_subtract(&t, rounded(&t, 1.0), lp_x_constant(&t, 1 - 0x1p-23));
  check_met(&t, lp_x_side_known(&t, far, LP_ABOVE), LP_ABOVE, 0, LP_KINK_AT);
  check_met(&t, lp_x_side_known(&t, lp_x_constant(&t, NAN), LP_UNORDERED), LP_UNORDERED, 0, LP_KINK_AT);
  check_met(&t, lp_x_side_known(&t, near, LP_ABOVE), LP_ABOVE, 1, LP_KINK_NEAR);
  lp_tape_clear(&t);
}
END_TEST

START_TEST(comparisons) {
  static const struct {
    double a, b;
    lp_side side;
    int met;
  } of[] = {{1, 2, LP_BELOW, 0},
            {2, 1, LP_ABOVE, 0},
            {1, 1, LP_AT, 1},
            {INFINITY, INFINITY, LP_AT, 0},
            {-INFINITY, -INFINITY, LP_AT, 0},
            {-INFINITY, INFINITY, LP_BELOW, 0},
            {INFINITY, 1, LP_ABOVE, 0},
            {1, INFINITY, LP_BELOW, 0},
            {NAN, 1, LP_UNORDERED, 0},
            {NAN, NAN, LP_UNORDERED, 0},
            {INFINITY, NAN, LP_UNORDERED, 0}};
  for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
    lp_tape t = tape_of(LP_FLOAT64, 128);
    const lp_side side = lp_x_compare(&t, lp_x_constant(&t, of[i].a), lp_x_constant(&t, of[i].b));
    check_met(&t, side, of[i].side, of[i].met, LP_KINK_AT);
    lp_tape_clear(&t);
  }
}
END_TEST

START_TEST(signs) {
  static const lp_side expected[] = {LP_BELOW, LP_BELOW, LP_BELOW, LP_AT,    LP_ABOVE,
                                     LP_ABOVE, LP_ABOVE, LP_ABOVE, LP_ABOVE, LP_UNORDERED};
  lp_tape t = tape_of(LP_FLOAT64, 128);
  for (int i = 0; i < N_SPECIALS; i++) {
    ck_assert_int_eq(lp_x_sign(&t, lp_x_constant(&t, specials[i])), expected[i]);
  }
  ck_assert_int_eq(t.n_switches, 0);
  lp_tape_clear(&t);
}
END_TEST

/* The override takes one switch to another side; the signature tells sides apart. */
START_TEST(overrides_and_signatures) {
  uint64_t seen[4];
  for (int k = 0; k < 4; k++) {
    lp_tape t = tape_of(LP_FLOAT64, 128);
    t.override = k < 3 ? 1 : -1;
    t.override_side = (lp_side)(k - 1);
    const lp_x zero = lp_x_constant(&t, 0.0);
    ck_assert_int_eq(lp_x_side(&t, zero), LP_AT);
    ck_assert_int_eq(lp_x_side(&t, lp_x_constant(&t, 5.0)), LP_ABOVE); /* no kink: not counted */
    ck_assert_int_eq(lp_x_side(&t, zero), k < 3 ? k - 1 : LP_AT);
    ck_assert_int_eq(lp_x_side(&t, zero), LP_AT);
    ck_assert_int_eq(t.n_switches, 3);
    seen[k] = t.signature;
    lp_tape_clear(&t);
  }
  ck_assert(seen[0] != seen[1] && seen[1] != seen[2] && seen[0] != seen[2]);
  ck_assert_uint_eq(seen[1], seen[3]);
}
END_TEST

START_TEST(slopes_of_an_absolute_value) {
  for (int side = -1; side <= 1; side++) {
    lp_tape t = tape_of(LP_FLOAT64, 128);
    t.override = 0;
    t.override_side = (lp_side)side;
    ck_assert_double_eq(middle(&t, gradient(&t, lp_x_abs(&t, element(&t, X, 0.0)))), side);
    lp_tape_clear(&t);
  }
}
END_TEST

START_TEST(groups) {
  lp_tape t = tape_of(LP_FLOAT64, 128);
  const int first = lp_x_new_group(&t), second = lp_x_new_group(&t);
  ck_assert_int_ne(first, second);
  t.override = 1;
  t.override_side = LP_ABOVE;
  ck_assert_int_eq(lp_x_meet_in_group(&t, first, 2.0, LP_KINK_AT), LP_AT);
  ck_assert_int_eq(lp_x_meet_in_group(&t, second, 3.0, LP_KINK_BLURRED), LP_ABOVE);
  ck_assert_int_eq(t.switches[0].group, first);
  ck_assert_int_eq(t.switches[1].group, second);
  ck_assert_double_eq(t.switches[1].dual, 3.0);
  ck_assert_int_eq(t.switches[1].state, LP_KINK_BLURRED);
  lp_tape_restart(&t);
  ck_assert_int_eq(t.n_groups, 0);
  lp_tape_clear(&t);
}
END_TEST

START_TEST(regimes_are_bits) {
  lp_tape t = tape_of(LP_FLOAT64, 128);
  lp_x_enter(&t, 0);
  lp_x_enter(&t, 63);
  lp_x_enter(&t, 0);
  ck_assert_uint_eq(t.entered, 1 | UINT64_C(1) << 63);
  lp_tape_restart(&t);
  ck_assert_uint_eq(t.entered, 0);
  lp_tape_clear(&t);
}
END_TEST

START_TEST(names_of_classes) {
  ck_assert_str_eq(lp_class_name(LP_FINITE), "a finite number");
  ck_assert_str_eq(lp_class_name(LP_PLUS_INFINITY), "+infinity");
  ck_assert_str_eq(lp_class_name(LP_MINUS_INFINITY), "-infinity");
  ck_assert_str_eq(lp_class_name(LP_NAN), "NaN");
}
END_TEST

/* --- length, memory --- */

/* A sum of squares of thousands of elements: everything grows, and is used again. */
START_TEST(long_tapes) {
  static lp_x terms[3000];
  lp_tape t = tape_of(LP_FLOAT64, 128);
  for (int round = 0; round < 2; round++) {
    lp_tape_restart(&t);
    const lp_x x = element(&t, X, 2.0);
    for (int i = 0; i < 3000; i++) terms[i] = lp_x_square(&t, x);
    const lp_x g = gradient(&t, lp_x_sum(&t, terms, 3000));
    ck_assert_double_eq(middle(&t, g), 12000.0);
    ck_assert_int_eq(lp_x_terms(&t, g), 3000);
    for (int i = 0; i < 200; i++) lp_x_abs(&t, lp_x_constant(&t, 0.0));
    ck_assert_int_eq(t.n_switches, 200);
  }
  ck_assert(!t.failed);
  lp_tape_clear(&t);
}
END_TEST

START_TEST(growth_has_an_end) {
  lp_tape t = tape_of(LP_FLOAT64, 128);
  void *items = NULL;
  int capacity = 0;
  ck_assert(lp_tape_grow(&t, &items, &capacity, 10, sizeof(int)));
  ck_assert_int_eq(capacity, 64);
  ck_assert(lp_tape_grow(&t, &items, &capacity, 64, sizeof(int)));
  ck_assert(lp_tape_grow(&t, &items, &capacity, 65, sizeof(int)));
  ck_assert_int_eq(capacity, 130);
  allocations_left = 0;
  const bool grown = lp_tape_grow(&t, &items, &capacity, INT_MAX, sizeof(int));
  allocations_left = LONG_MAX;
  ck_assert(!grown && t.failed);
  ck_assert_int_eq(capacity, 130);
  free(items);
  lp_tape_clear(&t);
}
END_TEST

/* Every kind of number, more of each than the first piece of memory holds. */
static void write_everything(lp_tape *t) {
  lp_x terms[70];
  for (int i = 0; i < 70; i++) {
    const lp_x x = element(t, X, i - 3.0), y = lp_x_abs(t, lp_x_mask(t, lp_x_constant(t, 0.0), i % 2));
    const lp_x soft = lp_x_softplus(t, lp_x_exp(t, lp_x_clamp(t, lp_x_scale(t, x, 0.5))));
    terms[i] = lp_x_divide(t, lp_x_square(t, lp_x_multiply(t, x, soft)), lp_x_add(t, lp_x_constant(t, 9.0), y));
    lp_x_compare(t, x, lp_x_parameter(t, 0));
  }
  lp_x_backward(t, lp_x_sum(t, terms, 70), lp_x_constant(t, 1.0));
}

static void count_leaf(void *context, const lp_leaf *leaf) {
  (void)leaf;
  ++*(int *)context;
}

/* Memory ends after n allocations, for every n: always said, never a crash, nothing lost. */
START_TEST(memory_may_end_anywhere) {
  long n = 0;
  for (bool failed = true; failed; n++) {
    lp_tape t;
    allocations_left = n;
    lp_tape_init(&t, &c, LP_FLOAT64);
    const bool begun = !t.failed;
    if (begun) write_everything(&t);
    allocations_left = LONG_MAX;
    failed = t.failed;
    ck_assert_int_eq(begun, n > 0);
    int found = 0;
    lp_x_leaves(&t, count_leaf, &found);
    if (!failed) ck_assert_int_eq(found, 70);
    lp_tape_clear(&t);
  }
  ck_assert_int_ge(n, 8);
}
END_TEST

static void spend_operands(lp_tape *t, lp_x x) {
  const lp_x terms[] = {x, x, x, x, x};
  lp_x_sum(t, terms, 5);
}

static void spend_switches(lp_tape *t, lp_x x) {
  (void)x;
  lp_x_side(t, lp_x_constant(t, 0.0));
}

static void spend_links(lp_tape *t, lp_x x) { lp_x_backward(t, x, x); }

static void spend_nodes(lp_tape *t, lp_x x) {
  for (int i = 0; i < 100; i++) lp_x_exp(t, x);
}

START_TEST(each_kind_of_memory) {
  void (*const spend[])(lp_tape * t, lp_x x) = {spend_operands, spend_switches, spend_links, spend_nodes};
  for (int i = 0; i < 4; i++) {
    lp_tape t = tape_of(LP_FLOAT64, 128);
    const lp_x x = element(&t, X, 3.0);
    allocations_left = 0;
    spend[i](&t, x);
    allocations_left = LONG_MAX;
    ck_assert_msg(t.failed, "kind %d", i);
    lp_tape_clear(&t);
  }
}
END_TEST

/* Memory ends at the sum of an adjoint: five contributions have links, but no operands. */
START_TEST(adjoints_without_memory) {
  lp_tape t = tape_of(LP_FLOAT64, 128);
  const lp_x x = element(&t, X, 3.0);
  lp_x f = lp_x_multiply(&t, x, x);
  for (int i = 0; i < 4; i++) f = lp_x_add(&t, f, x);
  allocations_left = 1;
  lp_x_backward(&t, f, lp_x_constant(&t, 1.0));
  allocations_left = LONG_MAX;
  ck_assert(t.failed);
  lp_tape_clear(&t);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {balls_hold_the_truth,
                                balls_do_not_hold_more,
                                exponents_without_bounds,
                                gradients_are_differences,
                                gradients_of_second_operands,
                                gradient_of_a_chain,
                                seeds_multiply,
                                sigmoid_has_no_gradient,
                                classes_follow_ieee,
                                classes_of_slopes,
                                classes_of_two_slopes,
                                classes_of_sums,
                                classes_beyond_float64,
                                classes_within_float64,
                                carried_and_detached,
                                masks,
                                clamps,
                                shut_keeps_the_reach_near_zero,
                                leaves_are_exact,
                                numbers_from_elsewhere,
                                stand_ins,
                                representable_numbers,
                                float64_ends_too,
                                representable_is_rounding_to_itself,
                                sharp_until_something_rounds,
                                sums_are_sharp_in_any_order,
                                reaches_by_hand,
                                reaches_of_sums,
                                reach_of_a_chain,
                                second_order_at_zero,
                                powers_of_a_base_nearly_lost,
                                budgets_follow_operands_that_move_far,
                                reach_of_a_quotient_by_hand,
                                poles_within_rounding,
                                poles_hit_by_rounding,
                                poles_that_more_precision_takes_away,
                                infinity_times_what_may_be_zero,
                                what_is_not_finite_goes_on,
                                sides_of_what_is_not_finite,
                                reach_of_a_saturated_sigmoid,
                                reaches_in_gradual_underflow,
                                plain_arithmetic_stays_within_the_reach,
                                terms_are_counted_flat,
                                terms_of_adjoints,
                                sides,
                                near_is_within_the_budget_of_the_switch,
                                sharp_is_never_near,
                                near_knows_the_terms,
                                undecided_switches,
                                undecided_singularities,
                                sides_that_the_caller_knows,
                                comparisons,
                                signs,
                                overrides_and_signatures,
                                slopes_of_an_absolute_value,
                                groups,
                                regimes_are_bits,
                                names_of_classes,
                                long_tapes,
                                growth_has_an_end,
                                memory_may_end_anywhere,
                                each_kind_of_memory,
                                adjoints_without_memory};
  const int result = run_tests("tape", tests, sizeof tests / sizeof tests[0]);
  flint_cleanup();
  return result;
}
