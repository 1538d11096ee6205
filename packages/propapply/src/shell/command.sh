# cmd.single: a command that runs when it is needed.

# SETUP CREATES UNLESS ONLYIF CHANGED_IF COMMAND: all but CREATES are shell text. SETUP prepares environment and
# working directory; COMMAND replaces its shell.
single() {
  setup=$1 creates=$2
  if [ "$creates" ]; then
    if [ -e "$creates" ] || [ -L "$creates" ]; then return 0; fi
    if [ "$check" ] && would_touch "$creates"; then return 0; fi
  fi
  if [ "$3" ] && quietly "$3"; then return 0; fi
  if [ "$4" ] && ! quietly "$4"; then
    if [ "$check" ] && [ "$touched$unsure" ]; then
      reason='whether it is needed may depend on a change before it'
      return 11
    fi
    return 0
  fi
  if [ "$check" ]; then
    unsure=yes path=$creates
    return 10
  fi
  ran=0 plain=' '
  in_setup "$6" >&2 || ran=$?
  if [ $ran != 0 ]; then
    reason="the command ended with status $ran"
    return 1
  fi
  case $5 in
    true | '') return 10 ;;
    false) return 0 ;;
  esac
  if quietly "$5"; then return 10; fi
}

quietly() {
  stale=yes plain=' '
  in_setup "$1" >/dev/null 2>&1
}

# The command must not read what is on its way to us, nor see our locale, mask and traps.
in_setup() (
  trap - EXIT HUP INT TERM
  unset LC_ALL
  if [ "$localed" ]; then
    LC_ALL=$locale
    export LC_ALL
  fi
  umask "$mask"
  set +f
  eval "$setup" || exit 126
  eval "$1"
) </dev/null
