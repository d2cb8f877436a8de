// Package diagram draws a process as SVG, from the coordinates in its document or,
// when it has none, from a layout of its own.
//
// A diagram can show an instance: what is done, what is active, what failed, and
// which flows were taken. It needs no browser, no fonts and no files, holds no
// script, no style sheet and no id, so that several can stand in one page, and the
// same process with the same options gives the same bytes.
//
// It serves no URL and must not know where states come from.
package diagram
