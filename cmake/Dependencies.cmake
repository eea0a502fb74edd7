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
lossproof_require_pkg(CRYPTO libcrypto libssl-dev)
lossproof_require_pkg(CHECK check libcheck-dev\ check)

set(HDF5_PREFER_PARALLEL OFF)
find_package(HDF5 QUIET COMPONENTS C)
if(NOT HDF5_FOUND)
  message(FATAL_ERROR "lossproof needs HDF5: on Debian, apt-get install libhdf5-dev "
                      "(or run tools/demo, which installs everything)")
endif()
