package api

import (
	"context"
	"strconv"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/identity"
)

// registerTaskActions adds what people do with tasks. All but assign answer nothing.
func (a *API) registerTaskActions() {
	action := func(name string, op func(*visit, string) error, takes any) {
		a.process("PUT tasks/{taskId}/action/"+name, func(v *visit) (any, error) { return nil, op(v, v.PathValue("taskId")) }).about(takes, nil)
	}
	e := a.cfg.Engine
	action("claim", func(v *visit, id string) error { return e.Claim(v.Context(), v.actor, id) }, nil)
	action("unclaim", func(v *visit, id string) error { return e.Unclaim(v.Context(), v.actor, id) }, nil)
	action("complete", func(v *visit, id string) error {
		return e.Complete(v.Context(), v.actor, id, engine.CompleteOptions{})
	}, nil)
	action("resolve", func(v *visit, id string) error { return e.Resolve(v.Context(), v.actor, id, nil) }, nil)
	action("delegate", a.delegateTask, somebody{})
	action("involve", a.involveUser, somebody{})
	action("remove-involved", a.removeInvolved, somebody{})
	a.process("PUT tasks/{taskId}/action/assign", a.assignTask).about(assigneeBody{}, task{})
	a.process("POST tasks/{taskId}/groups/{groupId}", a.involveGroup)
	a.process("DELETE tasks/{taskId}/groups/{groupId}", a.removeGroup)
}

// somebody is APS's UserIdentifierRepresentation: a user by number or by login.
type somebody struct {
	UserID digits `json:"userId"`
	Email  string `json:"email"`
}

// assigneeBody is APS's AssigneeIdentifierRepresentation.
type assigneeBody struct {
	Assignee digits `json:"assignee"`
	Email    string `json:"email"`
}

// find returns the number, as the engine writes it, of the active user who is meant and of
// whom the caller may know.
func (a *API) find(v *visit, who somebody) (string, error) {
	var u *identity.User
	var err error
	switch {
	case who.UserID != 0:
		u, err = a.users.ByID(v.Context(), int64(who.UserID))
	case who.Email != "":
		u, err = a.users.ByEmail(v.Context(), who.Email)
	default:
		return "", fault.New(fault.Invalid, "User id or email is required")
	}
	if fault.Is(err, fault.NotFound) || err == nil && (!u.Active() || !v.user.Sees(u.TenantID)) {
		return "", fault.New(fault.Invalid, "Invalid user id: there is no such active user.")
	}
	if err != nil {
		return "", err
	}
	return strconv.FormatInt(u.ID, 10), nil
}

// meant reads from the body which user is meant.
func (a *API) meant(v *visit) (string, error) {
	var body somebody
	if err := v.decode(&body); err != nil {
		return "", err
	}
	return a.find(v, body)
}

func (a *API) assignTask(v *visit) (any, error) {
	var body assigneeBody
	if err := v.decode(&body); err != nil {
		return nil, err
	}
	user, err := a.find(v, somebody{body.Assignee, body.Email})
	if err != nil {
		return nil, err
	}
	if err := a.cfg.Engine.HandOver(v.Context(), v.actor, v.PathValue("taskId"), user); err != nil {
		return nil, err
	}
	return a.getTask(v)
}

func (a *API) delegateTask(v *visit, id string) error {
	user, err := a.meant(v)
	if err != nil {
		return err
	}
	return a.cfg.Engine.Delegate(v.Context(), v.actor, id, user)
}

func (a *API) involveUser(v *visit, id string) error {
	user, err := a.meant(v)
	if err != nil {
		return err
	}
	return a.cfg.Engine.AddLink(v.Context(), v.actor, engine.Link{TaskID: id, Kind: engine.Participant, UserID: user})
}

// removeInvolved ends the involvement of a user, who may be no active one any more.
func (a *API) removeInvolved(v *visit, id string) error {
	var body somebody
	if err := v.decode(&body); err != nil {
		return err
	}
	user := strconv.FormatInt(int64(body.UserID), 10)
	if body.UserID == 0 {
		var err error
		if user, err = a.find(v, body); err != nil {
			return err
		}
	}
	return a.cfg.Engine.RemoveLink(v.Context(), v.actor, engine.Link{TaskID: id, Kind: engine.Participant, UserID: user})
}

func (a *API) involveGroup(v *visit) (any, error) {
	return nil, a.linkGroup(v, a.cfg.Engine.AddLink)
}

func (a *API) removeGroup(v *visit) (any, error) {
	return nil, a.linkGroup(v, a.cfg.Engine.RemoveLink)
}

func (a *API) linkGroup(v *visit, do func(context.Context, engine.Actor, engine.Link) error) error {
	g, err := a.pathGroup(&v.call, "groupId")
	if err != nil {
		return err
	}
	return do(v.Context(), v.actor, engine.Link{TaskID: v.PathValue("taskId"), Kind: engine.Participant, GroupID: strconv.FormatInt(g.ID, 10)})
}
