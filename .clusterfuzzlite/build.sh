#!/bin/bash -eu
exec "$SRC/lossproof/fuzz/fleet/build.sh"
