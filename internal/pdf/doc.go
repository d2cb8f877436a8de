// Package pdf writes plain documents: lines of text on A4 pages, in a font that every
// reader has. It knows nothing of what they say.
package pdf
