# file.directory-exists, and its opposites.

# PATH PERMS MODE USER GROUP: parents that are missing are made too, with mode 0755.
directory_exists() {
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
  mkdir -p -m "${mode:-0755}" -- "$path" || return 1
  if [ "$want_uid$want_gid" ]; then set_owner "$path" || return 1; fi
  case $path in
    *[!A-Za-z0-9/._+,@%-]*) ;;
    *) case $plain in *" ${path%/*} "*) plain="$plain$path " ;; esac ;;
  esac
  return 10
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
