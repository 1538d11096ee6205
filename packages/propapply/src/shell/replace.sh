# Replaces a file at once or not at all: a temporary file beside it, made exclusively and readable by nobody else,
# gets content, owner and mode, and is renamed over it. What is a link becomes a file, as rename(2) has it.
#
# Whoever may write in the directory can put a link in the place of the temporary file at any moment: it is opened
# once, as descriptor 3, and $pin leads to what is open, whatever has its name.

# Puts $new at $path with mode, user and group; what is not told is kept from the file that was there.
replace_text() {
  show_diff
  if [ "$check" ]; then would_change; return; fi
  open_temporary || return
  printf %s "$new" >&3 || { abandon; return; }
  put_in_place
}

# The same for bytes that a shell variable cannot hold: $new is a format of printf(1).
replace_bytes() {
  if [ "$check" ]; then would_change; return; fi
  open_temporary || return
  printf "$new" >&3 || { abandon; return; }
  put_in_place
}

# What the file has already and nobody told otherwise is to be kept. A new file of which nothing is told gets its
# mode from the mask, or from the access list of its directory. Where the file gets all that it is to have when it is
# made, no process is spent on that: the owner is ours, and the mode ($direct: as a mask) not up to an access list.
open_temporary() {
  settle
  resolve_owner || return
  same= direct= listed=
  if [ -f "$path" ]; then
    if [ -z "$known" ]; then facts "$path" || return 1; fi
    if [ -z "$mode" ]; then
      case $kind in *+) listed=yes ;; esac
      octal_mode
    fi
    if [ -z "$want_uid$want_gid" ] && is_ours "$path"; then
      same=yes
    else
      want_uid=${want_uid:-$uid} want_gid=${want_gid:-$gid}
    fi
  fi
  if [ -z "$want_uid$want_gid" ]; then find_mask; fi
  tmp=${path%/*}/.propapply-$name-$step
  if [ "$mode$want_uid$want_gid" ]; then umask "${direct:-077}"; fi
  # With -C the shell opens the file with O_EXCL: a link that waits there is not followed.
  set -C
  command exec 3>"$tmp"
  made=$?
  set +C
  umask 022
  if [ $made != 0 ]; then
    tmp=
    abandon
    return
  fi
  # A ksh keeps its descriptors to itself.
  pin=/proc/self/fd/3 link=
  if [ "${KSH_VERSION-}" ] || [ ! -f "$pin" ]; then pin=$tmp link=-h; fi
  # A directory may give its group to what is made in it.
  if [ "$same" ] && ! is_ours "$pin"; then
    want_uid=$uid want_gid=$gid direct=
    chmod 0600 "$pin"
  fi
}

# These two of test(1) are not in POSIX; a shell that lacks them fails, which is the safe answer.
is_ours() {
  [ -O "$1" ] && [ -G "$1" ] 2>/dev/null
}

# Not every ls(1) shows that there is an access list.
find_mask() {
  case $plain in *" ${path%/*} "*) ;; *) return ;; esac
  if [ -z "$tells" ]; then
    case $(ls --version 2>/dev/null) in *GNU*) tells=yes ;; *) tells=no ;; esac
  fi
  if [ $tells = no ]; then return; fi
  case $mode in
    0644) direct=022 ;;
    0640) direct=027 ;;
    0600) direct=077 ;;
    0664) direct=002 ;;
    0660) direct=007 ;;
  esac
}

abandon() {
  discard
  fail "\"$path\" could not be written and is as it was"
}

put_in_place() {
  if [ "$want_uid$want_gid" ]; then set_owner "$link" "$pin" || { abandon; return; }; fi
  if [ -z "$direct" ] && [ "$mode$want_uid$want_gid" ]; then chmod "${mode:-0644}" "$pin" || { abandon; return; }; fi
  # The bits of the group are then those of the access list's mask: without the list, the group would gain them.
  if [ "$listed" ]; then cp --attributes-only --preserve=mode -- "$path" "$pin" || { abandon; return; }; fi
  exec 3>&-
  mv -f -- "$tmp" "$path" || { abandon; return; }
  tmp=
  return 10
}

# The parent directory is there, or is made when $parents says so.
need_parent() {
  parent=${path%/*}
  if [ -d "${parent:-/}" ]; then return 0; fi
  if [ -z "$parents" ]; then fail "there is no directory \"$parent\""; return; fi
  if [ "$check" ]; then return 0; fi
  settle
  mkdir -p -- "$parent"
}

# Sets text to what $path holds, $bytes long. Up to some size, read(1), a system call a byte, is cheaper than a process.
read_text() {
  if [ "$bytes" -gt 2048 ]; then
    text=$(cat <"$path" && echo .)
    text=${text%.}
    return
  fi
  text= line=
  while IFS= read -r line; do text=$text$line$nl; done <"$path"
  text=$text$line
}

need_regular() {
  if [ -f "$path" ]; then
    if [ -r "$path" ]; then return 0; fi
    fail "\"$path\" cannot be read"
  elif [ -d "$path" ]; then
    fail "\"$path\" is a directory"
  elif [ -e "$path" ]; then
    fail "\"$path\" is not a regular file"
  fi
}

show_diff() {
  if [ -z "$diff" ]; then return; fi
  old=/dev/null
  if [ -f "$path" ]; then old=$path; fi
  printf '%s diff %s\n' "$token" "$step"
  # An empty diff says that there is no diff(1).
  if command -v diff >/dev/null; then printf %s "$new" | diff -u -- "$old" -; fi
}
