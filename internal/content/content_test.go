package content_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/sluicehq/sluice/internal/content"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
	"github.com/sluicehq/sluice/internal/store/storetest"
)

const piece = 1 << 20

// room is a store with records for its contents to belong to.
type room struct {
	*content.Store
	db     *store.DB
	folder string
}

func open(t *testing.T, db *store.DB, folder string) room {
	t.Helper()
	s, err := content.New(db, folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return room{s, db, folder}
}

// rooms are a store in the database and one in a folder that is not there yet.
func rooms(t *testing.T) map[string]room {
	t.Helper()
	return map[string]room{"database": open(t, storetest.Open(t), ""), "folder": open(t, storetest.Open(t), filepath.Join(t.TempDir(), "a", "b"))}
}

func (r room) exec(t *testing.T, query string, args ...any) {
	t.Helper()
	if _, err := r.db.Exec(t.Context(), query, args...); err != nil {
		t.Fatal(err)
	}
}

func (r room) count(t *testing.T, query string, args ...any) (n int) {
	t.Helper()
	if err := r.db.QueryRow(t.Context(), []any{&n}, query, args...); err != nil {
		t.Fatal(err)
	}
	return n
}

// record makes the record of a content, which its pieces need.
func (r room) record(t *testing.T, id int64, place string) {
	t.Helper()
	r.exec(t, `INSERT INTO attachments (id, task_id, instance_id, name, description, media_type, url, field, size, user_id, at, file) VALUES ($1, '', '', 'x', '', '', '', '', 0, 'u', 0, $2)`, id, place)
}

func (r room) put(t *testing.T, id int64, from io.Reader, limit int64) (place string, size int64, head []byte, err error) {
	t.Helper()
	place = r.Place()
	r.record(t, id, place)
	size, err = r.Put(t.Context(), id, place, from, limit, func(first []byte) { head = bytes.Clone(first) })
	return place, size, head, err
}

func (r room) get(t *testing.T, id int64, place string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := r.Copy(t.Context(), id, place, &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestBytesComeBack(t *testing.T) {
	t.Parallel()
	for kind, r := range rooms(t) {
		for id, n := range map[int64]int{1: 0, 2: 1, 3: piece - 1, 4: piece, 5: piece + 1, 6: 3*piece + 7} {
			want := bytes.Repeat([]byte{byte(id)}, n)
			place, size, head, err := r.put(t, id, iotest.HalfReader(bytes.NewReader(want)), 10*piece)
			if err != nil || size != int64(n) || !bytes.Equal(head, want[:min(n, piece)]) || !bytes.Equal(r.get(t, id, place), want) {
				t.Errorf("%s: %d of %d bytes, %d at first, %v", kind, size, n, len(head), err)
			}
			rows := 0
			if kind == "database" {
				rows = (n + piece - 1) / piece
			}
			if got := r.count(t, `SELECT COUNT(*) FROM attachment_pieces WHERE attachment_id = $1`, id); got != rows {
				t.Errorf("%s: %d bytes are %d rows, want %d", kind, n, got, rows)
			}
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	for kind, r := range rooms(t) {
		for id, c := range map[int64]struct {
			size, limit int64
			over        bool
		}{1: {10, 10, false}, 2: {11, 10, true}, 3: {2 * piece, 2 * piece, false}, 4: {2*piece + 1, 2 * piece, true}, 5: {1, 0, true}, 6: {0, 0, false}} {
			_, _, _, err := r.put(t, id, io.LimitReader(zeros{}, c.size), c.limit)
			if fault.Is(err, fault.TooLarge) != c.over || !c.over && err != nil {
				t.Errorf("%s: %d bytes of %d: %v", kind, c.size, c.limit, err)
			}
		}
		// What never ends is read no further than the piece that is too much.
		read := &counter{}
		if _, _, _, err := r.put(t, 9, read, 3*piece); !fault.Is(err, fault.TooLarge) || read.n > 4*piece {
			t.Errorf("%s: %d bytes read, %v", kind, read.n, err)
		}
		cut := io.MultiReader(strings.NewReader("ab"), iotest.ErrReader(errors.New("secret of the connection")))
		if _, _, _, err := r.put(t, 10, cut, 10); !fault.Is(err, fault.Invalid) || strings.Contains(fault.Message(err), "secret") {
			t.Errorf("%s: cut off: %v", kind, err)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

type counter struct{ n int64 }

func (c *counter) Read(p []byte) (int, error) { c.n += int64(len(p)); return len(p), nil }

// A writer that is gone ends the reading, and a context that is done ends both.
func TestCopyEnds(t *testing.T) {
	t.Parallel()
	for kind, r := range rooms(t) {
		place, _, _, err := r.put(t, 1, io.LimitReader(zeros{}, 3*piece), 4*piece)
		if err != nil {
			t.Fatal(err)
		}
		gone := errors.New("gone")
		w := &failing{after: 1, err: gone}
		if err := r.Copy(t.Context(), 1, place, w); !errors.Is(err, gone) || w.n > 2 {
			t.Errorf("%s: %v after %d writes", kind, err, w.n)
		}
	}
	r := open(t, storetest.Open(t), "")
	r.record(t, 1, "")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Put(ended, 1, "", strings.NewReader("x"), 10, func([]byte) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

type failing struct {
	n, after int
	err      error
}

func (f *failing) Write(p []byte) (int, error) {
	if f.n++; f.n > f.after {
		return 0, f.err
	}
	return len(p), nil
}

// A file has a name that nobody can guess or choose, nobody else may read it, and it is
// never written over.
func TestFiles(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "contents")
	r := open(t, storetest.Open(t), folder)
	form := regexp.MustCompile(`^[a-z2-7]{2}/[a-z2-7]{24}$`)
	seen := map[string]bool{}
	for range 100 {
		place := r.Place()
		if !form.MatchString(place) || seen[place] {
			t.Errorf("%q, seen: %v", place, seen[place])
		}
		seen[place] = true
	}
	if open(t, r.db, "").Place() != "" {
		t.Error("a place without a folder")
	}
	place, _, _, err := r.put(t, 1, strings.NewReader("first"), 10)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{folder: 0o700, filepath.Join(folder, filepath.Dir(place)): 0o700, filepath.Join(folder, place): 0o600} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v %v, want %v", name, info, err, want)
		}
	}
	if _, err := r.Put(t.Context(), 1, place, strings.NewReader("second"), 10, func([]byte) {}); !errors.Is(err, os.ErrExist) {
		t.Errorf("written over: %v", err)
	}
	if got := r.get(t, 1, place); string(got) != "first" {
		t.Errorf("%q", got)
	}
}

// No place leads out of the folder, whatever stands in the database.
func TestNoPlaceLeadsOut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(dir, "contents")
	r := open(t, storetest.Open(t), folder)
	if err := os.Symlink(dir, filepath.Join(folder, "up")); err != nil {
		t.Fatal(err)
	}
	for i, place := range []string{"../secret", "up/secret", secret, "a/../../secret"} {
		var b bytes.Buffer
		if err := r.Copy(t.Context(), 1, place, &b); err == nil || b.Len() != 0 {
			t.Errorf("%s is read: %q %v", place, b.String(), err)
		}
		if _, err := r.Put(t.Context(), int64(i), place+"2", strings.NewReader("x"), 10, func([]byte) {}); err == nil {
			t.Errorf("%s2 is written", place)
		}
		r.exec(t, `DELETE FROM lost_files`)
		r.exec(t, `INSERT INTO lost_files (file) VALUES ($1)`, place)
		_, _ = r.Sweep(t.Context(), 10)
	}
	if got, err := os.ReadFile(secret); err != nil || string(got) != "secret" {
		t.Errorf("%q %v", got, err)
	}
	if _, err := os.Stat(secret + "2"); err == nil {
		t.Error("something stands beside the folder")
	}
}

func TestSweep(t *testing.T) {
	t.Parallel()
	r := open(t, storetest.Open(t), filepath.Join(t.TempDir(), "contents"))
	var places []string
	for id := range int64(4) {
		place, _, _, err := r.put(t, id+1, strings.NewReader("x"), 10)
		if err != nil {
			t.Fatal(err)
		}
		places = append(places, place)
	}
	for _, place := range places[:3] {
		r.exec(t, `INSERT INTO lost_files (file) VALUES ($1)`, place)
	}
	r.exec(t, `INSERT INTO lost_files (file) VALUES ('zz/never-there')`)
	if err := os.Remove(filepath.Join(r.folder, places[0])); err != nil { // a sweep was cut off here
		t.Fatal(err)
	}
	for i, want := range []int64{2, 2, 0} {
		if n, err := r.Sweep(t.Context(), 2); n != want || err != nil {
			t.Errorf("sweep %d: %d %v, want %d", i, n, err, want)
		}
	}
	for i, place := range places {
		_, err := os.Stat(filepath.Join(r.folder, place))
		if there := err == nil; there != (i == 3) {
			t.Errorf("%s: there: %v", place, there)
		}
	}
	if n := r.count(t, `SELECT COUNT(*) FROM lost_files`); n != 0 {
		t.Errorf("%d are still lost", n)
	}
	// A server without the folder leaves the list to those that have it.
	r.exec(t, `INSERT INTO lost_files (file) VALUES ($1)`, places[3])
	if n, err := open(t, r.db, "").Sweep(t.Context(), 10); n != 0 || err != nil || r.count(t, `SELECT COUNT(*) FROM lost_files`) != 1 {
		t.Errorf("%d %v", n, err)
	}
	// A file that cannot be removed stays on the list.
	if err := os.MkdirAll(filepath.Join(r.folder, "ab", "full", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	r.exec(t, `DELETE FROM lost_files`)
	r.exec(t, `INSERT INTO lost_files (file) VALUES ('ab/full')`)
	if n, err := r.Sweep(t.Context(), 10); n != 0 || err == nil || r.count(t, `SELECT COUNT(*) FROM lost_files`) != 1 {
		t.Errorf("%d %v", n, err)
	}
}

// What is in a folder cannot be read by a server that does not have it, and is not taken for
// an empty content; what is in the database can be read by both.
func TestServersOfBothKinds(t *testing.T) {
	t.Parallel()
	with := open(t, storetest.Open(t), filepath.Join(t.TempDir(), "contents"))
	without := open(t, with.db, "")
	place, _, _, err := with.put(t, 1, strings.NewReader("file"), 10)
	if err != nil {
		t.Fatal(err)
	}
	if err := without.Copy(t.Context(), 1, place, io.Discard); err == nil || fault.KindOf(err) != fault.Internal {
		t.Errorf("%v", err)
	}
	if _, err := without.Put(t.Context(), 1, place, strings.NewReader("x"), 10, func([]byte) {}); err == nil {
		t.Error("a file without a folder")
	}
	if _, _, _, err := without.put(t, 2, strings.NewReader("row"), 10); err != nil {
		t.Fatal(err)
	}
	if got := with.get(t, 2, ""); string(got) != "row" {
		t.Errorf("%q", got)
	}
	if err := with.Copy(t.Context(), 1, "zz/gone", io.Discard); err == nil || fault.KindOf(err) != fault.Internal {
		t.Errorf("a file that is gone: %v", err)
	}
	if err := os.WriteFile(filepath.Join(t.TempDir(), "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	blocked := filepath.Join(t.TempDir(), "blocked")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := content.New(with.db, blocked); err == nil {
		t.Error("a file is no folder")
	}
}
