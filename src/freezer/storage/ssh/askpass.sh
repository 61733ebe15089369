#!/bin/sh
# What ssh runs (SSH_ASKPASS) to be told the password. It gets the question as its argument, and the answer from an open
# file of the process that started ssh. A question about an unknown host is never answered.
case "$1" in
  *yes/no*) exit 1 ;;
esac
exec cat -- "$FREEZER_SSH_ANSWER"
