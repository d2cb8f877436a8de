package api

import (
	"slices"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
)

// links are the operations on who has to do with an instance or a definition. Their lists
// are bare arrays, as in APS.
type links struct {
	api *API
	of  func(id string) engine.Link // a link of nobody to the thing of that id
}

// linksOf adds them below a path with one id. last is what of a link's address stands
// behind whom it names: of a definition there is one kind of links.
func (a *API) linksOf(path string, of func(string) engine.Link, last string) {
	o := links{a, of}
	all := path + "/identitylinks"
	one := all + "/{family}/{identityId}" + last
	a.process("GET "+all, func(v *visit) (any, error) { return o.list(v) }).about(nil, []identityLink{})
	a.process("GET "+all+"/{family}", func(v *visit) (any, error) { return o.list(v) }).about(nil, []identityLink{})
	a.process("GET "+one, func(v *visit) (any, error) { return o.get(v) }).about(nil, identityLink{})
	a.process("POST "+all, o.add).about(linkBody{}, identityLink{})
	a.process("DELETE "+one, o.remove)
}

// thing is what the path names, as a link to it.
func (o links) thing(v *visit) engine.Link {
	id := v.PathValue("processInstanceId")
	if id == "" {
		id = v.PathValue("processDefinitionId")
	}
	return o.of(id)
}

// list returns the links that the caller may see, as the path narrows them.
func (o links) list(v *visit) ([]identityLink, error) {
	of, err := ofFamily(v.PathValue("family"))
	if err != nil {
		return nil, err
	}
	to := o.thing(v)
	if to.InstanceID != "" {
		_, err = o.api.cfg.Engine.Instance(v.Context(), v.actor, to.InstanceID)
	} else {
		_, err = o.api.cfg.Engine.Definition(v.Context(), v.actor, to.DefinitionID)
	}
	if err != nil {
		return nil, err
	}
	found, err := o.api.cfg.Engine.Links(v.Context(), "", to.InstanceID, to.DefinitionID)
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
	if i < 0 {
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
