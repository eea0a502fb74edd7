# The registry is generated from the loss files themselves: reference/NAME.c is a loss when it defines lp_loss_NAME.
file(GLOB candidates CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/reference/*.c")
set(LOSSPROOF_ALL_LOSSES "")
foreach(source IN LISTS candidates)
  get_filename_component(name "${source}" NAME_WE)
  file(STRINGS "${source}" row REGEX "^const lp_loss lp_loss_${name} =")
  if(row)
    list(APPEND LOSSPROOF_ALL_LOSSES ${name})
  endif()
endforeach()
list(SORT LOSSPROOF_ALL_LOSSES)
if(LOSSPROOF_LOSSES)
  set(built ${LOSSPROOF_LOSSES})
else()
  set(built ${LOSSPROOF_ALL_LOSSES})
endif()
list(SORT built)

set(declarations "")
set(rows "")
foreach(name IN LISTS built)
  string(APPEND declarations "extern const lp_loss lp_loss_${name};\n")
  string(APPEND rows "  &lp_loss_${name},\n")
endforeach()
file(CONFIGURE OUTPUT "${CMAKE_BINARY_DIR}/generated/registry_rows.h" CONTENT
"/* Generated at configure time from the loss files. */
#ifndef LP_GENERATED_REGISTRY_ROWS_H
#define LP_GENERATED_REGISTRY_ROWS_H
#include \"reference/loss.h\"
@declarations@
static const lp_loss *const lp_registry_rows[] = {
@rows@};
#endif
" @ONLY)

# Likewise the exact oracles: reference/exact/NAME.c is one when it defines lp_exact_NAME.
set(declarations "")
set(rows "")
foreach(name IN LISTS built)
  set(source "${CMAKE_SOURCE_DIR}/reference/exact/${name}.c")
  set(row "")
  if(EXISTS "${source}")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${source}")
    file(STRINGS "${source}" row REGEX "^const lp_exact_loss lp_exact_${name} =")
  endif()
  if(row)
    string(APPEND declarations "extern const lp_exact_loss lp_exact_${name};\n")
    string(APPEND rows "  &lp_exact_${name},\n")
  endif()
endforeach()
file(CONFIGURE OUTPUT "${CMAKE_BINARY_DIR}/generated/exact_rows.h" CONTENT
"/* Generated at configure time from reference/exact/. */
#ifndef LP_GENERATED_EXACT_ROWS_H
#define LP_GENERATED_EXACT_ROWS_H
#include \"reference/exact/exact.h\"
@declarations@
static const lp_exact_loss *const lp_exact_rows[] = {
@rows@};
#endif
" @ONLY)
set(LOSSPROOF_BUILT_LOSSES ${built})
list(LENGTH built n_built)
message(STATUS "losses: ${n_built} (${built})")
