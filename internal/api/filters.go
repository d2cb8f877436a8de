package api

import (
	"encoding/json"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/filter"
)

// registerFilters adds the searches that users keep. An app's client that finds none
// makes its own, as ADF does.
func (a *API) registerFilters() {
	filtersOf[taskFilter]{a, filter.Task}.register("filters/tasks")
	filtersOf[processFilter]{a, filter.Process}.register("filters/processes")
}

// taskFilter is APS's TaskFilterRepresentation.
type taskFilter struct {
	Name          *string `json:"name"`
	Assignment    *string `json:"assignment"`
	State         *string `json:"state"`
	Sort          *string `json:"sort"`
	Asc           *bool   `json:"asc"`
	DefinitionID  *string `json:"processDefinitionId"`
	DefinitionKey *string `json:"processDefinitionKey"`
	DueAfter      date    `json:"dueAfter"`
	DueBefore     date    `json:"dueBefore"`
}

// processFilter is APS's ProcessInstanceFilterRepresentation.
type processFilter struct {
	Name          *string `json:"name"`
	Assignment    *string `json:"assignment"`
	State         *string `json:"state"`
	Sort          *string `json:"sort"`
	Asc           *bool   `json:"asc"`
	DefinitionID  *string `json:"processDefinitionId"`
	DefinitionKey *string `json:"processDefinitionKey"`
}

// userFilter is APS's UserTaskFilterRepresentation, and that of process instances.
type userFilter[Q any] struct {
	ID     int64   `json:"id"`
	AppID  *int64  `json:"appId"`
	Name   string  `json:"name"`
	Icon   *string `json:"icon"`
	Index  int64   `json:"index"`
	Recent bool    `json:"recent"`
	Filter Q       `json:"filter"`
}

// filterBody is what a client says of a filter; absent members stay as they are.
type filterBody[Q any] struct {
	AppID  digits  `json:"appId"`
	Name   *string `json:"name"`
	Icon   *string `json:"icon"`
	Index  *digits `json:"index"`
	Recent *bool   `json:"recent"`
	Filter *Q      `json:"filter"`
}

// orderBody is APS's UserFilterOrderRepresentation.
type orderBody struct {
	AppID digits   `json:"appId"`
	Order []digits `json:"order"`
}

// filtersOf are the operations on filters of one kind.
type filtersOf[Q any] struct {
	api  *API
	kind filter.Kind
}

func (o filtersOf[Q]) register(path string) {
	one := userFilter[Q]{}
	o.api.handle("GET "+path, o.list).about(nil, page[userFilter[Q]]{})
	o.api.handle("POST "+path, o.create).about(filterBody[Q]{}, one)
	o.api.handle("PUT "+path, o.order).about(orderBody{}, nil)
	o.api.handle("GET "+path+"/{userFilterId}", o.get).about(nil, one)
	o.api.handle("PUT "+path+"/{userFilterId}", o.update).about(filterBody[Q]{}, one)
	o.api.handle("DELETE "+path+"/{userFilterId}", o.delete)
}

// shown is a filter as clients see it.
func (o filtersOf[Q]) shown(f *filter.Filter) (userFilter[Q], error) {
	shown := userFilter[Q]{ID: f.ID, AppID: orNil(f.AppID), Name: f.Name, Icon: orNil(f.Icon), Index: f.Index, Recent: f.Recent}
	return shown, json.Unmarshal([]byte(f.Query), &shown.Filter)
}

func (o filtersOf[Q]) list(c *call) (any, error) {
	var app int64
	if err := c.numbers(map[string]*int64{"appId": &app}); err != nil {
		return nil, err
	}
	found, err := o.api.cfg.Filters.List(c.Context(), c.user.ID, o.kind, app)
	if err != nil {
		return nil, err
	}
	var data []userFilter[Q]
	for _, f := range found {
		one, err := o.shown(&f)
		if err != nil {
			return nil, err
		}
		data = append(data, one)
	}
	return newPage(data, len(data), 0), nil
}

// text is the search as it is kept: what the client's members mean here, and nothing
// else that it sent.
func text(search any) (string, error) {
	kept, err := json.Marshal(search)
	return string(kept), err
}

func (o filtersOf[Q]) create(c *call) (any, error) {
	var body filterBody[Q]
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	if body.Filter == nil {
		return nil, fault.New(fault.Invalid, "The member filter is missing.")
	}
	query, err := text(body.Filter)
	if err != nil {
		return nil, err
	}
	f, err := o.api.cfg.Filters.Create(c.Context(), c.user.ID, o.kind, filter.Filter{AppID: int64(body.AppID), Name: value(body.Name),
		Icon: value(body.Icon), Recent: value(body.Recent), Query: query}, (*int64)(body.Index))
	if err != nil {
		return nil, err
	}
	return o.shown(f)
}

func (o filtersOf[Q]) get(c *call) (any, error) {
	id, err := c.pathNumber("userFilterId")
	if err != nil {
		return nil, err
	}
	f, err := o.api.cfg.Filters.Get(c.Context(), c.user.ID, o.kind, id)
	if err != nil {
		return nil, err
	}
	return o.shown(f)
}

func (o filtersOf[Q]) update(c *call) (any, error) {
	id, err := c.pathNumber("userFilterId")
	if err != nil {
		return nil, err
	}
	var body filterBody[Q]
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	var query string
	if body.Filter != nil {
		if query, err = text(body.Filter); err != nil {
			return nil, err
		}
	}
	f, err := o.api.cfg.Filters.Update(c.Context(), c.user.ID, o.kind, id, func(f *filter.Filter) { body.apply(f, query) })
	if err != nil {
		return nil, err
	}
	return o.shown(f)
}

// apply changes what the body says; an empty query says nothing.
func (b *filterBody[Q]) apply(f *filter.Filter, query string) {
	if b.Name != nil {
		f.Name = *b.Name
	}
	if b.Icon != nil {
		f.Icon = *b.Icon
	}
	if b.Index != nil {
		f.Index = int64(*b.Index)
	}
	if b.Recent != nil {
		f.Recent = *b.Recent
	}
	if query != "" {
		f.Query = query
	}
}

func (o filtersOf[Q]) delete(c *call) (any, error) {
	id, err := c.pathNumber("userFilterId")
	if err != nil {
		return nil, err
	}
	return nil, o.api.cfg.Filters.Delete(c.Context(), c.user.ID, o.kind, id)
}

func (o filtersOf[Q]) order(c *call) (any, error) {
	var body orderBody
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	ids := make([]int64, len(body.Order))
	for i, id := range body.Order {
		ids[i] = int64(id)
	}
	return nil, o.api.cfg.Filters.Order(c.Context(), c.user.ID, o.kind, int64(body.AppID), ids)
}
