# Warnings, sanitizers and coverage for every target of the project, through one interface target.
add_library(lossproof_settings INTERFACE)
target_include_directories(lossproof_settings INTERFACE "${CMAKE_SOURCE_DIR}" "${CMAKE_BINARY_DIR}/generated")
target_compile_definitions(lossproof_settings INTERFACE _POSIX_C_SOURCE=200809L)
# No contraction: a*b+c is two roundings everywhere, so that results do not depend on the machine. Nobody reads the
# floating-point flags, and to assume so lets loops with selects vectorize; it changes no result.
target_compile_options(lossproof_settings INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -ffp-contract=off
  -fno-math-errno -fno-trapping-math)
if(CMAKE_C_COMPILER_ID MATCHES Clang)
  # A loop that instrumentation keeps from being vectorized is slower, not wrong.
  target_compile_options(lossproof_settings INTERFACE -Wno-pass-failed)
endif()
if(LOSSPROOF_WERROR)
  target_compile_options(lossproof_settings INTERFACE -Werror)
endif()
if(LOSSPROOF_SANITIZE)
  target_compile_options(lossproof_settings INTERFACE
    -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  target_link_options(lossproof_settings INTERFACE -fsanitize=address,undefined)
endif()
if(LOSSPROOF_COVERAGE)
  # One version of every loop, so that its branches are counted once.
  target_compile_definitions(lossproof_settings INTERFACE LP_MULTIVERSION=)
  target_compile_options(lossproof_settings INTERFACE --coverage -O0 -g)
  target_link_options(lossproof_settings INTERFACE --coverage)
endif()
if(LOSSPROOF_FUZZ AND NOT LOSSPROOF_FUZZ_ENGINE)
  # Linked with it too: programs that are no targets find the coverage runtime there, without the engine's main.
  # An engine of one's own comes with its own flags in CFLAGS.
  target_compile_options(lossproof_settings INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(lossproof_settings INTERFACE -fsanitize=fuzzer-no-link)
endif()

# Every ROOM/tests/test_NAME.c is a Check program and a CTest test of its own, named ROOM.NAME.
function(lossproof_add_tests room)
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/tests/test_*.c")
  foreach(source IN LISTS sources)
    get_filename_component(name "${source}" NAME_WE)
    string(REGEX REPLACE "^test_" "" name "${name}")
    if((room STREQUAL "reference" OR room STREQUAL "exact") AND LOSSPROOF_LOSSES AND name IN_LIST LOSSPROOF_ALL_LOSSES
       AND NOT name IN_LIST LOSSPROOF_LOSSES)
      continue()
    endif()
    add_executable(test_${room}_${name} "${source}")
    target_link_libraries(test_${room}_${name} PRIVATE ${ARGN} PkgConfig::CHECK m)
    target_compile_definitions(test_${room}_${name} PRIVATE LOSSPROOF_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    add_test(NAME ${room}.${name} COMMAND test_${room}_${name})
    set_tests_properties(${room}.${name} PROPERTIES LABELS ${room} TIMEOUT 300 ENVIRONMENT CK_DEFAULT_TIMEOUT=120)
  endforeach()
endfunction()
