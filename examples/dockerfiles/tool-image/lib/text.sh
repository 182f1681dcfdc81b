usage() {
  echo "usage: tool [--self-test]"
}
