package main

import "example.test/server/internal/hello"

var version = "dev"

func main() { hello.Serve(version) }
