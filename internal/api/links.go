package api

import (
	"slices"
	"strings"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/identity"
)

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

// links are the operations on who has to do with a task, an instance or a definition.
// Their lists are bare arrays, as in APS.
type links struct {
	api *API
	id  string                      // the name of the path's part that says of which one
	of  func(id string) engine.Link // a link of nobody to the thing of that id
}

// linksOf adds them below a path with one id. last is what of a link's address stands
// behind whom it names: of a definition there is one kind of links.
func (a *API) linksOf(path string, of func(string) engine.Link, last string) {
	o := links{a, strings.Trim(parameter.FindString(path), "{}"), of}
	all := path + "/identitylinks"
	one := all + "/{family}/{identityId}" + last
	a.process("GET "+all, func(v *visit) (any, error) { return o.list(v) }).about(nil, []identityLink{})
	a.process("GET "+all+"/{family}", func(v *visit) (any, error) { return o.list(v) }).about(nil, []identityLink{})
	a.process("GET "+one, func(v *visit) (any, error) { return o.get(v) }).about(nil, identityLink{})
	a.process("POST "+all, o.add).about(linkBody{}, identityLink{})
	a.process("DELETE "+one, o.remove)
}

// thing is what the path names, as a link to it.
func (o links) thing(v *visit) engine.Link { return o.of(v.PathValue(o.id)) }

// visible refuses a thing that the caller may not know of.
func (o links) visible(v *visit, to engine.Link) (err error) {
	switch e := o.api.cfg.Engine; {
	case to.TaskID != "":
		_, err = e.Task(v.Context(), v.actor, to.TaskID)
	case to.InstanceID != "":
		_, err = e.Instance(v.Context(), v.actor, to.InstanceID)
	default:
		_, err = e.Definition(v.Context(), v.actor, to.DefinitionID)
	}
	return err
}

// list returns the links that the caller may see, as the path narrows them.
func (o links) list(v *visit) ([]identityLink, error) {
	of, err := ofFamily(v.PathValue("family"))
	if err != nil {
		return nil, err
	}
	to := o.thing(v)
	if err := o.visible(v, to); err != nil {
		return nil, err
	}
	found, err := o.api.cfg.Engine.Links(v.Context(), to.TaskID, to.InstanceID, to.DefinitionID)
	shown := []identityLink{}
	for i := range found {
		if of(&found[i]) {
			shown = append(shown, newIdentityLink(&found[i]))
		}
	}
	return shown, err
}

func (o links) get(v *visit) (*identityLink, error) {
	all, err := o.list(v)
	if err != nil {
		return nil, err
	}
	who, kind := v.PathValue("identityId"), v.PathValue("type")
	i := slices.IndexFunc(all, func(l identityLink) bool {
		return (kind == "" || l.Type == kind) && (value(l.User) == who || value(l.Group) == who)
	})
	switch {
	case i < 0 && o.thing(v).TaskID != "":
		return nil, fault.New(fault.NotFound, "The task has no such identity link.")
	case i < 0:
		return nil, fault.New(fault.NotFound, "There is no such identity link.")
	}
	return &all[i], nil
}

func (o links) add(v *visit) (any, error) {
	var body linkBody
	if err := v.decode(&body); err != nil {
		return nil, err
	}
	l := o.thing(v)
	l.Kind, l.UserID, l.GroupID = body.Type, string(body.User), string(body.Group)
	if l.DefinitionID != "" && l.Kind == "" {
		l.Kind = engine.Candidate // of a definition there is no other that means something
	}
	if err := o.api.known(v, &l); err != nil {
		return nil, err
	}
	if err := o.api.cfg.Engine.AddLink(v.Context(), v.actor, l); err != nil {
		return nil, err
	}
	return newIdentityLink(&l), nil
}

func (o links) remove(v *visit) (any, error) {
	found, err := o.get(v)
	if err != nil {
		return nil, err
	}
	l := o.thing(v)
	l.Kind, l.UserID, l.GroupID = found.Type, value(found.User), value(found.Group)
	return nil, o.api.cfg.Engine.RemoveLink(v.Context(), v.actor, l)
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
