package app

import (
	"archive/zip"
	"io"
	"slices"
	"strings"
	"unicode"
)

// New makes an app of files as Read makes one of an archive: name is the app's where
// nothing else names it. The error is a fault that lists every problem with its file.
func New(name string, files []File) (*App, error) {
	p := &problems{}
	seen := map[string]bool{}
	for _, f := range files {
		if problem := safeName(f.Name); problem != "" {
			p.add(f.Name, "%s", problem)
		}
		if seen[f.Name] {
			p.add(f.Name, "is there twice")
		}
		seen[f.Name] = true
	}
	return sorted(name, slices.Clone(files), p)
}

// WriteZip writes files as an archive that Read takes. The same files give the same bytes.
func WriteZip(w io.Writer, files []File) error {
	files = slices.SortedFunc(slices.Values(files), func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	archive := zip.NewWriter(w)
	for _, f := range files {
		to, err := archive.Create(f.Name)
		if err != nil {
			return err
		}
		if _, err := to.Write(f.Bytes); err != nil {
			return err
		}
	}
	return archive.Close()
}

// Named returns a name as a part of a file's path: bounded, and without what leads
// elsewhere.
func Named(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || strings.ContainsRune(`/\:`, r) {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(name, "_"))
	if runes := []rune(name); len(runes) > 100 {
		name = string(runes[:100])
	}
	if name = strings.TrimLeft(name, ". "); name == "" {
		return "model"
	}
	return name
}
