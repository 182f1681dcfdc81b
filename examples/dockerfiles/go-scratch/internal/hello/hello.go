package hello

func Serve(version string) { println("hello", version) }
