#include "golden/hdf5_library.h"

#include <stdio.h>

/* Our files are closed when they have been read or written, so that libhdf5 has nothing to do when the program ends;
 * it would complain, on standard error, of what libhdf5 1.10 itself loses over a damaged file. */
void lp_hdf5_begin(lp_hdf5_session *session) {
  *session = (lp_hdf5_session){0};
  (void)H5dont_atexit();
  H5Eget_auto2(H5E_DEFAULT, &session->print, &session->print_data);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  H5PLget_loading_state(&session->plugins);
  H5PLset_loading_state(0);
}

void lp_hdf5_end(const lp_hdf5_session *session) {
  H5PLset_loading_state(session->plugins);
  H5Eset_auto2(H5E_DEFAULT, session->print, session->print_data);
}

/* Walking upward begins at the innermost function, whose description is the most specific. */
static herr_t first_description(unsigned n, const H5E_error2_t *entry, void *text) {
  if (n == 0 && entry->desc) snprintf(text, LP_MESSAGE_MAX / 2, "%s", entry->desc);
  return 0;
}

lp_status lp_hdf5_complain(lp_error *error, lp_status status, const char *path, const char *what) {
  char reason[LP_MESSAGE_MAX / 2] = "no reason given";
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, first_description, reason);
  return lp_fail(error, status, "%s%s%s (libhdf5: %s)", path ? path : "", path ? ": " : "", what, reason);
}

/* IEEE binary16, which libhdf5 1.10 does not name. */
static hid_t half_type(void) {
  const hid_t type = H5Tcopy(H5T_IEEE_F32LE);
  if (type < 0) return type;
  if (H5Tset_fields(type, 15, 10, 5, 0, 10) >= 0 && H5Tset_size(type, 2) >= 0 && H5Tset_ebias(type, 15) >= 0) {
    return type;
  }
  H5Tclose(type);
  return H5I_INVALID_HID;
}

static hid_t text_type(size_t width) {
  const hid_t type = H5Tcopy(H5T_C_S1);
  if (type < 0) return type;
  if (H5Tset_size(type, width) >= 0 && H5Tset_strpad(type, H5T_STR_NULLPAD) >= 0) return type;
  H5Tclose(type);
  return H5I_INVALID_HID;
}

hid_t lp_hdf5_type(lp_cell cell, size_t width) {
  switch (cell) {
    case LP_CELL_U8:
      return H5Tcopy(H5T_STD_U8LE);
    case LP_CELL_U16:
      return H5Tcopy(H5T_STD_U16LE);
    case LP_CELL_U64:
      return H5Tcopy(H5T_STD_U64LE);
    case LP_CELL_I64:
      return H5Tcopy(H5T_STD_I64LE);
    case LP_CELL_F16:
      return half_type();
    case LP_CELL_F32:
      return H5Tcopy(H5T_IEEE_F32LE);
    case LP_CELL_F64:
      return H5Tcopy(H5T_IEEE_F64LE);
    default:
      return text_type(width);
  }
}
