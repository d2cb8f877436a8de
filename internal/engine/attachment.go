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
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/form"
	"github.com/sluicehq/sluice/internal/store"
)

// The times after which contents are taken away: of an upload that did not end, and of one
// that ended and that no task, instance or form has taken since.
const (
	abandoned = 24 * time.Hour
	untaken   = 7 * 24 * time.Hour
)

// Attachment is the record of a content: of a task, of an instance, or of neither yet.
type Attachment struct {
	ID          int64
	TaskID      string
	InstanceID  string
	Name        string // a file's name without a path
	Description string
	MediaType   string // such as image/png; of unknown ones application/octet-stream
	URL         string // where the content is; empty: here, or where Source says
	Field       string // the form field that it was given in; empty: none
	FieldName   string // what the form calls that field
	Related     bool   // it belongs to the task or instance itself and not to a form
	Source      string // the repository that the content is in; empty: none
	SourceID    string // its id there
	Link        bool   // the content stays there
	Size        int64
	UserID      string
	At          time.Time

	file string // in the folder of contents; empty: in the database
}

// Here reports whether the content's bytes are kept here.
func (a *Attachment) Here() bool { return a.URL == "" && a.SourceID == "" && !a.Link }

const attachmentColumns = `id, task_id, instance_id, name, description, media_type, url, field, field_name, related, source, source_id, link, file, size, user_id, at`

func (a *Attachment) fields() []any {
	return []any{&a.ID, &a.TaskID, &a.InstanceID, &a.Name, &a.Description, &a.MediaType, &a.URL, &a.Field, &a.FieldName, &a.Related, &a.Source, &a.SourceID, &a.Link,
		&a.file, &a.Size, &a.UserID, store.Time(&a.At)}
}

