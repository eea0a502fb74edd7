#include "golden/base64.h"

#include <stdint.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t lp_base64_length(size_t bytes) { return (bytes + 2) / 3 * 4; }

/* Up to three bytes as a group of four characters. */
static void encode_group(char text[4], const unsigned char *bytes, size_t length) {
  uint32_t bits = (uint32_t)bytes[0] << 16;
  if (length > 1) bits |= (uint32_t)bytes[1] << 8;
  if (length > 2) bits |= bytes[2];
  for (size_t i = 0; i < 4; i++) text[i] = i <= length ? alphabet[bits >> (18 - 6 * i) & 63] : '=';
}

void lp_base64_encode(char *text, const unsigned char *bytes, size_t length) {
  for (size_t at = 0; at < length; at += 3, text += 4) {
    encode_group(text, bytes + at, length - at < 3 ? length - at : 3);
  }
}

lp_status lp_base64_size(size_t *bytes, const char *text, size_t length, lp_error *error) {
  if (length % 4 != 0) {
    return lp_fail(error, LP_INVALID, "base64 text has %zu characters: expected a multiple of 4", length);
  }
  *bytes = length / 4 * 3;
  if (length > 0 && text[length - 1] == '=') *bytes -= text[length - 2] == '=' ? 2 : 1;
  return LP_OK;
}

/* 0..63, or 64 for a character outside the alphabet. */
static uint32_t sextet(char c) {
  if (c >= 'A' && c <= 'Z') return (uint32_t)(c - 'A');
  if (c >= 'a' && c <= 'z') return (uint32_t)(c - 'a') + 26;
  if (c >= '0' && c <= '9') return (uint32_t)(c - '0') + 52;
  return c == '+' ? 62 : c == '/' ? 63 : 64;
}

/* Four characters as `length` (1 to 3) bytes; returns the offset of a character that cannot stand there, or 4. */
static size_t decode_group(unsigned char *bytes, const char *text, size_t length) {
  uint32_t bits = 0;
  for (size_t i = 0; i <= length; i++) {
    const uint32_t six = sextet(text[i]);
    if (six == 64) return i;
    bits |= six << (18 - 6 * i);
  }
  if (bits & (0xFFFFFFu >> (8 * length))) return length;
  for (size_t i = 0; i < length; i++) bytes[i] = (unsigned char)(bits >> (16 - 8 * i));
  return 4;
}

lp_status lp_base64_decode(unsigned char *bytes, const char *text, size_t length, lp_error *error) {
  size_t left;
  LP_TRY(lp_base64_size(&left, text, length, error));
  for (size_t at = 0; at < length; at += 4) {
    const size_t taken = left < 3 ? left : 3;
    const size_t bad = decode_group(bytes, text + at, taken);
    if (bad < 4) {
      return lp_fail(error, LP_INVALID, "base64 text is malformed at character %zu (code 0x%02X)", at + bad + 1,
                     (unsigned)(unsigned char)text[at + bad]);
    }
    bytes += taken;
    left -= taken;
  }
  return LP_OK;
}
