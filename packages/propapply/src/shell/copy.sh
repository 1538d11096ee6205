# file.is-copy-of: the content of another file there, with its mode, owner and times when it is copied.

# PATH SOURCE
is_copy_of() {
  path=$1 source=$2 parents=
  if [ ! -f "$source" ]; then fail "\"$source\" is not a regular file"; return; fi
  need_regular || return
  if [ -f "$path" ] && cmp -s -- "$path" "$source"; then return 0; fi
  need_parent || return
  if [ "$diff" ] && [ -f "$path" ]; then
    printf '%s diff %s\n' "$token" "$step"
    if command -v diff >/dev/null; then diff -u -- "$path" "$source"; fi
  fi
  if [ "$check" ]; then return 10; fi
  tmp=${path%/*}/.propapply-$name-$step
  umask 077
  cp -p -- "$source" "$tmp" && mv -f -- "$tmp" "$path"
  copied=$?
  umask 022
  if [ $copied != 0 ]; then abandon; return; fi
  tmp=
  return 10
}