// AddAttachment keeps a content that is read from r, piece by piece, or where one is when r
// is nil: its URL, or its Source and SourceID. Everything but ID, Size, UserID and At is read
// from a. Until the last byte is kept nobody sees it. Errors: TooLarge, as an OverQuota.
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
	a.UserID, a.At, a.Size, a.file = actor.UserID, e.now(), -1, ""
	if r != nil {
		a.file = e.contents.Place()
	}
	var left int64
	err := e.db.Write(ctx, func(tx *store.Tx) (err error) {
		if a.ID, err = tx.Next(ctx, "content"); err != nil {
			return err
		}
		if a.loose() {
			if left, err = e.claimLoose(ctx, tx, a.UserID); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `INSERT INTO attachments (`+attachmentColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`,
			a.ID, a.TaskID, a.InstanceID, a.Name, a.Description, a.MediaType, a.URL, a.Field, a.FieldName, a.Related, a.Source, a.SourceID, a.Link,
			a.file, a.Size, a.UserID, store.Millis(a.At))
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := e.fill(ctx, &a, r, left); err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_, undo := e.dropAttachments(ctx, `id = $1`, a.ID)
		return nil, errors.Join(err, undo)
	}
	return &a, nil
}

// lostFiles notes the files of contents that are about to go, where the condition that
// follows holds.
const lostFiles = `INSERT INTO lost_files (file) SELECT file FROM attachments WHERE file <> '' AND file NOT IN (SELECT file FROM lost_files) AND `

// dropAttachments takes the contents away for which a condition holds.
func (e *Engine) dropAttachments(ctx context.Context, condition string, args ...any) (n int64, err error) {
	err = e.db.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(ctx, lostFiles+condition, args...); err != nil {
			return err
		}
		n, err = tx.Exec(ctx, `DELETE FROM attachments WHERE `+condition, args...)
		return err
	})
	return n, err
}

// check brings the texts of an attachment into order.
func (a *Attachment) check(r io.Reader) error {
	a.Name = fileName(a.Name)
	switch {
	case a.Name == "":
		return fault.New(fault.Invalid, "A content needs a file's name.")
	case utf8.RuneCountInString(a.Description) > maxText || utf8.RuneCountInString(a.Field) > maxName || len(a.MediaType) > maxName:
		return fault.New(fault.Invalid, "The texts of a content are too long.")
	case len(a.Source) > maxName || len(a.SourceID) > maxText:
		return fault.New(fault.Invalid, "The name of a content's repository, or its id there, is too long.")
	case r != nil:
		a.URL, a.Source, a.SourceID, a.Link = "", "", "", false
		return nil
	case a.URL == "" && a.SourceID == "":
		return fault.New(fault.Invalid, "A content has bytes, an address, or an id in a repository.")
	case a.URL == "":
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

// fill keeps the bytes, then makes the attachment visible. Of a content that belongs to
// nothing yet, left is for how many bytes there is room.
func (e *Engine) fill(ctx context.Context, a *Attachment, r io.Reader, left int64) error {
	a.Size = 0
	if r != nil {
		limit, over := e.limitOf(a, left)
		size, err := e.contents.Put(ctx, a.ID, a.file, r, limit, func(head []byte) { a.MediaType = mediaType(a.MediaType, a.Name, head) })
		if fault.Is(err, fault.TooLarge) {
			return over
		}
		if err != nil {
			return err
		}
		a.Size = size
	}
	a.MediaType = or(a.MediaType, "application/octet-stream")
	return e.show(ctx, a)
}

// MaxContent is the most bytes of one content.
func (e *Engine) MaxContent() int64 { return e.cfg.MaxContent }

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
	Fields             bool   // only those of form fields
	Related            *bool
	// IDs are those very contents, and Source with SourceID those of a repository: of the
	// tasks and instances that the actor may see, and his own. Without any, TaskID or
	// InstanceID must be there.
	IDs              []int64
	Source, SourceID string
	Page             Page
}

// Attachments returns a page of contents, the newest first.
func (e *Engine) Attachments(ctx context.Context, actor Actor, aq AttachmentQuery) ([]Attachment, int, error) {
	q := &query{}
	q.Add(`a.size >= 0`)
	anywhere := len(aq.IDs) > 0 || aq.SourceID != ""
	switch {
	case anywhere && actor.Admin && actor.AllTenants:
	case anywhere:
		aq.visible(q, actor)
	case aq.TaskID != "":
		q.Add(`a.task_id = ? AND a.task_id <> ''`, aq.TaskID)
	default:
		q.Add(`a.instance_id = ? AND a.instance_id <> ''`, aq.InstanceID)
	}
	if !anywhere {
		if _, err := e.subject(ctx, actor, aq.TaskID, aq.InstanceID); err != nil {
			return nil, 0, err
		}
	}
	q.equal("a.field", aq.Field, "a.source", aq.Source, "a.source_id", aq.SourceID)
	q.is("a.related", aq.Related)
	if aq.Fields {
		q.Add(`a.field <> ''`)
	}
	if len(aq.IDs) > MaxPage {
		q.bad("A list of %d contents is too long; %d are allowed.", len(aq.IDs), MaxPage)
	} else if len(aq.IDs) > 0 {
		store.In(&q.Where, "a.id", aq.IDs)
	}
	return list(ctx, e, q, of("a", attachmentColumns), `FROM attachments a`, ` ORDER BY a.at DESC, a.id DESC`, aq.Page, scanInto((*Attachment).fields))
}

// visible restricts contents to those that an actor may see.
func (aq *AttachmentQuery) visible(q *query, actor Actor) {
	tasks, instances := &query{}, &query{}
	visibleTasks(tasks, actor)
	visibleInstances(instances, actor)
	q.Add(`(a.user_id = ? OR a.task_id IN (SELECT t.id FROM tasks t`+nested(tasks)+`) OR a.instance_id IN (SELECT i.id FROM instances i`+nested(instances)+`))`,
		append(append([]any{actor.UserID}, tasks.Args...), instances.Args...)...)
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
func (e *Engine) Content(ctx context.Context, a *Attachment, w io.Writer) error {
	return e.contents.Copy(ctx, a.ID, a.file, w)
}

// DeleteAttachment takes a content away. Errors: NotFound, Forbidden when somebody else has
// uploaded it.
func (e *Engine) DeleteAttachment(ctx context.Context, actor Actor, id int64) error {
	a, err := e.Attachment(ctx, actor, id)
	if err != nil {
		return err
	}
	if !actor.Admin && a.UserID != actor.UserID {
		return fault.New(fault.Forbidden, "Somebody else has uploaded the content %d.", id)
	}
	_, err = e.dropAttachments(ctx, `id = $1`, id)
	return err
}

// takeContents gives the contents that a form's fields name to a task or an instance:
// contents of the actor that are nobody's yet, or that are of the same instance or task
// already. Any other one is refused, since who sees the task would see it.
func (c *command) takeContents(f *form.Form, values map[string]any, task, instance string) error {
	if f == nil {
		return nil
	}
	for _, chosen := range f.Contents(values) {
		n := int64(0)
		for part := range slices.Chunk(chosen.IDs, chunk) {
			args := []any{task, instance, chosen.Field.ID, chosen.Field.Name, c.actor.UserID}
			var b strings.Builder
			parameters(&b, len(args), len(part))
			for _, id := range part {
				args = append(args, id)
			}
			taken, err := c.tx.Exec(c.ctx, `UPDATE attachments SET field = $3, field_name = $4,
				related = CASE WHEN task_id = '' AND instance_id = '' THEN FALSE ELSE related END,
				task_id = CASE WHEN task_id = '' AND instance_id = '' THEN $1 ELSE task_id END,
				instance_id = CASE WHEN task_id = '' AND instance_id = '' THEN $2 ELSE instance_id END
				WHERE size >= 0 AND (task_id = '' AND instance_id = '' AND user_id = $5 OR task_id = $1 AND task_id <> '' OR instance_id = $2 AND instance_id <> '')
				AND id IN (`+b.String()+`)`, args...)
			if err != nil {
				return fmt.Errorf("giving contents to a form: %w", err)
			}
			n += taken
		}
		if n != int64(len(chosen.IDs)) {
			return fault.New(fault.Invalid, "The form cannot be taken: %s (%s) names contents that are not there or are not yours.", chosen.Field.Name, chosen.Field.ID)
		}
	}
	return nil
}

// SweepUploads takes contents away that did not come whole within a day, because the process
// that took them has died, and those that nothing has taken within a week: limit at most, and
// how many went.
func (e *Engine) SweepUploads(ctx context.Context, limit int) (int64, error) {
	return e.dropAttachments(ctx, `id IN (SELECT id FROM attachments WHERE size < 0 AND at < $1 OR task_id = '' AND instance_id = '' AND at < $2 ORDER BY id LIMIT $3)`,
		e.now().Add(-abandoned).UnixMilli(), e.now().Add(-untaken).UnixMilli(), limit)
}

// SweepFiles removes files of the folder of contents whose content is gone: limit at most,
// and how many went.
func (e *Engine) SweepFiles(ctx context.Context, limit int) (int64, error) {
	return e.contents.Sweep(ctx, limit)
}
