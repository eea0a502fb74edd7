# Finds what the project stands on, and names the package when something is missing.
find_package(PkgConfig QUIET)

function(lossproof_require_pkg target module package)
  if(PKG_CONFIG_FOUND)
    pkg_check_modules(${target} QUIET IMPORTED_TARGET ${module})
  endif()
  if(NOT ${target}_FOUND)
    message(FATAL_ERROR "lossproof needs ${module}: on Debian, apt-get install ${package} pkg-config "
                        "(or run tools/demo, which installs everything)")
  endif()
endfunction()

lossproof_require_pkg(JANSSON jansson libjansson-dev)
lossproof_require_pkg(XML2 libxml-2.0 libxml2-dev)
lossproof_require_pkg(CRYPTO libcrypto libssl-dev)
lossproof_require_pkg(CHECK check libcheck-dev\ check)

set(HDF5_PREFER_PARALLEL OFF)
find_package(HDF5 QUIET COMPONENTS C)
if(NOT HDF5_FOUND)
  message(FATAL_ERROR "lossproof needs HDF5: on Debian, apt-get install libhdf5-dev "
                      "(or run tools/demo, which installs everything)")
endif()

# FLINT 2.9 and Arb 2.23 of Debian 12 have no pkg-config files. Only reference/exact/ball.h includes them. Their inline
# functions call GMP; a compiler that keeps such a call, as gcc with sanitizers does, needs it on the command line.
find_path(FLINT_INCLUDE_DIR flint/flint.h)
find_path(ARB_INCLUDE_DIR arb.h)
find_library(FLINT_LIBRARY flint)
find_library(ARB_LIBRARY NAMES flint-arb arb)
find_library(GMP_LIBRARY gmp)
if(NOT FLINT_INCLUDE_DIR OR NOT ARB_INCLUDE_DIR OR NOT FLINT_LIBRARY OR NOT ARB_LIBRARY OR NOT GMP_LIBRARY)
  message(FATAL_ERROR "lossproof needs FLINT and Arb: on Debian, apt-get install libflint-dev libflint-arb-dev "
                      "(or run tools/demo, which installs everything)")
endif()
add_library(lossproof_arb INTERFACE IMPORTED)
target_include_directories(lossproof_arb SYSTEM INTERFACE "${ARB_INCLUDE_DIR}" "${FLINT_INCLUDE_DIR}")
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  # gcc 12 takes a mag_struct or arb_struct inside a struct for its first member when it is passed as a mag_t or arb_t.
  target_compile_options(lossproof_arb INTERFACE -Wno-stringop-overflow -Wno-stringop-overread)
endif()
target_link_libraries(lossproof_arb INTERFACE "${ARB_LIBRARY}" "${FLINT_LIBRARY}" "${GMP_LIBRARY}")

# libFuzzer without its main, for `lossproof fuzz`: clang's runtime, whatever compiles the rest. It is C++.
if(NOT LOSSPROOF_LIBFUZZER)
  file(GLOB engines "/usr/lib/llvm-*/lib/clang/*/lib/*/libclang_rt.fuzzer_no_main-${CMAKE_SYSTEM_PROCESSOR}.a"
       "/usr/lib/llvm-*/lib/clang/*/lib/${CMAKE_SYSTEM_PROCESSOR}*/libclang_rt.fuzzer_no_main.a")
  list(SORT engines COMPARE NATURAL ORDER DESCENDING)
  list(APPEND engines "")
  list(GET engines 0 engine)
  set(LOSSPROOF_LIBFUZZER "${engine}" CACHE FILEPATH "libclang_rt.fuzzer_no_main.a, for `lossproof fuzz`" FORCE)
endif()
if(LOSSPROOF_LIBFUZZER AND NOT LOSSPROOF_FUZZ_ENGINE)
  include(CheckCSourceCompiles)
  set(CMAKE_REQUIRED_LIBRARIES "${LOSSPROOF_LIBFUZZER}" stdc++ pthread dl m)
  check_c_source_compiles("
    #include <stddef.h>
    int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*callback)(const unsigned char *data, size_t size));
    static int one(const unsigned char *data, size_t size) { return data == NULL && size > 0; }
    int main(int argc, char **argv) { return LLVMFuzzerRunDriver(&argc, &argv, one); }" LOSSPROOF_LIBFUZZER_LINKS)
  unset(CMAKE_REQUIRED_LIBRARIES)
endif()
if(NOT LOSSPROOF_LIBFUZZER_LINKS AND NOT LOSSPROOF_FUZZ_ENGINE)
  message(STATUS "no libFuzzer: `lossproof fuzz` will not work (on Debian, apt-get install libclang-rt-14-dev libstdc++-12-dev)")
endif()
