// Package script runs the scripts of process definitions: JavaScript, a
// subset of Groovy, and expressions as scripts. A script sees what its Bindings give it and a
// few harmless classes of Java, and nothing else: no files, no network, no
// processes, no reflection, no Go value but through the lists of members that
// package juel has for each type.
//
// Values are those of package juel. Lists and maps that a script reads are copies
// which it may change; a change gets back only when the script sets a variable to
// the copy.
//
// Time, depth and sizes are limited, and so is the memory that is kept while a script
// runs; Go counts that for the whole process, so that a limit of it may also end a
// script that runs beside another. Each run of JavaScript has a machine of its own.
package script
