# With --check nothing is made, so a later property may find missing what an earlier one would have made. That is
# no failure: it is a change that depends on a change.

foresee() {
  case $result in
    0 | 11) return ;;
    10) ;;
    *)
      parent=${path%/*}
      if would_touch "$path" || would_touch "$source" || { [ ! -d "${parent:-/}" ] && would_touch "$parent"; }; then
        result=10 reason='it depends on a change before it'
      elif [ "$unsure" ]; then
        result=11 reason='it may depend on a command before it, which was not run'
      fi
      ;;
  esac
  if [ $result = 10 ] && [ "$path" ]; then touched=$touched$nl$path$nl; fi
}

# What would be written with an owner fails now if there is none of that name.
would_change() {
  resolve_owner && return 10
}

# PATH, or something above or below it, is what an earlier step would have changed.
would_touch() {
  if [ -z "$1" ]; then return 1; fi
  case $touched in *"$nl$1$nl"* | *"$nl$1/"*) return 0 ;; esac
  above=${1%/*}
  while [ "$above" ]; do
    case $touched in *"$nl$above$nl"*) return 0 ;; esac
    above=${above%/*}
  done
  return 1
}
