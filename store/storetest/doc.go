// Package storetest is a server of objects in this process, and a proxy that
// fails on purpose, for the tests of whoever reads and writes objects. No program
// has it in it.
package storetest
