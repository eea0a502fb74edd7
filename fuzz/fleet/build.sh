#!/usr/bin/env bash
# Builds the fuzz targets under the contract of OSS-Fuzz and ClusterFuzzLite: $CC, $CXX, $CFLAGS, $CXXFLAGS,
# $LIB_FUZZING_ENGINE and $OUT are given; $WORK may be. For every target X it leaves in $OUT: X, X.options,
# X_seed_corpus.zip where there are seeds, X.dict where a dictionary helps, and in lib/ the shared libraries that the
# runner lacks. FLEET_LOSSES="mse;ctc" and FLEET_TARGETS="fuzz_mse fuzz_json" build only these.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
for name in CC CXX LIB_FUZZING_ENGINE OUT; do
  [ -n "${!name:-}" ] || { echo "fleet: \$$name is not set; the fuzzing service sets it" >&2; exit 2; }
done
for program in cmake zip ldd; do
  command -v "$program" >/dev/null || { echo "fleet: $program is missing; install it in the image" >&2; exit 2; }
done
mkdir -p "$OUT"
out=$(cd "$OUT" && pwd)
build=${WORK:-}
if [ -z "$build" ]; then
  build=$(mktemp -d)
  trap 'rm -rf "$build"' EXIT
fi
build=$build/lossproof

# No build type: $CFLAGS alone decides. Beside the target lie the libraries that it needs.
cmake -S "$root" -B "$build" -DCMAKE_BUILD_TYPE=None -DCMAKE_C_COMPILER="$CC" -DCMAKE_CXX_COMPILER="$CXX" \
  -DCMAKE_C_FLAGS="${CFLAGS:-}" -DCMAKE_CXX_FLAGS="${CXXFLAGS:-}" -DLOSSPROOF_FUZZ=ON \
  -DLOSSPROOF_FUZZ_ENGINE="$LIB_FUZZING_ENGINE" -DLOSSPROOF_LOSSES="${FLEET_LOSSES:-}" \
  -DCMAKE_BUILD_WITH_INSTALL_RPATH=ON '-DCMAKE_INSTALL_RPATH=$ORIGIN/lib' \
  '-DCMAKE_EXE_LINKER_FLAGS=-Wl,--disable-new-dtags'
# shellcheck disable=SC2086 # a list of targets
cmake --build "$build" --parallel "$(nproc)" --target ${FLEET_TARGETS:-fuzz_targets}

# Everything but what glibc and the compiler bring, which the runner has.
bundle() {
  local library
  mkdir -p "$out/lib"
  while read -r library; do
    case $(basename "$library") in
      libc.so.* | libm.so.* | libdl.so.* | libpthread.so.* | librt.so.* | libresolv.so.* | libutil.so.* | ld-linux* | \
        libgcc_s.so.* | libstdc++.so.*) ;;
      *) cp -L "$library" "$out/lib/" ;;
    esac
  done < <(LD_LIBRARY_PATH='' ldd "$1" | awk '$2 == "=>" && $3 ~ /^\// { print $3 }')
}

seeds_of() { # folders of seeds of a target
  case $1 in
    fuzz_json | fuzz_case) echo "$root/golden/cases/bugs" ;;
    fuzz_hdf5) echo "$root/golden/fixtures" ;;
  esac
  [ ! -d "$root/fuzz/corpora/$1" ] || echo "$root/fuzz/corpora/$1"
}

built=0
for target in "$build"/fuzz/fuzz_*; do
  [ -x "$target" ] && [ ! -d "$target" ] || continue
  name=$(basename "$target")
  options=$root/fuzz/dictionaries/$name.options
  [ -f "$options" ] || options=$root/fuzz/dictionaries/fuzz_loss.options
  cp "$target" "$out/$name"
  cp "$options" "$out/$name.options"
  [ ! -f "$root/fuzz/dictionaries/$name.dict" ] || cp "$root/fuzz/dictionaries/$name.dict" "$out/"
  mapfile -t folders < <(seeds_of "$name")
  rm -f "$out/${name}_seed_corpus.zip"
  [ ${#folders[@]} -eq 0 ] || find "${folders[@]}" -maxdepth 1 -type f -print | zip -q -j -@ "$out/${name}_seed_corpus.zip"
  bundle "$target"
  built=$((built + 1))
done
[ "$built" -gt 0 ] || { echo "fleet: nothing was built" >&2; exit 1; }
echo "fleet: $built targets in $out"
