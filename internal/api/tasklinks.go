package api

import (
	"slices"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/identity"
)

// registerTaskLinks adds the operations on who has to do with a task. Their lists are bare
// arrays, as in APS.
func (a *API) registerTaskLinks() {
	const links = "tasks/{taskId}/identitylinks"
	a.process("GET "+links, a.taskLinks).about(nil, []identityLink{})
	a.process("GET "+links+"/{family}", a.taskLinks).about(nil, []identityLink{})
	a.process("GET "+links+"/{family}/{identityId}/{type}", a.taskLink).about(nil, identityLink{})
	a.process("POST "+links, a.addTaskLink).about(linkBody{}, identityLink{})
	a.process("DELETE "+links+"/{family}/{identityId}/{type}", a.removeTaskLink)
}

// identityLink is APS's IdentityLinkRepresentation.
type identityLink struct {
	Group *string `json:"group"`
	User  *string `json:"user"`
	Type  string  `json:"type"`
}

// linkBody is what a client says of a link.
type linkBody struct {
	Group person `json:"group"`
	User  person `json:"user"`
	Type  string `json:"type"`
}

func newIdentityLink(l *engine.Link) identityLink {
	return identityLink{Group: orNil(l.GroupID), User: orNil(l.UserID), Type: l.Kind}
}

// ofFamily reports whether a link is one of the users', the groups', or, when nothing is
// said, anybody's.
func ofFamily(family string) (func(*engine.Link) bool, error) {
	switch family {
	case "":
		return func(*engine.Link) bool { return true }, nil
	case "users":
		return func(l *engine.Link) bool { return l.UserID != "" }, nil
	case "groups":
		return func(l *engine.Link) bool { return l.GroupID != "" }, nil
	}
	return nil, fault.New(fault.Invalid, "The family of identity links must be users or groups.")
}

// linksOfTask returns the links of a task that the caller may see, as the path narrows
// them.
func (a *API) linksOfTask(v *visit) ([]identityLink, error) {
	of, err := ofFamily(v.PathValue("family"))
	if err != nil {
		return nil, err
	}
	t, err := a.cfg.Engine.Task(v.Context(), v.actor, v.PathValue("taskId"))
	if err != nil {
		return nil, err
	}
	links, err := a.cfg.Engine.Links(v.Context(), t.ID, "", "")
	shown := []identityLink{}
	for i := range links {
		if of(&links[i]) {
			shown = append(shown, newIdentityLink(&links[i]))
		}
	}
	return shown, err
}

func (a *API) taskLinks(v *visit) (any, error) { return a.linksOfTask(v) }

func (a *API) taskLink(v *visit) (any, error) {
	links, err := a.linksOfTask(v)
	if err != nil {
		return nil, err
	}
	who := v.PathValue("identityId")
	i := slices.IndexFunc(links, func(l identityLink) bool {
		return l.Type == v.PathValue("type") && (value(l.User) == who || value(l.Group) == who)
	})
	if i < 0 {
		return nil, fault.New(fault.NotFound, "The task has no such identity link.")
	}
	return links[i], nil
}

func (a *API) addTaskLink(v *visit) (any, error) {
	var body linkBody
	if err := v.decode(&body); err != nil {
		return nil, err
	}
	l := engine.Link{TaskID: v.PathValue("taskId"), Kind: body.Type, UserID: string(body.User), GroupID: string(body.Group)}
	if err := a.known(v, &l); err != nil {
		return nil, err
	}
	if err := a.cfg.Engine.AddLink(v.Context(), v.actor, l); err != nil {
		return nil, err
	}
	return newIdentityLink(&l), nil
}

// known refuses a link to somebody of whom the caller does not know.
func (a *API) known(v *visit, l *engine.Link) error {
	if l.UserID != "" {
		id, err := number("user", l.UserID)
		if err == nil {
			_, err = a.find(v, somebody{UserID: digits(id)})
		}
		return err
	}
	if l.GroupID == "" {
		return nil // the engine tells what is missing
	}
	q := identity.GroupQuery{Named: []string{l.GroupID}, Limit: 1}
	v.within(&q.TenantID)
	_, total, err := a.users.Groups(v.Context(), q)
	if err == nil && total == 0 {
		err = fault.New(fault.Invalid, "Invalid group id: there is no such group.")
	}
	return err
}

func (a *API) removeTaskLink(v *visit) (any, error) {
	found, err := a.taskLink(v)
	if err != nil {
		return nil, err
	}
	l := found.(identityLink)
	return nil, a.cfg.Engine.RemoveLink(v.Context(), v.actor, engine.Link{TaskID: v.PathValue("taskId"), Kind: l.Type, UserID: value(l.User), GroupID: value(l.Group)})
}
