package main

const name = "tool"
