package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// piece is how many bytes of a content are one row.
const piece = 1 << 20

// abandoned is after how long an upload that did not end is taken away.
const abandoned = 24 * time.Hour

// Attachment is the record of a content: of a task, of an instance, or of neither yet.
type Attachment struct {
	ID          int64
	TaskID      string
	InstanceID  string
	Name        string // a file's name without a path
	Description string
	MediaType   string // such as image/png; of unknown ones application/octet-stream
	URL         string // where the content is; empty: here
	Field       string // the form field that it was given in; empty: related content
	Size        int64
	UserID      string
	At          time.Time
}

const attachmentColumns = `id, task_id, instance_id, name, description, media_type, url, field, size, user_id, at`

func (a *Attachment) fields() []any {
	return []any{&a.ID, &a.TaskID, &a.InstanceID, &a.Name, &a.Description, &a.MediaType, &a.URL, &a.Field, &a.Size, &a.UserID, store.Time(&a.At)}
}

// AddAttachment keeps a content that is read from r, piece by piece, or the address of one
// when r is nil. Name, TaskID, InstanceID, Description, MediaType, URL and Field are read
// from a. Until the last byte is kept nobody sees it. Errors: TooLarge.
func (e *Engine) AddAttachment(ctx context.Context, actor Actor, a Attachment, r io.Reader) (*Attachment, error) {
	if err := a.check(r); err != nil {
		return nil, err
	}
	if a.TaskID != "" || a.InstanceID != "" {
		instance, err := e.subject(ctx, actor, a.TaskID, a.InstanceID)
		if err != nil {
			return nil, err
		}
		a.InstanceID = instance
	}
	a.UserID, a.At, a.Size = actor.UserID, e.now(), -1
	err := e.db.Write(ctx, func(tx *store.Tx) (err error) {
		if a.ID, err = tx.Next(ctx, "content"); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO attachments (`+attachmentColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			a.ID, a.TaskID, a.InstanceID, a.Name, a.Description, a.MediaType, a.URL, a.Field, a.Size, a.UserID, store.Millis(a.At))
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := e.fill(ctx, &a, r); err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_, undo := e.db.Exec(ctx, `DELETE FROM attachments WHERE id = $1`, a.ID)
		return nil, errors.Join(err, undo)
	}
	return &a, nil
}

// check brings the texts of an attachment into order.
func (a *Attachment) check(r io.Reader) error {
	a.Name = fileName(a.Name)
	switch {
	case a.Name == "":
		return fault.New(fault.Invalid, "A content needs a file's name.")
	case utf8.RuneCountInString(a.Description) > maxText || utf8.RuneCountInString(a.Field) > maxName || len(a.MediaType) > maxName:
		return fault.New(fault.Invalid, "The texts of a content are too long.")
	case r == nil && a.URL == "":
		return fault.New(fault.Invalid, "A content has bytes or an address.")
	case r != nil:
		a.URL = ""
		return nil
	}
	u, err := url.Parse(a.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || len(a.URL) > maxText {
		return fault.New(fault.Invalid, "The address of a content must begin with http:// or https://.")
	}
	return nil
}

// fileName is a file's name as it may be kept: without path and control characters.
func fileName(name string) string {
	name = path.Base(strings.ReplaceAll(strings.ToValidUTF8(name, ""), `\`, "/"))
	name = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, name))
	if name == "." || name == ".." || name == "/" {
		return ""
	}
	if runes := []rune(name); len(runes) > maxName {
		name = string(runes[len(runes)-maxName:])
	}
	return name
}

// fill keeps the bytes, then makes the attachment visible.
func (e *Engine) fill(ctx context.Context, a *Attachment, r io.Reader) error {
	a.Size = 0
	buf := make([]byte, piece)
	for n := 0; r != nil; n++ {
		got, err := io.ReadFull(r, buf)
		if n == 0 {
			a.MediaType = mediaType(a.MediaType, a.Name, buf[:got])
		}
		if a.Size += int64(got); a.Size > e.cfg.MaxContent {
			return fault.New(fault.TooLarge, "The content %q is larger than %d bytes.", shown(a.Name), e.cfg.MaxContent)
		}
		if got > 0 {
			if _, err := e.db.Exec(ctx, `INSERT INTO attachment_pieces (attachment_id, piece, bytes) VALUES ($1, $2, $3)`, a.ID, n, buf[:got]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return fault.Wrap(fault.Invalid, err, fmt.Sprintf("The content %q could not be read to its end.", shown(a.Name)))
		}
	}
	if a.MediaType == "" {
		a.MediaType = "application/octet-stream"
	}
	_, err := e.db.Exec(ctx, `UPDATE attachments SET size = $1, media_type = $2 WHERE id = $3`, a.Size, a.MediaType, a.ID)
	return err
}

// mediaType is the type that the sender says, or else the one of the name's ending or of
// the first bytes.
func mediaType(said, name string, head []byte) string {
	if t, _, err := mime.ParseMediaType(said); err == nil && t != "application/octet-stream" && strings.Contains(t, "/") {
		return t
	}
	if t, _, err := mime.ParseMediaType(mime.TypeByExtension(path.Ext(name))); err == nil {
		return t
	}
	t, _, err := mime.ParseMediaType(http.DetectContentType(head))
	if err != nil {
		return "application/octet-stream"
	}
	return t
}

// AttachmentQuery says which contents are meant: those of a task, or of an instance and
// its tasks.
type AttachmentQuery struct {
	TaskID, InstanceID string
	Field              string // of that form field
	Related            *bool  // true: those of no field; false: those of fields
	Page               Page
}

// Attachments returns a page of contents, the newest first.
func (e *Engine) Attachments(ctx context.Context, actor Actor, aq AttachmentQuery) ([]Attachment, int, error) {
	if _, err := e.subject(ctx, actor, aq.TaskID, aq.InstanceID); err != nil {
		return nil, 0, err
	}
	q := &query{}
	q.Add(`size >= 0`)
	if aq.TaskID != "" {
		q.Add(`task_id = ? AND task_id <> ''`, aq.TaskID)
	} else {
		q.Add(`instance_id = ? AND instance_id <> ''`, aq.InstanceID)
	}
	q.equal("field", aq.Field)
	if aq.Related != nil {
		q.Add(map[bool]string{true: `field = ''`, false: `field <> ''`}[*aq.Related])
	}
	return list(ctx, e, q, attachmentColumns, `FROM attachments`, ` ORDER BY at DESC, id DESC`, aq.Page, scanInto((*Attachment).fields))
}

// Attachment returns the record of a content that the actor may see: one of a task or an
// instance of his, or one that he has uploaded. Errors: NotFound, Forbidden.
func (e *Engine) Attachment(ctx context.Context, actor Actor, id int64) (*Attachment, error) {
	a := &Attachment{}
	err := e.db.QueryRow(ctx, a.fields(), `SELECT `+attachmentColumns+` FROM attachments WHERE id = $1 AND size >= 0`, id)
	if errors.Is(err, store.ErrNoRow) {
		return nil, fault.New(fault.NotFound, "There is no content %d.", id)
	}
	if err != nil || actor.Admin && actor.AllTenants || a.UserID == actor.UserID && actor.UserID != "" {
		return a, err
	}
	if a.TaskID == "" && a.InstanceID == "" {
		return nil, fault.New(fault.Forbidden, "The content %d is somebody else's.", id)
	}
	if _, err := e.subject(ctx, actor, a.TaskID, a.InstanceID); err != nil {
		return nil, err
	}
	return a, nil
}

// Content writes the bytes of a content, piece by piece.
func (e *Engine) Content(ctx context.Context, id int64, w io.Writer) error {
	for n := 0; ; n++ {
		var data []byte
		err := e.db.QueryRow(ctx, []any{&data}, `SELECT bytes FROM attachment_pieces WHERE attachment_id = $1 AND piece = $2`, id, n)
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

// DeleteAttachment takes a content away: the uploader may, and whoever may see the task
// or instance that it belongs to.
func (e *Engine) DeleteAttachment(ctx context.Context, actor Actor, id int64) error {
	if _, err := e.Attachment(ctx, actor, id); err != nil {
		return err
	}
	_, err := e.db.Exec(ctx, `DELETE FROM attachments WHERE id = $1`, id)
	return err
}

// SweepUploads takes uploads away that have not ended within a day, because the process
// that took them has died: limit at most, and how many went.
func (e *Engine) SweepUploads(ctx context.Context, limit int) (int64, error) {
	return e.db.Exec(ctx, `DELETE FROM attachments WHERE id IN (SELECT id FROM attachments WHERE size < 0 AND at < $1 LIMIT $2)`, e.now().Add(-abandoned).UnixMilli(), limit)
}
