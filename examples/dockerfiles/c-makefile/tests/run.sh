#!/bin/sh
test "$(./hello)" = hello
