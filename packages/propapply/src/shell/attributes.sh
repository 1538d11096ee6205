# file.has-mode and file.has-ownership, of a file that is there.

# PATH PERMS MODE: of what a link leads to, since a link has no mode of its own.
has_mode() {
  path=$1 perms=$2 mode=$3 user= group=
  if [ ! -e "$path" ]; then fail "there is no \"$path\""; return; fi
  facts "$path" || return 1
  adjust_access
}

# PATH USER GROUP: of a link itself.
has_ownership() {
  path=$1 perms= mode= user=$2 group=$3
  if [ ! -e "$path" ] && [ ! -L "$path" ]; then fail "there is no \"$path\""; return; fi
  link_facts "$path" || return 1
  adjust_access -h
}
