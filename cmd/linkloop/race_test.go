//go:build race

package main

// raced: the race detector keeps a shadow of all memory, which no bound on
// memory can be held against.
const raced = true
