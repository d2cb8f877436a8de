package app

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/sluicehq/sluice/internal/fault"
)

// Limits are the bounds of what is read. Zero values mean the defaults.
type Limits struct {
	Archive int64 // bytes of the archive or the file alone; default 64 MiB
	File    int64 // bytes of one file unpacked; default 20 MiB
	Total   int64 // bytes of all files unpacked; default 200 MiB
	Files   int   // how many files; default 2000
	// Ratio is how many times larger than packed a file of more than 1 MiB may be;
	// default 200. BPMN packs to a tenth, a bomb to a thousandth.
	Ratio int64
}

func (l Limits) orDefault() Limits {
	def := func(v *int64, d int64) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&l.Archive, 64<<20)
	def(&l.File, 20<<20)
	def(&l.Total, 200<<20)
	def(&l.Ratio, 200)
	if l.Files <= 0 {
		l.Files = 2000
	}
	return l
}

// maxName is the longest path of a file, in bytes.
const maxName = 500

// Read reads a deployment from one file: an app's zip, a .bar, or BPMN alone, told apart
// by what is in it. name is the file's name; it becomes the app's where nothing else names
// it. The error is a fault that lists every problem with its file.
func Read(name string, data []byte, limits Limits) (*App, error) {
	limits = limits.orDefault()
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	switch {
	case int64(len(data)) > limits.Archive:
		return nil, fault.New(fault.TooLarge, "%s is larger than %d bytes.", printable(name), limits.Archive)
	case bytes.HasPrefix(data, []byte("PK\x03\x04")) || bytes.HasPrefix(data, []byte("PK\x05\x06")):
		return readZip(name, data, limits)
	case looksLikeXML(data):
		if !isBPMN(name) && !isDMN(name) {
			name = strings.TrimSuffix(name, ".xml") + ".bpmn20.xml"
		}
		return sorted(name, []File{{name, data}}, &problems{})
	}
	return nil, fault.New(fault.Invalid, "%s is neither a zip archive nor a BPMN file.", printable(name))
}

// looksLikeXML reports whether the first character that counts is an angle bracket, in
// UTF-8 or UTF-16.
func looksLikeXML(data []byte) bool {
	head := bytes.TrimLeft(data[:min(len(data), 512)], "\xef\xbb\xbf\xfe\xff\x00 \t\r\n")
	return len(head) > 0 && head[0] == '<'
}

