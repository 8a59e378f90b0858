#!/usr/bin/env bash
# A toolchain for the page where rustup's server is out of reach: Debian's own rustc, with a standard
# library for wasm32 that is built here from Debian's sources. rustup knows it as `vaelet-web`, the
# name that xtask looks for; every other program goes on with the usual toolchain.
set -euo pipefail

target=wasm32-unknown-unknown
folder="${RUSTUP_HOME:-$HOME/.rustup}/vaelet-web-toolchain"

compiles() { # rustc refuses a library that another version has built
  [ -x "$1" ] && "$1" --target "$target" --crate-type lib --emit metadata -o - - </dev/null >/dev/null 2>&1
}

packages=(rustc-web cargo-web rust-web-src rust-web-clippy rustfmt-web lld-22)
if ! dpkg-query --show "${packages[@]}" >/dev/null 2>&1; then
  as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo)
  "${as_root[@]}" apt-get update -q
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${packages[@]}"
fi

if ! compiles "$folder/bin/rustc"; then
  echo "building the standard library for $target (usually 1 to 2 minutes)"
  host=$(/usr/bin/rustc -vV | sed -n 's/^host: //p')
  rustlib="$folder/lib/rustlib"
  rm -rf "$folder" # an interrupted attempt, or one of another compiler
  mkdir -p "$folder/bin" "$rustlib/$host/bin" "$folder/std/src"
  ln -s "/usr/lib/rustlib/$host/lib" "$rustlib/$host/lib"
  ln -s /usr/bin/lld-22 "$rustlib/$host/bin/rust-lld" # the linker is rustc's own by that name
  for program in cargo cargo-fmt rustfmt; do ln -s "/usr/bin/$program" "$folder/bin/$program"; done
  wrapper() { printf '#!/bin/sh\nhere=$(dirname "$(dirname "$0")")\n%s\n' "$2" >"$folder/bin/$1"; chmod +x "$folder/bin/$1"; }
  for program in rustc rustdoc; do wrapper "$program" "exec /usr/bin/$program --sysroot \"\$here\" \"\$@\""; done
  wrapper cargo-clippy 'SYSROOT="$here" exec /usr/bin/cargo-clippy "$@"'

  # -Zbuild-std is not stable, so Debian's stable compiler is told to take it; the project itself is
  # never built that way. The page is optimised as a whole, which needs the library's bitcode.
  printf '[package]\nname = "empty"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n' >"$folder/std/Cargo.toml"
  : >"$folder/std/src/lib.rs"
  (
    cd "$folder/std"
    env -u RUSTUP_TOOLCHAIN RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="$folder/std/target" \
      CARGO_ENCODED_RUSTFLAGS=-Cembed-bitcode=yes \
      /usr/bin/cargo build --release -Zbuild-std=std,panic_abort --target "$target"
  )
  mkdir -p "$rustlib/$target/unfinished" # under another name until it is whole
  for library in "$folder/std/target/$target/release/deps/"*.rlib; do
    case "$library" in */libempty-*) ;; *) cp "$library" "$rustlib/$target/unfinished/" ;; esac
  done
  mv "$rustlib/$target/unfinished" "$rustlib/$target/lib"
  rm -r "$folder/std"
  compiles "$folder/bin/rustc"
fi
rustup toolchain link vaelet-web "$folder"
