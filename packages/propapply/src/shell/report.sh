# What travels back: one line a step on standard output, and a line of the same token on standard error, so that
# what a step said there is known to be its own. The token is random: no content can hold it by chance.
#
#   TOKEN begin
#   TOKEN want N              the bytes of step N's file are to be sent on standard input
#   TOKEN diff N              what follows, up to the next line with the token, is a unified diff
#   TOKEN ok|changed|failed|skipped N [REASON]
#   TOKEN end

begin() {
  step=0 tmp= staged= held= making=' ' held_paths=' ' holds=0 together= reason= touched= unsure= users= groups= stale=yes plain=' ' tells=
  nl='
'
  # What commands get back, as they get back the mask: the locale that we were started with.
  locale=${LC_ALL-} localed=${LC_ALL+yes}
  LC_ALL=C
  export LC_ALL
  umask 022
  set -f
  # Whoever ends us may signal again, and rm with us.
  trap 'trap "" HUP INT PIPE TERM; discard' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 141' PIPE
  trap 'exit 143' TERM
  printf '%s begin\n' "$token" || exit 74
}

# Functions that establish a property return 0 (it was so already), 10 (changed), 11 (skipped) or anything else.
run_step() {
  step=$1 path= source= reason= script=
  shift
  "$@"
  result=$?
  if [ $result != 0 ]; then stale=yes; fi
  case $result${held:+held} in
    12*)
      if [ $holds = 100 ]; then settle; fi
      return
      ;;
    0held)
      held="$held $step"
      return
      ;;
  esac
  settle
  if [ "$check" ]; then foresee; fi
  name_result $result ok
  printf '%s\n' "$token" >&2
  printf '%s %s %s %s\n' "$token" "$word" "$step" "$reason" || exit 74
  if [ "$word$failfast" = failedyes ]; then exit 1; fi
}

# STATUS NOTHING: sets word; NOTHING is what it is called that there was nothing to do.
name_result() {
  case $1 in
    0) word=$2 ;;
    10) word=changed ;;
    11) word=skipped ;;
    *) word=failed ;;
  esac
}

finish() {
  settle
  printf '%s end\n' "$token"
}

fail() {
  settle
  printf '%s\n' "$*" >&2
  return 1
}

# Removes the one temporary file that there can be, that of a replacement which was not completed, and what holds new
# files until they are moved.
discard() {
  if [ "$staged" ]; then rm -rf -- $staged; fi
  if [ "$tmp" ]; then rm -f -- "$tmp"; fi
  exec 3>&-
  tmp= staged=
}
