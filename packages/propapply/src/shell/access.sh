# Mode and owner of a file, from what POSIX says of `ls -ldn`: stat(1) is not in POSIX.
# A mode is given twice: as ls writes it (to compare, without a process) and in octal (for chmod).

# Looks at the files of many steps in one process; what it finds holds until a step may have changed something. The
# paths have no blanks, so that a line of ls has nine words, or ten for a device. A directory whose kind ends in "+"
# may hand an access list on to what is made in it; those that do not are in $plain.
look() {
  set -- $(ls -ldnL -- "$@" 2>/dev/null)
  while [ $# -ge 9 ]; do
    case $1 in
      [bc]*) shift 10 ;;
      *)
        case $1 in
          d*+) ;;
          d*) plain="$plain$9 " ;;
        esac
        remember "$9" "$1 $3 $4 $5"
        shift 9
        ;;
    esac
  done
  stale=
}

# Sets kind (ls's first field), uid, gid and bytes for what PATH leads to.
facts() {
  if [ -z "$stale" ]; then
    eval "set -- \"\$1\" \$facts_$step"
    if [ $# = 5 ]; then
      kind=$2 uid=$3 gid=$4 bytes=$5
      return
    fi
  fi
  take_facts $(ls -ldnL -- "$1")
}

# The same for PATH itself, which may be a link.
link_facts() {
  take_facts $(ls -ldn -- "$1")
}

take_facts() {
  if [ $# -lt 5 ]; then return 1; fi
  kind=$1 uid=$3 gid=$4 bytes=$5
}

# Sets want_uid and want_gid from user and group, names or numbers; a name is looked up once a run. With --check, one
# that is missing may come with a file before it (foresee.sh).
resolve_owner() {
  want_uid= want_gid=
  if [ "$user" ]; then want_uid=$user; fi
  case $user in
    *[!0-9]*)
      case $users in
        *" $user="*) want_uid=${users#*" $user="} want_uid=${want_uid%% *} ;;
        *)
          want_uid=$(id -u -- "$user" 2>/dev/null) || { source=/etc/passwd; fail "there is no user \"$user\""; return; }
          users="$users $user=$want_uid "
          ;;
      esac
      ;;
  esac
  if [ "$group" ]; then want_gid=$group; fi
  case $group in
    *[!0-9]*)
      case $groups in
        *" $group="*) want_gid=${groups#*" $group="} want_gid=${want_gid%% *} ;;
        *)
          find_group || { source=/etc/group; fail "there is no group \"$group\""; return; }
          groups="$groups $group=$want_gid "
          ;;
      esac
      ;;
  esac
}

# POSIX has no command that turns the name of a group into its number.
find_group() {
  want_gid=$(getent group "$group" 2>/dev/null) || want_gid=
  want_gid=${want_gid#*:*:} want_gid=${want_gid%%:*}
  if [ "$want_gid" ]; then return 0; fi
  while IFS=: read -r named _ want_gid _; do
    if [ "$named" = "$group" ]; then return 0; fi
  done </etc/group
  return 1
}

# OPTION FILE…: gives them the owner wanted; OPTION, one of chown, may be nothing.
set_owner() {
  option=$1
  shift
  if [ "$want_uid" ]; then
    chown $option -- "$want_uid${want_gid:+:$want_gid}" "$@"
  elif [ "$want_gid" ]; then
    chgrp $option -- "$want_gid" "$@"
  fi
}

# Brings mode and owner of what is there in line with perms, mode, user and group, as far as these are given; the
# facts are known, and -h is for a link itself. chown(2) clears set-user-ID: the mode comes second.
adjust_access() {
  resolve_owner || return
  owned=yes moded=yes
  if [ "${want_uid:-$uid}" != "$uid" ] || [ "${want_gid:-$gid}" != "$gid" ]; then owned=; fi
  if [ "$perms" ]; then case $kind in ?"$perms"*) ;; *) moded= ;; esac; fi
  if [ "$owned$moded" = yesyes ]; then return 0; fi
  option=-h
  if [ -z "$1" ] && [ -L "$path" ]; then
    option=
    is_trusted || { fail "\"$path\" is a link of somebody who does not own what it leads to"; return; }
  fi
  if [ "$check" ]; then return 10; fi
  settle
  if [ -z "$owned" ]; then set_owner "$option" "$path" || return 1; fi
  if [ "$mode" ]; then chmod "$mode" "$path" || return 1; fi
  return 10
}

# Whoever may make a link at $path could have anything given away: it is root's, or of the owner of what it leads to.
is_trusted() (
  target=$uid
  link_facts "$path" && { [ "$uid" = 0 ] || [ "$uid" = "$target" ]; }
)

# Sets mode from kind: what ls shows as rwxr-sr-t is 3755.
octal_mode() {
  rest=${kind#?} special=0 mode=
  for weight in 4 2 1; do
    digit=0
    case $rest in r*) digit=4 ;; esac
    case $rest in ?w*) digit=$((digit + 2)) ;; esac
    case $rest in ??[xst]*) digit=$((digit + 1)) ;; esac
    case $rest in ??[sStT]*) special=$((special + weight)) ;; esac
    mode=$mode$digit
    rest=${rest#???}
  done
  mode=$special$mode
}
