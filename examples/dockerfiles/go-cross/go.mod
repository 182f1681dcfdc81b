module example.test/tool

go 1.25