// ReadFS reads a deployment from a directory. Files and directories whose names begin
// with a dot are left out.
func ReadFS(name string, fsys fs.FS, limits Limits) (*App, error) {
	limits = limits.orDefault()
	u := unpacking{limits: limits}
	err := fs.WalkDir(fsys, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch {
		case file != "." && strings.HasPrefix(path.Base(file), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
		case d.IsDir():
		case !d.Type().IsRegular():
			u.problems.add(file, "is not a regular file")
		default:
			f, err := fsys.Open(file)
			if err != nil {
				return err
			}
			u.take(file, f)
			return errors.Join(f.Close(), u.enough())
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	return sorted(name, u.files, &u.problems)
}

// readZip unpacks an archive in memory. What an archive says of sizes is not believed.
func readZip(name string, data []byte, limits Limits) (*App, error) {
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, fault.New(fault.Invalid, "%s is not a zip archive that can be read: it is cut off or damaged.", printable(name))
	}
	u := unpacking{limits: limits}
	if len(archive.File) > 2*limits.Files {
		u.problems.limit("", "there are more than %d files", limits.Files)
		return nil, u.problems.err(name)
	}
	seen := map[string]bool{}
	for _, f := range archive.File {
		entry, ok := u.entry(f)
		if !ok {
			continue
		}
		if seen[entry] {
			u.problems.add(entry, "is there twice")
			continue
		}
		seen[entry] = true
		u.unpack(entry, f)
		if u.enough() != nil {
			break
		}
	}
	return sorted(name, u.files, &u.problems)
}

// entry returns the name of an archive's file, and whether it is one to read.
func (u *unpacking) entry(f *zip.File) (string, bool) {
	name := f.Name
	if !utf8.ValidString(name) {
		u.problems.add(name, "its name is not in UTF-8")
		return "", false
	}
	if strings.HasSuffix(name, "/") && f.UncompressedSize64 == 0 && safeName(strings.TrimSuffix(name, "/")) == "" {
		return "", false // a directory
	}
	if problem := safeName(name); problem != "" {
		u.problems.add(name, "%s", problem)
		return "", false
	}
	if strings.HasPrefix(name, "__MACOSX/") || path.Base(name) == ".DS_Store" {
		return "", false
	}
	switch {
	case !f.Mode().IsRegular():
		u.problems.add(name, "is a link or a device")
	case f.Flags&1 != 0:
		u.problems.add(name, "is encrypted")
	case f.Method != zip.Store && f.Method != zip.Deflate:
		u.problems.add(name, "is packed by a method that is not supported (%d)", f.Method)
	default:
		return name, true
	}
	return "", false
}

// safeName says what is wrong with a path; nothing when it stays inside.
func safeName(name string) string {
	switch {
	case name == "" || len(name) > maxName:
		return "its name is empty or too long"
	case strings.ContainsAny(name, "\\\x00") || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "its name holds a backslash or a control character"
	case strings.HasPrefix(name, "/") || (len(name) > 1 && name[1] == ':'):
		return "its name is an absolute path"
	case path.Clean(name) != name || name == ".." || strings.HasPrefix(name, "../"):
		return "its name leads out of the archive or can be read in more than one way"
	}
	return ""
}

// unpacking is the reading of several files within limits.
type unpacking struct {
	limits   Limits
	total    int64
	files    []File
	problems problems
	over     bool
}

var errEnough = errors.New("over a limit")

// enough is an error when reading on is of no use.
func (u *unpacking) enough() error {
	if u.over {
		return errEnough
	}
	return nil
}

func (u *unpacking) unpack(name string, f *zip.File) {
	r, err := f.Open()
	if err != nil {
		u.problems.add(name, "cannot be unpacked")
		return
	}
	defer r.Close()
	limit := u.limits
	packed := max(int64(min(f.CompressedSize64, 1<<40)), 1)
	if most := max(packed*min(limit.Ratio, 1<<20), 1<<20); most < limit.File {
		limit.File = most
	}
	u.takeUpTo(name, r, limit.File)
}

func (u *unpacking) take(name string, r io.Reader) { u.takeUpTo(name, r, u.limits.File) }

// takeUpTo reads a file of at most that many bytes.
func (u *unpacking) takeUpTo(name string, r io.Reader, most int64) {
	if len(u.files) >= u.limits.Files {
		u.over = true
		u.problems.limit("", "there are more than %d files", u.limits.Files)
		return
	}
	left := u.limits.Total - u.total
	data, err := io.ReadAll(io.LimitReader(r, min(most, left)+1))
	u.total += int64(len(data))
	switch {
	case int64(len(data)) > most && most < u.limits.File:
		u.problems.limit(name, "is more than %d times larger than packed", u.limits.Ratio)
	case int64(len(data)) > most:
		u.problems.limit(name, "is larger than %d bytes", most)
	case int64(len(data)) > left:
		u.over = true
		u.problems.limit("", "the files are larger than %d bytes together", u.limits.Total)
	case err != nil:
		u.problems.add(name, "cannot be unpacked: it is damaged")
	default:
		u.files = append(u.files, File{name, data})
	}
}

// sorted makes an App of files, or an error of what is wrong with them.
func sorted(name string, files []File, p *problems) (*App, error) {
	sort.Slice(files, func(i, j int) bool { return files[i].Name < files[j].Name })
	unwrap(files)
	a := &App{Name: baseName(name)}
	a.sort(files, p)
	if err := p.err(name); err != nil {
		return nil, err
	}
	return a, nil
}

// unwrap takes away the one directory that everything is in, as packing a directory
// leaves it.
func unwrap(files []File) {
	if len(files) == 0 {
		return
	}
	top, _, ok := strings.Cut(files[0].Name, "/")
	if !ok || known[top] {
		return
	}
	for _, f := range files {
		if !strings.HasPrefix(f.Name, top+"/") {
			return
		}
	}
	for i := range files {
		files[i].Name = strings.TrimPrefix(files[i].Name, top+"/")
	}
}

// baseName is a file's name without directory and without what tells its kind.
func baseName(name string) string {
	name = path.Base(name)
	for _, end := range []string{".bpmn20.xml", ".dmn.xml", ".bpmn", ".dmn", ".xml", ".zip", ".bar"} {
		if len(name) > len(end) && strings.EqualFold(name[len(name)-len(end):], end) {
			return name[:len(name)-len(end)]
		}
	}
	return name
}
