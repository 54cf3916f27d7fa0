# shellcheck shell=bash
# Debian packages for tests that install nothing on this host: downloaded once into $cache/packages, unpacked beside it. Sourced; $what
# names the caller in messages.
cache=${VIRTD_CACHE:-${HOME:-/root}/.cache/virtd}

say() { printf '%s: %s\n' "$what" "$*" >&2; }
die() { say "$*"; exit 1; }

have_lists() { apt-cache show linux-image-amd64 >/dev/null 2>&1; }

update_lists() { have_lists || { say "updating the package lists"; apt-get -qq update >&2; }; }

# package NAME: the .deb of NAME in the cache, downloaded if it is not there.
package() {
    local deb
    deb=$(find "$cache/packages" -name "$1_*.deb" | head -n 1)
    if [ -z "$deb" ]; then
        say "downloading $1"
        (cd "$cache/packages" && apt-get -qq -o APT::Sandbox::User=root download "$1" >&2) || die "cannot download the package $1"
        deb=$(find "$cache/packages" -name "$1_*.deb" | head -n 1)
    fi
    [ -n "$deb" ] || die "the package $1 is not where apt-get should have put it"
    echo "$deb"
}

# unpacked NAME: a directory with the files of the package NAME.
unpacked() {
    local dir=$cache/packages/$1.d deb
    if [ ! -d "$dir" ]; then
        deb=$(package "$1")
        rm -rf "$dir.new"
        dpkg-deb -x "$deb" "$dir.new"
        mv "$dir.new" "$dir"
    fi
    echo "$dir"
}

static_busybox() {
    local found
    found=$(command -v busybox || true)
    if [ -z "$found" ] || ldd "$found" >/dev/null 2>&1; then
        found=$(unpacked busybox-static)/bin/busybox
    fi
    echo "$found"
}

# kernel_package FLAVOUR: the concrete package behind the meta package. A kernel that is in the cache stays in use: no network,
# same guest.
kernel_package() {
    local found
    found=$(find "$cache/packages" -maxdepth 1 -regextype egrep -regex ".*/linux-image-[0-9.]+-[0-9]+-$1\\.d" -printf '%f\n' | sort -V | tail -n 1)
    found=${found%.d}
    if [ -z "$found" ]; then
        update_lists
        found=$(apt-cache depends --no-recommends "linux-image-$1" | awk '/Depends: linux-image-/ { print $2; exit }')
    fi
    [ -n "$found" ] || die "the package lists know no linux-image-$1"
    echo "$found"
}

# kernel_modules DIR: where the unpacked kernel of DIR keeps its modules (lib/modules/VERSION).
kernel_modules() {
    find "$1/lib/modules" "$1/usr/lib/modules" -mindepth 1 -maxdepth 1 -type d 2>/dev/null | head -n 1
}

# copy_modules FROM TO NAME...: the named modules and what they need, into TO, with their load order in TO/order.
copy_modules() {
    local from=$1 to=$2 base file name
    shift 2
    mkdir -p "$to"
    base=$(dirname "$(dirname "$(dirname "$from")")")
    "$(static_busybox)" depmod -n -b "$base" "$(basename "$from")" | grep -E '^[^ ]+\.ko(\.xz)?:' | awk -v wanted="$*" '
        function name(path) { sub(/.*\//, "", path); sub(/\.ko.*/, "", path); gsub(/-/, "_", path); return path }
        function visit(file,    deps, n, i) {
            if (file in seen) return
            seen[file] = 1
            n = split(needs[file], deps, " ")
            for (i = 1; i <= n; i++) visit(deps[i])
            print file
        }
        { file = $1; sub(/:$/, "", file); path[name(file)] = file; $1 = ""; needs[file] = $0 }
        END { n = split(wanted, list, " "); for (i = 1; i <= n; i++) if (list[i] in path) visit(path[list[i]]) }
    ' | while read -r file; do
        name=$(basename "$file" .xz)
        case $file in
        *.xz) xz -dc "$from/$file" >"$to/$name" ;;
        *) cp "$from/$file" "$to/$name" ;;
        esac
        echo "$name" >>"$to/order"
    done
    [ -s "$to/order" ] || die "found no modules in $from"
}

# pack DIR OUT: DIR as an initial RAM disk.
pack() {
    (cd "$1" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) | gzip -6 >"$2"
}
