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
// Time and depth are limited, sizes where the interpreters allow it: a script that
// doubles a text for as long as it may can still take much memory. Deploying
// scripts is for people who are trusted with the server's memory.
package script
