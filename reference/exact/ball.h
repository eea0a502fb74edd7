/* The only place that includes FLINT and Arb (FLINT 2.9 with Arb 2.23, as in Debian 12). */
#ifndef LP_EXACT_BALL_H
#define LP_EXACT_BALL_H

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#endif
#include <arb.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

#endif
