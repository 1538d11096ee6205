# file.directory-exists, and its opposites.

# PATH PERMS MODE USER GROUP: parents that are missing are made too, with mode 0755.
directory_exists() {
  case $held_paths in *" $1 "* | *" $1/"*) settle ;; esac
  path=$1 perms=$2 mode=$3 user=$4 group=$5
  if [ -d "$path" ]; then
    if [ -z "$perms$user$group" ]; then return 0; fi
    facts "$path" || return 1
    adjust_access
    return
  fi
  if [ -e "$path" ]; then fail "\"$path\" is not a directory"; return; fi
  resolve_owner || return
  if [ "$check" ]; then return 10; fi
  if [ "$together" ] && is_plain "$path"; then
    if [ "$mode $user $group" != "$alike" ]; then settle; fi
    alike="$mode $user $group" new_mode=${mode:-0755} new_uid=$want_uid new_gid=$want_gid
    # It was not there: it has been made, whatever else there was to do.
    hold make_directories changed
    return
  fi
  settle
  mkdir -p -m "${mode:-0755}" -- "$path" || return 1
  if [ "$want_uid$want_gid" ]; then set_owner -h "$path" || return 1; fi
  if is_plain "$path"; then extend_plain "$path"; fi
  return 10
}

# Those that are held (together.sh) are to have the same mode and owner.
make_directories() {
  mkdir -p -m "$new_mode" -- $held_paths 2>/dev/null || return
  if [ "$new_uid$new_gid" ]; then (want_uid=$new_uid want_gid=$new_gid && set_owner -h $held_paths 2>/dev/null) || return; fi
  for number in $making; do eval "made_$number=yes"; done
  for directory in $held_paths; do extend_plain "$directory"; done
}

extend_plain() {
  case $plain in *" ${1%/*} "*) plain="$plain$1 " ;; esac
}

# PATH: removed with all that is in it. A link to a directory is not followed, nor removed.
directory_does_not_exist() {
  path=$1
  if [ -L "$path" ]; then fail "\"$path\" is a symbolic link, not a directory"; return; fi
  if [ ! -e "$path" ]; then return 0; fi
  if [ ! -d "$path" ]; then fail "\"$path\" is not a directory"; return; fi
  if is_mounted; then fail "a file system is mounted in \"$path\""; return; fi
  if [ "$check" ]; then return 10; fi
  rm -rf -- "$path" && return 10
}

# What rm(1) would empty before it fails. Blanks in mount points are written as \040.
is_mounted() (
  cd -P -- "$path" && [ -r /proc/self/mounts ] || return 1
  while read -r _ where _; do
    case $where in *\\*) where=$(printf %b "$where") ;; esac
    case $where/ in "$PWD"/*) return 0 ;; esac
  done </proc/self/mounts
  return 1
) 2>/dev/null

# PATH: removed if it is empty.
empty_directory_does_not_exist() {
  path=$1
  if [ ! -e "$path" ] && [ ! -L "$path" ]; then return 0; fi
  if [ "$check" ]; then return 10; fi
  rmdir -- "$path" && return 10
}

# PATH: a file, link or anything else but a directory.
does_not_exist() {
  path=$1
  if [ ! -e "$path" ] && [ ! -L "$path" ]; then return 0; fi
  if [ -d "$path" ] && [ ! -L "$path" ]; then fail "\"$path\" is a directory"; return; fi
  if [ "$check" ]; then return 10; fi
  rm -f -- "$path" && return 10
}
