# file.symlinked: a link is replaced, anything else is in the way.

# PATH TARGET
symlinked() {
  path=$1 parents=
  if [ -L "$path" ]; then
    if [ "$(readlink -- "$path")" = "$2" ]; then return 0; fi
    if [ "$check" ]; then return 10; fi
    tmp=${path%/*}/.propapply-$name-$step
    ln -s -- "$2" "$tmp" || { tmp=; return 1; }
    # A rename over a link to a directory would go into the directory, but for -T, which not every mv has.
    if [ ! -d "$path" ] || ! mv -fT -- "$tmp" "$path" 2>/dev/null; then
      if [ -d "$path" ]; then rm -f -- "$path"; fi
      mv -f -- "$tmp" "$path" || { discard; return 1; }
    fi
    tmp=
    return 10
  fi
  if [ -e "$path" ]; then fail "\"$path\" exists and is not a symbolic link"; return; fi
  need_parent || return
  if [ "$check" ]; then return 10; fi
  ln -s -- "$2" "$path" && return 10
}

# PATH: the link is removed; anything else is left.
not_symlinked() {
  path=$1
  if [ ! -L "$path" ]; then return 0; fi
  if [ "$check" ]; then return 10; fi
  rm -f -- "$path" && return 10
}
