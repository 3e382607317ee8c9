// Command timeseam runs one definition of features over history into a training
// set.
//
// Each subcommand has a file of its own; wire.go turns settings into sources and
// sinks and is the only file that names technologies. docs/cli.md lists
// commands, flags and exit codes.
package main
