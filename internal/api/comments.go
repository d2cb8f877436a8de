package api

import (
	"strconv"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
)

// registerComments adds what people say about tasks and instances.
func (a *API) registerComments() {
	for path, of := range map[string]func(*visit) (task, instance string){
		"tasks/{taskId}/comments":                        func(v *visit) (string, string) { return v.PathValue("taskId"), "" },
		"process-instances/{processInstanceId}/comments": func(v *visit) (string, string) { return "", v.PathValue("processInstanceId") },
	} {
		a.process("GET "+path, func(v *visit) (any, error) {
			task, instance := of(v)
			return a.listComments(v, engine.CommentQuery{TaskID: task, InstanceID: instance})
		}).about(nil, page[comment]{})
		a.process("POST "+path, func(v *visit) (any, error) {
			task, instance := of(v)
			return a.addComment(v, task, instance)
		}).about(commentBody{}, comment{})
	}
}

// comment is APS's CommentRepresentation. The message is text: HTML in it is not HTML.
type comment struct {
	ID        int64      `json:"id"`
	Message   string     `json:"message"`
	Created   date       `json:"created"`
	CreatedBy *lightUser `json:"createdBy"`
}

type commentBody struct {
	Message string `json:"message"`
}

// listComments answers comments, the newest first unless latestFirst is false: all that a
// page can hold when the caller says nothing of pages, as APS.
func (a *API) listComments(v *visit, q engine.CommentQuery) (any, error) {
	query := v.URL.Query()
	if text := query.Get("latestFirst"); text != "" {
		latest, err := strconv.ParseBool(text)
		if err != nil {
			return nil, fault.New(fault.Invalid, "latestFirst must be true or false.")
		}
		q.OldestFirst = !latest
	}
	var err error
	if q.Page.Offset, q.Page.Limit, err = v.span(); err != nil {
		return nil, err
	}
	if !query.Has("size") {
		q.Page.Limit = engine.MaxPage
	}
	found, total, err := a.cfg.Engine.Comments(v.Context(), v.actor, q)
	if err != nil {
		return nil, err
	}
	shown, err := a.showComments(v, found)
	return newPage(shown, total, q.Page.Offset), err
}

func (a *API) showComments(v *visit, found []engine.Comment) ([]comment, error) {
	var ids []string
	for i := range found {
		ids = append(ids, found[i].UserID)
	}
	people, err := a.people(v.Context(), ids...)
	if err != nil {
		return nil, err
	}
	var shown []comment
	for i := range found {
		c := &found[i]
		shown = append(shown, comment{ID: c.ID, Message: c.Message, Created: date(c.At), CreatedBy: people[c.UserID]})
	}
	return shown, nil
}

func (a *API) addComment(v *visit, task, instance string) (any, error) {
	var body commentBody
	if err := v.decode(&body); err != nil {
		return nil, err
	}
	c, err := a.cfg.Engine.AddComment(v.Context(), v.actor, task, instance, body.Message)
	if err != nil {
		return nil, err
	}
	me := newLightUser(v.user)
	return comment{ID: c.ID, Message: c.Message, Created: date(c.At), CreatedBy: &me}, nil
}
