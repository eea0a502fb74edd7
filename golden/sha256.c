/* Why libcrypto: Debian's libhdf5 already loads it, so it costs no new library at run time; its licence is ours
 * (Apache-2.0); and it uses the processor's SHA instructions where there are any. */
#include "golden/sha256.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

struct lp_sha256 {
  EVP_MD_CTX *context;
};

static lp_status refused(lp_error *error) { return lp_fail(error, LP_INTERNAL, "libcrypto does not give SHA-256"); }

lp_status lp_sha256_new(lp_sha256 **hash, lp_error *error) {
  lp_sha256 *made = malloc(sizeof *made);
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  if (!made || !context) {
    free(made);
    EVP_MD_CTX_free(context);
    return lp_fail(error, LP_NO_MEMORY, "no memory for a SHA-256 context");
  }
  made->context = context;
  if (EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1) {
    lp_sha256_free(made);
    return refused(error);
  }
  *hash = made;
  return LP_OK;
}

void lp_sha256_free(lp_sha256 *hash) {
  if (!hash) return;
  EVP_MD_CTX_free(hash->context);
  free(hash);
}

lp_status lp_sha256_add(lp_sha256 *hash, const void *bytes, size_t count, lp_error *error) {
  return EVP_DigestUpdate(hash->context, bytes, count) == 1 ? LP_OK : refused(error);
}

lp_status lp_sha256_text(char text[LP_SHA256_TEXT], lp_sha256 *hash, lp_error *error) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  if (EVP_DigestFinal_ex(hash->context, digest, &length) != 1 || 2 * length != LP_SHA256_TEXT - 1) {
    return refused(error);
  }
  for (unsigned int i = 0; i < length; i++) snprintf(text + 2 * i, 3, "%02x", digest[i]);
  return LP_OK;
}
