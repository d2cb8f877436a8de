package engine

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// Comment is what somebody has said about a task or an instance.
type Comment struct {
	ID         int64
	TaskID     string // empty: about the instance
	InstanceID string // empty: about a task of its own
	UserID     string
	Message    string // as it was typed: whoever shows it must escape it
	At         time.Time
}

const commentColumns = `id, task_id, instance_id, user_id, message, at`

func (c *Comment) fields() []any {
	return []any{&c.ID, &c.TaskID, &c.InstanceID, &c.UserID, &c.Message, store.Time(&c.At)}
}

// AddComment keeps a comment on a task or, when taskID is empty, an instance. Whoever may
// see the thing may say something about it.
func (e *Engine) AddComment(ctx context.Context, actor Actor, taskID, instanceID, message string) (*Comment, error) {
	message = strings.TrimSpace(message)
	if message == "" || utf8.RuneCountInString(message) > maxText || !utf8.ValidString(message) || strings.ContainsRune(message, 0) {
		return nil, fault.New(fault.Invalid, "A comment is a text of 1 to %d characters.", maxText)
	}
	instanceID, err := e.subject(ctx, actor, taskID, instanceID)
	if err != nil {
		return nil, err
	}
	c := &Comment{TaskID: taskID, InstanceID: instanceID, UserID: actor.UserID, Message: message, At: e.now()}
	err = e.db.Write(ctx, func(tx *store.Tx) (err error) {
		if c.ID, err = tx.Next(ctx, "comment"); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO comments (`+commentColumns+`) VALUES ($1, $2, $3, $4, $5, $6)`, c.ID, c.TaskID, c.InstanceID, c.UserID, c.Message, store.Millis(c.At))
		return err
	})
	return c, err
}

// subject checks that the actor may see a task or an instance, and returns the instance.
func (e *Engine) subject(ctx context.Context, actor Actor, taskID, instanceID string) (string, error) {
	if taskID != "" {
		t, err := e.Task(ctx, actor, taskID)
		if err != nil {
			return "", err
		}
		return t.InstanceID, nil
	}
	_, err := e.Instance(ctx, actor, instanceID)
	return instanceID, err
}

// CommentQuery says which comments are meant: those on a task or, when TaskID is empty, on
// an instance and its tasks.
type CommentQuery struct {
	TaskID, InstanceID string
	OldestFirst        bool // otherwise the newest first
	Page               Page
}

// Comments returns a page of comments on something that the actor may see and how many
// there are.
func (e *Engine) Comments(ctx context.Context, actor Actor, cq CommentQuery) ([]Comment, int, error) {
	if _, err := e.subject(ctx, actor, cq.TaskID, cq.InstanceID); err != nil {
		return nil, 0, err
	}
	q := &query{}
	if cq.TaskID != "" {
		q.Add(`task_id = ? AND task_id <> ''`, cq.TaskID)
	} else {
		q.Add(`instance_id = ? AND instance_id <> ''`, cq.InstanceID)
	}
	order := map[bool]string{true: ` ORDER BY at, id`, false: ` ORDER BY at DESC, id DESC`}[cq.OldestFirst]
	return list(ctx, e, q, commentColumns, `FROM comments`, order, cq.Page, scanInto((*Comment).fields))
}

// Comment returns one comment on something that the actor may see. Errors: NotFound.
func (e *Engine) Comment(ctx context.Context, actor Actor, id int64) (*Comment, error) {
	c := &Comment{}
	err := e.db.QueryRow(ctx, c.fields(), `SELECT `+commentColumns+` FROM comments WHERE id = $1`, id)
	if errors.Is(err, store.ErrNoRow) {
		err = fault.New(fault.NotFound, "There is no comment %d.", id)
	}
	if err == nil {
		_, err = e.subject(ctx, actor, c.TaskID, c.InstanceID)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// DeleteComment takes a comment away. Errors: Forbidden when somebody else has written it.
func (e *Engine) DeleteComment(ctx context.Context, actor Actor, id int64) error {
	c, err := e.Comment(ctx, actor, id)
	if err != nil {
		return err
	}
	if c.UserID != actor.UserID && !actor.Admin {
		return fault.New(fault.Forbidden, "Somebody else has written the comment %d.", id)
	}
	_, err = e.db.Exec(ctx, `DELETE FROM comments WHERE id = $1`, id)
	return err
}
