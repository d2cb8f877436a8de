// Package content keeps the bytes of uploaded files: in pieces in the database, or as files
// in a folder. It knows bytes alone; whose they are and who may see them is the engine's.
//
// A file of the folder is written under a name of its own, which nobody chooses, and is on
// the disk before anything points to it. What loses its content is noted in the transaction
// that takes the content away, and removed by Sweep.
//
// It serves no URL.
package content
