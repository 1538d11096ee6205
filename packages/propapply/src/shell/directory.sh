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
  if [ "$check" ]; then return 10; fi
  resolve_owner || return
  if [ "$together" ] && is_plain "$path"; then
    if [ "$mode $user $group" != "$alike" ]; then settle; fi
    alike="$mode $user $group" new_mode=${mode:-0755} new_uid=$want_uid new_gid=$want_gid
    eval "path_$step=\$path perms_$step=\$perms mode_$step=\$mode user_$step=\$user group_$step=\$group"
    hold make_directories make_directory_alone
    return
  fi
  settle
  mkdir -p -m "${mode:-0755}" -- "$path" || return 1
  if [ "$want_uid$want_gid" ]; then set_owner "$path" || return 1; fi
  if is_plain "$path"; then extend_plain "$path"; fi
  return 10
}

# Those that are held (together.sh) are to have the same mode and owner.
make_directories() {
  mkdir -p -m "$new_mode" -- $held_paths 2>/dev/null || return
  if [ "$new_uid" ]; then
    chown -- "$new_uid${new_gid:+:$new_gid}" $held_paths 2>/dev/null || return
  elif [ "$new_gid" ]; then
    chgrp -- "$new_gid" $held_paths 2>/dev/null || return
  fi
  for number in $waiting; do
    case $number in *:ok) continue ;; esac
    eval "made_$number=yes"
  done
  for directory in $held_paths; do extend_plain "$directory"; done
}

# It was not there when it was held: it has been made, whatever else there was to do.
make_directory_alone() {
  eval "set -- \"\$path_$1\" \"\$perms_$1\" \"\$mode_$1\" \"\$user_$1\" \"\$group_$1\""
  directory_exists "$@" && return 10
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
  if [ "$check" ]; then return 10; fi
  rm -rf -- "$path" && return 10
}

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
