package content

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// piece is how many bytes of a content are one row.
const piece = 1 << 20

// Store keeps bytes. It is safe for concurrent use.
type Store struct {
	db   *store.DB
	root *os.Root // nil: the database has the bytes
}

// New returns the room on a migrated database. With a folder, which is made when it is not
// there, new contents are kept in it; those that are in the database stay there. A server
// that has files in a folder cannot read them without it.
func New(db *store.DB, folder string) (*Store, error) {
	if folder == "" {
		return &Store{db: db}, nil
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of contents: %w", err)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("opening the folder of contents: %w", err)
	}
	return &Store{db, root}, nil
}

// Close lets go of the folder.
func (s *Store) Close() error {
	if s.root == nil {
		return nil
	}
	return s.root.Close()
}

// Place returns the name of a file for a new content; empty when the database is to have it.
func (s *Store) Place() string {
	if s.root == nil {
		return ""
	}
	name := strings.ToLower(rand.Text())
	return name[:2] + "/" + name[2:]
}

// Put keeps what r gives, of at most limit bytes, as the content id at a place. It returns
// how many bytes that are; head is called with the first of them. Errors: TooLarge; Invalid
// when r fails.
func (s *Store) Put(ctx context.Context, id int64, place string, r io.Reader, limit int64, head func([]byte)) (size int64, err error) {
	keep := func(n int, data []byte) error {
		_, err := s.db.Exec(ctx, `INSERT INTO attachment_pieces (attachment_id, piece, bytes) VALUES ($1, $2, $3)`, id, n, data)
		return err
	}
	if place != "" {
		f, err := s.create(place)
		if err != nil {
			return 0, err
		}
		defer func() { _ = f.Close() }()
		keep = func(_ int, data []byte) error {
			_, err := f.Write(data)
			return err
		}
		defer func() {
			if err == nil {
				err = f.Sync()
			}
			if err == nil {
				err = s.syncFolders(place)
			}
		}()
	}
	return copyPieces(r, limit, head, keep)
}

// copyPieces gives keep the bytes of r, piece by piece.
func copyPieces(r io.Reader, limit int64, head func([]byte), keep func(int, []byte) error) (size int64, err error) {
	buf := make([]byte, piece)
	for n := 0; ; n++ {
		got, err := io.ReadFull(r, buf)
		if n == 0 {
			head(buf[:got])
		}
		if size += int64(got); size > limit {
			return size, fault.New(fault.TooLarge, "The content is larger than %d bytes.", limit)
		}
		if got > 0 {
			if err := keep(n, buf[:got]); err != nil {
				return size, fmt.Errorf("keeping a content: %w", err)
			}
		}
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			return size, nil
		case err != nil:
			return size, fault.Wrap(fault.Invalid, err, "The content could not be read to its end.")
		}
	}
}

func (s *Store) create(place string) (*os.File, error) {
	if s.root == nil {
		return nil, errors.New("there is no folder of contents")
	}
	if err := s.root.Mkdir(filepath.Dir(place), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("making a folder for contents: %w", err)
	}
	f, err := s.root.OpenFile(place, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("making a content's file: %w", err)
	}
	return f, nil
}

// syncFolders makes a new file's name last.
func (s *Store) syncFolders(place string) error {
	for _, name := range []string{filepath.Dir(place), "."} {
		d, err := s.root.Open(name)
		if err != nil {
			return err
		}
		err = errors.Join(d.Sync(), d.Close())
		if err != nil {
			return fmt.Errorf("keeping a content's file: %w", err)
		}
	}
	return nil
}

// Copy writes the bytes of a content to w, piece by piece.
func (s *Store) Copy(ctx context.Context, id int64, place string, w io.Writer) error {
	if place != "" {
		return s.copyFile(place, w)
	}
	for n := 0; ; n++ {
		var data []byte
		err := s.db.QueryRow(ctx, []any{&data}, `SELECT bytes FROM attachment_pieces WHERE attachment_id = $1 AND piece = $2`, id, n)
		if errors.Is(err, store.ErrNoRow) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := w.Write(data); err != nil {
			return err
		}
	}
}

func (s *Store) copyFile(place string, w io.Writer) error {
	if s.root == nil {
		return errors.New("the content is in a folder, which this server does not have")
	}
	f, err := s.root.Open(place)
	if err != nil {
		return fmt.Errorf("opening a content's file: %w", err)
	}
	defer func() { _ = f.Close() }()
	_, err = io.Copy(w, f)
	return err
}

// Sweep removes files whose content is gone: limit at most, and how many went.
func (s *Store) Sweep(ctx context.Context, limit int) (n int64, err error) {
	if s.root == nil {
		return 0, nil // another process may have the folder
	}
	var lost []string
	err = s.db.Query(ctx, func(row store.Row) error {
		var place string
		err := row.Scan(&place)
		lost = append(lost, place)
		return err
	}, `SELECT file FROM lost_files LIMIT $1`, limit)
	for _, place := range lost {
		if err != nil {
			break
		}
		if err = s.root.Remove(place); err == nil || errors.Is(err, fs.ErrNotExist) {
			_, err = s.db.Exec(ctx, `DELETE FROM lost_files WHERE file = $1`, place)
			n++
		}
	}
	return n, err
}
